/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/race/scenarios.h"

#include <string.h>

#include "hv/config.h"
#include "hv/drv/device_memory.h"
#include "hv/slot.h"
#include "mm/block.h"
#include "mm/grace.h"
#include "mm/host_table.h"

/* ---- Pieces -----------------------------------------------------------------------------------
 */

/* The host has the page, for writing. */
static enum result brought_in(uint64_t page)
{
	struct host_found unused;

	return space_fault(&world.vm.space, world_hva(page), ACCESS_WRITE, false, false, &unused);
}

/* Eight pages of memory in a memslot from gfn 0 on; pages 0 to 5 have frames. */
static void memory_begin(void)
{
	world_anon(0, 8, RW, false);
	(void)world_slot(0, 8, 0, 0);
	for (uint64_t page = 0; page < 6; page++)
		MUST(brought_in(page));
}

/* The same; vCPU `cpu` has written to page 1 and has its translation. */
static void mapped_by(unsigned cpu)
{
	race_be(cpu);
	MUST(guest_touch(1, ACCESS_WRITE));
	race_be(0);
}

static void mapped_begin(void)
{
	memory_begin();
	mapped_by(0);
}

/* The same in a VM of one vCPU, of which a shootdown first asks whether it is outside. */
static void only_vcpu_begin(void)
{
	mapped_begin();
	world.vm.vcpu_count = 1;
}

static struct frame *page_frame(uint64_t page)
{
	unsigned level;
	uint64_t leaf = host_lookup(world.vm.space.root, world_hva(page), &level);
	return frame_of(host_pfn_at(leaf, level, world_hva(page)));
}

static void drop(uint64_t page, uint64_t pages)
{
	MUST(space_drop(&world.vm.space, world_range(page, pages), NOTICE_WAIT));
}

static void guest_writes_1(void)
{
	MUST(guest_touch(1, ACCESS_WRITE));
}

static void guest_writes_1_twice(void)
{
	static const struct guest_op ops[] = { { 1, ACCESS_WRITE }, { 1, ACCESS_WRITE } };
	MUST(guest_do(&world.vcpus[race_self()], ops, 2));
}

static void guest_reads_1(void)
{
	MUST(guest_touch(1, ACCESS_READ));
}

static void drop_1(void)
{
	drop(1, 1);
}

static void drop_5(void)
{
	drop(5, 1);
}

static void drop_0_to_3(void)
{
	drop(0, 4);
}

/* What an access may come to when its memory is being taken away. */
static void guest_may_fail(uint64_t n, enum access access, enum result allowed)
{
	enum result r = guest_touch(n, access);

	if (r != OK && r != allowed)
		world_must(r, "the guest's access");
}

/* ---- Permissions, places ----------------------------------------------------------------------
 */

static void guest_writes_1_or_not(void)
{
	guest_may_fail(1, ACCESS_WRITE, NO_PERMISSION);
}

static void protect_1(void)
{
	MUST(space_protect(&world.vm.space, world_range(1, 1), ACCESS_READ, NOTICE_WAIT));
}

static void guest_writes_1_or_no_region(void)
{
	guest_may_fail(1, ACCESS_WRITE, NO_REGION);
}

static void move_1(void)
{
	MUST(space_move(&world.vm.space, world_range(1, 1), world_hva(20), NOTICE_WAIT));
}

/* The leaf is young and may be written; that it is written only the processor notes in it. */
static void clean_begin(void)
{
	memory_begin();
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		race_be(cpu);
		MUST(guest_touch(1, ACCESS_READ));
	}
	race_be(0);
	(void)frame_test_and_clear(page_frame(1), FRAME_YOUNG | FRAME_DIRTY);
}

/* ---- Tracked writes ---------------------------------------------------------------------------
 */

/* Writes are tracked; page 1 was read, so its leaf is read-only and says that it may be written. */
static void tracked_begin(void)
{
	world_anon(0, 8, RW, false);
	(void)world_slot(0, 8, 0, SLOT_TRACK_WRITES);
	MUST(brought_in(1));
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		race_be(cpu);
		MUST(guest_touch(1, ACCESS_READ));
	}
	race_be(0);
	(void)frame_test_and_clear(page_frame(1), FRAME_YOUNG | FRAME_DIRTY);
}

