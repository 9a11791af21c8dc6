/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory as the hypervisor itself reads and writes it: across pages, over memory that is not
 * there yet, and each refusal; and the marks that a use leaves in a COUNTED frame's record, and in
 * no other's (F7, S3, I4).
 */
#define _GNU_SOURCE
#include "tests/unit/hv_run.h"

#include "hv/slot.h"
#include "mm/frame.h"
#include "mm/grace.h"

#define FAR UINT64_C(0x140000000)
#define AREA UINT64_C(0x200000)
#define SHOWN UINT64_C(0x150000000)
#define KIB4 UINT64_C(0x1000)
#define POOL "gfx: graphics { driver = \"pool\"; order = <2>; };"
#define POOL_SLOT "memslot@150000000 { gpa = /bits/ 64 <0x150000000>; device = <&gfx>; };"
#define SMALL "huge-pages = \"off\";"

static uint32_t marks_of(struct vm *vm, uint64_t at)
{
	struct follow_answer a;
	if (vm_peek(vm, gpa(at), &a) != OK || a.class != FRAME_COUNTED)
		return UINT32_MAX;
	return atomic_load(&frame_of(a.pfn)->marks);
}

/* Nothing is there at first: a write brings memory, a read of the rest finds zeros. */
static bool across_pages(struct vm *vm)
{
	unsigned char data[3 * PAGE_SIZE], back[3 * PAGE_SIZE];

	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 7 + i / 251);
	if (vm_write(vm, gpa(AREA + 100), data, sizeof(data)) != OK ||
	    vm_read(vm, gpa(AREA + 100), back, sizeof(back)) != OK)
		return false;
	if (memcmp(data, back, sizeof(data)) != 0)
		return false;
	return vm_read(vm, gpa(AREA), back, 100) == OK && back[0] == 0 && back[99] == 0;
}

static bool nothing_at_all(struct vm *vm)
{
	return vm_read(vm, gpa(FAR), NULL, 0) == OK && vm_write(vm, gpa(FAR), "", 0) == OK;
}

/* Each byte is brought in line with a guest's view of it, before a read and after a write. */
static bool in_sync(struct vm *vm)
{
	unsigned char data[2 * PAGE_SIZE] = { 1 };
	uint64_t written = fake_sync.written, read = fake_sync.read;

	if (vm_write(vm, gpa(AREA + 100), data, sizeof(data)) != OK ||
	    fake_sync.written != written + sizeof(data) || fake_sync.read != read)
		return false;
	return vm_read(vm, gpa(AREA + 100), data, sizeof(data)) == OK &&
	       fake_sync.written == written + sizeof(data) && fake_sync.read == read + sizeof(data);
}

static void copies(void **state)
{
	(void)state;
	static const struct step script[] = { DO(across_pages), DO(nothing_at_all), DO(in_sync),
					      END };
	run_well(&(struct run){ .script = script, .host = SMALL });
	run_well(&(struct run){ .script = script });
}

/* The guest sees what the hypervisor wrote, and the other way round. */
static bool write_word(struct vm *vm)
{
	uint64_t word = 0x1122334455667788;
	return hv_guest_write(vm->vcpus[0], gpa(AREA + KIB4 - 4), &word, sizeof(word)) == OK;
}

static bool read_word(struct vm *vm)
{
	uint64_t word = 0;
	return hv_guest_read(vm->vcpus[0], gpa(AREA + 0x3ffc), &word, sizeof(word)) == OK &&
	       word == 0x0000000200000001;
}

static void shared_with_the_guest(void **state)
{
	(void)state;
	static const struct step script[] = { DO(write_word),
					      READ(AREA + KIB4 - 4, 4, 0x55667788),
					      READ(AREA + KIB4, 4, 0x11223344),
					      WRITE(AREA + 0x3ffc, 4, 1),
					      WRITE(AREA + 0x4000, 4, 2),
					      DO(read_word),
					      END };
	run_well(&(struct run){ .script = script, .host = SMALL });
}

static bool refusals(struct vm *vm)
{
	unsigned char bytes[16] = { 0 };

	return vm_read(vm, gpa(FAR), bytes, 1) == NO_MEMSLOT &&
	       vm_write(vm, gpa(FAR), bytes, 1) == NO_MEMSLOT &&
	       /* the last page of RAM, and beyond it */
	       vm_read(vm, gpa(0x400000 - 8), bytes, 8) == OK &&
	       vm_read(vm, gpa(0x400000 - 8), bytes, 16) == NO_MEMSLOT &&
	       vm_read(vm, gpa(UINT64_MAX - 3), bytes, 16) == NO_MEMSLOT;
}

