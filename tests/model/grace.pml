/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Grace periods by epochs (S6): mm/grace.c. Two CPUs read without a lock; a third takes a table out of
 * the tree, gives it away, and frees it two epochs later; a fourth moves the epoch as well. (In
 * sequential consistency: the fences that bring the processors there are argued for in the code.)
 *
 * columns: 1 a reader, 2 another reader, 3 who frees, 4 another CPU that polls
 * run grace: READS=2 TABLES=2
 * defects of grace: S6_EPOCHS S6_ENTER S6_LINK
 */
#define STEP(name, n) printf("@%d %e %d\n", _pid, name, n)
#define NOTE(what, n) printf("@%d %e %d\n", _pid, what, n)

mtype = { grace_enter, grace_leave, grace_advance, finds, touches, takes_out, gives_away, frees };

#define READERS 2
#define NOT_READING 0
#ifdef S6_EPOCHS
#define GRACE_EPOCHS 1
#else
#define GRACE_EPOCHS 2
#endif

byte epoch = 1;
byte announced[READERS];
byte linked = 1;	     /* the table that a reader finds; 0: none */
bit freed[TABLES + 1];

proctype reader(byte r)
{
	byte now, table, left = READS;

	do
	:: left > 0 ->
	   left--;
	   now = epoch;
	   STEP(grace_enter, now);
#ifndef S6_ENTER
	   announced[r] = now;
#endif
	   atomic {
		table = linked;
		NOTE(finds, table)
	   }
#ifdef S6_ENTER
	   announced[r] = now; /* only now */
#endif
	   d_step {
		NOTE(touches, table);
		assert(table == 0 || !freed[table])
	   }
	   d_step {
		table = 0;
		now = 0;
		announced[r] = NOT_READING;
		STEP(grace_leave, r)
	   }
	:: left == 0 -> break
	od
}

/* mm/grace.c:try_advance; the readers are looked at one after the other. */
inline try_advance()
{
	now = epoch;
	r = 0;
	do
	:: r < READERS && (announced[r] == NOT_READING || announced[r] == now) -> r++
	:: r < READERS && announced[r] != NOT_READING && announced[r] != now -> break
	:: r == READERS ->
		atomic {
			STEP(grace_advance, now);
			if
			:: epoch == now -> epoch = now + 1
			:: else
			fi
		}
		break
	od;
	r = 0
}

proctype writer()
{
	byte now, r, given, table = 1;

	do
	:: table <= TABLES ->
#ifdef S6_LINK
	   /* given away before it is out of the tree */
	   given = epoch;
	   NOTE(gives_away, given);
#endif
	   atomic {
		linked = (table < TABLES -> table + 1 : 0);
		NOTE(takes_out, table)
	   }
#ifndef S6_LINK
	   given = epoch;
	   NOTE(gives_away, given);
#endif
	   do
	   :: epoch - given < GRACE_EPOCHS -> try_advance()
	   :: else -> break
	   od;
	   atomic {
		freed[table] = 1;
		NOTE(frees, table);
		table++
	   }
	:: else -> break
	od
}

proctype poller()
{
	byte now, r, left = 2;

	do
	:: left > 0 -> left--; try_advance()
	:: left == 0 -> break
	od
}

init
{
	atomic {
		run reader(0);
		run reader(1);
		run writer();
		run poller()
	}
}
