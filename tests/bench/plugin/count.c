/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plugin of QEMU's TCG that counts executed instructions and tells those who ask, for powernv,
 * where -icount ends QEMU. Who asks executes the marker and then stores somewhere: the plugin sees
 * by that store which memory it is, and writes the count there, so that the loads that follow find
 * it. It writes through the file that is the machine's RAM. QEMU's words for it are
 *
 *     -object memory-backend-file,id=ram,share=on,mem-path=FILE,size=SIZE
 *     -machine memory-backend=ram -accel tcg,thread=single -plugin count.so,ram=FILE
 *
 * All CPUs share a thread, and one that waits (`or 27, 27, 27` in each turn of its loop) gives it
 * to the next: how many turns that are depends on the others and on the wall's clock. So what comes
 * between two waits is counted only if it is more than such a turn.
 */
#include "tests/bench/plugin/qemu.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int qemu_plugin_version = 1;

/* `xori 26, 26, 0` as a little-endian processor has it in memory. `or 26, 26, 26` and its like are
 * hints, at which QEMU leaves its block. */
static const uint8_t marker[4] = { 0x00, 0x00, 0x5a, 0x6b };

/* A turn of a loop that waits. */
static const uint8_t wait[4] = { 0x78, 0xdb, 0x7b, 0x7f };

/* Instructions; an exit and an entry of the hypervisor's are more. */
#define TURN_MAX 64u

static uint64_t executed, waited;
static uint8_t *ram;
static uint64_t ram_bytes;

/*
 * Where the RAM begins among QEMU's memories, which it numbers one after another (the firmware's
 * has come before). The first to ask is the hypervisor, in real mode: its effective address is the
 * RAM's own.
 */
static uint64_t begins(uint64_t address, uint64_t effective)
{
	static uint64_t begin;
	static bool known;

	if (!known)
		begin = address - effective;
	known = true;
	return begin;
}

static void tell(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data)
{
	const struct qemu_plugin_hwaddr *address = qemu_plugin_get_hwaddr(info, vaddr);

	(void)vcpu, (void)data;
	if (address == NULL || qemu_plugin_hwaddr_is_io(address))
		return;
	uint64_t at = qemu_plugin_hwaddr_phys_addr(address);
	at -= begins(at, vaddr);
	uint64_t count = executed - waited;
	if (at < ram_bytes && ram_bytes - at >= sizeof count)
		memcpy(ram + at, &count, sizeof count);
}

static void waits(unsigned vcpu, void *data)
{
	static uint64_t before;

	(void)vcpu, (void)data;
	if (executed - before <= TURN_MAX)
		waited += executed - before;
	before = executed;
}

static bool is(const struct qemu_plugin_insn *insn, const uint8_t *word)
{
	return qemu_plugin_insn_size(insn) == 4 &&
	       memcmp(qemu_plugin_insn_data(insn), word, 4) == 0;
}

/* The store must be in the marker's block; a page's end between them would part the two. */
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);
	bool marked = false;

	(void)id;
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64,
							   &executed, 1);
		if (marked)
			qemu_plugin_register_vcpu_mem_cb(insn, tell, QEMU_PLUGIN_CB_NO_REGS,
							 QEMU_PLUGIN_MEM_W, NULL);
		if (is(insn, wait))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, waits, QEMU_PLUGIN_CB_NO_REGS,
							       NULL);
		marked = is(insn, marker);
	}
}

static bool map_ram(const char *path)
{
	int file = open(path, O_RDWR | O_CLOEXEC);
	struct stat found;
	void *place;

	if (file < 0 || fstat(file, &found) != 0 || found.st_size <= 0) {
		perror(path);
		return false;
	}
	place = mmap(NULL, (size_t)found.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	(void)close(file);
	if (place == MAP_FAILED) {
		perror(path);
		return false;
	}
	ram = place;
	ram_bytes = (uint64_t)found.st_size;
	return true;
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "ram=", 4) != 0) {
		(void)fprintf(stderr, "count.so: its one argument is ram=FILE\n");
		return 1;
	}
	if (!map_ram(argv[0] + 4))
		return 1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
