/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fault against notices that overlap (S2, P5, N1-N4, H3-H5, F7).
 *
 * columns of notices: 2 a fault, 3 a notice, 4 another notice, 1 another CPU
 * columns of vcpus: 2 a fault, 3 another fault, 4 a notice, 1 another CPU
 * columns of both: 2 a fault, 3 another fault, 4 a notice, 5 another notice, 1 another CPU
 * run notices: VCPUS=1 FAULTS=2 CHANGERS=2
 * run vcpus: VCPUS=2 FAULTS=1 CHANGERS=1
 * long both: VCPUS=2 FAULTS=1 CHANGERS=2 ONLY_WRITES
 * defects of notices: M1 M2 M3 M4 M5 M6 M7 M8 M11 M16 P5
 * defects of vcpus: M15
 */
#include "fault.inc"

init
{
	world_begin();
	atomic {
		run other_cpu();
		run vcpu();
#if VCPUS > 1
		run vcpu();
#endif
		run changer();
#if CHANGERS > 1
		run changer();
#endif
	}
	_nr_pr == 2;
	world_check()
}