/* F7: a leaf there becomes writable by a fault, and that marks the frame at once. */
static const char *tracked_end(void)
{
	unsigned level;
	struct s2_entry e = s2_lookup(&world.vm.s2, gfn(1), &level);

	if (e.kind == S2_LEAF && e.attrs & S2_WRITE && !(frame_of(e.pfn)->marks & FRAME_DIRTY))
		return "F7: the first write was let in, and the frame is not marked";
	return NULL;
}

/* ---- Memslots ---------------------------------------------------------------------------------
 */

static void guest_writes_1_or_no_slot(void)
{
	guest_may_fail(1, ACCESS_WRITE, NO_MEMSLOT);
}

/* The slot of memory_begin has the number 0. */
static void delete_slot(void)
{
	enum result r;

	while ((r = slot_delete(&world.vm, 0)) == BUSY)
		race_relax();
	MUST(r);
}

static void move_slot(void)
{
	enum result r;

	while ((r = slot_move(&world.vm, 0, gfn(16))) == BUSY)
		race_relax();
	MUST(r);
}

/* ---- Pfn caches -------------------------------------------------------------------------------
 */

static void cache_begin(void)
{
	memory_begin();
	MUST(pfn_cache_create(&world.cache, &world.vm.space, world_hva(1)));
	world.has_cache = true;
}

static void cache_used_begin(void)
{
	uint64_t value = 1;

	cache_begin();
	MUST(pfn_cache_write(&world.cache, 0, &value, sizeof(value)));
}

static void cache_write(void)
{
	uint64_t value = 7;
	enum result r;

	while ((r = pfn_cache_write(&world.cache, 8, &value, sizeof(value))) == RACED)
		race_relax();
	MUST(r);
}

static void cache_comes_and_goes(void)
{
	uint64_t value = 7;
	enum result r;

	while ((r = pfn_cache_create(&world.cache, &world.vm.space, world_hva(1))) == BUSY ||
	       r == RACED)
		race_relax();
	MUST(r);
	world.has_cache = true;
	(void)!pfn_cache_write(&world.cache, 8, &value, sizeof(value));
	while ((r = pfn_cache_destroy(&world.cache)) == BUSY || r == RACED)
		race_relax();
	MUST(r);
	world.has_cache = false;
	memset(&world.cache, 0,
	       sizeof(world.cache)); /* as memory that is used for something else */
}

/* ---- Huge leaves, owners ----------------------------------------------------------------------
 */

/* A device whose registers lie at WORLD_DEVICE; writes may have to be asked for (H3). */
static struct owner {
	unsigned order, write_order;
	bool read_only_first;
} owner;

static enum result owner_fault(void *data, uint64_t offset, enum access access,
			       struct region_backing *out)
{
	const struct owner *o = data;
	bool write = access == ACCESS_WRITE;

	out->pfn = pfn(WORLD_DEVICE + (offset >> PAGE_SHIFT));
	out->order = write && o->read_only_first ? o->write_order : o->order;
	out->writable = write || !o->read_only_first;
	out->counted = false;
	return OK;
}

static const struct region_ops owner_ops = { "owner", owner_fault };

static void owner_map(unsigned order, bool read_only_first)
{
	struct region_spec spec = { .kind = REGION_PFNMAP,
				    .type = MEM_UNCACHED,
				    .permissions = RW,
				    .ops = &owner_ops,
				    .owner = &owner };
	owner = (struct owner){ order, 0, read_only_first };
	MUST(space_map(&world.vm.space, world_range(0, 512), &spec));
}

static void owner_begin(unsigned order, bool read_only_first)
{
	owner_map(order, read_only_first);
	(void)world_slot(0, 8, 0, 0);
}

static void huge_begin(void)
{
	owner_begin(9, false);
	MUST(brought_in(0));
}

static void congruent_begin(void)
{
	owner_begin(0, false);
	MUST(brought_in(1));
}

static void grant_begin(void)
{
	owner_begin(9, true);
	MUST(guest_touch(2, ACCESS_READ)); /* a read-only leaf over pages 0 to 3 */
}

/* Gfn 2 is page 0: out of step for leaves of four pages, in step for the two of the side. */
static void side_cut_begin(void)
{
	owner_map(9, false);
	(void)world_slot(2, 8, 0, 0);
	MUST(brought_in(0));
}

/* ... read-only: a leaf over gfns 4 and 5, and one over 6 and 7, of which CPU 1 has a translation.
 */
