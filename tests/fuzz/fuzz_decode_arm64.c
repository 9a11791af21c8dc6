/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arm64: the device access behind an abort, whatever syndrome, instruction and registers say; and
 * the codec of stage-2 entries.
 */
#include "arch/arm64/cpu.h"
#include "tests/unit/arm64_port.h"

#include "tests/fuzz/fuzz.h"

static struct arch_vcpu vcpu;

static void serve(struct fuzz *f)
{
	struct io_access io = { 0 };
	struct s2_fault fault = { .gpa = gpa(fuzz_number(f)) };

	vcpu.esr = fuzz_take(f, 1) & 1 ? (uint64_t)EC_DABT_LOWER << 26 | fuzz_take(f, 4) >> 7
				       : fuzz_take(f, 4);
	vcpu.far = fuzz_number(f);
	fault.table_walk = (vcpu.esr & 0x80) != 0;
	fault.access = vcpu.esr & ISS_WNR ? ACCESS_WRITE : ACCESS_READ;
	uint64_t pc = vcpu.pc;
	for (unsigned i = 0; i < 2; i++) {
		if (arch_vcpu_decode_io(&vcpu, &fault, &io) != OK)
			return;
		fuzz_check(io.bytes != 0 && io.bytes <= 8 && (io.bytes & (io.bytes - 1)) == 0);
		io.value = io.write ? io.value : fuzz_take(f, 8);
		enum result r = arch_vcpu_io_done(&vcpu, &io);
		fuzz_check(r == OK);
		fuzz_check(arch_vcpu_io_done(&vcpu, &io) == BAD_ARGUMENT);
		if (vcpu.pc != pc)
			break;
	}
	fuzz_check(vcpu.pc == pc + 4); /* a pair is two accesses, all others one */
}

static void registers(struct fuzz *f)
{
	unsigned crm = (unsigned)fuzz_take(f, 1) & 15, op2 = (unsigned)fuzz_take(f, 1) & 7;

	(void)idreg_allowed(crm, op2, fuzz_take(f, 8), 32 + (unsigned)fuzz_below(f, 17));
	uint64_t pstate = fuzz_take(f, 4);
	(void)inject_pstate(pstate, fuzz_take(f, 4));
	fuzz_check(inject_offset(pstate) < 0x800);
}

/* A leaf that was made says what it was made of; any entry can be decoded. */
static void entries(struct fuzz *f)
{
	unsigned level = (unsigned)fuzz_below(f, 3);
	pfn_t n = pfn(fuzz_take(f, 4) >> 2 & ~((UINT64_C(1) << 9 * level) - 1));
	uint32_t attrs = (uint32_t)fuzz_take(f, 1) & 0x3f;

	attrs |= S2_TYPE(fuzz_take(f, 1) & 3);
	struct s2_entry e = arch_s2_decode(level, arch_s2_leaf(level, n, attrs));
	fuzz_check(e.kind == S2_LEAF && e.pfn.v == n.v);
	fuzz_check(S2_TYPE_OF(e.attrs) == S2_TYPE_OF(attrs));
	fuzz_check(((e.attrs ^ attrs) & (S2_WRITE | S2_COUNTED | S2_MAY_WRITE)) == 0);
	e = arch_s2_decode(1, arch_s2_table(0, n));
	fuzz_check(e.kind == S2_TABLE && e.below == 0 && e.pfn.v == n.v);
	(void)arch_s2_decode(level, fuzz_take(f, 8));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { data, size };
	unsigned how = (unsigned)fuzz_take(&f, 1);

	memset(&vcpu, 0, sizeof(vcpu));
	for (unsigned i = 0; i < 31; i++)
		vcpu.x[i] = UINT64_C(0x1122334455667700) + i;
	vcpu.pc = PORT_CODE + (how >> 4 & 7) * 4;
	port_unmapped = how & 8;
	port_code[0] = (uint32_t)fuzz_take(&f, 4);
	switch (how & 7) {
	case 0: registers(&f); break;
	case 1: entries(&f); break;
	default:
		/* Let the instruction's base agree with the address now and then. */
		port_sp = vcpu.x[port_code[0] >> 5 & 15] = fuzz_number(&f);
		serve(&f);
		break;
	}
	return 0;
}
