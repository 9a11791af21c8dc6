/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that means harm: each word of the command line is an attack, and each gets a vCPU of its
 * own, from 1 on (vcpus=N: in turn), that goes on until the VM ends. vCPU 0 looks at the clock:
 * ms=N ends the VM. What attacks do is drawn at random from seed=N. Attacks that catch exceptions
 * go one to a VM.
 *
 *   calls      hypercalls by wild numbers with wild arguments
 *   control    the calls of host-control, storms of notices among them, on memory that it can spare
 *   memory     reads and writes where nothing is, of every size
 *   tables     translation tables that point into themselves, or anywhere in the RAM
 *   astray     ... that lie in devices, in nothing, or are no tables: x86's end at the first walk
 *   code       code that is written anew before each call
 *   chaos      random words run as instructions
 *   spin       never leaves the guest, interrupts off
 *   interrupts more of them than can be served
 *   device     a storm of accesses to the board's devices
 *
 * It reports that the attacks were under way and what of the guest's own they should have kept;
 * whether others were disturbed is for the others to say.
 */
#include "guests/lib/guest.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/hostile.h"

#define SCRATCH (RAM_BASE + 8 * MIB) /* behind the image and its stacks */
#define SCRATCH_BYTES (8 * MIB)

static _Atomic uint64_t turns[MAX_CPUS];
static _Atomic uint64_t wrong;
static uint64_t seed;

static uint64_t draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A number as a caller would get it wrong: around limits, in the guest's memory, or anything. */
static uint64_t wild(uint64_t *state)
{
	uint64_t r = draw(state);

	switch (r & 7) {
	case 0: return r >> 60;
	case 1: return ~0ull - (r >> 60);
	case 2: return 1ull << (r >> 58);
	case 3: return (1ull << (r >> 58)) - 1;
	case 4: return SCRATCH + (r >> 8) % SCRATCH_BYTES;
	case 5: return (SCRATCH + (r >> 8) % SCRATCH_BYTES) & ~(PAGE - 1);
	case 6: return (r >> 8) % (16ull << 30) & ~(PAGE - 1);
	default: return r;
	}
}

static void attack_calls(unsigned me, uint64_t *state)
{
	uint64_t nr = draw(state) & 1 ? draw(state) % 40 : wild(state);
	uint64_t a = wild(state), b = wild(state), c = wild(state), d = wild(state);

	/*
	 * Ends, text on the console and vCPUs that start in the middle of nowhere are other tests'.
	 * ppc64 passes 16 bits of the number on.
	 */
	unsigned call = nr & 0xffff;
	if (call == TENURE_end || call == TENURE_console || call == TENURE_vcpu_start)
		return;
	(void)me;
	if (call == TENURE_stats_page) /* it would write over the guest's own code */
		a = SCRATCH + a % SCRATCH_BYTES;
	(void)hypercall(nr, a, b, c, d);
}

/* All but the memory that the guest runs in: its memslot is number 0, and stays. */
static void attack_control(unsigned me, uint64_t *state)
{
	uint64_t nr = TENURE_drop + draw(state) % (TENURE_zap + 1 - TENURE_drop);
	uint64_t at = SCRATCH + draw(state) % SCRATCH_BYTES / PAGE * PAGE;
	uint64_t most = (SCRATCH + SCRATCH_BYTES - at) / PAGE;
	uint64_t bytes = (1 + draw(state) % most) * PAGE;

	(void)me;
	switch (nr) {
	case TENURE_slot_create:
		(void)hypercall(nr, wild(state) | 4ull << 30, bytes, draw(state) & 1,
				draw(state) & 3);
		break;
	case TENURE_slot_delete:
	case TENURE_slot_move:
		(void)hypercall(nr, 1 + draw(state) % 20, wild(state) | 4ull << 30, 0, 0);
		break;
	case TENURE_step:
	case TENURE_step_end: break; /* words on the console */
	case TENURE_storm: (void)hypercall(nr, at, bytes, draw(state) % 1000, 0); break;
	default: (void)hypercall(nr, at, bytes, wild(state), wild(state)); break;
	}
}

static uint64_t aim;
static unsigned how;

static void touch(void)
{
	volatile void *at = (volatile void *)(uintptr_t)aim;

	switch (how % 8) {
	case 0: (void)*(volatile uint8_t *)at; break;
	case 1: (void)*(volatile uint16_t *)at; break;
	case 2: (void)*(volatile uint32_t *)at; break;
	case 3: (void)*(volatile uint64_t *)at; break;
	case 4: *(volatile uint8_t *)at = 0x5a; break;
	case 5: *(volatile uint16_t *)at = 0x5a5a; break;
	case 6: *(volatile uint32_t *)at = 0x5a5a5a5a; break;
	default: *(volatile uint64_t *)at = ~0ull; break;
	}
}

/* Behind the RAM, as far as the guest itself maps addresses. */
static void attack_memory(unsigned me, uint64_t *state)
{
	(void)me;
	aim = NOWHERE + draw(state) % NOWHERE_BYTES;
	how = (unsigned)draw(state);
	aim &= ~7ull; /* one that crosses into the next page is x86's end */
	(void)catch_trap(touch);
}

