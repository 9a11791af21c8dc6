# SPDX-License-Identifier: BSD-2-Clause
# QEMU's plugins of tests/bench/plugin: count.so counts where -icount cannot, total.so all of a run.

COUNTER_CFLAGS := -std=c11 -D_DEFAULT_SOURCE -O2 -fPIC $(filter-out -Wthread-safety%,$(WARNINGS)) -I.

build/bench/%.so: tests/bench/plugin/%.c tests/bench/plugin/qemu.h tools/mk/counter.mk
	$(call say,HOSTCC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(COUNTER_CFLAGS) -shared $< -o $@
