/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A walker that tests and clears the young bits without the consumer's lock (S7, A1), beside a
 * fault and a notice. It may only compare and swap an entry that it has read: an entry stored
 * blindly comes back after a notice has removed it. (Aging is not built; rule S7 is for its sake.)
 *
 * columns: 1 another CPU, 2 a fault, 3 a notice, 4 another notice, 5 the walker
 * run aging: VCPUS=1 FAULTS=1 CHANGERS=2
 * defects of aging: M10
 */
#define AGING
#include "fault.inc"

mtype = { walker_reads, walker_swaps };

proctype walker()
{
	byte p, pfn;
	bit write, counted, young;

	do
	:: p < PAGES ->
	   d_step {
		pfn = leaf[p].pfn;
		write = leaf[p].write;
		counted = leaf[p].counted;
		young = leaf[p].young;
		NOTE(walker_reads, pfn)
	   }
	   if
	   :: pfn == 0 || !young -> p++
	   :: else ->
		d_step {
			if
#ifndef M10
			:: leaf[p].pfn != pfn || leaf[p].write != write || leaf[p].young != young ->
				skip /* somebody was quicker: read it again */
#endif
			:: else ->
				NOTE(walker_swaps, p);
				leaf[p].pfn = pfn;
				leaf[p].write = write;
				leaf[p].counted = counted;
				leaf[p].young = 0;
				assert(frame[pfn].class != FREE); /* I2 */
				assert(inside[p] == 0);		  /* I3 */
				assert(LEAF_WITHIN_HOST(p));	  /* N1 */
				p++
			fi
		}
	   fi
	:: else -> break
	od
}

init
{
	world_begin();
	atomic {
		run other_cpu();
		run vcpu();
		run changer();
		run changer();
		run walker()
	}
	_nr_pr == 2;
	world_check()
}