static void side_page_begin(void)
{
	owner_map(9, true);
	(void)world_slot(2, 8, 0, 0);
	MUST(guest_touch(4, ACCESS_READ));
	race_be(1);
	MUST(guest_touch(6, ACCESS_READ));
	race_be(0);
}

static void guest_writes_4(void)
{
	MUST(guest_touch(4, ACCESS_WRITE));
}

static void guest_reads_6(void)
{
	MUST(guest_touch(6, ACCESS_READ));
}

static void drop_3(void)
{
	drop(3, 1);
}

static void drop_4(void)
{
	drop(4, 1);
}

static void drop_2(void)
{
	drop(2, 1);
}

static void guest_reads_2(void)
{
	MUST(guest_touch(2, ACCESS_READ));
}

static void guest_writes_2(void)
{
	MUST(guest_touch(2, ACCESS_WRITE));
}

/* A block of the graphics pool, four pages, shown from page 0 on. */
static struct config pool_config;

static struct device_memory *pool_memory(void)
{
	return device_memory_find(&pool_config.devices[0]);
}

static void pool_begin(void)
{
	char why[128];
	struct config_device *d = &pool_config.devices[0];

	strcpy(d->name, "pool");
	d->driver = CONFIG_POOL;
	d->order = 2;
	pool_config.device_count = 1;
	pool_config.host.pool_bytes = 16 * PAGE_SIZE;
	MUST(device_memory_init(&pool_config, why, sizeof(why)));
	MUST(device_memory_map(pool_memory(), &world.vm.space, world_range(0, 4), 0, MEM_WRITE_BACK,
			       false, false));
	(void)world_slot(0, 4, 0, 0);
	MUST(guest_touch(1, ACCESS_WRITE));
}

static void pool_move(void)
{
	enum result r;

	while ((r = device_memory_move(pool_memory())) == BUSY)
		race_relax();
	MUST(r);
}

static void pool_take(void)
{
	enum result r;

	while ((r = device_memory_take(pool_memory())) == BUSY)
		race_relax();
	MUST(r);
	MUST(device_memory_give(pool_memory()));
}

static void guest_writes_1_or_no_backing(void)
{
	guest_may_fail(1, ACCESS_WRITE, NO_BACKING);
}

static const char *pool_end(void)
{
	while (device_memory_take(pool_memory()) == BUSY)
		return "the pool's memory is for ever busy";
	return NULL;
}

/* ---- Readers without a lock -------------------------------------------------------------------
 */

static void age(void)
{
	world.done[race_self()] += (unsigned)aging_walk(&world.vm.s2, gfn(0), 8);
}

static void look(void)
{
	unsigned level;

	grace_enter();
	world.done[race_self()] += s2_lookup(&world.vm.s2, gfn(1), &level).kind == S2_LEAF;
	grace_leave();
}

/* The tables under the dropped leaves go too, and are freed as soon as they may be. */
static void drop_and_free_tables(void)
{
	drop(0, 8);
	for (unsigned i = 0; i < 3; i++)
		grace_poll();
}

/* ---- Shared pages, pins, turns ----------------------------------------------------------------
 */

static void zeros_begin(void)
{
	world_anon(0, 8, RW, true);
	(void)world_slot(0, 8, 0, 0);
	MUST(guest_touch(1, ACCESS_READ));
}

static enum result pin(enum access access, struct follow_answer *out)
{
	struct follow_request rq = {
		.space = &world.vm.space,
		.hva = world_hva(1),
		.access = access,
		.intent = INTENT_PIN,
		.slot_writable = true,
		.may_sleep = true,
	};
	return follow_pfn(&rq, out);
}

/* Direct access (P2): under the pin the frame cannot go, whatever happens to its entry. */
static void pin_and_use(void)
{
	struct follow_answer a;
	enum result r;

	while ((r = pin(ACCESS_WRITE, &a)) == RACED || r == BUSY)
		race_relax();
	MUST(r);
	race_step("use_begin", frame_of(a.pfn));
	*(volatile uint64_t *)mm_linear(a.pfn) = 7;
	race_step("use_end", frame_of(a.pfn));
	if (frame_class(a.pfn) != FRAME_COUNTED || frame_pins(frame_of(a.pfn)) == 0)
		race_broken("I2: the pinned frame was freed");
	frame_unpin(frame_of(a.pfn));
}

