/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the ESP: whole files, each into pages of its own, where they stay for the hypervisor.
 * UEFI 2.10, 13.4 and 13.5.
 */
#include "boot/efi_app.h"

#include "boot/bytes.h"
#include "boot/fill.h"

#define NAME_CHARS 256u

/* EFI_FILE_INFO ends in a name; this much of it is enough for FAT's longest. */
union file_info {
	EFI_FILE_INFO info;
	unsigned char bytes[sizeof(EFI_FILE_INFO) + NAME_CHARS * sizeof(CHAR16)];
};

uint64_t efi_pages(uint64_t pages, const char *what)
{
	EFI_PHYSICAL_ADDRESS base;
	EFI_STATUS status = efi_system->BootServices->AllocatePages(AllocateAnyPages, EfiLoaderData,
								    pages, &base);

	if (status != EFI_SUCCESS)
		efi_stop(what, efi_words(EFI_OUT_OF_RESOURCES));
	return base;
}

void efi_free_pages(uint64_t base, uint64_t pages)
{
	if (pages != 0)
		(void)efi_system->BootServices->FreePages(base, pages);
}

uint64_t efi_aligned_pages(uint64_t pages, uint64_t align, uint64_t end, const char *what)
{
	uint64_t spare = align / BOOT_PAGE - 1;
	EFI_PHYSICAL_ADDRESS base = end - 1;
	uint64_t at, before;

	if (efi_system->BootServices->AllocatePages(AllocateMaxAddress, EfiLoaderData,
						    pages + spare, &base) != EFI_SUCCESS)
		efi_stop(what, efi_words(EFI_OUT_OF_RESOURCES));
	at = (base + align - 1) & ~(align - 1);
	before = (at - base) / BOOT_PAGE;
	efi_free_pages(base, before);
	efi_free_pages(at + pages * BOOT_PAGE, spare - before);
	return at;
}

EFI_FILE_PROTOCOL *efi_volume(EFI_HANDLE application)
{
	EFI_GUID image_guid = LOADED_IMAGE_PROTOCOL;
	EFI_GUID volume_guid = SIMPLE_FILE_SYSTEM_PROTOCOL;
	EFI_BOOT_SERVICES *boot = efi_system->BootServices;
	const char *what = "the file system of the loader";
	EFI_FILE_PROTOCOL *root;
	EFI_STATUS status;
	void *image, *volume;

	status = boot->HandleProtocol(application, &image_guid, &image);
	if (status == EFI_SUCCESS)
		status = boot->HandleProtocol(((EFI_LOADED_IMAGE *)image)->DeviceHandle,
					      &volume_guid, &volume);
	if (status != EFI_SUCCESS)
		efi_stop(what, efi_words(status));
	status = ((EFI_FILE_IO_INTERFACE *)volume)->OpenVolume(volume, &root);
	if (status != EFI_SUCCESS)
		efi_stop(what, efi_words(status));
	return root;
}

/* Fills file->base with file->size bytes of an open file. NULL, or the cause. */
static const char *read_whole(EFI_FILE_PROTOCOL *open, const struct efi_file *file)
{
	uint64_t at = 0;

	while (at < file->size) {
		UINTN bytes = file->size - at;
		EFI_STATUS status = open->Read(open, &bytes, (void *)(uintptr_t)(file->base + at));

		if (status != EFI_SUCCESS)
			return efi_words(status);
		if (bytes == 0 || bytes > file->size - at)
			return "it ends before its size";
		at += bytes;
	}
	return NULL;
}

static const char *read_open(EFI_FILE_PROTOCOL *open, struct efi_file *file)
{
	EFI_GUID info_guid = EFI_FILE_INFO_ID;
	EFI_BOOT_SERVICES *boot = efi_system->BootServices;
	union file_info u;
	UINTN bytes = sizeof(u);
	EFI_PHYSICAL_ADDRESS base;
	uint64_t pages;
	const char *cause;
	EFI_STATUS status = open->GetInfo(open, &info_guid, &bytes, &u);

	if (status != EFI_SUCCESS)
		return efi_words(status);
	if ((u.info.Attribute & EFI_FILE_DIRECTORY) != 0)
		return "it is a directory";
	file->size = u.info.FileSize;
	pages = file->size / BOOT_PAGE + 1;
	status = boot->AllocatePages(AllocateAnyPages, EfiLoaderData, pages, &base);
	if (status != EFI_SUCCESS)
		return efi_words(EFI_OUT_OF_RESOURCES);
	file->base = base;
	cause = read_whole(open, file);
	if (cause != NULL)
		efi_free_pages(base, pages);
	else
		memset((void *)(uintptr_t)(base + file->size), 0,
		       (size_t)(pages * BOOT_PAGE - file->size));
	return cause;
}

const char *efi_read_file(EFI_FILE_PROTOCOL *directory, CHAR16 *path, struct efi_file *file)
{
	EFI_FILE_PROTOCOL *open;
	const char *cause;
	EFI_STATUS status = directory->Open(directory, &open, path, EFI_FILE_MODE_READ, 0);

	if (status != EFI_SUCCESS)
		return efi_words(status);
	cause = read_open(open, file);
	(void)open->Close(open);
	return cause;
}

/* The name in ASCII; false if it has other characters, or too many (then it is cut). */
static bool narrow(const CHAR16 *wide, char name[BOOT_NAME_BYTES])
{
	bool whole = true;
	size_t n;

	for (n = 0; wide[n] != 0; n++) {
		if (n + 1 == BOOT_NAME_BYTES) {
			whole = false;
			break;
		}
		if (wide[n] < ' ' || wide[n] > '~')
			whole = false;
		name[n] = wide[n] < ' ' || wide[n] > '~' ? '?' : (char)wide[n];
	}
	name[n] = '\0';
	return whole;
}

static void read_module(EFI_FILE_PROTOCOL *directory, EFI_FILE_INFO *entry, struct bootinfo *info)
{
	char name[BOOT_NAME_BYTES];
	struct efi_file file = { .base = 0 };
	const char *cause = "the module's name is too long, or not ASCII";

	if (narrow(entry->FileName, name))
		cause = efi_read_file(directory, entry->FileName, &file);
	if (cause == NULL) {
		cause = fill_add_module(info, name, file.base, file.size);
		if (cause != NULL)
			efi_free_pages(file.base, file.size / BOOT_PAGE + 1);
	}
	if (cause != NULL)
		fill_note(info, name, cause);
}

void efi_read_modules(EFI_FILE_PROTOCOL *root, CHAR16 *path, struct bootinfo *info)
{
	EFI_FILE_PROTOCOL *directory;
	EFI_STATUS status = root->Open(root, &directory, path, EFI_FILE_MODE_READ, 0);

	if (status == EFI_NOT_FOUND)
		return;
	while (status == EFI_SUCCESS) {
		union file_info u = { .bytes = { 0 } };
		UINTN bytes = sizeof(u) - sizeof(CHAR16);

		status = directory->Read(directory, &bytes, &u);
		if (status == EFI_SUCCESS && bytes == 0)
			break;
		if (status == EFI_SUCCESS && (u.info.Attribute & EFI_FILE_DIRECTORY) == 0)
			read_module(directory, &u.info, info);
	}
	if (status != EFI_SUCCESS)
		fill_note(info, "the directory of modules", efi_words(status));
}