static void look(void)
{
	through_tables(aim);
}

static void jump(void)
{
	((void (*)(void))(uintptr_t)aim)();
}

static void walk(unsigned entry, uint64_t value, uint64_t *state, bool jumps)
{
	root_write(entry, value);
	for (unsigned i = 0; i < 8; i++) {
		uint64_t r = draw(state);

		aim = ((uint64_t)entry << ROOT_SHIFT) + (r & ((1ull << ROOT_SHIFT) - 8));
		(void)catch_trap(jumps && r >> 63 ? jump : look);
	}
	root_write(entry, 0);
}

static unsigned wild_entry(uint64_t *state)
{
	return ROOT_WILD + (unsigned)(draw(state) >> 32) % (ROOT_END - ROOT_WILD);
}

/* The root as a table of every level; a page of the RAM as one, with what lies there as entries. */
static void attack_tables(unsigned me, uint64_t *state)
{
	uint64_t r = draw(state);

	(void)me;
	fill(SCRATCH, PAGE, r);
	for (unsigned i = 0; i < PAGE; i += 8)
		write64(SCRATCH + i,
			table_entry((read64(SCRATCH + i) & TABLE_NOISE) | root_address()));
	walk(wild_entry(state), (r & 1 ? root_address() : SCRATCH) | TABLE_BITS, state, false);
}

static void attack_astray(unsigned me, uint64_t *state)
{
	uint64_t r = draw(state), value = draw(state);

	(void)me;
	if (r % 3 == 0)
		value = DEVICE_ADDRESS | TABLE_BITS;
	else if (r % 3 == 1)
		value = (value & 0xfffffff000ull) | TABLE_BITS;
	walk(wild_entry(state), value, state, true);
}

/* Each time another constant, in another place. */
static void attack_code(unsigned me, uint64_t *state)
{
	uint64_t r = draw(state);
	uint64_t at = SCRATCH + (r >> 8) % (SCRATCH_BYTES - PAGE) / 16 * 16;
	unsigned value = (unsigned)r & 0x7fff;

	code_write(at, value);
	if (((unsigned (*)(void))(uintptr_t)at)() != value)
		wrong++;
	(void)me;
}

static void attack_chaos(unsigned me, uint64_t *state)
{
	aim = SCRATCH + draw(state) % (SCRATCH_BYTES / 2) / 16 * 16;
	for (unsigned i = 0; i < 32; i++)
		write64(aim + 8 * i, draw(state));
	code_written(aim, 256);
	(void)me;
	(void)catch_trap(jump);
}

static void attack_spin(unsigned me, uint64_t *state)
{
	(void)me;
	(void)state;
	spin_for_ever();
}

static void attack_interrupts(unsigned me, uint64_t *state)
{
	interrupt_storm(me, draw(state));
}

static void attack_device(unsigned me, uint64_t *state)
{
	(void)me;
	device_storm(draw(state), draw(state));
}

static const struct {
	const char *word;
	void (*turn)(unsigned me, uint64_t *state);
} attacks[] = {
	{ "calls", attack_calls },   { "control", attack_control },
	{ "memory", attack_memory }, { "tables", attack_tables },
	{ "astray", attack_astray }, { "code", attack_code },
	{ "chaos", attack_chaos },   { "spin", attack_spin },
	{ "device", attack_device }, { "interrupts", attack_interrupts },
};
#define ATTACKS (sizeof attacks / sizeof attacks[0])

static unsigned given[MAX_CPUS]; /* which attack a vCPU has */

static void attack(uint64_t me)
{
	uint64_t state = (seed + me) * 0x9e3779b97f4a7c15ull;

	for (;;) {
		turns[me]++;
		attacks[given[me]].turn((unsigned)me, &state);
	}
}

void guest_main(const char *cmdline)
{
	uint64_t until = (uint64_t)hc_time() + argument(cmdline, "ms", 1000) * 1000000;
	unsigned chosen[ATTACKS], count = 0, vcpus = 1;

	seed = argument(cmdline, "seed", 1);
	print("hostile: %s\n", cmdline);
	if (has_word(cmdline, "interrupts"))
		interrupts_begin();
	for (unsigned i = 0; i < ATTACKS; i++)
		if (has_word(cmdline, attacks[i].word))
			chosen[count++] = i;
	for (unsigned most = (unsigned)argument(cmdline, "vcpus", count + 1);
	     count > 0 && vcpus < most && vcpus < MAX_CPUS; vcpus++) {
		given[vcpus] = chosen[(vcpus - 1) % count];
		report_equal(cpu_run(vcpus, attack, vcpus), 0, "an attack begins");
	}
	while ((uint64_t)hc_time() < until)
		(void)hc_yield();
	for (unsigned id = 1; id < vcpus; id++) {
		print("hostile: %s: %lu turns\n", attacks[given[id]].word,
		      (unsigned long)turns[id]);
		report(turns[id] != 0, "an attack was under way");
	}
	report(vcpus > 1, "there are attacks");
	report_equal(wrong, 0, "written code does what it says");
}
