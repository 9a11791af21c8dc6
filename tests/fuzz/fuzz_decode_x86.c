/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x86: the instruction behind a device access, whatever its bytes, the guest's registers, mode and
 * page tables are; string port accesses; the walk of the guest's own tables.
 */
#define _GNU_SOURCE
#include "tests/unit/x86_guest.h"

#include "tests/fuzz/fuzz.h"

static const uint64_t numbers[] = { 0,
				    1,
				    DEVICE,
				    DATA,
				    DATA + 0xffc,
				    CODE,
				    0xfff,
				    0x1000,
				    0xffff,
				    0xffffffff,
				    UINT64_MAX,
				    TABLES,
				    GUEST_BYTES - 3,
				    UINT64_C(1) << 63,
				    NOT_MAPPED };

static uint64_t some_number(struct fuzz *f)
{
	uint8_t n = (uint8_t)fuzz_take(f, 1);
	unsigned known = sizeof(numbers) / sizeof(numbers[0]);

	if (n >= 0xf0)
		return fuzz_number(f);
	return numbers[n % known] + (n / known & 7);
}

static void choose_mode(struct fuzz *f)
{
	switch (fuzz_take(f, 1) & 7) {
	case 0: mode32(); break;
	case 1: mode16(); break;
	case 2: /* protected mode, paging without PAE */
		mode32();
		v->vmcb.cr0 |= CR0_PG;
		v->vmcb.cr4 = CR4_PSE;
		break;
	case 3: /* with PAE */
		mode32();
		v->vmcb.cr0 |= CR0_PG;
		v->vmcb.cr4 = CR4_PAE;
		break;
	case 4: /* long mode, a 32-bit segment */
		v->vmcb.cs.attributes = 0x89b | SEGMENT_DEFAULT;
		break;
	case 5: v->vmcb.cr4 |= CR4_LA57; break;
	default: break;
	}
}

/* Entries of the tables, and bytes of code and data, anywhere in guest memory. */
static void change_memory(struct fuzz *f)
{
	for (unsigned n = (unsigned)fuzz_take(f, 1) & 15; n-- > 0;) {
		uint64_t at = (TABLES + 8 * fuzz_below(f, 2048)) % (GUEST_BYTES - 8);
		uint64_t entry = 4096 * fuzz_below(f, 20) | fuzz_take(f, 1);
		if ((entry & 7) == 6)
			entry |= fuzz_number(f) << 8;
		put64(at, entry);
	}
}

static void use_port_string(struct fuzz *f)
{
	struct exit out = { .kind = EXIT_HOST };
	unsigned how = (unsigned)fuzz_take(f, 1);

	/* As the processor says it; the bytes at rip may have changed since. */
	v->vmcb.exit_info_1 =
		fuzz_take(f, 2) << 16 | 0x10u << how % 3 | IOIO_STRING | (how & 0x80 ? IOIO_IN : 0);
	decode_port_string(v, &out);
	fuzz_check(out.kind == EXIT_HOST || out.kind == EXIT_IO || out.kind == EXIT_UNHANDLED);
	if (out.kind != EXIT_IO)
		return;
	fuzz_check(out.io.port && out.io.where <= 0xffff);
	fuzz_check(out.io.bytes == 1 || out.io.bytes == 2 || out.io.bytes == 4);
	out.io.value = fuzz_take(f, 4);
	(void)arch_vcpu_io_done(v, &out.io);
}

static void use_device(struct fuzz *f)
{
	struct io_access io = { 0 };
	enum access access = fuzz_take(f, 1) & 1 ? ACCESS_WRITE : ACCESS_READ;
	gpa_t at = gpa(some_number(f));

	/* A read-modify-write is two accesses; RACED asks for the same once more. */
	for (unsigned i = 0; i < 3; i++) {
		enum result r = decode(at, access, &io);
		if (r != OK)
			return;
		fuzz_check(!io.port && io.bytes != 0 && io.bytes <= 8 &&
			   (io.bytes & (io.bytes - 1)) == 0);
		uint64_t rip = v->vmcb.rip;
		io.value = io.write ? io.value : fuzz_take(f, 8);
		r = arch_vcpu_io_done(v, &io);
		if (r != OK)
			return;
		fuzz_check(v->vmcb.rip - rip <= 15 || v->vmcb.rip < 16 || rip > UINT32_MAX - 16);
		access = ACCESS_WRITE;
	}
}

static void walk(struct fuzz *f)
{
	unsigned char bytes[64];
	uint64_t where = 0, at = some_number(f);
	uint32_t error = 0;
	gpa_t out = gpa(0);
	size_t size = 1 + fuzz_below(f, sizeof(bytes));

	enum result r = gwalk(v, at, (enum access)(1u << fuzz_below(f, 3)), &out, &error);
	fuzz_check(r != OK || out.v >> 52 == 0);
	fuzz_check(r != OK || (out.v & PAGE_MASK) == (at & PAGE_MASK));
	memset(bytes, 0, sizeof(bytes));
	(void)gwalk_read(v, at, bytes, size, &where, &error);
	(void)gwalk_write(v, at, bytes, size, &where, &error);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	return setenv("CMOCKA_TEST_ABORT", "1", 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { data, size };
	unsigned how = (unsigned)fuzz_take(&f, 1);

	set_up(NULL);
	choose_mode(&f);
	v->regs[RCX] = some_number(&f);
	v->regs[RSI] = some_number(&f);
	v->regs[RDI] = some_number(&f);
	v->vmcb.rax = some_number(&f);
	v->vmcb.rflags |= fuzz_take(&f, 1) << 3 & (RFLAGS_DF | 0xd5);
	if (how & 8) /* the instruction crosses a page */
		v->vmcb.rip = CODE + 0xff9;
	for (unsigned i = 0; i < 16; i++)
		guest[(v->vmcb.rip + i) % GUEST_BYTES] = (unsigned char)fuzz_take(&f, 1);
	change_memory(&f);
	memory_says = (how & 0xf0) == 0xf0 ? RACED : OK;
	switch (how & 3) {
	case 0: use_port_string(&f); break;
	case 1: walk(&f); break;
	default: use_device(&f); break;
	}
	tear_down(NULL);
	return 0;
}
