/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The contract of arch/arch.h as a test: what mm/ and hv/ rely on, asked of the architecture that
 * is linked in. It runs in the hypervisor (the configuration's `selftest`) and on the host over the
 * fake architecture, and knows nothing of either but one small guest for each architecture, in
 * machine code. One line a check; the answer is the number that failed.
 *
 * Called on the boot CPU, after arch_init, when hv_pages works and no other CPU runs a guest.
 */
#include "arch/arch.h"

#include <string.h>

int conformance_run(void);

#define CODE UINT64_C(0x10000)
#define DATA UINT64_C(0x20000)
#define NS_PER_MS UINT64_C(1000000)

static int failed, passed;

static void check(bool good, const char *what)
{
	if (good)
		passed++;
	else
		failed++;
	hv_log("conformance: %s %s", what, good ? "ok" : "FAIL");
}

/* The linear map is one: its pointers differ as their addresses do. */
static hpa_t address_of(const void *linear)
{
	return hpa((uint64_t)((const char *)linear - (const char *)arch_linear(hpa(0))));
}

/* ---- The guest --------------------------------------------------------------------------------
 */

/*
 * In a loop: stores 0x1234 at DATA, loads it, calls 7 with arguments 1, 2, 3, 4, stores the result
 * at DATA + 8, calls 8 with the value loaded, waits for an interrupt. Starts at CODE. On the fake
 * architecture it is the test program's.
 */
struct guest {
	const char *arch;
	enum vcpu_mode mode;
	size_t bytes;
	unsigned char code[80];
};

static const struct guest guests[] = {
	/* clang-format off */
	{ .arch = "x86", .mode = VCPU_FLAT32, .bytes = 62, .code = {
		0xc7, 0x05, 0x00, 0x00, 0x02, 0x00,
		0x34, 0x12, 0x00, 0x00,			/* movl $0x1234, DATA */
		0x8b, 0x3d, 0x00, 0x00, 0x02, 0x00,	/* mov DATA, %edi */
		0xb8, 0x07, 0x00, 0x00, 0x00,		/* mov $7, %eax */
		0xbb, 0x01, 0x00, 0x00, 0x00,		/* mov $1, %ebx */
		0xb9, 0x02, 0x00, 0x00, 0x00,		/* mov $2, %ecx */
		0xba, 0x03, 0x00, 0x00, 0x00,		/* mov $3, %edx */
		0xbe, 0x04, 0x00, 0x00, 0x00,		/* mov $4, %esi */
		0x0f, 0x01, 0xd9,			/* vmmcall */
		0xa3, 0x08, 0x00, 0x02, 0x00,		/* mov %eax, DATA + 8 */
		0xb8, 0x08, 0x00, 0x00, 0x00,		/* mov $8, %eax */
		0x89, 0xfb,				/* mov %edi, %ebx */
		0x0f, 0x01, 0xd9,			/* vmmcall */
		0xf4,					/* hlt */
		0xeb, 0xc2,				/* jmp CODE */
	} },
	{ .arch = "arm64", .mode = VCPU_NATIVE, .bytes = 64, .code = {
		0x49, 0x00, 0xa0, 0x52,			/* mov w9, DATA */
		0x88, 0x46, 0x82, 0x52,			/* mov w8, 0x1234 */
		0x28, 0x01, 0x00, 0xb9,			/* str w8, [x9] */
		0x2a, 0x01, 0x40, 0xb9,			/* ldr w10, [x9] */
		0xe0, 0x00, 0x80, 0xd2,			/* mov x0, #7 */
		0x21, 0x00, 0x80, 0xd2,			/* mov x1, #1 */
		0x42, 0x00, 0x80, 0xd2,			/* mov x2, #2 */
		0x63, 0x00, 0x80, 0xd2,			/* mov x3, #3 */
		0x84, 0x00, 0x80, 0xd2,			/* mov x4, #4 */
		0x22, 0x00, 0x00, 0xd4,			/* hvc #1 */
		0x20, 0x05, 0x00, 0xf9,			/* str x0, [x9, #8] */
		0x00, 0x01, 0x80, 0xd2,			/* mov x0, #8 */
		0xe1, 0x03, 0x0a, 0xaa,			/* mov x1, x10 */
		0x22, 0x00, 0x00, 0xd4,			/* hvc #1 */
		0x7f, 0x20, 0x03, 0xd5,			/* wfi */
		0xf1, 0xff, 0xff, 0x17,			/* b CODE */
	} },
	{ .arch = "ppc64", .mode = VCPU_NATIVE, .bytes = 76, .code = {
		0x02, 0x00, 0x20, 0x3d,			/* lis r9, DATA@h */
		0x34, 0x12, 0x00, 0x39,			/* li r8, 0x1234 */
		0x00, 0x00, 0x09, 0x91,			/* stw r8, 0(r9) */
		0x00, 0x00, 0x49, 0x81,			/* lwz r10, 0(r9) */
		0x00, 0x7e, 0x60, 0x3c,			/* lis r3, 0x7e00 */
		0x07, 0x00, 0x63, 0x60,			/* ori r3, r3, 7 */
		0x01, 0x00, 0x80, 0x38,			/* li r4, 1 */
		0x02, 0x00, 0xa0, 0x38,			/* li r5, 2 */
		0x03, 0x00, 0xc0, 0x38,			/* li r6, 3 */
		0x04, 0x00, 0xe0, 0x38,			/* li r7, 4 */
		0x22, 0x00, 0x00, 0x44,			/* sc 1 */
		0x08, 0x00, 0x69, 0x90,			/* stw r3, 8(r9) */
		0x00, 0x7e, 0x60, 0x3c,			/* lis r3, 0x7e00 */
		0x08, 0x00, 0x63, 0x60,			/* ori r3, r3, 8 */
		0x78, 0x53, 0x44, 0x7d,			/* mr r4, r10 */
		0x22, 0x00, 0x00, 0x44,			/* sc 1 */
		0xe0, 0x00, 0x60, 0x38,			/* li r3, 0xe0 */
		0x22, 0x00, 0x00, 0x44,			/* sc 1: H_CEDE */
		0xb8, 0xff, 0xff, 0x4b,			/* b CODE */
	} },
	/* clang-format on */
	{ .arch = "fake", .mode = VCPU_NATIVE },
};

static const struct guest *the_guest(void)
{
	for (unsigned i = 0; i < sizeof guests / sizeof guests[0]; i++)
		if (strcmp(guests[i].arch, arch_name) == 0)
			return &guests[i];
	return NULL;
}

/* ---- Memory, time, CPUs -----------------------------------------------------------------------
 */

static void memory(void)
{
	unsigned char *a = hv_pages(0), *b = hv_pages(0);
	bool zero = true;

	check(a != NULL && b != NULL && a != b, "hv_pages gives pages");
	if (a == NULL || b == NULL)
		return;
	check(arch_linear(address_of(a)) == a, "the linear map leads back");
	memset(a, 0xa5, PAGE_SIZE);
	memset(b, 0x5a, PAGE_SIZE);
	arch_page_clear(a);
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		zero = zero && a[i] == 0 && b[i] == 0x5a;
	check(zero, "arch_page_clear clears one page");
}

static void time(void)
{
	uint64_t before = arch_time_ns(), when = before + 2 * NS_PER_MS;

	uint64_t counter = arch_counter();
	check(counter <= arch_counter(), "the counter does not go back");
	uint64_t stamp = arch_stamp();
	arch_timer_set(when);
	for (unsigned i = 0; i < 1000 && arch_time_ns() < when; i++)
		arch_cpu_idle();
	check(stamp <= arch_stamp(), "the trace's clock does not go back");
	check(arch_time_ns() >= when, "the timer ends arch_cpu_idle");
	check(arch_time_ns() - before < 1000 * NS_PER_MS, "and not much later");
	arch_timer_set(arch_time_ns() - 1);
	arch_cpu_idle();
	check(true, "a timer in the past comes at once");
	arch_timer_set(0);
}

static void cpus(void)
{
	unsigned count = arch_cpu_count();

	check(count >= 1 && count <= ARCH_MAX_CPUS, "the number of CPUs");
	check(arch_cpu_id() < count, "this CPU's number");
	check(arch_cpu_start(count) != OK, "a CPU that is not there cannot be started");
	arch_cpu_kick(arch_cpu_id());
	arch_cpu_idle();
	check(true, "a kick that came before ends arch_cpu_idle");
}

static void pci(void)
{
	struct pci_window w;
	uint32_t segment = 0;
	bool good = true;

	check(arch_pci_read(0xfff8, 0, 4) == 0xffffffff,
	      "a PCI function that is absent reads as ones");
	for (unsigned i = 0; i < 16 && arch_pci_window(i, &w); i++) {
		good = good && w.base.v + w.bytes > w.base.v && w.bus + w.bytes > w.bus;
		good = good && (w.segment == segment || w.segment == segment + 1);
		segment = w.segment;
	}
	check(good, "PCI windows are not empty, and in the order of segments");
}

/* ---- Stage-2: geometry, codec, writers --------------------------------------------------------
 */

static void geometry(void)
{
	const struct s2_geometry *g = arch_s2_geometry;
	bool joined = g->levels >= 1 && g->levels <= S2_MAX_LEVELS && g->shift[0] == 0;
	unsigned root = g->levels - 1;

	for (unsigned l = 1; joined && l < g->levels; l++)
		joined = g->shift[l] == g->shift[l - 1] + g->bits[l - 1];
	if (joined && g->side != 0)
		joined = g->side == g->levels && g->side < S2_MAX_LEVELS && g->levels > 1 &&
			 g->shift[g->side] != 0 &&
			 g->shift[g->side] + g->bits[g->side] == g->shift[1];
	check(joined, "each level continues the one below");
	check((g->leaf_levels & 1) && (g->side == 0 || (g->leaf_levels >> g->side & 1)),
	      "level 0 has leaves, and the one beside it");
	check(g->bits[root] + 3u <= PAGE_SHIFT + g->root_order, "the root's entries fit into it");
	check(g->shift[root] + g->bits[root] >= 26, "at least 256 GiB of guest addresses");
}

/* Device memory is neither executable nor counted. */
static bool sensible(uint32_t attrs)
{
	const uint32_t all =
		S2_WRITE | S2_EXEC | S2_YOUNG | S2_DIRTY | S2_COUNTED | S2_MAY_WRITE | S2_TYPE(3);

	return (attrs & ~all) == 0 &&
	       (S2_TYPE_OF(attrs) == MEM_WRITE_BACK || (attrs & (S2_EXEC | S2_COUNTED)) == 0);
}

/* The entry for a table of level `below`, in one of `level`. */
static bool table_comes_back(unsigned level, unsigned below)
{
	struct s2_entry e = arch_s2_decode(level, arch_s2_table(below, pfn(0x1230)));

	return e.kind == S2_TABLE && e.below == below && e.pfn.v == 0x1230;
}

static void codec(void)
{
	const struct s2_geometry *g = arch_s2_geometry;
	bool leaves = true, none = true, tables = g->side == 0 || table_comes_back(1, g->side);

	for (unsigned l = 0; l < g->levels + (g->side != 0); l++) {
		pfn_t n = pfn(UINT64_C(5) << g->shift[l]);

		none = none && arch_s2_decode(l, 0).kind == S2_NONE;
		if (l != 0 && l != g->side)
			tables = tables && table_comes_back(l, l - 1);
		if ((g->leaf_levels >> l & 1) == 0)
			continue;
		for (uint32_t attrs = 0; attrs < 0x400; attrs++) {
			struct s2_entry e;

			if (!sensible(attrs))
				continue;
			e = arch_s2_decode(l, arch_s2_leaf(l, n, attrs));
			leaves = leaves && e.kind == S2_LEAF && e.pfn.v == n.v && e.attrs == attrs;
		}
	}
	check(none, "an entry of 0 is none");
	check(tables, "table entries come back");
	check(leaves, "leaves come back with all their attributes");
}

static void writers(void)
{
	uint64_t *table = hv_pages(0), old;
	const uint32_t narrow = S2_YOUNG | S2_COUNTED, wide = narrow | S2_WRITE;

	if (table == NULL)
		return;
	arch_s2_set(&table[3], 0, arch_s2_leaf(0, pfn(0x77), narrow));
	check(arch_s2_decode(0, table[3]).attrs == narrow, "a leaf is set");
	arch_s2_set(&table[3], 0, arch_s2_leaf(0, pfn(0x77), narrow | S2_MAY_WRITE));
	old = arch_s2_written(table[3]);
	check(arch_s2_decode(0, old).attrs == (wide | S2_MAY_WRITE | S2_DIRTY),
	      "one that may be written is written");
	check(table[2] == 0 && table[4] == 0, "and nothing beside it");
	arch_s2_set(&table[3], 0, arch_s2_leaf(0, pfn(0x77), wide));
	check(arch_s2_decode(0, table[3]).attrs == wide, "and widened");
	old = arch_s2_swap(&table[3], 0, arch_s2_leaf(0, pfn(0x77), narrow));
	check(arch_s2_decode(0, old).attrs == wide, "narrowing tells what stood there");
	old = arch_s2_swap(&table[3], 0, 0);
	check(arch_s2_decode(0, old).attrs == narrow && table[3] == 0, "so does removing");
}

/* ---- A guest under one tree -------------------------------------------------------------------
 */

static struct arch_s2 s2;
static struct arch_vcpu *v;
static struct exit out;

static uint64_t *entry_of(uint64_t gpa)
{
	const struct s2_geometry *g = arch_s2_geometry;
	uint64_t n = gpa >> PAGE_SHIFT, *table = arch_linear(s2.root);

	for (unsigned l = g->levels - 1;; l--) {
		uint64_t *e = &table[n >> g->shift[l] & ((UINT64_C(1) << g->bits[l]) - 1)];

		if (l == 0)
			return e;
		if (*e == 0)
			arch_s2_set(e, l,
				    arch_s2_table(l - 1, hpa_to_pfn(address_of(hv_pages(0)))));
		table = arch_linear(pfn_to_hpa(arch_s2_decode(l, *e).pfn));
	}
}

static void leaf(uint64_t gpa, const void *page, uint32_t attrs)
{
	arch_s2_set(entry_of(gpa), 0, arch_s2_leaf(0, hpa_to_pfn(address_of(page)), attrs));
}

/* Runs over interrupts of the host until something is to be done. */
/* Not in each of its callers: of the entry there is one more in the image, and no more. */
static __attribute__((noinline)) enum exit_kind run(void)
{
	do
		arch_vcpu_run(v, &out);
	while (out.kind == EXIT_HOST);
	return out.kind;
}

static bool fault_at(uint64_t gpa, enum access access, bool present)
{
	return out.kind == EXIT_S2_FAULT && out.fault.gpa.v >> PAGE_SHIFT == gpa >> PAGE_SHIFT &&
	       out.fault.access == access && out.fault.present == present && !out.fault.table_walk;
}

static bool make_guest(const struct guest *g)
{
	struct vcpu_start start = { .mode = g->mode, .entry = gpa(CODE) };
	void *root = hv_pages(arch_s2_geometry->root_order), *code = hv_pages(0);

	v = hv_pages(arch_vcpu_order);
	if (root == NULL || code == NULL || v == NULL)
		return false;
	memcpy(code, g->code, g->bytes);
	if (arch_s2_create(&s2, address_of(root)) != OK)
		return false;
	arch_vcpu_init(v, NULL, 0, &s2, true);
	arch_vcpu_start(v, &start);
	arch_vcpu_load(v);
	(void)run();
	check(fault_at(CODE, ACCESS_EXEC, false), "the first instruction faults");
	leaf(CODE, code, S2_EXEC | S2_YOUNG | S2_COUNTED);
	return true;
}

static void faults(void *data)
{
	uint64_t *e = entry_of(DATA);
	uint32_t attrs;

	(void)run();
	check(fault_at(DATA, ACCESS_WRITE, false), "a write of what is absent faults");
	leaf(DATA, data, S2_YOUNG | S2_COUNTED);
	(void)run();
	check(fault_at(DATA, ACCESS_WRITE, true), "a write of what is read-only faults as present");
	arch_s2_set(
		e, 0,
		arch_s2_leaf(0, hpa_to_pfn(address_of(data)), S2_YOUNG | S2_WRITE | S2_COUNTED));
	check(run() == EXIT_HYPERCALL && out.hypercall.nr == 7, "widened, it is written");
	check(out.hypercall.arg[0] == 1 && out.hypercall.arg[1] == 2 && out.hypercall.arg[2] == 3 &&
		      out.hypercall.arg[3] == 4,
	      "a hypercall's arguments");
	attrs = arch_s2_decode(0, *e).attrs;
	check(!arch_s2_geometry->hw_dirty || (attrs & S2_DIRTY), "the processor has set dirty");
	check(attrs & S2_COUNTED, "and kept the software bit");
}

static void hypercalls(const uint64_t *data)
{
	arch_vcpu_hypercall_return(v, 0x55);
	check(run() == EXIT_HYPERCALL && out.hypercall.nr == 8, "the next hypercall");
	check((uint32_t)data[0] == 0x1234, "the store is in memory");
	check(out.hypercall.arg[0] == 0x1234, "the load had it");
	check((uint32_t)data[1] == 0x55, "the result of the call was stored");
	arch_vcpu_hypercall_return(v, 0);
	check(run() == EXIT_HALT, "the guest waits");
}

/*
 * A removed leaf is not used after a flush of `pages` pages from `first` on, and a vCPU that was
 * away goes on where it was.
 */
static void flush_by(const uint64_t *data, uint64_t first, uint64_t pages)
{
	uint64_t *e = entry_of(DATA), old = arch_s2_swap(e, 0, 0);

	(void)arch_s2_flush(&s2, (struct gfn_range){ gfn(first), gfn(first + pages) });
	(void)run();
	check(fault_at(DATA, ACCESS_WRITE, false), "after the flush the removed leaf is gone");
	arch_vcpu_unload(v);
	arch_vcpu_load(v);
	arch_s2_set(e, 0, old);
	check(run() == EXIT_HYPERCALL && out.hypercall.nr == 7,
	      "the guest goes on after it was away");
	check((uint32_t)data[0] == 0x1234, "with the memory it had");
}

/* From its first hypercall on, once around. */
static void go_around(void)
{
	arch_vcpu_hypercall_return(v, 1);
	check(run() == EXIT_HYPERCALL && out.hypercall.nr == 8, "the second hypercall");
	arch_vcpu_hypercall_return(v, 0);
	check(run() == EXIT_HALT, "the guest waits again");
}

/* A page, a few, and more than any port names one by one. */
static void flushes(const uint64_t *data)
{
	const uint64_t page = DATA >> PAGE_SHIFT;

	flush_by(data, page, 1);
	go_around();
	flush_by(data, page - 1, 2);
	go_around();
	flush_by(data, 0, 4096);
}

static void kicks(void)
{
	arch_vcpu_hypercall_return(v, 1);
	arch_cpu_kick(arch_cpu_id());
	arch_vcpu_run(v, &out);
	check(out.kind == EXIT_HOST, "a kick that came before ends arch_vcpu_run at once");
	check(run() == EXIT_HYPERCALL && out.hypercall.nr == 8, "and nothing of the guest is lost");
}

int conformance_run(void)
{
	const struct guest *g = the_guest();
	uint64_t *data = hv_pages(0);

	failed = passed = 0;
	memory();
	time();
	cpus();
	pci();
	geometry();
	codec();
	writers();
	check(g != NULL && data != NULL, "there is a guest for this architecture");
	if (g != NULL && data != NULL && make_guest(g)) {
		faults(data);
		hypercalls(data);
		flushes(data);
		kicks();
		arch_vcpu_unload(v);
		arch_s2_destroy(&s2);
	}
	hv_log("conformance: %d passed, %d failed", passed, failed);
	return failed;
}
