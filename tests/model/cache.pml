/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pfn cache against two notices (C1, N4 (2), N5): mm/pfn_cache.c. The consumer is the cache; it is
 * invalidated before its open count is raised, so it must ask whether a notice is active.
 *
 * columns: 1 the cache's user, 2 a notice, 3 another notice
 * run cache: USES=2
 * defects of cache: M9 N4
 */
#define CACHE
#include "core.inc"

#define TRIES 2 /* CACHE_TRIES: then the user is told RACED */

/* N5 (M9: only the open count is asked) */
#ifdef M9
#define NOTICE_ABOUT (open != 0)
#else
#define NOTICE_ABOUT (active_count != 0)
#endif

mtype = { cache_token, cache_followed, used, given_up };

proctype user()
{
	byte token, pfn, tries, left = USES;
	bit ok, special, counted;

	do
	:: left > 0 ->
	   left--;
	   tries = 0;
use:
	   /* mm/pfn_cache.c:cache_use */
	   take(c_lock);
	   d_step {
		ok = kept != 0;
		if
		:: ok ->
			NOTE(used, kept);
			assert(frame[kept].class != FREE); /* I2 */
			if
			:: counted -> mark(kept)
			:: else
			fi
		:: else
		fi
	   }
	   leave(c_lock);
	   if
	   :: ok -> goto next
	   :: !ok && tries == TRIES -> NOTE(given_up, tries); goto next
	   :: else -> tries++
	   fi;
	   /* mm/pfn_cache.c:cache_refresh */
	   atomic {
		token = seq;
		STEP(cache_token, seq)
	   }
lookup:
	   atomic {
		pfn = host[page].pfn;
		special = host[page].special;
		if
		:: pfn != 0 -> STEP(cache_followed, pfn)
		:: else -> STEP(follow_fault, page); goto absent
		fi
	   }
	   take(c_lock);
	   d_step {
		if
		:: NOTICE_ABOUT || !TOKEN_HOLDS(token, page, page) -> NOTE(raced, page)
		:: else ->
			kept = pfn;
			counted = !special;
			assert(frame[pfn].class != FREE); /* I2 */
			assert(inside[page] == 0)	  /* I3 */
		fi
	   }
	   leave(c_lock);
	   goto use;
absent:
	   space_fault(page, 0, ok);
	   if
	   :: ok -> goto lookup
	   :: else -> NOTE(refused, page)
	   fi;
next:
	   atomic { token = 0; pfn = 0; special = 0; tries = 0; ok = 0 }
	:: left == 0 -> break
	od
}

#include "changer.inc"

init
{
	world_begin();
	atomic {
		if
		:: page = 0
		:: page = 1
		fi;
		run user();
		run changer();
		run changer()
	}
	_nr_pr == 1;
	world_check()
}
