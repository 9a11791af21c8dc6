/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The UEFI application: reads the hypervisor, its configuration and its modules from the file
 * system it came from, asks the firmware what only it knows, and enters the hypervisor. Everything
 * that can go wrong does so before the boot services end, with a sentence.
 *
 *   \tenure\tenure.elf    the hypervisor; boot/elf.h says what it must be
 *   \tenure\config.dtb    the configuration, handed over as the module "config.dtb"
 *   \tenure\modules\*     kernels, initial RAM disks, small guests: modules by their file names
 */
#include "boot/efi_app.h"

#include "boot/bytes.h"
#include "boot/efi_arch.h"
#include "boot/elf.h"
#include "boot/fill.h"

#define ELF_NAME "\\tenure\\tenure.elf"
#define CONFIG_NAME "\\tenure\\config.dtb"

EFI_SYSTEM_TABLE *efi_system;
bool efi_services = true;

EFI_STATUS EFIAPI efi_main(EFI_HANDLE application, EFI_SYSTEM_TABLE *system);

/* Checks and loads the hypervisor; answers where its first link address lies. */
static uint64_t load_hypervisor(EFI_FILE_PROTOCOL *root, struct elf_image *image)
{
	static CHAR16 path[] = L"\\tenure\\tenure.elf";
	struct efi_file file;
	const char *cause = efi_read_file(root, path, &file);
	const void *data;
	uint64_t base;

	if (cause != NULL)
		efi_stop(ELF_NAME, cause);
	data = (const void *)(uintptr_t)file.base;
	cause = elf_check(data, (size_t)file.size, efi_arch_machine, efi_arch_link_floor, image);
	if (cause != NULL)
		efi_stop(ELF_NAME, cause);
	base = efi_aligned_pages((image->link_end - image->link_base) / BOOT_PAGE, ELF_BASE_ALIGN,
				 efi_arch_image_end, "the hypervisor's image");
	elf_load(data, image, (void *)(uintptr_t)base);
	efi_free_pages(file.base, file.size / BOOT_PAGE + 1);
	return base;
}

static void load_configuration(EFI_FILE_PROTOCOL *root, struct bootinfo *info)
{
	static CHAR16 path[] = L"\\tenure\\config.dtb";
	struct efi_file file;
	const char *cause = efi_read_file(root, path, &file);

	if (cause == NULL)
		cause = fill_add_module(info, "config.dtb", file.base, file.size);
	if (cause != NULL)
		efi_stop(CONFIG_NAME, cause);
}

EFI_STATUS EFIAPI efi_main(EFI_HANDLE application, EFI_SYSTEM_TABLE *system)
{
	static CHAR16 modules[] = L"\\tenure\\modules";
	static struct elf_image image;
	struct efi_entry e = { .image = &image };
	EFI_FILE_PROTOCOL *root;
	struct bootinfo *info;
	const char *cause;

	efi_system = system;
	cause = efi_arch_unfit();
	if (cause != NULL)
		efi_stop("the processor", cause);

	root = efi_volume(application);
	e.image_base = load_hypervisor(root, &image);
	e.bootinfo = efi_pages(sizeof(*info) / BOOT_PAGE + 1, "the hand-over");
	info = (struct bootinfo *)(uintptr_t)e.bootinfo;
	fill_init(info, BOOT_UEFI);
	info->image_base = e.image_base;
	info->image_size = image.link_end - image.link_base;
	load_configuration(root, info);
	efi_read_modules(root, modules, info);

	efi_find_tables(info);
	efi_find_framebuffer(info);
	e.top = efi_prepare_memory_map(info);
	if (e.top > efi_arch_top_max)
		efi_stop("the memory", "some of it lies beyond what the hypervisor can map");
	e.pool = efi_pages(efi_arch_pages(&e), "the first page tables");
	efi_exit(application, info);
	efi_arch_enter(&e);
}
