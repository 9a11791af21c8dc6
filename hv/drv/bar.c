/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A memory BAR as memory that memslots show: taken away by turning memory decode off, moved by
 * programming another address.
 */
#include "hv/drv/driver.h"

#include <stdio.h>

/* One move at a time of all BARs: from its prepare to its commit both places are in use. */
static atomic_flag moving = ATOMIC_FLAG_INIT;

static enum result bar_prepare(struct device_memory *m, enum owner_act act, hpa_t *place)
{
	if (act != ACT_MOVE)
		return OK;
	if (atomic_flag_test_and_set_explicit(&moving, memory_order_acquire))
		return BUSY;
	enum result r = pci_bar_find_place(m->function, m->bar, place);
	if (r != OK)
		atomic_flag_clear_explicit(&moving, memory_order_release);
	return r;
}

static void bar_cancel(struct device_memory *m, enum owner_act act, hpa_t place)
{
	(void)m;
	(void)place;
	if (act == ACT_MOVE)
		atomic_flag_clear_explicit(&moving, memory_order_release);
}

static void bar_commit(struct device_memory *m, enum owner_act act, hpa_t place)
{
	switch (act) {
	case ACT_TAKE: pci_decode(m->function, false); return;
	case ACT_GIVE: pci_decode(m->function, true); return;
	case ACT_MOVE:
		pci_bar_place(m->function, m->bar, place);
		atomic_flag_clear_explicit(&moving, memory_order_release);
		return;
	}
}

static const struct driver bar_driver = { bar_prepare, bar_commit, bar_cancel };

enum result bar_bind(struct device_memory *m, struct pci_function *f, char *why, size_t why_bytes)
{
	struct pci_bar *b = &f->bars[m->config->bar];

	if (b->bytes < PAGE_SIZE || b->io) {
		snprintf(why, why_bytes,
			 "/devices/%s: bar: the device %04x:%04x has no memory BAR %u",
			 m->config->name, f->vendor, f->device, (unsigned)m->config->bar);
		return NOT_FOUND;
	}
	m->driver = &bar_driver;
	m->function = f;
	m->bar = m->config->bar;
	m->bytes = b->bytes;
	m->type = b->prefetch ? MEM_WRITE_COMBINING : MEM_UNCACHED;
	m->ram = false;
	unsigned bar;
	enum result r = pci_assign(f, m->bar, &bar);
	if (r != OK) {
		snprintf(why, why_bytes,
			 "/devices/%s: bar: there is no free address for the %llu bytes of BAR %u",
			 m->config->name, (unsigned long long)f->bars[bar].bytes, bar);
		return r;
	}
	pci_decode(f, true);
	m->place = b->base;
	m->present = true;
	return OK;
}
