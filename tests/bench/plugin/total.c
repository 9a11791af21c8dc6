/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plugin of QEMU's TCG that counts all instructions of the machine from the first one of a kernel
 * to QEMU's end, whoever executes them: firmware and boot loaders, which come before, do not count.
 *
 *     -plugin total.so,report=FILE,start=ADDRESS,code=HEX[,low=ADDRESS,high=ADDRESS]
 *
 * `start` is the kernel's first instruction, an effective address, and `code` the bytes that lie
 * there: other code at the same address, before the kernel is loaded, is not taken for it. What is
 * executed at addresses [low, high), the hypervisor's text, is counted by instruction too. FILE
 * gets "total N", then "ADDRESS N" for each instruction of that range that was executed.
 *
 * The counters are plain: the emulator must run all processors on one thread, as it does with
 * -icount and with -accel tcg,thread=single.
 */
#include "tests/bench/plugin/qemu.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODE_BYTES 64
#define TEXT_BYTES (16u << 20)

int qemu_plugin_version = 1;

static struct {
	const char *report;
	uint64_t start;
	uint8_t code[CODE_BYTES];
	size_t code_bytes;
	uint64_t low, high;
} given;

static uint64_t executed;
static uint64_t *by_address; /* of [low, high), a counter a byte */
static bool began;

/* The kernel's first instruction: what was counted before it is forgotten, once. */
static void begin(unsigned vcpu, void *data)
{
	(void)vcpu, (void)data;
	if (began)
		return;
	began = true;
	executed = 0;
	if (by_address != NULL)
		memset(by_address, 0, (given.high - given.low) * sizeof *by_address);
}

/* Do the block's instructions from `first` on agree with `code`, as far as both go? */
static bool is_start(const struct qemu_plugin_tb *tb, size_t first)
{
	size_t known = 0;

	if (qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, first)) != given.start)
		return false;
	for (size_t i = first; i < qemu_plugin_tb_n_insns(tb) && known < given.code_bytes; i++) {
		const struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		size_t size = qemu_plugin_insn_size(insn);

		if (size > given.code_bytes - known)
			size = given.code_bytes - known;
		if (memcmp(qemu_plugin_insn_data(insn), given.code + known, size) != 0)
			return false;
		known += size;
	}
	return true;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t at = qemu_plugin_insn_vaddr(insn);

		if (!began && is_start(tb, i))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, begin, QEMU_PLUGIN_CB_NO_REGS,
							       NULL);
		qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64,
							   &executed, 1);
		if (at >= given.low && at < given.high)
			qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64,
								   &by_address[at - given.low], 1);
	}
}

/* No file, no figure: whoever started QEMU sees by that that the kernel was never entered. */
static void end(qemu_plugin_id_t id, void *data)
{
	FILE *file;

	(void)id, (void)data;
	if (!began)
		return;
	file = fopen(given.report, "w");
	if (file == NULL) {
		perror(given.report);
		return;
	}
	(void)fprintf(file, "total %" PRIu64 "\n", executed);
	for (uint64_t at = given.low; at < given.high; at++)
		if (by_address[at - given.low] != 0)
			(void)fprintf(file, "0x%" PRIx64 " %" PRIu64 "\n", at,
				      by_address[at - given.low]);
	if (fclose(file) != 0)
		perror(given.report);
}

/* ---- The arguments -----------------------------------------------------------------------------
 */

static bool read_number(const char *text, uint64_t *value)
{
	char *rest;

	errno = 0;
	*value = strtoull(text, &rest, 0);
	return errno == 0 && rest != text && *rest == '\0';
}

static bool read_code(const char *text)
{
	size_t length = strlen(text);
	unsigned byte;

	if (length == 0 || length % 2 != 0 || length / 2 > CODE_BYTES)
		return false;
	for (size_t i = 0; i < length / 2; i++) {
		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return false;
		given.code[i] = (uint8_t)byte;
	}
	given.code_bytes = length / 2;
	return true;
}

static bool read_argument(const char *word)
{
	if (strncmp(word, "report=", 7) == 0) {
		given.report = strdup(word + 7);
		return given.report != NULL;
	}
	if (strncmp(word, "start=", 6) == 0)
		return read_number(word + 6, &given.start);
	if (strncmp(word, "code=", 5) == 0)
		return read_code(word + 5);
	if (strncmp(word, "low=", 4) == 0)
		return read_number(word + 4, &given.low);
	if (strncmp(word, "high=", 5) == 0)
		return read_number(word + 5, &given.high);
	return false;
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++)
		if (!read_argument(argv[i])) {
			(void)fprintf(stderr, "total.so: %s cannot be understood\n", argv[i]);
			return 1;
		}
	if (given.report == NULL || given.code_bytes == 0 || given.low > given.high ||
	    given.high - given.low > TEXT_BYTES) {
		(void)fprintf(stderr, "total.so: it wants report=, start=, code=, and at most "
				      "16 MiB between low= and high=\n");
		return 1;
	}
	if (given.high > given.low) {
		by_address = calloc(given.high - given.low, sizeof *by_address);
		if (by_address == NULL) {
			perror("total.so");
			return 1;
		}
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, end, NULL);
	return 0;
}