static bool read_only_refusals(struct vm *vm)
{
	unsigned char byte = 1;

	return vm_write(vm, gpa(FAR), &byte, 1) == READONLY_MEMSLOT &&
	       vm_read(vm, gpa(FAR), &byte, 1) == OK && byte == 0 &&
	       !vm_slot_writable(vm, gfn(FAR >> PAGE_SHIFT)) &&
	       vm_slot_writable(vm, gfn(AREA >> PAGE_SHIFT)) &&
	       !vm_slot_writable(vm, gfn(UINT64_C(0x160000000) >> PAGE_SHIFT));
}

static bool forbidden(struct vm *vm)
{
	unsigned char byte = 1;

	return vm_write(vm, gpa(AREA), &byte, 1) == NO_PERMISSION &&
	       vm_read(vm, gpa(AREA), &byte, 1) == OK;
}

static void refused(void **state)
{
	(void)state;
	static const struct step script[] = {
		DO(refusals),		CALL(slot_create, FAR, KIB4, 0, 1, 1),
		DO(read_only_refusals), CALL(protect, AREA, KIB4, 1, 0, 0),
		DO(forbidden),		END,
	};
	run_well(&(struct run){ .script = script, .host = SMALL });
}

static bool marks_by_reading(struct vm *vm)
{
	unsigned char byte;
	return vm_read(vm, gpa(AREA), &byte, 1) == OK && marks_of(vm, AREA) == FRAME_YOUNG;
}

static bool marks_by_writing(struct vm *vm)
{
	unsigned char byte = 1;
	return vm_write(vm, gpa(AREA), &byte, 1) == OK &&
	       marks_of(vm, AREA) == (FRAME_YOUNG | FRAME_DIRTY);
}

/* Frames of the pool are in RAM, and have no count and no marks. */
static bool no_marks(struct vm *vm)
{
	unsigned char byte = 1;
	struct follow_answer a;

	return vm_write(vm, gpa(SHOWN), &byte, 1) == OK &&
	       vm_read(vm, gpa(SHOWN), &byte, 1) == OK && byte == 1 &&
	       vm_peek(vm, gpa(SHOWN), &a) == OK && a.class == FRAME_UNCOUNTED &&
	       atomic_load(&frame_of(a.pfn)->marks) == 0;
}

static bool taken_away(struct vm *vm)
{
	unsigned char byte;
	return vm_read(vm, gpa(SHOWN), &byte, 1) == NO_BACKING;
}

static void marks(void **state)
{
	(void)state;
	static const struct step script[] = { DO(marks_by_reading), DO(marks_by_writing),
					      DO(no_marks),	    CALL(owner_take, 0, 0, 0, 0, 0),
					      DO(taken_away),	    END };
	run_well(&(struct run){
		.script = script, .host = SMALL, .devices = POOL, .slots = POOL_SLOT });
}

/* ---- P2, M12: the frame is used under the lock that keeps its entry -----------------------------
 */

static struct vm *dropping;

/* Whoever has let the space's lock go may find the page taken away at once. */
static void drop_at_unlock(const char *name, const void *object)
{
	hva_t there;

	if (strcmp(name, "unlock") != 0 || object != &dropping->space.lock)
		return;
	env_step = NULL;
	grace_enter();
	there = slot_hva(slot_find(dropping, gfn(AREA >> PAGE_SHIFT)), gfn(AREA >> PAGE_SHIFT));
	grace_leave();
	if (space_drop(&dropping->space, hva_range(there, KIB4), NOTICE_TRY) != OK)
		abort();
}

static bool used_under_the_lock(struct vm *vm)
{
	unsigned char byte = 1;

	dropping = vm;
	for (unsigned i = 0; i < 2; i++) {
		if (vm_write(vm, gpa(AREA), &byte, 1) != OK)
			return false;
		env_step = drop_at_unlock;
		enum result r = i == 0 ? vm_write(vm, gpa(AREA), &byte, 1)
				       : vm_read(vm, gpa(AREA), &byte, 1);
		if (r != OK || env_step != NULL)
			return false;
	}
	return true;
}

static void used(void **state)
{
	(void)state;
	static const struct step script[] = { DO(used_under_the_lock), END };
	run_well(&(struct run){ .script = script, .host = SMALL });
}

/* A peek brings nothing in. */
static bool peeks(struct vm *vm)
{
	struct follow_answer a;

	return vm_peek(vm, gpa(AREA), &a) == NO_BACKING &&
	       vm_peek(vm, gpa(FAR), &a) == NO_MEMSLOT && vm_peek(vm, gpa(AREA), &a) == NO_BACKING;
}

static void peeked(void **state)
{
	(void)state;
	static const struct step script[] = { DO(peeks), END };
	run_well(&(struct run){ .script = script });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies),  cmocka_unit_test(shared_with_the_guest),
		cmocka_unit_test(refused), cmocka_unit_test(marks),
		cmocka_unit_test(peeked),  cmocka_unit_test(used),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
