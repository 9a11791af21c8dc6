# SPDX-License-Identifier: BSD-2-Clause
# The UEFI application: boot/efi*.c and what the loaders share, as a PE by the Windows target and lld-link. `long` has 32 bits there.

LOADER_SOURCES := $(filter-out $(BOOT_OTHERS),$(wildcard boot/efi*.c)) $(BOOT_COMMON)
LOADER_OBJECTS := $(patsubst %.c,$(OUT)/loader/%.obj,$(LOADER_SOURCES))

EFI_CFLAGS_x86 := -target x86_64-unknown-windows -mno-red-zone -mno-stack-arg-probe -mno-sse -mno-mmx \
	-DGNU_EFI_USE_MS_ABI
EFI_INCLUDES   := -isystem /usr/include/efi -isystem /usr/include/efi/x86_64
EFI_CFLAGS     := $(EFI_CFLAGS_$(ARCH)) -std=c11 -ffreestanding -fshort-wchar -fno-stack-protector -O2 \
	$(filter-out -Wthread-safety%,$(WARNINGS)) -I. $(EFI_INCLUDES)

$(OUT)/loader/%.obj: %.c Makefile tools/mk/loader.mk
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(EFI_CFLAGS) -MMD -MP -c $< -o $@

$(OUT)/BOOTX64.EFI: $(LOADER_OBJECTS)
	$(call say,LD,$@)
	$(Q)$(LDPE) /subsystem:efi_application /entry:efi_main /nodefaultlib /Brepro /out:$@ $^
