/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The common owner of device memory: which regions show it, what it answers the host fault handler,
 * and the one shape of everything that is done to it:
 *
 *	prepare			may fail; nothing has happened
 *	notices begin		each view's consumers let go (N1); refused: all end, undone
 *	not present		from here on the fault handler is refused (H4)
 *	entries cleared		in each view
 *	commit			the device changes; cannot fail
 *	present, new place
 *	notices end		faults find it where it is now
 */
#include "hv/drv/device_memory.h"

#include <stdio.h>
#include <string.h>

#include "arch/arch.h"
#include "hv/console.h"
#include "hv/drv/driver.h"
#include "hv/explain.h"
#include "hv/trace.h"

static struct device_memory memories[CONFIG_MAX_DEVICES];
static unsigned memory_count;

/* ---- What the host fault handler asks ---------------------------------------------------------
 */

/* The largest leaf size (log2 pages) whose block around the page lies wholly in the memory. */
static unsigned block_order(const struct device_memory *m, uint64_t offset)
{
	static const unsigned orders[] = { 18, 9 };

	for (unsigned i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		uint64_t size = PAGE_SIZE << orders[i];
		uint64_t inside =
			(m->place.v + offset) & (size - 1); /* bytes from the block's start */
		if (inside <= offset && size - inside <= m->bytes - offset)
			return orders[i];
	}
	return 0;
}

static enum result view_fault(void *owner, uint64_t offset, enum access access,
			      struct region_backing *out)
{
	const struct device_view *view = owner;
	struct device_memory *m = view->memory;
	enum result r = NO_BACKING;

	spin_lock(&m->lock);
	if (m->present && offset < m->bytes) {
		*out = (struct region_backing){
			.pfn = hpa_to_pfn(hpa(m->place.v + offset)),
			.order = block_order(m, offset),
			.writable = !view->readonly_first || access == ACCESS_WRITE, /* H3 */
		};
		r = OK;
	}
	spin_unlock(&m->lock);
	return r;
}

static const struct region_ops view_ops = { "device memory", view_fault };

/* ---- Views ------------------------------------------------------------------------------------
 */

static bool act_begin(struct device_memory *m)
{
	return !atomic_flag_test_and_set_explicit(&m->acting, memory_order_acquire);
}

static void act_end(struct device_memory *m)
{
	atomic_flag_clear_explicit(&m->acting, memory_order_release);
}

static struct device_view *view_free(struct device_memory *m)
{
	for (unsigned i = 0; i < DEVICE_VIEWS; i++)
		if (m->views[i].space == NULL)
			return &m->views[i];
	return NULL;
}

static enum result view_make(struct device_memory *m, struct space *s, struct hva_range range,
			     const struct region_spec *spec, bool readonly_first)
{
	struct device_view *view = view_free(m);
	struct region_spec own = *spec;

	if (view == NULL)
		return OUT_OF_MEMORY;
	*view = (struct device_view){ .memory = m,
				      .range = range,
				      .readonly_first = readonly_first };
	own.owner = view;
	enum result r = space_map(s, range, &own);
	if (r == OK)
		view->space = s;
	return r;
}

enum result device_memory_map(struct device_memory *m, struct space *s, struct hva_range range,
			      uint64_t offset, enum memtype type, bool readonly,
			      bool readonly_first)
{
	struct region_spec spec = {
		.kind = REGION_PFNMAP,
		.type = type,
		.permissions = (unsigned)ACCESS_READ | (readonly ? 0u : (unsigned)ACCESS_WRITE),
		.ops = &view_ops,
		.offset = offset,
	};
	uint64_t bytes = range.end.v - range.start.v;

	if ((offset | range.start.v | range.end.v) & PAGE_MASK)
		return BAD_ALIGNMENT;
	if (offset > m->bytes || bytes > m->bytes - offset)
		return BAD_ARGUMENT;
	if ((type == MEM_WRITE_BACK) != m->ram)
		return BAD_ARGUMENT;
	if (!act_begin(m))
		return BUSY;
	enum result r = view_make(m, s, range, &spec, readonly_first);
	act_end(m);
	return r;
}

void device_memory_forget(struct space *s)
{
	for (unsigned i = 0; i < memory_count; i++) {
		struct device_memory *m = &memories[i];
		while (!act_begin(m))
			arch_cpu_relax();
		for (unsigned n = 0; n < DEVICE_VIEWS; n++)
			if (m->views[n].space == s)
				m->views[n].space = NULL;
		act_end(m);
	}
}

/* ---- Acts -------------------------------------------------------------------------------------
 */

/* Ends the notices of the views before `stop`. */
static void notices_end(struct device_memory *m, unsigned stop)
{
	for (unsigned i = 0; i < stop; i++)
		if (m->views[i].space != NULL)
			notice_end(&m->views[i].notice);
}

static enum result notices_begin(struct device_memory *m)
{
	for (unsigned i = 0; i < DEVICE_VIEWS; i++) {
		struct device_view *v = &m->views[i];
		if (v->space == NULL)
			continue;
		enum result r = notice_begin(&v->notice, &v->space->notifier, v->range, NOTICE_TRY);
		if (r != OK) {
			notices_end(m, i);
			return BUSY;
		}
	}
	return OK;
}

