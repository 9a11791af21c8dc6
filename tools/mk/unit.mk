# SPDX-License-Identifier: BSD-2-Clause
# Tests on the host: the project's own .c files under the sanitizers.
#   tests/unit/test_NAME.c       cmocka; linked with mm/, tests/fake/env.c and the helpers; ASan and UBSan
#   tests/unit/test_hv_NAME.c    also with hv/, hv/dev, hv/drv, hv/machine, libfdt, Zydis and all of tests/fake
#   tests/unit/test_dev_NAME.c   with hv/dev and tests/fake/env.c only
#   tests/unit/test_machine_NAME.c, test_image_NAME.c   with hv/machine too; the test is the clock;
#                                test_machine_virt, test_image_arm64: the virt board; test_machine_pseries,
#                                test_image_ppc64: the pseries board; all others: the PC
#   tests/unit/test_boot_NAME.c  with what the loaders share (boot/) only
#   tests/unit/test_fake_NAME.c  with tests/fake and tests/conformance.c only
#   tests/unit/test_x86_NAME.c  with what of arch/x86 runs on an x86 host, and Zydis
#   tests/unit/test_arch_NAME.c  with what ports share (arch/NAME.c) only
#   tests/unit/test_arm64_NAME.c  with what of arch/arm64 runs on an x86 host, and libfdt
#   tests/unit/test_ppc64_NAME.c  with what of arch/ppc64 is pure; test_ppc64_pci: with its PCI
#                                alone, and libfdt; test_ppc64_mmio: with what decodes a device access
#   tests/unit/tsan_NAME.c       threads, under TSan; tsan_hv_NAME.c likewise with hv/
# A helper is any other .c file of tests/unit. UNIT=DIR UNIT_EXTRA=-DNAME builds them elsewhere with one flag more.

UNIT       ?= build/host
UNIT_EXTRA ?=
UNIT_FLAVOURS := asan tsan cov
# UNIT_FLAVOUR=cov: every program in that flavour (tools/coverage builds them so).
UNIT_FLAVOUR ?=
SANITIZE_asan := -fsanitize=address,undefined -fno-sanitize-recover=all
SANITIZE_tsan := -fsanitize=thread
SANITIZE_cov  := -fprofile-instr-generate -fcoverage-mapping

UNIT_CFLAGS := -std=c11 -g -O1 -fno-omit-frame-pointer -DDEBUG=1 -DHOST_TEST=1 -pthread \
	$(WARNINGS) $(UNIT_EXTRA) -I. $(FDT_INCLUDES) $(ZYDIS_DEFINES) $(ZYDIS_INCLUDES)

