# SPDX-License-Identifier: BSD-2-Clause
#
# Tenure's one Makefile. `make help` lists what it makes; everything made goes to build/.
#   ARCH=x86            the architecture; its sources are arch/$(ARCH)
#   BUILD=debug         debug (assertions, poison, UBSan traps) or release (-O2, link-time optimised)
#   GUEST=linux         for `make run`: Debian's kernel instead of the tour
#   V=1                 show whole commands

ARCH  ?= x86
BUILD ?= debug
GUEST ?= tour
JOBS  ?= $(shell nproc)

CC      := clang
LD      := ld.lld
LDPE    := lld-link
AR      := llvm-ar
HOSTCC  := clang

ARCH_OUT := build/$(ARCH)
OUT      := $(ARCH_OUT)/$(BUILD)

ifeq ($(V),1)
Q   :=
say  =
else
Q   := @
say  = @printf '%-8s%s\n' $(1) $(2)
MAKEFLAGS += --no-print-directory
endif
ifeq ($(MAKELEVEL)$(filter -j% --jobserver%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(JOBS)
endif
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := help

# ---- What is compiled -----------------------------------------------------------------------------

# What several architectures have in common, and not all.
SHARED_x86   := arch/acpi.c arch/paging.c
SHARED_arm64 := arch/acpi.c arch/paging.c

MACHINE_x86 := pc
MACHINE_arm64 := virt
MACHINE_ppc64 := pseries
MACHINE     := $(MACHINE_$(ARCH))
# boot/NAME.c belongs to every loader, boot/NAME_ARCH.c to those of one architecture.
ARCHES      := x86 arm64 ppc64
BOOT_OTHERS := $(addprefix boot/%_,$(addsuffix .c,$(filter-out $(ARCH),$(ARCHES))))
BOOT_COMMON := $(filter-out boot/efi% boot/pvh% boot/direct% boot/opal% $(BOOT_OTHERS),$(wildcard boot/*.c))
BOOT_x86    := $(BOOT_COMMON) $(wildcard boot/pvh*.c boot/pvh*.S)
LOADER_x86  := BOOTX64.EFI
BOOT_arm64  := $(BOOT_COMMON) $(wildcard boot/direct_arm64.c boot/direct_arm64.S)
LOADER_arm64 := BOOTAA64.EFI
# skiboot enters the ELF file itself; bios.bin does instead of it.
BOOT_ppc64  := $(BOOT_COMMON) $(wildcard boot/opal*.c)
LOADER_ppc64 := bios.bin

SOURCES := $(wildcard mm/*.c hv/*.c hv/dev/*.c hv/drv/*.c hv/machine/$(MACHINE)*.c \
	hv/machine/elf_image.c) \
	$(SHARED_$(ARCH)) $(wildcard arch/$(ARCH)/*.c arch/$(ARCH)/*.S) $(BOOT_$(ARCH)) tests/conformance.c
OBJECTS := $(addprefix $(OUT)/obj/,$(addsuffix .o,$(SOURCES)))

ELF     := $(OUT)/tenure.elf
LOADER  := $(addprefix $(OUT)/,$(LOADER_$(ARCH)))

# ---- How ------------------------------------------------------------------------------------------

ARCH_CFLAGS_x86 := -target x86_64-unknown-none-elf -mno-red-zone -mgeneral-regs-only -mcmodel=kernel \
	-fno-pic
# vh: the assembler knows the names of registers that FEAT_VHE adds; nothing else is compiled otherwise.
ARCH_CFLAGS_arm64 := -target aarch64-unknown-none-elf -mgeneral-regs-only -mstrict-align -fno-pic \
	-Xclang -target-feature -Xclang +vh
# Vectors are written at address 0, so it may not be taken for an error.
ARCH_CFLAGS_ppc64 := -target powerpc64le-unknown-none-elf -mcpu=pwr9 -mabi=elfv2 -msoft-float -mno-altivec \
	-mno-vsx -mlong-double-64 -D_LDBL_EQ_DBL -fno-pic -fno-delete-null-pointer-checks
ARCH_CFLAGS := $(ARCH_CFLAGS_$(ARCH))

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes \
	-Wswitch-enum -Wvla -Wthread-safety -Wthread-safety-beta -Werror

BUILD_CFLAGS_debug   := -O1 -DDEBUG=1 -fsanitize=undefined -fsanitize-trap=undefined \
	-fno-omit-frame-pointer
BUILD_CFLAGS_release := -O2 -flto -fomit-frame-pointer
BUILD_LDFLAGS_release := --lto-O3
ifeq ($(filter $(BUILD),debug release),)
$(error BUILD=$(BUILD): it is debug or release)
endif
ifeq ($(wildcard arch/$(ARCH)),)
$(error ARCH=$(ARCH): there is no directory arch/$(ARCH))
endif

include tools/mk/thirdparty.mk

CFLAGS := $(ARCH_CFLAGS) -std=c11 -ffreestanding -fno-stack-protector -g \
	-ffunction-sections -fdata-sections $(BUILD_CFLAGS_$(BUILD)) $(WARNINGS) \
	-I. $(LIBC_INCLUDES) $(FDT_INCLUDES) $(ZYDIS_DEFINES) $(ZYDIS_INCLUDES)
ASFLAGS := $(ARCH_CFLAGS) -g -I. -Wa,--fatal-warnings
LDFLAGS := -T arch/$(ARCH)/link.ld --gc-sections --fatal-warnings -z noexecstack --build-id=none \
	-z max-page-size=4096 $(BUILD_LDFLAGS_$(BUILD))

# ---- Targets --------------------------------------------------------------------------------------

help: ## this list
	@printf 'make TARGET [ARCH=x86] [BUILD=debug|release] [V=1]\n\n'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{printf "%-14s%s\n", $$1, $$2}'

setup: ## install what is missing, fetch third-party sources
	$(Q)tools/setup

all: $(ELF) $(LOADER) guests ## the hypervisor, its loader and the small guests

run: ## build, then the tour in QEMU; GUEST=linux: Debian's kernel to a shell
	$(Q)tools/setup $(ARCH)
	$(Q)$(if $(filter linux,$(GUEST)),tools/setup $(ARCH) guests)
	$(Q)$(MAKE) all
	$(Q)tools/tenure $(GUEST) --arch $(ARCH)

# The runs in QEMU are those of every architecture, unless ARCH is given.
TESTED := $(if $(filter file,$(origin ARCH)),$(ARCHES),$(ARCH))

test: ## every test; the last line counts them; ARCH=arm64: the runs of that one
	$(Q)tools/setup $(TESTED) guests
	$(Q)tools/run-tests all $(addprefix --arch ,$(TESTED))

check: ## the tests that need no emulator: under a minute
	$(Q)tools/setup
	$(Q)tools/run-tests unit

model: ## spin looks at the protocol exhaustively, and finds each way to break it; MODEL=M5: one
	$(Q)tools/setup
	$(Q)tests/model/run $(MODEL)

mutants: ## breaks the code in a hundred ways, and sees a test fail; MUTANT=M5: one
	$(Q)tools/setup x86 arm64 ppc64 guests
	$(Q)tests/mutants/run --qemu $(MUTANT)

bench: ## counted figures beside KVM's, into build/bench/$(ARCH).csv; with Linux's, minutes
	$(Q)tools/setup $(ARCH) guests
	$(Q)$(MAKE) BUILD=release all counter
	$(Q)tests/bench/run --arch $(ARCH) --runs 2
	$(Q)$(if $(filter arm64,$(ARCH)),tests/bench/run --arch arm64 --cpu cortex-a72 --runs 2)

coverage: ## what the tests on the host reach of mm/ and hv/, into build/coverage; fails under its bounds
	$(Q)tools/setup
	$(Q)tools/coverage

FUZZ_SECONDS ?= 60

fuzz: ## each fuzz target for FUZZ_SECONDS=60, or that one: FUZZ=name
	$(Q)tools/setup
	$(Q)tools/fuzz --seconds $(FUZZ_SECONDS) $(FUZZ)

counter: build/bench/count.so build/bench/total.so ## QEMU's plugins that count

growth: ## how the figures grow with memory, memslots, VMs and the host, into build/bench/growth-$(ARCH).csv
	$(Q)tools/setup $(ARCH)
	$(Q)$(MAKE) BUILD=release all counter
	$(Q)tests/bench/run --arch $(ARCH) --growth

threads: build/bench/threads ## how two threads that serve faults hinder each other, on this machine
	$(Q)build/bench/threads

lint: ## what the compiler does not see: layers, headers, format, clang-tidy, documents
	$(Q)tools/setup
	$(Q)tools/lint

format: ## clang-format over the project's C
	$(Q)git ls-files -z '*.c' '*.h' | xargs -0 -r clang-format -i --style=file

race: ## the real code in all orders up to a bound, then in random ones (minutes)
	$(Q)tools/setup
	$(Q)$(MAKE) race-build
	$(Q)build/race/race --selftest
	$(Q)build/race/race --model
	$(Q)build/race/race --all
	$(Q)build/race/race --all --late
	$(Q)build/race/race --all --stale
	$(Q)build/race/race --all --random 100000
	$(Q)build/race/race --all --random 100000 --stale

clean: ## remove what was built; third-party sources and downloads stay
	$(Q)rm -rf $(filter-out build/thirdparty build/cache build/guests,$(wildcard build/*))

distclean: ## remove build/ altogether
	$(Q)rm -rf build

# What a variable holds, for the tools: make print-CFLAGS.
print-%:
	$(info $($*))
	@:

libs: $(LIBRARIES) ## the libraries alone

.PHONY: help setup all run test check model mutants race coverage fuzz fuzz-programs bench growth lint format clean distclean libs guests \
	unit race-build counter threads

# ---- The hypervisor -------------------------------------------------------------------------------

$(OUT)/obj/%.c.o: %.c Makefile tools/mk/thirdparty.mk tools/thirdparty.lock | $(UNPACKED)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

$(OUT)/obj/%.S.o: %.S Makefile
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ASFLAGS) -MMD -MP -c $< -o $@

$(ELF): $(OBJECTS) $(LIBRARIES) arch/$(ARCH)/link.ld
	$(call say,LD,$@)
	$(Q)$(LD) $(LDFLAGS) $(OBJECTS) --start-group $(LIBRARIES) --end-group -Map $(@:.elf=.map) -o $@

# ---- The loader, the small guests, the host's tests --------------------------------------------------

include tools/mk/loader.mk
include tools/mk/unit.mk
include tools/mk/race.mk
include tools/mk/fuzz.mk
-include $(wildcard guests/guests.mk)
include tools/mk/counter.mk
guests: $(GUEST_ELFS)

-include $(OBJECTS:.o=.d) $(LOADER_OBJECTS:.obj=.d)