/* A pin by a read of a page of zeros must not keep the frame that all share (H6). */
static void pin_the_page(void)
{
	struct follow_answer a;
	enum result r;

	while ((r = pin(ACCESS_READ, &a)) == RACED || r == BUSY)
		race_relax();
	MUST(r);
	if (frame_of(a.pfn) == world.vm.space.zeros)
		race_broken("H6: the shared frame of zeros was pinned");
	frame_unpin(frame_of(a.pfn));
}

static void storm(void)
{
	for (unsigned i = 0; i < 6; i++)
		drop(1, 1);
}

static const char *rounds_end(void)
{
	return world.vm.stats.max_rounds > NOTICE_MAX_ROUNDS ? "N8: too many rounds" : NULL;
}

/* ---- Frames -----------------------------------------------------------------------------------
 */

static pfn_t counted;

static void frame_begin(void)
{
	MUST(block_alloc(FRAME_COUNTED, 0, OWNER_HYPERVISOR, &counted));
}

/* Somebody who knows the number of a frame, and not whether it is still there (F4). */
static void get_and_put(void)
{
	struct frame *f = &frame_table[counted.v];

	if (!frame_try_get(f))
		return;
	race_step("use_begin", f);
	if (frame_class(counted) != FRAME_COUNTED)
		race_broken("F4: a frame with a reference is free");
	frame_put(f);
}

static void pin_and_unpin(void)
{
	struct frame *f = &frame_table[counted.v];
	enum result r = frame_pin(f);

	if (r == IN_USE || r == CANNOT_PIN_UNCOUNTED)
		return;
	MUST(r);
	frame_unpin(f);
}

static void put_last(void)
{
	frame_put(&frame_table[counted.v]);
}

/* ---- All of them ------------------------------------------------------------------------------
 */

#define GUEST "vCPU: "