static void set_present(struct device_memory *m, bool present, hpa_t place)
{
	spin_lock(&m->lock);
	m->present = present;
	m->place = place;
	spin_unlock(&m->lock);
}

/*
 * Inside the notices. A view is a whole region, so that no entry sticks out of it and must be
 * split; should the space refuse all the same, the memory is where it was.
 */
static enum result views_clear(struct device_memory *m)
{
	enum result r = OK;

	set_present(m, false, m->place);
	for (unsigned i = 0; i < DEVICE_VIEWS && r == OK; i++) {
		struct device_view *v = &m->views[i];
		if (v->space != NULL)
			r = space_clear(v->space, &v->notice, v->range);
	}
	if (r != OK)
		set_present(m, true, m->place);
	return r;
}

static enum result act_whole(struct device_memory *m, enum owner_act act)
{
	hpa_t place = m->place;

	if (act == ACT_GIVE && m->present)
		return IN_USE;
	if (act != ACT_GIVE && !m->present)
		return NO_BACKING;
	enum result r = m->driver->prepare(m, act, &place);
	if (r != OK)
		return r;
	if (act == ACT_GIVE) { /* nothing is mapped, so nobody has to let go */
		m->driver->commit(m, act, place);
		set_present(m, true, place);
		return OK;
	}
	r = notices_begin(m);
	if (r == OK) {
		r = views_clear(m);
		if (r == OK) {
			m->driver->commit(m, act, place);
			set_present(m, act == ACT_MOVE, place);
		}
		notices_end(m, DEVICE_VIEWS);
	}
	if (r != OK)
		m->driver->cancel(m, act, place);
	return r;
}

static enum result act_do(struct device_memory *m, enum owner_act act)
{
	static const char *const did[] = { "taken away", "given", "moved" };

	if (!act_begin(m))
		return BUSY;
	enum result r = act_whole(m, act);
	hpa_t place = m->present ? m->place : hpa(0);
	act_end(m);
	trace(TRACE_OWNER, TRACE_NO_VM, gfn((uint64_t)(m - memories)), hpa_to_pfn(place),
	      m->ram ? FRAME_UNCOUNTED : FRAME_DEVICE, 0, r);
	if (r != BUSY)
		explain_owner(m->config->name, did[act], place, m->bytes, r);
	return r;
}

enum result device_memory_take(struct device_memory *m)
{
	return act_do(m, ACT_TAKE);
}

enum result device_memory_give(struct device_memory *m)
{
	return act_do(m, ACT_GIVE);
}

enum result device_memory_move(struct device_memory *m)
{
	return act_do(m, ACT_MOVE);
}

/* ---- What there is ----------------------------------------------------------------------------
 */

static enum result memory_bind(struct device_memory *m, unsigned nth, char *why, size_t why_bytes)
{
	switch (m->config->driver) {
	case CONFIG_DISPLAY: return display_bind(m, nth, why, why_bytes);
	case CONFIG_IVSHMEM: return ivshmem_bind(m, nth, why, why_bytes);
	case CONFIG_POOL: return pool_bind(m, nth, why, why_bytes);
	}
	return UNSUPPORTED;
}

enum result device_memory_init(const struct config *c, char *why, size_t why_bytes)
{
	unsigned seen[CONFIG_POOL + 1] = { 0 };

	memset(memories, 0, sizeof(memories));
	memory_count = 0;
	pci_scan();
	pool_reset(c->host.pool_bytes);
	for (unsigned i = 0; i < c->device_count; i++) {
		struct device_memory *m = &memories[i];
		m->config = &c->devices[i];
		atomic_flag_clear(&m->acting);
		enum result r = memory_bind(m, seen[m->config->driver]++, why, why_bytes);
		if (r != OK)
			return r;
		memory_count = i + 1;
		hv_log("device %s: %s, %#llx bytes at %#llx", m->config->name,
		       config_driver_words(m->config->driver), (unsigned long long)m->bytes,
		       (unsigned long long)m->place.v);
	}
	return OK;
}

struct device_memory *device_memory_find(const struct config_device *d)
{
	for (unsigned i = 0; i < memory_count; i++)
		if (strcmp(memories[i].config->name, d->name) == 0)
			return &memories[i];
	return NULL;
}

uint64_t device_memory_bytes(const struct device_memory *m)
{
	return m->bytes;
}

enum memtype device_memory_type(const struct device_memory *m)
{
	return m->type;
}

const char *device_memory_name(const struct device_memory *m)
{
	return m->config->name;
}

bool device_memory_place(struct device_memory *m, hpa_t *base)
{
	spin_lock(&m->lock);
	bool present = m->present;
	*base = m->place;
	spin_unlock(&m->lock);
	return present;
}

void device_memory_print(void)
{
	for (unsigned i = 0; i < memory_count; i++) {
		struct device_memory *m = &memories[i];
		hpa_t place;
		bool present = device_memory_place(m, &place);
		unsigned views = 0;
		for (unsigned n = 0; n < DEVICE_VIEWS; n++)
			views += m->views[n].space != NULL;
		console_print("%s: %s, %#llx bytes, ", m->config->name,
			      config_driver_words(m->config->driver), (unsigned long long)m->bytes);
		if (present)
			console_print("at %#llx", (unsigned long long)place.v);
		else
			console_print("taken away");
		console_print(", shown at %u place%s\n", views, views == 1 ? "" : "s");
	}
}
