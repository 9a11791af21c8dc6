# SPDX-License-Identifier: BSD-2-Clause
# The small guests: each guests/NAME.c is one. 64-bit ones are PVH kernels in an ELF64; those of
# GUESTS_32 are Multiboot 1 kernels in an ELF32.

GUEST_OUT := build/$(ARCH)/guests
GUESTS_32 := hello
GUESTS_64 := $(filter-out $(GUESTS_32),$(patsubst guests/%.c,%,$(wildcard guests/*.c)))
GUEST_ELFS := $(patsubst %,$(GUEST_OUT)/%.elf,$(GUESTS_64) $(GUESTS_32))

GUEST_CFLAGS := -std=c11 -ffreestanding -fno-stack-protector -fno-pic -O2 -g -mgeneral-regs-only \
	$(filter-out -Wthread-safety%,$(WARNINGS)) -I.
GUEST_CFLAGS_64 := -target x86_64-unknown-none-elf -mno-red-zone $(GUEST_CFLAGS)
GUEST_CFLAGS_32 := -target i386-unknown-none-elf $(GUEST_CFLAGS)
GUEST_LDFLAGS := --fatal-warnings -z noexecstack --build-id=none -z max-page-size=4096 -nostdlib

GUEST_LIB_64 := $(addprefix $(GUEST_OUT)/obj64/lib/,start64.S.o guest.c.o text.c.o drawing.c.o)
GUEST_LIB_32 := $(addprefix $(GUEST_OUT)/obj32/lib/,start32.S.o text.c.o)

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

$(patsubst %,$(GUEST_OUT)/%.elf,$(GUESTS_64)): $(GUEST_OUT)/%.elf: $(GUEST_OUT)/obj64/%.c.o $(GUEST_LIB_64) \
		guests/lib/guest.ld
	$(call say,LD,$@)
	$(Q)$(LD) $(GUEST_LDFLAGS) -T guests/lib/guest.ld $(filter %.o,$^) -o $@

$(patsubst %,$(GUEST_OUT)/%.elf,$(GUESTS_32)): $(GUEST_OUT)/%.elf: $(GUEST_OUT)/obj32/%.c.o $(GUEST_LIB_32) \
		guests/lib/guest32.ld
	$(call say,LD,$@)
	$(Q)$(LD) $(GUEST_LDFLAGS) -m elf_i386 -T guests/lib/guest32.ld $(filter %.o,$^) -o $@

-include $(wildcard $(GUEST_OUT)/obj64/*.d $(GUEST_OUT)/obj64/lib/*.d $(GUEST_OUT)/obj32/*.d $(GUEST_OUT)/obj32/lib/*.d)
