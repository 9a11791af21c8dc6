# SPDX-License-Identifier: BSD-2-Clause
# The UEFI application: boot/efi*.c and what the loaders share, as a PE by the Windows target and lld-link. `long` has 32 bits there.

LOADER_SOURCES := $(filter-out $(BOOT_OTHERS),$(wildcard boot/efi*.c)) $(BOOT_COMMON)
LOADER_OBJECTS := $(patsubst %.c,$(OUT)/loader/%.obj,$(LOADER_SOURCES))

EFI_CFLAGS_x86 := -target x86_64-unknown-windows -mno-red-zone -mno-stack-arg-probe -mno-sse -mno-mmx \
	-DGNU_EFI_USE_MS_ABI
EFI_CFLAGS_arm64 := -target aarch64-unknown-windows
EFI_INCLUDES_x86   := -isystem /usr/include/efi -isystem /usr/include/efi/x86_64
# gnu-efi's package of that architecture, unpacked by tools/foreign.
EFI_HEADERS_arm64  := build/thirdparty/efi-arm64/aarch64/efibind.h
EFI_INCLUDES_arm64 := -isystem build/thirdparty/efi-arm64 -isystem build/thirdparty/efi-arm64/aarch64
EFI_INCLUDES   := $(EFI_INCLUDES_$(ARCH))
EFI_CFLAGS     := $(EFI_CFLAGS_$(ARCH)) -std=c11 -ffreestanding -fshort-wchar -fno-stack-protector -O2 \
	$(filter-out -Wthread-safety%,$(WARNINGS)) -I. $(EFI_INCLUDES)

$(EFI_HEADERS_$(ARCH)):
	$(Q)tools/foreign efi-$(ARCH)

$(OUT)/loader/%.obj: %.c Makefile tools/mk/loader.mk | $(EFI_HEADERS_$(ARCH))
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(EFI_CFLAGS) -MMD -MP -c $< -o $@

$(OUT)/BOOTX64.EFI $(OUT)/BOOTAA64.EFI: $(LOADER_OBJECTS)
	$(call say,LD,$@)
	$(Q)$(LDPE) /subsystem:efi_application /entry:efi_main /nodefaultlib /Brepro /out:$@ $^

# ppc64: a firmware of one page, as it lies in memory from address 0.
$(OUT)/bios.bin: boot/bios_ppc64.S Makefile tools/mk/loader.mk
	$(call say,AS,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -target powerpc64-unknown-none-elf -mcpu=pwr9 -Wa,--fatal-warnings -c $< -o $@.o
	$(Q)llvm-objcopy -O binary -j .text $@.o $@
