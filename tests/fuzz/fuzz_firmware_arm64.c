/* SPDX-License-Identifier: BSD-2-Clause */
/* arm64: the firmware's ACPI tables and device tree. The second bit of the first byte chooses. */
#include "arch/arm64/platform.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/tables.h"

const void *platform_memory(uint64_t address, uint64_t bytes)
{
	return tables_memory(address, bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct platform found;
	bool tree = size != 0 && (data[0] & 2) != 0;
	uint64_t root = tables_begin(data, size);

	memset(&found, 0, sizeof(found));
	const char *words =
		tree ? platform_read_tree(root, &found) : platform_read_acpi(root, &found);
	fuzz_check(words == NULL || strlen(words) > 5);
	fuzz_check(found.cpu_count <= ARCH_MAX_CPUS && found.ecam_count <= PLATFORM_MAX_ECAM);
	fuzz_check(found.gicr_count <= PLATFORM_MAX_REDISTRIBUTORS);
	fuzz_check(found.window_count <= PLATFORM_MAX_WINDOWS);
	tables_end();
	return 0;
}
