/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A leaf of two pages, and a notice that cuts it (H7, S2, S4, P5): hv/s2_install.c:level_choose, leaf_hvas,
 * table_remove; mm/host_table.c:host_split_at. The owner's memory is two frames side by side, which
 * one host entry shows; a notice over one page splits that entry and takes the page's frame away.
 *
 * columns: 1 another CPU, 2 a fault, 3 a notice, 4 another notice
 * run huge: FAULTS=3 CHANGERS=2
 * defects of huge: M14 S4 P5_LEAF
 */
#define RAW(p) 1
#include "core.inc"

mtype = { leaf_of_both, entry_split, joins };

bit span; /* one host entry shows both pages */

/* P5: the token is shown for all that the leaf covers. */
#ifdef P5_LEAF
#define LEAF_FIRST p
#define LEAF_LAST p
#else
#define LEAF_FIRST (both -> 0 : p)
#define LEAF_LAST (both -> 1 : p)
#endif

/* The leaf shows what the host shows, for each page it covers, and no free frame. */
inline leaf_check(q)
{
	assert(leaf[q].pfn == 0 || inside[q] == 0);		   /* I3 */
	assert(leaf[q].pfn == 0 || frame[leaf[q].pfn].class != FREE); /* I2 */
	assert(leaf[q].pfn == 0 || leaf[q].pfn == host[q].pfn)	   /* N1, H7 */
}

proctype vcpu()
{
	byte p, token, pfn, left = FAULTS;
	bit ok, both;

	do
	:: atomic {
		left > 0 ->
		left--;
		if
		:: p = 0; NOTE(reads, p)
		:: p = 1; NOTE(reads, p)
		fi
	   }
retry:
	   atomic {
		token = seq;
		STEP(fault_token, seq)
	   }
	   /* The pfn and the span in one walk (H7). */
	   atomic {
		pfn = host[p].pfn;
#ifdef M14
		both = 1; /* the memslot and the alignment allow it */
#else
		both = span;
#endif
		if
		:: pfn == 0 -> goto served /* its owner has taken it: another model's business */
		:: else -> STEP(fault_followed, pfn)
		fi
	   }
	   atomic {
		!c_lock -> c_lock = 1;
		STEP(s2_install, p)
	   }
	   ok = TOKEN_HOLDS(token, LEAF_FIRST, LEAF_LAST);
	   d_step {
		if
		:: !ok -> NOTE(raced, p)
		:: ok && leaf[p].pfn != 0 -> NOTE(spurious, p)
		:: ok && leaf[p].pfn == 0 && (!both || leaf[1 - p].pfn != 0) ->
			leaf[p].pfn = pfn; /* a small leaf stands beside it: join it */
			NOTE(leaf_made, p)
		:: ok && leaf[p].pfn == 0 && both && leaf[1 - p].pfn == 0 ->
			leaf[0].pfn = pfn - p;
			leaf[1].pfn = pfn - p + 1;
			huge = 1;
			NOTE(leaf_of_both, p)
		fi;
		leaf_check(0);
		leaf_check(1)
	   }
	   leave(c_lock);
	   if
	   :: ok -> skip
	   :: else -> goto retry
	   fi;
served:
	   atomic { p = 0; token = 0; pfn = 0; ok = 0; both = 0 }
	:: left == 0 -> break
	od
}

/* mm/space.c:space_drop by an owner who takes one page or both away and frees what was there. */
proctype changer()
{
	byte first, last, p, j, old;

	atomic {
		if
		:: first = 0; last = 0
		:: first = 1; last = 1
		:: first = 0; last = 1
		fi;
		NOTE(gives_notice, first)
	}
	notice_begin(first, last);
	take(space_lock);
	d_step {
		if
		:: span && first != last -> span = 0
		:: span && first == last -> span = 0; NOTE(entry_split, first)
		:: else
		fi
	}
	p = first;
	do
	:: p <= last ->
		d_step {
			STEP(host_entry, p);
			old = host[p].pfn;
			host[p].pfn = 0
		}
		d_step {
			if
			:: old != 0 -> make_free(old)
			:: else
			fi;
			old = 0;
			p++
		}
	:: else -> p = 0; break
	od;
	leave(space_lock);
	notice_end(first, last)
}

proctype other_cpu()
{
end:	do
	:: d_step { leaf[0].pfn != tlb[0] && leaf[0].pfn != 0 -> tlb[0] = leaf[0].pfn; NOTE(tlb_fills, 0) }
	:: d_step { leaf[1].pfn != tlb[1] && leaf[1].pfn != 0 -> tlb[1] = leaf[1].pfn; NOTE(tlb_fills, 1) }
	od
}

init
{
	d_step {
		world_begin();
		host[0].pfn = place;
		host[0].special = 1;
		make_used(found, UNCOUNTED);
		host[1].pfn = found;
		host[1].special = 1;
		assert(found == place + 1);
		found = 0;
		place = 0;
		span = 1
	}
	atomic {
		run other_cpu();
		run vcpu();
		run changer();
		run changer()
	}
}
