# SPDX-License-Identifier: BSD-2-Clause
# Fuzz targets: tests/fuzz/fuzz_NAME.c and what it needs of the project, under libFuzzer, ASan and UBSan.
# tools/fuzz runs them; their seeds are in tests/fuzz/corpus/NAME.

FUZZ_OUT   := build/fuzz
FUZZ_FLAGS := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_NAMES := config boot image_pc image_virt image_pseries devices_pc devices_virt devices_pseries \
	acpi_x86 firmware_arm64 decode_x86 decode_arm64 decode_ppc64 mm stack hypervisor

FUZZ_PSERIES := $(wildcard hv/dev/*.c hv/machine/pseries*.c) hv/machine/elf_image.c mm/result.c
FUZZ_HV      := $(UNIT_MM) $(UNIT_HV) tests/fake/env.c tests/fake/fake_arch.c tests/fake/fake_s2.c

# What each is linked with besides its own file.
FUZZ_OF_config          := hv/config.c hv/config_tree.c $(UNIT_MACHINE) tests/fake/env.c
FUZZ_OF_boot            := $(UNIT_BOOT)
FUZZ_OF_image_pc        := $(UNIT_MACHINE) tests/fake/env.c
FUZZ_OF_image_virt      := $(UNIT_VIRT) tests/fake/env.c
FUZZ_OF_image_pseries   := $(FUZZ_PSERIES) tests/fake/env.c
FUZZ_OF_devices_pc      := $(FUZZ_OF_image_pc)
FUZZ_OF_devices_virt    := $(FUZZ_OF_image_virt)
FUZZ_OF_devices_pseries := $(FUZZ_OF_image_pseries)
FUZZ_OF_acpi_x86        := arch/acpi.c arch/x86/acpi.c mm/result.c
FUZZ_OF_firmware_arm64  := arch/acpi.c arch/arm64/acpi.c arch/arm64/tree.c arch/arm64/platform.c mm/result.c
FUZZ_OF_decode_x86      := $(UNIT_X86) mm/result.c
FUZZ_OF_decode_arm64    := $(UNIT_ARM64) mm/result.c
FUZZ_OF_decode_ppc64    := $(UNIT_PPC64)
FUZZ_OF_mm              := $(UNIT_MM) tests/fake/env.c
FUZZ_OF_stack           := $(FUZZ_HV)
FUZZ_OF_hypervisor      := $(FUZZ_HV)
FUZZ_LINK_hypervisor    := -Wl,--wrap=arch_cpu_idle,--wrap=arch_console_put
# The target's own file, where several share one.
fuzz_file = tests/fuzz/fuzz_$(if $(filter image_% devices_%,$(1)),$(firstword $(subst _, ,$(1))),$(1)).c
# Where its objects are: the whole hypervisor's are compiled with its variables together.
fuzz_room = $(if $(filter hypervisor,$(1)),whole,part)

# These keep their variables from run to run: a target's own file, and the mapping that is the machine's RAM.
FUZZ_KEEPS := tests/fuzz/% tests/fake/env.c
# Looks at every word of every page, which is not what an input is to be bent towards.
FUZZ_PLAIN := mm/poison.c
FUZZ_part  := $(FUZZ_FLAGS)
FUZZ_whole := $(FUZZ_FLAGS) -include tests/fuzz/sections.h

define fuzz_objects
$(FUZZ_OUT)/$(1)/%.o: %.c Makefile tools/mk/fuzz.mk tests/fuzz/sections.h tools/thirdparty.lock | $(UNPACKED)
	$$(call say,HOSTCC,"$$< (fuzz)")
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(HOSTCC) $(UNIT_CFLAGS) $$(if $$(filter $(FUZZ_PLAIN),$$<),-O2,$$(if $$(filter $(FUZZ_KEEPS),$$<),$$(FUZZ_FLAGS),$$(FUZZ_$(1)))) -MMD -MP -c $$< -o $$@
endef
$(eval $(call fuzz_objects,part))
$(eval $(call fuzz_objects,whole))

$(FUZZ_OUT)/third/%.o: $(THIRDPARTY)/%.c tools/mk/fuzz.mk
	$(call say,HOSTCC,"$< (fuzz)")
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) -std=gnu11 -g -O1 -w -D_GNU_SOURCE $(FDT_INCLUDES) $(ZYDIS_DEFINES) $(ZYDIS_INCLUDES) \
		-I$(THIRDPARTY)/zydis/src -fsanitize=fuzzer-no-link,address -c $< -o $@

define fuzz_program
$(FUZZ_OUT)/$(1): $$(patsubst %.c,$(FUZZ_OUT)/$(call fuzz_room,$(1))/%.o,$(call fuzz_file,$(1)) $(FUZZ_OF_$(1))) \
		$(FUZZ_OUT)/fuzz_third.a
	$$(call say,LINK,$$@)
	$$(Q)$(HOSTCC) -fsanitize=fuzzer,address,undefined -pthread $$(FUZZ_LINK_$(1)) $$^ -lcmocka -o $$@
endef
$(foreach name,$(FUZZ_NAMES),$(eval $(call fuzz_program,$(name))))

$(FUZZ_OUT)/fuzz_third.a: $(patsubst $(THIRDPARTY)/%.c,$(FUZZ_OUT)/third/%.o,$(UNIT_THIRD))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

fuzz-programs: $(addprefix $(FUZZ_OUT)/,$(FUZZ_NAMES))

-include $(wildcard $(FUZZ_OUT)/*/*/*.d $(FUZZ_OUT)/*/*/*/*.d)
