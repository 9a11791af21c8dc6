# SPDX-License-Identifier: BSD-2-Clause
# QEMU's plugins of tests/bench/plugin: count.so counts where -icount cannot, total.so all of a run.

COUNTER_CFLAGS := -std=c11 -D_DEFAULT_SOURCE -O2 -fPIC $(filter-out -Wthread-safety%,$(WARNINGS)) -I.

build/bench/%.so: tests/bench/plugin/%.c tests/bench/plugin/qemu.h tools/mk/counter.mk
	$(call say,HOSTCC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(COUNTER_CFLAGS) -shared $< -o $@

# tests/bench/threads.c: two threads serving faults, on the fake architecture, optimised and without assertions.
THREADS_SOURCES := tests/bench/threads.c $(UNIT_MM) $(UNIT_HV) $(UNIT_FAKE)
THREADS_CFLAGS  := $(filter-out -O1 -fno-omit-frame-pointer -DDEBUG=1,$(UNIT_CFLAGS)) -O2

build/bench/obj/%.o: %.c Makefile tools/mk/counter.mk tools/mk/unit.mk | $(UNPACKED)
	$(call say,HOSTCC,"$< (bench)")
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(THREADS_CFLAGS) -MMD -MP -c $< -o $@

build/bench/obj/third/%.o: $(THIRDPARTY)/%.c tools/mk/counter.mk
	$(call say,HOSTCC,"$< (bench)")
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) -std=gnu11 -O2 -w $(FDT_INCLUDES) $(ZYDIS_DEFINES) $(ZYDIS_INCLUDES) -I$(THIRDPARTY)/zydis/src -c $< -o $@

# Its own mm_relax, which counts, stands before the hypervisor's.
build/bench/threads: $(patsubst %.c,build/bench/obj/%.o,$(THREADS_SOURCES)) \
		$(patsubst $(THIRDPARTY)/%.c,build/bench/obj/third/%.o,$(UNIT_THIRD))
	$(call say,LINK,$@)
	$(Q)$(HOSTCC) -pthread -Wl,--allow-multiple-definition $^ -o $@

-include $(wildcard build/bench/obj/*/*.d build/bench/obj/*/*/*.d)