UNIT_TESTS   := $(wildcard tests/unit/test_*.c tests/unit/tsan_*.c)
UNIT_HELPERS := $(filter-out $(UNIT_TESTS),$(wildcard tests/unit/*.c))
UNIT_MM      := $(wildcard mm/*.c)
UNIT_HV      := $(wildcard hv/*.c hv/dev/*.c hv/drv/*.c hv/machine/pc*.c) hv/machine/elf_image.c
UNIT_DEV     := $(wildcard hv/dev/*.c) mm/result.c
UNIT_MACHINE := $(UNIT_DEV) $(wildcard hv/machine/pc*.c) hv/machine/elf_image.c
UNIT_VIRT    := $(UNIT_DEV) $(wildcard hv/machine/virt*.c)
UNIT_PSERIES := $(UNIT_DEV) $(wildcard hv/machine/pseries*.c) hv/machine/elf_image.c
UNIT_FAKE    := $(wildcard tests/fake/*.c)
UNIT_X86     := arch/acpi.c $(addprefix arch/x86/,acpi.c decode.c gwalk.c inject.c io.c msr.c npt.c pci.c)
UNIT_ARM64   := arch/acpi.c $(addprefix arch/arm64/,acpi.c decode.c idregs.c inject.c platform.c stage2.c tree.c vmid.c)
UNIT_ARCH    := arch/paging.c
UNIT_PPC64   := $(addprefix arch/ppc64/,codec.c decode.c)
UNIT_PHB     := $(addprefix arch/ppc64/,pci.c phb.c)
UNIT_MMIO    := $(addprefix arch/ppc64/,mmio.c gwalk.c)
UNIT_BOOT    := $(filter-out boot/%_$(ARCH).c,$(BOOT_COMMON))
UNIT_THIRD   := $(FDT_SOURCES) $(ZYDIS_SOURCES)

UNIT_BINS := $(patsubst tests/unit/%.c,$(UNIT)/%,$(UNIT_TESTS))

define unit_flavour
$(UNIT)/$(1)/%.o: %.c Makefile tools/mk/unit.mk tools/thirdparty.lock | $(UNPACKED)
	$$(call say,HOSTCC,"$$< ($(1))")
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(HOSTCC) $(UNIT_CFLAGS) $(SANITIZE_$(1)) -MMD -MP -c $$< -o $$@

$(UNIT)/$(1)/third/%.o: $(THIRDPARTY)/%.c tools/mk/unit.mk
	$$(call say,HOSTCC,"$$< ($(1))")
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(HOSTCC) -std=gnu11 -g -O1 -w -D_GNU_SOURCE $(FDT_INCLUDES) $(ZYDIS_DEFINES) $(ZYDIS_INCLUDES) \
		-I$(THIRDPARTY)/zydis/src $(filter-out undefined $(SANITIZE_cov),$(SANITIZE_$(1))) -c $$< -o $$@
endef
$(foreach flavour,$(UNIT_FLAVOURS),$(eval $(call unit_flavour,$(flavour))))

unit_flavour_of = $(if $(UNIT_FLAVOUR),$(UNIT_FLAVOUR),$(if $(filter tsan_%,$(1)),tsan,asan))
unit_is_hv      = $(filter test_hv_% tsan_hv_%,$(1))
unit_is_dev     = $(filter test_dev_%,$(1))
unit_is_machine = $(filter test_machine_% test_image_%,$(1))
unit_is_virt    = $(filter test_machine_virt test_image_arm64,$(1))
unit_is_pseries = $(filter test_machine_pseries test_image_ppc64,$(1))
unit_is_boot    = $(filter test_boot_%,$(1))
unit_is_fake    = $(filter test_fake_%,$(1))
unit_is_arch    = $(filter test_arch_%,$(1))
unit_is_x86     = $(filter test_x86_%,$(1))
unit_is_ppc64   = $(filter test_ppc64_%,$(1))
unit_is_phb     = $(filter test_ppc64_pci,$(1))
unit_is_mmio    = $(filter test_ppc64_mmio,$(1))
unit_is_arm64   = $(filter test_arm64_%,$(1))
unit_of_mm      = $(UNIT_HELPERS) $(UNIT_MM) $(if $(unit_is_hv),$(UNIT_HV) $(UNIT_FAKE),$(wildcard tests/fake/env.c))
unit_of_board   = $(wildcard tests/fake/env.c) $(if $(unit_is_dev),$(UNIT_DEV),$(UNIT_MACHINE))
unit_sources    = $(if $(unit_is_arch),$(UNIT_ARCH),$(if $(unit_is_ppc64),$(if $(unit_is_phb),$(UNIT_PHB),$(if $(unit_is_mmio),$(UNIT_MMIO),$(UNIT_PPC64))),$(if $(unit_is_fake),$(UNIT_FAKE) tests/conformance.c mm/result.c,$(if $(unit_is_x86)$(unit_is_arm64),$(if $(unit_is_x86),$(UNIT_X86),$(UNIT_ARM64)) mm/result.c,$(if $(unit_is_boot),$(UNIT_BOOT),$(if $(unit_is_hv),$(UNIT_HELPERS) $(UNIT_MM) $(UNIT_HV) $(UNIT_FAKE), \
	$(wildcard tests/fake/env.c) $(if $(unit_is_dev),$(UNIT_DEV),$(if $(unit_is_virt),$(UNIT_VIRT),$(if $(unit_is_pseries),$(UNIT_PSERIES),$(if $(unit_is_machine),$(UNIT_MACHINE),$(UNIT_HELPERS) $(UNIT_MM)))))))))))

# One program: $(1) is its name, $(2) its flavour.
define unit_program
$(UNIT)/$(1): $(UNIT)/$(2)/tests/unit/$(1).o $$(patsubst %.c,$(UNIT)/$(2)/%.o,$(call unit_sources,$(1))) \
		$(if $(call unit_is_hv,$(1))$(call unit_is_x86,$(1))$(call unit_is_arm64,$(1))$(call unit_is_virt,$(1))$(call unit_is_phb,$(1))$(call unit_is_pseries,$(1)),$$(patsubst $(THIRDPARTY)/%.c,$(UNIT)/$(2)/third/%.o,$(UNIT_THIRD)))
	$$(call say,LINK,$$@)
	$$(Q)$(HOSTCC) $(SANITIZE_$(2)) -pthread $$^ -lcmocka -o $$@
endef
$(foreach name,$(notdir $(UNIT_BINS)),$(eval $(call unit_program,$(name),$(call unit_flavour_of,$(name)))))

unit: $(UNIT_BINS)

-include $(wildcard $(UNIT)/asan/*/*.d $(UNIT)/asan/*/*/*.d $(UNIT)/tsan/*/*.d $(UNIT)/tsan/*/*/*.d)
