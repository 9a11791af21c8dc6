/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Progress (N8): two vCPUs fault again and again under a storm of notices that never ends.
 * mm/notice.c:notice_admit, notice_turn_take, notice_turn_done; hv/fault.c; hv/sched.c's waiting and
 * waking. A fault that has lost PATIENCE lookups asks for its turn; nobody but itself is admitted
 * then. Checked: the rounds of each fault are bounded, nothing hangs, and there is no endless
 * execution (weakly fair) in which no fault completes.
 *
 * `seq` never ends here, so what it says is kept instead: has a notice ended since the token was
 * taken? Critical sections are one step: the locks are ticket locks, who waits gets its turn.
 *
 * columns: 1 a vCPU, 2 another vCPU, 3 a storm, 4 another storm
 * run rounds: STORMS=2
 * progress storm: STORMS=1
 * defects of rounds: N8_TURN N8_ADMIT N8_WAKE N8_TELL
 * defects of storm: N8_SPIN
 */
#define STEP(name, n) printf("@%d %e %d\n", _pid, name, n)
#define NOTE(what, n) printf("@%d %e %d\n", _pid, what, n)

mtype = { fault_token, fault_followed, notice_active, notice_open_raised, notice_seq_raised,
	  notice_inactive, breaks_shared, raced, asks, has_turn, waits, woken, served, kept_out };
mtype = { RUNNING, WAITING };

#define VCPUS 2
#define PATIENCE 2 /* NOTICE_PATIENCE, smaller */
#define MAX_ROUNDS (PATIENCE + 2)

byte active_count, open, turns;
bit turn_taken;
bit tell; /* somebody was refused: NOTIFIER_TELL */
bit stale[VCPUS]; /* a notice has ended since the vCPU's token was taken */
mtype state[VCPUS] = RUNNING;
bit wake[VCPUS];

/* mm/notice.c:notice_admit */
#ifdef N8_ADMIT
#define KEPT_OUT 0
#else
#define KEPT_OUT (turns != 0)
#endif

inline seq_raise()
{
	STEP(notice_seq_raised, 0);
	stale[0] = 1;
	stale[1] = 1
}

/* mm/notice.c:state_end: whoever ends what kept somebody out takes it upon himself to tell. */
inline told_taken()
{
	told = tell;
	tell = 0
}

/* mm/notice.c:tell, hv/sched.c:sched_wake_waiting */
inline released()
{
	d_step {
		if
		:: state[0] == WAITING -> state[0] = RUNNING; NOTE(woken, 0)
#ifndef N8_WAKE
		:: state[0] == RUNNING -> wake[0] = 1
#endif
		:: else
		fi;
		if
		:: state[1] == WAITING -> state[1] = RUNNING; NOTE(woken, 1)
#ifndef N8_WAKE
		:: state[1] == RUNNING -> wake[1] = 1
#endif
		:: else
		fi
	}
}

proctype vcpu(byte v)
{
	byte races;
	bit asked, mine, shared, lost, told;

	do
	:: /* A fault; the page may be a shared one that it must break itself (H6). */
	   if
	   :: shared = 0
	   :: shared = 1
	   fi;
	   races = 0;
retry:
	   lost = 0;
	   atomic {
		stale[v] = 0;
		STEP(fault_token, races)
	   }
	   if
	   :: shared ->
		/* mm/host_fault.c:shared_break, NOTICE_NESTED in its turn, else NOTICE_TRY. */
		d_step {
			if
			:: mine || !KEPT_OUT -> active_count++; NOTE(breaks_shared, v)
			:: else -> lost = 1
			fi
		}
		if
		:: !lost ->
			open++;
			d_step { seq_raise(); open-- }
			d_step { active_count--; told_taken() }
			shared = 0;
			if
			:: told -> released()
			:: else
			fi
		:: else
		fi
	   :: else
	   fi;
	   STEP(fault_followed, v);
	   d_step {
		lost = lost || open != 0 || stale[v]; /* mm/notice.h:token_check */
		if
		:: lost ->
			NOTE(raced, races)
#ifndef N8_SPIN
			; assert(races < MAX_ROUNDS); /* N8 */
			races++
#endif
		:: else -> NOTE(served, races)
		fi
	   }
	   if
	   :: !lost -> goto done
	   :: lost && races < PATIENCE -> goto retry
	   :: else
	   fi;
#if defined(N8_TURN) || defined(N8_SPIN)
	   goto retry;
#endif
again:
	   /* mm/notice.c:notice_turn_take */
	   atomic {
		if
		:: !asked -> asked = 1; turns++; NOTE(asks, v)
		:: else
		fi;
		if
		:: !mine && active_count == 0 && !turn_taken ->
			mine = 1;
			turn_taken = 1;
			NOTE(has_turn, v)
#ifndef N8_TELL
		:: !mine && (active_count != 0 || turn_taken) -> tell = 1
#endif
		:: else
		fi
	   }
	   if
	   :: mine -> goto retry
	   :: else
	   fi;
	   /* hv/sched.c:leave: who was woken meanwhile does not sleep. */
	   d_step {
		if
		:: wake[v] -> wake[v] = 0
		:: else -> state[v] = WAITING; NOTE(waits, v)
		fi
	   }
	   state[v] == RUNNING;
	   wake[v] = 0; /* hv/sched.c:take */
	   goto again;
done:
	   /* mm/notice.c:notice_turn_done */
	   atomic {
		if
		:: asked ->
			turns--;
			told_taken();
			if
			:: mine -> turn_taken = 0
			:: else
			fi
		:: else
		fi
	   }
	   if
	   :: asked && told -> released()
	   :: else
	   fi;
	   asked = 0;
	   told = 0;
	   mine = 0;
progress_served:
	   skip
	od
}

/* Notices of NOTICE_TRY, one after the other, for ever. */
proctype storm()
{
	bit told;

end:	do
	:: d_step {
		!KEPT_OUT ->
		active_count++;
		STEP(notice_active, active_count)
	   }
	   d_step {
		open++;
		STEP(notice_open_raised, open)
	   }
	   d_step {
		seq_raise();
		open--
	   }
	   d_step {
		STEP(notice_inactive, active_count);
		active_count--;
		told_taken()
	   }
	   if
	   :: told -> released()
	   :: else
	   fi;
	   told = 0
	od
}

init
{
	atomic {
		run vcpu(0);
		run vcpu(1);
		run storm();
#if STORMS > 1
		run storm()
#endif
	}
}
