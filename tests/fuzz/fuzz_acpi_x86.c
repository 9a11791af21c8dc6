/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x86: the firmware's ACPI tables. Physical memory is the input behind the first page; its
 * checksums are mended first, since no fuzzer guesses them, unless the first byte says not to.
 */
#include "arch/x86/acpi.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/tables.h"

const void *acpi_memory(uint64_t address, uint64_t bytes)
{
	return tables_memory(address, bytes);
}

/* What the linked files call besides. */
_Noreturn void hv_stop(const char *what, uint64_t pc, uint64_t detail)
{
	fprintf(stderr, "%s (%llx, %llx)\n", what, (unsigned long long)pc,
		(unsigned long long)detail);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct acpi found;
	uint64_t rsdp = tables_begin(data, size);

	memset(&found, 0, sizeof(found));
	const char *words = acpi_read(rsdp, &found);
	fuzz_check(words == NULL || strlen(words) > 5);
	fuzz_check(found.cpu_count <= ARCH_MAX_CPUS && found.ecam_count <= ACPI_MAX_ECAM);
	for (unsigned i = 0; i < found.ecam_count; i++)
		fuzz_check(found.ecam[i].first_bus <= found.ecam[i].last_bus);
	tables_end();
	return 0;
}
