/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole hypervisor with two VMs that do what the input says: hypercalls, accesses, ports,
 * halts, further vCPUs; and an operator who types what it says. It must end without a broken
 * assertion, and with every frame back. Each input meets a hypervisor whose variables are as they
 * were at the program's start (tests/fuzz/sections.h).
 */
#define _GNU_SOURCE
#include <setjmp.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/hv_run.h"
#include "tests/unit/pci_devices.h"

#define OPS 400u /* of all guests together; then each ends its VM */
#define TYPED 400u
#define IDLE_MOST 1000u

/* From the linker: where the hypervisor's variables begin and end. */
extern unsigned char __start_hv_zeroed[], __stop_hv_zeroed[], __start_hv_data[], __stop_hv_data[];

static const char source[] =
	"/dts-v1/;\n/ { compatible = \"tenure,config-1\"; host { pool = \"1M\"; };"
	"devices { shared: shared { driver = \"ivshmem\"; bar = <2>; };"
	"          pool: pool { driver = \"pool\"; order = <4>; }; };"
	"vms { a { memory = \"4M\"; vcpus = <3>; kernel = \"k\"; host-control; clock;"
	"memslot@8000000 { gpa = <0x8000000>; device = <&shared>; size = \"64K\"; };"
	"memslot@9000000 { gpa = <0x9000000>; device = <&pool>; read-only-first; }; };"
	"b { memory = \"2M\"; vcpus = <1>; kernel = \"k\"; }; }; };\n";

static unsigned char config_tree[8192];
static uint64_t config_bytes;
static unsigned char *kept; /* of hv_data */
static jmp_buf over;
static struct fuzz input;
static unsigned ops_left, idle;
static char typed[TYPED + 1];

static const uint64_t places[] = { 0x0,	      0x1000,	  0x9f000,    0x100000,
				   0x1ff000,  0x200000,	  0x3ff000,   0x400000,
				   0x8000000, 0x8003000,  0x9000000,  0x9004000,
				   0xa000000, 0xfee00000, 0xffe00000, 0x100000000 };

static uint64_t some_gpa(void)
{
	uint8_t n = (uint8_t)fuzz_take(&input, 1);

	if (n >= 0xf8)
		return fuzz_number(&input);
	return places[n & 15] + (n >> 4) * (n & 0x80 ? 8u : PAGE_SIZE);
}

/* A hypercall's argument, by what it most likely is. */
static uint64_t some_argument(void)
{
	uint8_t n = (uint8_t)fuzz_take(&input, 1);

	switch (n >> 6) {
	case 0: return n & 63;
	case 1: return PAGE_SIZE * (n & 63);
	case 2: return some_gpa();
	default: return fuzz_number(&input);
	}
}

static struct fake_op call_of(uint64_t nr)
{
	struct fake_op op = { .kind = FAKE_CALL, .where = nr };

	for (unsigned i = 0; i < HYPERCALL_ARGS; i++)
		op.arg[i] = some_argument();
	if (nr == TENURE_vcpu_start) {
		op.arg[0] &= 3;
		op.arg[1] = op.arg[1] & 1 ? RUN_SECOND : op.arg[1];
	}
	if (nr == TENURE_storm)
		op.arg[2] &= 31;
	return op;
}

static void next_op(void *context, struct fake_op *op)
{
	uint8_t n = (uint8_t)fuzz_take(&input, 1);

	(void)context;
	fake_time_advance(1000);
	if (input.left == 0 || ops_left == 0) {
		*op = (struct fake_op){ .kind = FAKE_CALL, .where = TENURE_end };
		return;
	}
	ops_left--;
	switch (n & 7) {
	case 0: /* an access by port */
		*op = (struct fake_op){ .kind = FAKE_PORT,
					.bytes = (uint8_t)(1u << (n >> 3 & 3) & 7 ?: 4),
					.write = n >> 5 & 1,
					.where = fuzz_take(&input, 2) };
		op->value = fuzz_take(&input, 1);
		break;
	case 1:
	case 2:
	case 3: /* of memory */
		*op = (struct fake_op){ .kind = (n & 7) == 1   ? FAKE_READ
						: (n & 7) == 2 ? FAKE_WRITE
							       : FAKE_EXEC,
					.bytes = (uint8_t)(1u << (n >> 3 & 3)),
					.value = n };
		op->where = some_gpa() & ~UINT64_C(7);
		if (op->kind == FAKE_EXEC && (n >> 3 & 7) != 0) /* elsewhere it ends the VM */
			op->where &= 0x1ff000;
		break;
	case 4:
		*op = n >> 3 == 31 ? (struct fake_op){ .kind = FAKE_TRIPLE }
				   : (struct fake_op){ .kind = FAKE_HALT };
		break;
	default: *op = call_of(fuzz_take(&input, 1) & (n >> 3 == 31 ? 255 : 31)); break;
	}
	op->user = n >> 3 == 30;
}

