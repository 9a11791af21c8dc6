/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is in its guest is kicked and waited for (N4 (3), S6): hv/shootdown.c and the loop in hv/vcpu.c.
 * A vCPU goes in and out and moves between two CPUs; each CPU has a TLB of its own that is flushed at
 * an entry if the VM's flush generation has moved since the last one there.
 *
 * columns: 1 the vCPU, 2 who removes the leaf
 * run shootdown: STAYS=4
 * defects of shootdown: S6_GENERATION S6_WAIT
 */
#define STEP(name, n) printf("@%d %e %d\n", _pid, name, n)
#define NOTE(what, n) printf("@%d %e %d\n", _pid, what, n)

mtype = { enters, flushes, fills, leaves, removes_leaf, raises_generation, looks,
	  shootdown_seen, returns };

#define CPUS 2

byte in_guest;	 /* the CPU + 1; 0: outside */
byte exits;	 /* of the vCPU */
byte generation; /* of the VM's flushes */
bit kicked[CPUS];
bit leaf = 1;
bit tlb[CPUS];	 /* the old translation */
byte seen[CPUS]; /* the generation at the last entry on this CPU */
bit gone;	 /* the shootdown has returned: nobody may use the old translation */

proctype vcpu()
{
	byte cpu, left = STAYS;

	do
	:: left > 0 ->
	   atomic {
		left--;
		if
		:: cpu = 0
		:: cpu = 1
		fi;
		in_guest = cpu + 1; /* hv/vcpu.c:run_guest */
		NOTE(enters, cpu)
	   }
	   /* arch_vcpu_run: the processor's entry obeys the generation. */
	   d_step {
		if
		:: seen[cpu] != generation ->
			NOTE(flushes, cpu);
			seen[cpu] = generation;
			tlb[cpu] = 0
		:: else
		fi
	   }
	   do
	   :: leaf && !tlb[cpu] -> d_step { tlb[cpu] = leaf; NOTE(fills, cpu) }
	   :: d_step { tlb[cpu] -> assert(!gone) } /* the guest uses it: I2 */
	   :: kicked[cpu] -> kicked[cpu] = 0; break
	   :: break /* an exit of its own */
	   od;
	   exits++;
	   d_step {
		in_guest = 0;
		NOTE(leaves, cpu)
	   }
	:: left == 0 -> break
	od
}

proctype shooter()
{
	byte s, n;

	d_step { leaf = 0; NOTE(removes_leaf, 0) }
#ifndef S6_GENERATION
	d_step { generation++; NOTE(raises_generation, generation) }
#endif
	atomic { s = in_guest; NOTE(looks, s) }
#ifdef S6_GENERATION
	d_step { generation++; NOTE(raises_generation, generation) }
#endif
	if
	:: s == 0 -> skip /* outside: it obeys the generation when it goes in */
	:: else ->
		STEP(shootdown_seen, s);
		n = exits;
		kicked[s - 1] = 1;
#ifndef S6_WAIT
		in_guest != s || exits != n
#endif
	fi;
	d_step { gone = 1; NOTE(returns, 0) }
}

init
{
	atomic {
		run vcpu();
		run shooter()
	}
}
