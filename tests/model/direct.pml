/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access to a page's frame without a leaf: with a pin for as long as one likes (P2, P3, F5), or under
 * the space's lock (PEEK). mm/follow.c:lookup_pin, peek; mm/frame.c:frame_pin. Two notices take the
 * pages away meanwhile: a pinned frame stays, and the unpin frees it.
 *
 * columns: 1 with a pin, 2 under the lock, 3 a notice, 4 another notice
 * run direct: PINS=1
 * defects of direct: M12 M13
 */
#include "core.inc"

mtype = { pinned, unpinned, peeks, touches };

proctype pinner()
{
	byte p, pfn, left = PINS;
	bit ok;

	do
	:: atomic {
		left > 0 ->
		left--;
		if
		:: p = 0
		:: p = 1
		fi
	   }
lookup:
	   take(space_lock);
	   pfn = host[p].pfn;
	   if
	   :: pfn == 0 ->
		leave(space_lock);
		STEP(follow_fault, p);
		space_fault(p, 0, ok);
		if
		:: ok -> goto lookup
		:: else -> goto next
		fi
#ifndef M13
	   :: pfn != 0 && host[p].special -> /* P3: refused, whatever record lies behind it */
		NOTE(refused, p);
		leave(space_lock);
		goto next
#endif
	   :: else
	   fi;
#ifndef M12
	   d_step {
		NOTE(pinned, pfn);
		get(pfn);
		frame[pfn].pins++
	   }
#endif
	   leave(space_lock);
	   d_step {
		NOTE(touches, pfn);
		assert(frame[pfn].class != FREE) /* I2 */
	   }
#ifndef M12
	   d_step {
		NOTE(unpinned, pfn);
		frame[pfn].pins--
	   }
	   d_step { put(pfn) }
#endif
next:
	   atomic { p = 0; pfn = 0; ok = 0 }
	:: left == 0 -> break
	od
}

proctype peeker()
{
	byte p, pfn;

	if
	:: p = 0
	:: p = 1
	fi;
	take(space_lock);
	pfn = host[p].pfn;
	NOTE(peeks, pfn);
	d_step {
		if
		:: pfn != 0 ->
			NOTE(touches, pfn);
			assert(frame[pfn].class != FREE) /* I2 */
		:: else
		fi
	}
	leave(space_lock)
}

#include "changer.inc"

init
{
	world_begin();
	atomic {
		run pinner();
		run peeker();
		run changer();
		run changer()
	}
	_nr_pr == 1;
	world_check()
}
