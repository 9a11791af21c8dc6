# SPDX-License-Identifier: BSD-2-Clause
"""Every run of the table, under the hypervisor."""
import harness
import table

test_rules = harness.judged(table.RULES)
test_ends = harness.judged(table.ENDS)
test_formats = harness.judged(table.FORMATS)
test_bad_configuration = harness.judged(table.BAD_CONFIGURATIONS)
test_bad_image = harness.judged(table.BAD_IMAGES)
test_host = harness.judged(table.HOSTS)
test_several = harness.judged(table.SEVERAL)
test_linux = harness.judged(table.LINUX)
