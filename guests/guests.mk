# SPDX-License-Identifier: BSD-2-Clause
# The small guests: each guests/NAME.c is one on every architecture, guests/ARCH/NAME.c on that one, and what
# GUESTS_x86 and GUESTS_32 list on x86 alone. x86: PVH kernels in an ELF64; those of GUESTS_32 are Multiboot 1
# kernels in an ELF32. arm64: Images, NAME.img, made of ELF files that stay beside them. ppc64: ELF64, little-endian.

GUEST_OUT := build/$(ARCH)/guests
GUESTS_32 := hello
GUESTS_x86 := ends isa state
GUESTS_ALL := $(filter-out $(GUESTS_32) $(GUESTS_x86),$(patsubst guests/%.c,%,$(wildcard guests/*.c)))
GUESTS_OWN := $(patsubst guests/$(ARCH)/%.c,%,$(wildcard guests/$(ARCH)/*.c))

GUEST_CFLAGS := -std=c11 -ffreestanding -fno-stack-protector -fno-pic -O2 -g \
	$(filter-out -Wthread-safety%,$(WARNINGS)) -I.
GUEST_CFLAGS_x86   := -target x86_64-unknown-none-elf -mno-red-zone -mgeneral-regs-only $(GUEST_CFLAGS)
GUEST_CFLAGS_arm64 := -target aarch64-unknown-none-elf -mstrict-align -mgeneral-regs-only $(GUEST_CFLAGS)
# RAM, and the vectors with it, begin at address 0, so it may not be taken for an error.
GUEST_CFLAGS_ppc64 := -target powerpc64le-unknown-none-elf -mcpu=pwr9 -mabi=elfv2 -msoft-float -mno-altivec -mno-vsx \
	-fno-delete-null-pointer-checks $(GUEST_CFLAGS)
GUEST_CFLAGS_64    := $(GUEST_CFLAGS_$(ARCH))
GUEST_CFLAGS_32    := -target i386-unknown-none-elf -mgeneral-regs-only $(GUEST_CFLAGS)
GUEST_LDFLAGS := --fatal-warnings -z noexecstack --build-id=none -z max-page-size=4096 -nostdlib

GUEST_LIB    := guest.c.o guest_$(ARCH).c.o irq_$(ARCH).c.o serial_$(ARCH).c.o text.c.o drawing.c.o
GUEST_START_x86   := start64.S.o
GUEST_START_arm64 := start_arm64.S.o tree.c.o
GUEST_START_ppc64 := start_ppc64.S.o vectors_ppc64.S.o tree.c.o
GUEST_LIB_64 := $(addprefix $(GUEST_OUT)/obj64/lib/,$(GUEST_START_$(ARCH)) $(GUEST_LIB))
GUEST_LIB_32 := $(addprefix $(GUEST_OUT)/obj32/lib/,start32.S.o text.c.o serial_x86.c.o)
GUEST_SCRIPT_x86   := guests/lib/guest.ld
GUEST_SCRIPT_arm64 := guests/lib/guest_arm64.ld
GUEST_SCRIPT_ppc64 := guests/lib/guest_ppc64.ld

GUEST_ELFS_x86   := $(patsubst %,$(GUEST_OUT)/%.elf,$(GUESTS_ALL) $(GUESTS_x86) $(GUESTS_32))
GUEST_ELFS_arm64 := $(patsubst %,$(GUEST_OUT)/%.img,$(GUESTS_ALL) $(GUESTS_OWN))
GUEST_ELFS_ppc64 := $(patsubst %,$(GUEST_OUT)/%.elf,$(GUESTS_ALL) $(GUESTS_OWN))
GUEST_ELFS := $(GUEST_ELFS_$(ARCH))

define guest_flavour
$(GUEST_OUT)/obj$(1)/%.c.o: guests/%.c guests/guests.mk
	$$(call say,CC,"$$< ($(1) bits)")
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(CC) $(GUEST_CFLAGS_$(1)) -MMD -MP -c $$< -o $$@

$(GUEST_OUT)/obj$(1)/%.S.o: guests/%.S guests/guests.mk
	$$(call say,AS,"$$< ($(1) bits)")
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(CC) $(GUEST_CFLAGS_$(1)) -c $$< -o $$@
endef
$(eval $(call guest_flavour,64))
$(eval $(call guest_flavour,32))

guest_elves = $(patsubst %,$(GUEST_OUT)/%.elf,$(1))

define guest_link
	$(call say,LD,$@)
	$(Q)$(LD) $(GUEST_LDFLAGS) -T $(GUEST_SCRIPT_$(ARCH)) $(filter %.o,$^) -o $@
endef

$(call guest_elves,$(GUESTS_ALL) $(filter-out $(GUESTS_OWN),$(GUESTS_x86))): $(GUEST_OUT)/%.elf: $(GUEST_OUT)/obj64/%.c.o $(GUEST_LIB_64) \
		$(GUEST_SCRIPT_$(ARCH))
	$(guest_link)

ifneq ($(GUESTS_OWN),)
$(call guest_elves,$(GUESTS_OWN)): $(GUEST_OUT)/%.elf: $(GUEST_OUT)/obj64/$(ARCH)/%.c.o $(GUEST_LIB_64) \
		$(GUEST_SCRIPT_$(ARCH))
	$(guest_link)
endif

$(call guest_elves,$(GUESTS_32)): $(GUEST_OUT)/%.elf: $(GUEST_OUT)/obj32/%.c.o $(GUEST_LIB_32) \
		guests/lib/guest32.ld
	$(call say,LD,$@)
	$(Q)$(LD) $(GUEST_LDFLAGS) -m elf_i386 -T guests/lib/guest32.ld $(filter %.o,$^) -o $@

$(GUEST_OUT)/%.img: $(GUEST_OUT)/%.elf
	$(call say,IMAGE,$@)
	$(Q)llvm-objcopy -O binary $< $@

-include $(wildcard $(GUEST_OUT)/obj64/*.d $(GUEST_OUT)/obj64/*/*.d $(GUEST_OUT)/obj32/*.d $(GUEST_OUT)/obj32/lib/*.d)