/* clang-format off */
const struct scenario scenarios[] = {
	{ "fault_notice", "a fault against a notice (P5, N4): M1 to M4, M6, M8", 2, 3, { 0 },
	  memory_begin, { guest_writes_1, drop_1 },
	  { GUEST "writes to page 1", "the host drops page 1" }, NULL },
	{ "mapped_notice", "a guest that uses its TLB against a notice (N4, I2): M7", 2, 3, { 0 },
	  mapped_begin, { guest_writes_1_twice, drop_1 },
	  { GUEST "writes to page 1, twice", "the host drops page 1" }, NULL },
	{ "mapped_broadcast", "the same where flushes reach every CPU", 2, 3,
	  { .broadcast = true }, mapped_begin, { guest_writes_1_twice, drop_1 },
	  { GUEST "writes to page 1, twice", "the host drops page 1" }, NULL },
	{ "mapped_soft", "the same where software notes young and dirty (S10)", 2, 3,
	  { .soft = true }, mapped_begin, { guest_writes_1_twice, drop_1 },
	  { GUEST "writes to page 1, twice", "the host drops page 1" }, NULL },
	{ "mapped_alone", "the same for a VM's only vCPU", 2, 3, { 0 }, only_vcpu_begin,
	  { guest_writes_1_twice, drop_1 },
	  { GUEST "writes to page 1, twice", "the host drops page 1" }, NULL },
	{ "two_notices", "two notices over two pages against a fault (N3): M5", 3, 2, { 0 },
	  memory_begin, { guest_writes_1, drop_1, drop_5 },
	  { GUEST "writes to page 1", "drops page 1", "drops page 5" }, NULL },
	{ "nested_notices", "a notice inside the range of another against a fault (N3)", 3, 2,
	  { 0 }, memory_begin, { guest_writes_1, drop_0_to_3, drop_1 },
	  { GUEST "writes to page 1", "drops pages 0 to 3", "drops page 1" }, NULL },
	{ "protect", "a fault for writing against a narrowing (H5, P7)", 2, 3, { 0 },
	  mapped_begin, { guest_writes_1_or_not, protect_1 },
	  { GUEST "writes to page 1", "page 1 becomes read-only" }, NULL },
	{ "fold", "the processor's dirty bit against a narrowing: it is kept (S3, F7)", 2, 3,
	  { 0 }, clean_begin, { guest_writes_1_or_not, protect_1 },
	  { GUEST "writes to page 1", "page 1 becomes read-only" }, NULL },
	{ "fold_slot", "the same against a move of the memslot", 2, 3, { 0 }, clean_begin,
	  { guest_writes_1_or_no_slot, move_slot },
	  { GUEST "writes to page 1", "moves the memslot" }, NULL },
	{ "widen_notice", "the first write of a tracked page against a notice (P5, N4)", 2, 3,
	  { 0 }, tracked_begin, { guest_writes_1, drop_1 },
	  { GUEST "writes to page 1", "drops page 1" }, tracked_end },
	{ "widen_protect", "the same against a narrowing (H5, P7)", 2, 3, { 0 }, tracked_begin,
	  { guest_writes_1_or_not, protect_1 },
	  { GUEST "writes to page 1", "page 1 becomes read-only" }, tracked_end },
	{ "widen_slot", "the same against the deletion of its memslot (N6)", 2, 3, { 0 },
	  tracked_begin, { guest_writes_1_or_no_slot, delete_slot },
	  { GUEST "writes to page 1", "deletes the memslot" }, tracked_end },
	{ "widen_twice", "two first writes of a tracked page (S9, F7)", 2, 3, { 0 }, tracked_begin,
	  { guest_writes_1, guest_writes_1 },
	  { GUEST "writes to page 1", GUEST "writes to page 1" }, tracked_end },
	{ "space_move", "a fault against a move in the host's space (H5)", 2, 3, { 0 },
	  mapped_begin, { guest_writes_1_or_no_region, move_1 },
	  { GUEST "writes to page 1", "page 1 moves to page 20" }, NULL },
	{ "two_faults", "two faults for one page (S9)", 2, 3, { 0 }, memory_begin,
	  { guest_writes_1, guest_writes_1 },
	  { GUEST "writes to page 1", GUEST "writes to page 1" }, NULL },
	{ "two_faults_notice", "two faults for one page against a notice", 3, 2, { 0 },
	  memory_begin, { guest_writes_1, guest_reads_1, drop_1 },
	  { GUEST "writes to page 1", GUEST "reads page 1", "drops page 1" }, NULL },
	{ "cache", "a pfn cache against a notice (N5): M9", 2, 3, { 0 }, cache_begin,
	  { cache_write, drop_1 }, { "the cache is written", "drops page 1" }, NULL },
	{ "cache_used", "a pfn cache that has its page against a notice (N4)", 2, 3, { 0 },
	  cache_used_begin, { cache_write, drop_1 },
	  { "the cache is written", "drops page 1" }, NULL },
	{ "cache_fault", "a pfn cache and a fault against a notice", 3, 2, { 0 }, cache_begin,
	  { cache_write, guest_writes_1, drop_1 },
	  { "the cache is written", GUEST "writes to page 1", "drops page 1" }, NULL },
	{ "cache_list", "a consumer comes and goes during a notice (N2)", 2, 3, { 0 },
	  memory_begin, { cache_comes_and_goes, drop_1 },
	  { "a cache is made and destroyed", "drops page 1" }, NULL },
	{ "slot_delete", "a memslot is deleted against a fault (N6)", 2, 3, { 0 }, memory_begin,
	  { guest_writes_1_or_no_slot, delete_slot },
	  { GUEST "writes to page 1", "deletes the memslot" }, NULL },
	{ "slot_move", "a memslot is moved against a guest with a TLB (N6)", 2, 3, { 0 },
	  mapped_begin, { guest_writes_1_or_no_slot, move_slot },
	  { GUEST "writes to page 1", "moves the memslot" }, NULL },
	{ "slot_notice", "a memslot is deleted against a notice and a fault (N4 (1))", 3, 2,
	  { 0 }, memory_begin, { guest_writes_1_or_no_slot, delete_slot, drop_1 },
	  { GUEST "writes to page 1", "deletes the memslot", "drops page 1" }, NULL },
	{ "huge_cut", "a huge leaf against a notice over a page of it (S4, P5)", 2, 3,
	  { .huge = true }, huge_begin, { guest_writes_1, drop_2 },
	  { GUEST "writes to page 1", "drops page 2" }, NULL },
	{ "huge_span", "a leaf is never larger than the host's entry (S2, H7): M14", 2, 3, { 0 },
	  congruent_begin, { guest_writes_1, guest_writes_2 },
	  { GUEST "writes to page 1", GUEST "writes to page 2" }, NULL },
	{ "grant", "write is granted for a page of a huge leaf (H3)", 2, 3, { .huge = true },
	  grant_begin, { guest_writes_1, guest_reads_2 },
	  { GUEST "writes to page 1", GUEST "reads page 2" }, NULL },
	{ "grant_notice", "the same against a notice", 3, 2, { .huge = true }, grant_begin,
	  { guest_writes_1, guest_reads_2, drop_2 },
	  { GUEST "writes to page 1", GUEST "reads page 2", "drops page 2" }, NULL },
	{ "side_cut", "a leaf of the side against a notice over a page of it (S4, P5)", 2, 3,
	  { .huge = true, .side = true }, side_cut_begin, { guest_writes_4, drop_3 },
	  { GUEST "writes to gfn 4", "drops page 3, which is gfn 5" }, NULL },
	{ "side_page", "a page takes the place of leaves of the side, which a guest uses (S4)",
	  3, 2, { .huge = true, .side = true }, side_page_begin,
	  { guest_writes_4, guest_reads_6, drop_4 },
	  { GUEST "writes to gfn 4", GUEST "reads gfn 6", "drops page 4, which is gfn 6" },
	  NULL },
	{ "bar_move", "an owner moves its memory and frees the old (H4): M7", 2, 3, { 0 },
	  pool_begin, { guest_writes_1_twice, pool_move },
	  { GUEST "writes to page 1, twice", "moves the pool's block" }, pool_end },
	{ "bar_take", "an owner takes its memory and gives new (H4)", 2, 3, { 0 }, pool_begin,
	  { guest_writes_1_or_no_backing, pool_take },
	  { GUEST "writes to page 1", "takes the block, gives another" }, pool_end },
	{ "aging", "a walker without a lock against a notice (S7): M10", 2, 3, { 0 },
	  mapped_begin, { age, drop_1 },
	  { "ages pages 0 to 7", "drops page 1" }, NULL },
	{ "aging_guest", "the same, and a guest that sets the bits again", 3, 2, { 0 },
	  mapped_begin, { guest_writes_1, drop_1, age },
	  { GUEST "writes to page 1", "drops page 1", "ages pages 0 to 7" }, NULL },
	{ "tables", "tables are freed against readers without a lock (S6)", 3, 2, { 0 },
	  mapped_begin, { look, drop_and_free_tables, age },
	  { "looks at page 1's leaf", "drops all, frees the tables", "ages pages 0 to 7" },
	  NULL },
	{ "tables_fault", "tables are freed against a fault (S6)", 2, 3, { 0 }, mapped_begin,
	  { guest_writes_1, drop_and_free_tables },
	  { GUEST "writes to page 1", "drops all, frees the tables" }, NULL },
	{ "given", "what is given away is freed by another CPU, against a reader (S6)", 3, 3, { 0 },
	  given_begin, { given_read, given_away, given_drain },
	  { "reads what is shown", "hides it, gives it away", "waits until it is freed" },
	  given_end },
	{ "zeros", "two CPUs break a shared page (H6)", 2, 3, { 0 }, zeros_begin,
	  { guest_writes_1, guest_writes_1 },
	  { GUEST "writes to page 1", GUEST "writes to page 1" }, NULL },
	{ "zeros_pin", "a shared page is broken against a pin (H6)", 2, 3, { 0 }, zeros_begin,
	  { guest_writes_1, pin_the_page },
	  { GUEST "writes to page 1", "pins page 1 for reading" }, NULL },
	{ "pin", "direct access under a pin against a notice (P2, F5): M12", 2, 3, { 0 },
	  memory_begin, { pin_and_use, drop_1 },
	  { "pins page 1 and uses it", "drops page 1" }, NULL },
	{ "storm", "a fault in a storm of notices gets its turn (N8)", 2, 2, { 0 }, memory_begin,
	  { guest_writes_1, storm }, { GUEST "writes to page 1", "drops page 1, six times" },
	  rounds_end },
	{ "frames", "get, pin and the last put of a frame (F4, F5)", 3, 3, { 0 }, frame_begin,
	  { get_and_put, put_last, pin_and_unpin },
	  { "gets and puts", "puts the last reference", "pins and unpins" }, NULL },
};
/* clang-format on */

const unsigned scenario_count = sizeof(scenarios) / sizeof(scenarios[0]);
