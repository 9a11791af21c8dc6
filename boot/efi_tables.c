/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What only the firmware knows: ACPI and device-tree tables, the screen, and the memory map, which
 * is final only once the boot services have ended. UEFI 2.10, 4.6, 12.9 and 7.2.
 */
#include "boot/efi_app.h"

#include "boot/bytes.h"
#include "boot/fill.h"
#include "boot/memmap.h"

#define DEVICE_TREE_GUID                                               \
	{                                                              \
		0xb1b621d5, 0xf19c, 0x41a5,                            \
		{                                                      \
			0x83, 0x0b, 0xd9, 0x15, 0x2c, 0x69, 0xaa, 0xe0 \
		}                                                      \
	}
#define SLACK_RANGES 32u
#define EXIT_ATTEMPTS 8u

static bool same_guid(const EFI_GUID *a, const EFI_GUID *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static uint64_t table_of(EFI_GUID guid)
{
	for (UINTN i = 0; i < efi_system->NumberOfTableEntries; i++) {
		const EFI_CONFIGURATION_TABLE *t = &efi_system->ConfigurationTable[i];

		if (same_guid(&t->VendorGuid, &guid))
			return (uint64_t)(uintptr_t)t->VendorTable;
	}
	return 0;
}

void efi_find_tables(struct bootinfo *info)
{
	info->rsdp = table_of((EFI_GUID)ACPI_20_TABLE_GUID);
	if (info->rsdp == 0)
		info->rsdp = table_of((EFI_GUID)ACPI_TABLE_GUID);
	info->fdt = table_of((EFI_GUID)DEVICE_TREE_GUID);
}

/* The screens that have a linear framebuffer are those of 32-bit pixels, red and blue either way.
 */
static bool take_framebuffer(const EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE *mode,
			     struct boot_framebuffer *fb)
{
	const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *m;

	if (mode == NULL || mode->Info == NULL || mode->FrameBufferBase == 0)
		return false;
	m = mode->Info;
	if (m->PixelFormat != PixelBlueGreenRedReserved8BitPerColor &&
	    m->PixelFormat != PixelRedGreenBlueReserved8BitPerColor)
		return false;
	fb->base = mode->FrameBufferBase;
	fb->size = mode->FrameBufferSize;
	fb->width = m->HorizontalResolution;
	fb->height = m->VerticalResolution;
	fb->stride = m->PixelsPerScanLine * 4;
	fb->bpp = 32;
	return true;
}

void efi_find_framebuffer(struct bootinfo *info)
{
	EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
	EFI_BOOT_SERVICES *boot = efi_system->BootServices;
	EFI_HANDLE *handles;
	UINTN count;
	bool found = false;

	if (boot->LocateHandleBuffer(ByProtocol, &guid, NULL, &count, &handles) != EFI_SUCCESS)
		return;
	for (UINTN i = 0; i < count && !found; i++) {
		void *gop;

		if (boot->HandleProtocol(handles[i], &guid, &gop) == EFI_SUCCESS)
			found = take_framebuffer(((EFI_GRAPHICS_OUTPUT_PROTOCOL *)gop)->Mode,
						 &info->framebuffer);
	}
	(void)boot->FreePool(handles);
}

/* ---- The memory map ---- */

static struct {
	char *buffer;
	UINTN room; /* bytes of buffer */
	UINTN bytes;
	UINTN key;
	UINTN step; /* bytes from one descriptor to the next */
	struct boot_range *raw;
	uint32_t raw_room;
} map;

static EFI_STATUS get_map(void)
{
	UINT32 version;

	map.bytes = map.room;
	return efi_system->BootServices->GetMemoryMap(
		&map.bytes, (EFI_MEMORY_DESCRIPTOR *)map.buffer, &map.key, &map.step, &version);
}

static enum boot_mem_kind kind_of(uint32_t type)
{
	switch (type) {
	case EfiConventionalMemory:
	case EfiLoaderCode:
	case EfiBootServicesCode:
	case EfiBootServicesData: return BOOT_MEM_USABLE;
	case EfiLoaderData: return BOOT_MEM_LOADER;
	case EfiRuntimeServicesCode:
	case EfiRuntimeServicesData: return BOOT_MEM_FIRMWARE;
	case EfiACPIReclaimMemory:
	case EfiACPIMemoryNVS: return BOOT_MEM_ACPI;
	default: return BOOT_MEM_RESERVED;
	}
}

static void convert_map(struct bootinfo *info)
{
	uint32_t n = 0;

	for (UINTN at = 0; at + map.step <= map.bytes && n < map.raw_room; at += map.step) {
		EFI_MEMORY_DESCRIPTOR d;

		memcpy(&d, map.buffer + at, sizeof(d));
		map.raw[n++] = (struct boot_range){
			.base = d.PhysicalStart,
			.size = d.NumberOfPages > MEMMAP_LIMIT / BOOT_PAGE
					? MEMMAP_LIMIT
					: d.NumberOfPages * BOOT_PAGE,
			.kind = (uint32_t)kind_of(d.Type),
		};
	}
	fill_set_memory(info, map.raw, n);
}

uint64_t efi_prepare_memory_map(struct bootinfo *info)
{
	const char *what = "the memory map";
	uint64_t ranges;

	if (get_map() != EFI_BUFFER_TOO_SMALL || map.step < sizeof(EFI_MEMORY_DESCRIPTOR))
		efi_stop(what, "the firmware does not tell its size");
	ranges = map.bytes / map.step + SLACK_RANGES;
	map.room = ranges * map.step;
	map.buffer = (char *)(uintptr_t)efi_pages(map.room / BOOT_PAGE + 1, what);
	map.raw_room = (uint32_t)ranges;
	map.raw = (struct boot_range *)(uintptr_t)efi_pages(
		ranges * sizeof(struct boot_range) / BOOT_PAGE + 1, what);
	if (get_map() != EFI_SUCCESS)
		efi_stop(what, "the firmware does not give it");
	convert_map(info);
	return memmap_top(info->ranges, info->range_count);
}

/*
 * The map may change between the two calls, by a timer of the firmware's: then the key is stale,
 * ExitBootServices refuses, and both are made again (UEFI 2.10, 7.4).
 */
void efi_exit(EFI_HANDLE application, struct bootinfo *info)
{
	EFI_STATUS status = EFI_ABORTED;

	for (unsigned i = 0; i < EXIT_ATTEMPTS && status != EFI_SUCCESS; i++) {
		if (get_map() != EFI_SUCCESS)
			efi_stop("the memory map", "it has grown too much");
		status = efi_system->BootServices->ExitBootServices(application, map.key);
	}
	if (status != EFI_SUCCESS)
		efi_stop("the firmware", "it does not let go of the machine");
	efi_services = false;
	convert_map(info);
}
