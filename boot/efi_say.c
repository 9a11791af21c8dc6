/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the loader ends when it cannot go on. The sentence goes to the serial port by hand, whole,
 * since a test must find it there however the firmware's terminal breaks its lines; so text
 * consoles that are serial lines themselves are left out.
 */
#include "boot/efi_app.h"

#include "boot/efi_arch.h"
#include "boot/words.h"

#define SENTENCE_BYTES 320u
#define READING_TIME 10000000u /* microseconds, before a screen goes dark with the machine */

const char *efi_words(EFI_STATUS status)
{
	if (status == EFI_NOT_FOUND)
		return "it is not there";
	if (status == EFI_OUT_OF_RESOURCES)
		return "there is not enough memory for it";
	if (status == EFI_VOLUME_CORRUPTED)
		return "the file system is damaged";
	if (status == EFI_DEVICE_ERROR)
		return "the disk cannot be read";
	if (status == EFI_NO_MEDIA || status == EFI_MEDIA_CHANGED)
		return "the disk is gone";
	if (status == EFI_UNSUPPORTED)
		return "the firmware does not support it";
	return "the firmware refuses, without a cause";
}

static bool is_serial(EFI_DEVICE_PATH_PROTOCOL *path)
{
	for (; !IsDevicePathEnd(path); path = NextDevicePathNode(path)) {
		if (DevicePathType(path) == MESSAGING_DEVICE_PATH && path->SubType == MSG_UART_DP)
			return true;
		if (DevicePathNodeLength(path) < (int)sizeof(*path))
			return false;
	}
	return false;
}

static void print(SIMPLE_TEXT_OUTPUT_INTERFACE *console, const char *text)
{
	CHAR16 wide[SENTENCE_BYTES];
	size_t n = 0;

	for (; text[n] != '\0' && n + 1 < SENTENCE_BYTES; n++)
		wide[n] = (CHAR16)(unsigned char)text[n];
	wide[n] = 0;
	(void)console->OutputString(console, wide);
}

/*
 * The firmware's common console has no device path; those it is made of have. True if one of them
 * is not a serial line: a screen, as far as can be told.
 */
static bool print_on_consoles(const char *text)
{
	EFI_GUID output_guid = SIMPLE_TEXT_OUTPUT_PROTOCOL;
	EFI_GUID path_guid = DEVICE_PATH_PROTOCOL;
	EFI_BOOT_SERVICES *boot = efi_system->BootServices;
	EFI_HANDLE *handles;
	UINTN count;
	bool found = false;
	bool screen = false;

	if (boot->LocateHandleBuffer(ByProtocol, &output_guid, NULL, &count, &handles) ==
	    EFI_SUCCESS) {
		for (UINTN i = 0; i < count; i++) {
			void *path, *console;

			if (boot->HandleProtocol(handles[i], &path_guid, &path) != EFI_SUCCESS ||
			    boot->HandleProtocol(handles[i], &output_guid, &console) != EFI_SUCCESS)
				continue;
			found = true;
			if (is_serial(path))
				continue;
			print(console, text);
			screen = true;
		}
		(void)boot->FreePool(handles);
	}
	if (!found && efi_system->ConOut != NULL)
		print(efi_system->ConOut, text);
	return screen;
}

_Noreturn void efi_stop(const char *what, const char *cause)
{
	char text[SENTENCE_BYTES];
	bool screen;
	struct words w = words_in(text, sizeof(text));

	words_add(&w, "\r\nboot: ");
	words_add(&w, what);
	words_add(&w, ": ");
	words_add(&w, cause);
	words_add(&w, "; the machine stops here.\r\n");
	efi_arch_write(text);
	screen = efi_services && print_on_consoles(text);
	efi_arch_exit_failed();
	if (screen)
		(void)efi_system->BootServices->Stall(READING_TIME);
	efi_system->RuntimeServices->ResetSystem(EfiResetShutdown, EFI_ABORTED, 0, NULL);
	efi_arch_halt();
}