/* What the operator types: mostly the monitor's commands. */
static void type_something(void)
{
	static const char *const words[] = {
		"\x1d",	       "help\r",   "vms\r",	"vcpus a\r", "slots\r",	   "why ",
		"a 100",       "b 0",	   "frame 200", "s2 8000",   "census\r",   "consumers\r",
		"notices b\r", "stats\r",  "trace\r",	"trace 3",   "trace dump", "pci\r",
		"devices\r",   "stop a\r", "start a\r", "kill b\r",  "focus b\r",  "explain on\r",
		"go\r",	       "quit\r",   "\r",
	};
	size_t length = 0;

	for (unsigned n = (unsigned)fuzz_take(&input, 1) & 31; n-- > 0;) {
		uint8_t byte = (uint8_t)fuzz_take(&input, 1);
		const char raw[2] = { (char)byte, '\0' };
		const char *word = byte < sizeof(words) / sizeof(words[0]) ? words[byte] : raw;
		size_t bytes = strlen(word);
		if (bytes > TYPED - length)
			break;
		memcpy(typed + length, word, bytes);
		length += bytes;
	}
	typed[length] = '\0';
	fake_console_type(typed);
}

/*
 * Called for arch_cpu_idle (--wrap). When all guests wait for what never comes, or are stopped, the
 * operator ends it; and that must work.
 */
void __real_arch_cpu_idle(void);
void __wrap_arch_cpu_idle(void);
void __wrap_arch_cpu_idle(void)
{
	static const char quit[] = "\r\x1d\rquit\r\x1d\rquit\r";

	if (++idle == IDLE_MOST)
		fake_console_type(quit);
	if (idle == 2 * IDLE_MOST) {
		fprintf(stderr, "%s\nit does not end\n", fake_console());
		abort();
	}
	__real_arch_cpu_idle();
}

/* Called for arch_console_put: a guest's NUL would end what the fake shows of the console. */
void __real_arch_console_put(char c);
void __wrap_arch_console_put(char c);
void __wrap_arch_console_put(char c)
{
	__real_arch_console_put(c != '\0' ? c : '?');
}

/* ---- One run --------------------------------------------------------------------------------- */

/* Not memcpy: between variables lie ASan's red zones. */
__attribute__((no_sanitize("address", "coverage"))) static void copy(unsigned char *to,
								     const unsigned char *from,
								     size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		((volatile unsigned char *)to)[i] = from != NULL ? from[i] : 0;
}

/* The last line that ends before `end`: the hypervisor's; others are a guest's or the operator's.
 */
static const char *line_before(const char *text, const char *end)
{
	const char *at = end - text < 2 ? NULL : memrchr(text, '\n', (size_t)(end - text) - 1);

	return at != NULL ? at + 1 : text;
}

static bool begins(const char *line, const char *words)
{
	return strncmp(line, words, strlen(words)) == 0;
}

static void ended(enum arch_end how, unsigned status)
{
	const char *text = fake_console();
	const char *last = line_before(text, text + strlen(text));
	const char *census = line_before(text, last);

	if (how == ARCH_END_HALT || !begins(last, "tenure: end status=") ||
	    strstr(last, "cannot-start") != NULL || strstr(last, "bad-input") != NULL ||
	    (begins(census, "tenure: census: ") && strstr(census, "every frame is back") == NULL)) {
		fprintf(stderr, "%s\nended with status %u\n", text, status);
		abort();
	}
	if (getenv("FUZZ_SHOW") != NULL)
		fprintf(stderr, "%s\n", text);
	longjmp(over, 1);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	size_t bytes = (size_t)(__stop_hv_data - __start_hv_data);

	(void)argc, (void)argv;
	config_bytes = dtc_compile(source, config_tree, sizeof(config_tree));
	fuzz_check(config_bytes != 0);
	kept = malloc(bytes);
	fuzz_check(kept != NULL);
	copy(kept, __start_hv_data, bytes);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint64_t pages = (RUN_LOADER + 20 * RUN_MIB) / PAGE_SIZE;

	input = (struct fuzz){ data, size };
	ops_left = OPS;
	idle = 0;
	copy(__start_hv_zeroed, NULL, (size_t)(__stop_hv_zeroed - __start_hv_zeroed));
	copy(__start_hv_data, kept, (size_t)(__stop_hv_data - __start_hv_data));
	env_ram(hpa_to_pfn(hpa(RUN_BASE)), pages);
	env_cpu(0);
	fake_reset(&(struct fake_config){ .cpus = 1, .auto_time = true });
	fake_end = ended;
	pci_add_shared();
	fake_program(gpa(RUN_ENTRY), next_op, NULL);
	fake_program(gpa(RUN_SECOND), next_op, NULL);
	type_something();
	memcpy(arch_linear(hpa(RUN_BASE)), config_tree, config_bytes);
	run_hand_over(config_bytes, pages);
	if (setjmp(over) == 0)
		hv_main(&run_boot);
	return 0;
}
