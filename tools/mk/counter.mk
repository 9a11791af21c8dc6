# SPDX-License-Identifier: BSD-2-Clause
# The plugin of QEMU that counts instructions where -icount cannot: tests/bench/plugin.

COUNTER_CFLAGS := -std=c11 -D_DEFAULT_SOURCE -O2 -fPIC $(filter-out -Wthread-safety%,$(WARNINGS))

build/bench/%.so: tests/bench/plugin/%.c tools/mk/counter.mk
	$(call say,HOSTCC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(COUNTER_CFLAGS) -shared $< -o $@
