# SPDX-License-Identifier: BSD-2-Clause
# Race exploration: mm/ and what of hv/ serves faults and notices, on one thread that plays several.
#   $(RACE)/race   the program; `make race-build` makes it, in UNIT's place if UNIT=DIR is given
# Two things are done to the hypervisor's sources, both by the compiler's options: <stdatomic.h> is
# tests/race/atomics/stdatomic.h, and variables lie in sections that can be copied.

RACE       := $(if $(filter build/host,$(UNIT)),build/race,$(UNIT)/race)
RACE_CFLAGS := -std=c11 -g -O2 -DDEBUG=1 -DHOST_TEST=1 -DMM_MAX_CPUS=4u $(WARNINGS) $(UNIT_EXTRA) -I. $(FDT_INCLUDES)
RACE_STEPS := -Itests/race/atomics
RACE_WORLD := -include tests/race/section.h

# The allocator's own atomics are no points: its lock, its claims and what becomes free are.
RACE_PLAIN   := mm/block.c mm/buddy.c mm/poison.c mm/result.c tests/race/world.c
RACE_STEPPED := $(filter-out $(RACE_PLAIN),$(wildcard mm/*.c)) hv/fault.c hv/s2.c hv/s2_install.c hv/s2_cache.c hv/shootdown.c \
	hv/slot.c hv/drv/device_memory.c hv/drv/pool.c $(addprefix tests/race/,aging.c arch.c given.c guest.c scenarios.c)
RACE_OWN     := $(addprefix tests/race/,explore.c late.c main.c memory.c orders.c schedule.c stale.c trace.c)
RACE_FAKE    := tests/fake/fake_s2.c tests/race/selftest.c
# What tests/race/arch.c has not of the contract and of mm/env.h the fake has; of two the first is taken.
RACE_REST    := tests/fake/env.c tests/fake/fake_arch.c
RACE_WRAPPED := arch_s2_set arch_s2_swap arch_s2_flush notice_begin notice_end
comma        := ,
race_objects  = $(patsubst %.c,$(RACE)/%.o,$(1))

$(call race_objects,$(RACE_STEPPED)): RACE_FILE_FLAGS := $(RACE_STEPS) $(RACE_WORLD)
$(call race_objects,$(RACE_PLAIN)):   RACE_FILE_FLAGS := $(RACE_WORLD)
$(call race_objects,$(RACE_FAKE)):    RACE_FILE_FLAGS := $(RACE_STEPS)

$(call race_objects,$(RACE_REST)):    RACE_FILE_FLAGS := -ffunction-sections

$(RACE)/%.o: %.c Makefile tools/mk/race.mk | $(UNPACKED)
	$(call say,HOSTCC,"$< (race)")
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(RACE_CFLAGS) $(RACE_FILE_FLAGS) -MMD -MP -c $< -o $@

$(RACE)/race: $(call race_objects,$(RACE_STEPPED) $(RACE_PLAIN) $(RACE_OWN) $(RACE_FAKE) $(RACE_REST))
	$(call say,LINK,$@)
	$(Q)$(HOSTCC) $(addprefix -Wl$(comma)--wrap=,$(RACE_WRAPPED)) \
		-Wl,--gc-sections -Wl,--allow-multiple-definition $^ -o $@

race-build: $(RACE)/race

-include $(wildcard $(RACE)/*/*.d $(RACE)/*/*/*.d)
