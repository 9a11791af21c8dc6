/* SPDX-License-Identifier: BSD-2-Clause */
/* Who decides: the search through all schedules up to a bound, priorities, or a line that says it.
 */
#include "tests/race/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- All schedules ----------------------------------------------------------------------------
 */

/* A decision between several. The search is a walk through the tree of these, depth first. */
struct choice {
	unsigned self, enabled, chosen;
	unsigned preemptions; /* before it */
};

static struct {
	struct choice choices[RACE_POINTS + 2];
	unsigned length; /* of the schedule that is followed, and then grows */
	unsigned at;
} tree;

static const char not_restored[] = "the same schedule went another way: the world is not restored";

static bool is_preemption(const struct choice *c, unsigned chosen)
{
	return c->self != RACE_NOBODY && c->self != chosen;
}

static unsigned search_decide(unsigned self, unsigned enabled)
{
	unsigned first = race_default(self, enabled);

	if ((enabled & (enabled - 1)) == 0)
		return first;
	struct choice *c = &tree.choices[tree.at];
	if (tree.at++ < tree.length) {
		if (c->self != self || c->enabled != enabled)
			race_broken(not_restored);
		return c->chosen;
	}
	*c = (struct choice){ self, enabled, first, 0 };
	if (tree.at > 1)
		c->preemptions = c[-1].preemptions + is_preemption(&c[-1], c[-1].chosen);
	tree.length = tree.at;
	return first;
}

/* The next one after `chosen`, in the order first, 0, 1, 2, old; RACE_NOBODY: there is none. */
static unsigned choice_next(const struct choice *c, unsigned bound)
{
	unsigned first = race_default(c->self, c->enabled);
	unsigned i = c->chosen == first ? 0 : c->chosen + 1;

	for (; i <= RACE_STALE; i++)
		if (i != first && c->enabled & 1u << i &&
		    c->preemptions + is_preemption(c, i) <= bound)
			return i;
	return RACE_NOBODY;
}

static bool search_next(unsigned bound)
{
	while (tree.length > 0) {
		struct choice *c = &tree.choices[tree.length - 1];
		unsigned next = choice_next(c, bound);
		if (next != RACE_NOBODY) {
			c->chosen = next;
			return true;
		}
		tree.length--;
	}
	return false;
}

/* Runs it, and counts; true: it held. */
static bool run_and_count(const struct race_program *p, race_decide decide,
			  struct race_outcome *out)
{
	static char words[512];
	const char *broken = race_run(p, decide);

	out->schedules++;
	out->points += race_run_points();
	if (race_run_points() > out->longest)
		out->longest = race_run_points();
	if (broken == NULL)
		return true;
	snprintf(words, sizeof(words), "%s", broken);
	out->broken = words;
	out->preemptions = race_run_preemptions();
	race_run_schedule(out->replay, sizeof(out->replay));
	return false;
}

/* One schedule: the choices of the tree, then the default. */
static bool search_run(const struct race_program *p, struct race_outcome *out)
{
	unsigned given = tree.length;

	tree.at = 0;
	if (!run_and_count(p, search_decide, out))
		return false;
	if (tree.at < given)
		out->broken = not_restored;
	return out->broken == NULL;
}

void race_search(const struct race_program *p, unsigned bound, struct race_outcome *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned b = 0; b <= bound && out->broken == NULL; b++) {
		out->schedules = out->points = 0;
		tree.length = 0;
		while (search_run(p, out) && search_next(b))
			;
	}
}

/* ---- Priorities -------------------------------------------------------------------------------
 */

#define DEPTH_MAX 16u
#define STALE_ONE_IN 16u /* loads that may be */

static struct {
	uint64_t state;
	unsigned priority[RACE_THREADS]; /* the highest goes on */
	unsigned lowest;
	unsigned at, change_count;
	unsigned change[DEPTH_MAX];
} dice;

static uint64_t dice_next(void)
{
	/* splitmix64 */
	uint64_t z = dice.state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void dice_throw(unsigned threads, unsigned depth, unsigned points)
{
	for (unsigned i = 0; i < threads; i++)
		dice.priority[i] = DEPTH_MAX + 1 + i;
	for (unsigned i = threads - 1; i > 0; i--) {
		unsigned j = (unsigned)(dice_next() % (i + 1)), p = dice.priority[i];
		dice.priority[i] = dice.priority[j];
		dice.priority[j] = p;
	}
	dice.lowest = DEPTH_MAX;
	dice.at = 0;
	dice.change_count = depth - 1;
	for (unsigned i = 0; i < dice.change_count; i++)
		dice.change[i] = (unsigned)(dice_next() % (points + 1));
}

static unsigned dice_highest(unsigned enabled)
{
	unsigned best = RACE_NOBODY;

	for (unsigned i = 0; i < RACE_THREADS; i++)
		if (enabled & 1u << i &&
		    (best == RACE_NOBODY || dice.priority[i] > dice.priority[best]))
			best = i;
	return best;
}

static unsigned dice_decide(unsigned self, unsigned enabled)
{
	if (enabled & 1u << RACE_STALE)
		return dice_next() % STALE_ONE_IN == 0 ? RACE_STALE : self;
	for (unsigned i = 0; i < dice.change_count; i++)
		if (dice.change[i] == dice.at)
			dice.priority[dice_highest(enabled)] = dice.lowest--;
	dice.at++;
	return dice_highest(enabled);
}

void race_random(const struct race_program *p, uint64_t runs, unsigned depth, uint64_t seed,
		 struct race_outcome *out)
{
	memset(out, 0, sizeof(*out));
	dice.state = seed;
	if (depth == 0 || depth > DEPTH_MAX)
		depth = 3;
	for (uint64_t i = 0; i < runs; i++) {
		dice_throw(p->threads, depth, out->longest);
		if (!run_and_count(p, dice_decide, out))
			return;
	}
}

/* ---- A given one ------------------------------------------------------------------------------
 */

static struct {
	const char *at;
	unsigned thread, left; /* of the segment at hand */
	bool bad;
} given;

static bool given_segment(void)
{
	char *end;

	if (*given.at == '\0')
		return false;
	given.thread = (unsigned)strtoul(given.at, &end, 10);
	given.bad = end == given.at || *end != ':' || given.thread > RACE_STALE;
	if (given.bad)
		return false;
	given.at = end + 1;
	given.left = (unsigned)strtoul(given.at, &end, 10);
	given.bad = end == given.at || (*end != ',' && *end != '\0');
	given.at = *end == ',' ? end + 1 : end;
	return !given.bad;
}

static unsigned given_decide(unsigned self, unsigned enabled)
{
	while (given.left == 0)
		if (!given_segment())
			return race_default(self, enabled);
	given.left--;
	return enabled & 1u << given.thread ? given.thread : race_default(self, enabled);
}

bool race_replay(const struct race_program *p, const char *schedule, bool all,
		 struct race_outcome *out)
{
	memset(out, 0, sizeof(*out));
	memset(&given, 0, sizeof(given));
	given.at = schedule;
	while (given_segment())
		;
	if (given.bad)
		return false;
	given.at = schedule;
	given.left = 0;
	trace_begin(p, all);
	(void)run_and_count(p, given_decide, out);
	trace_end();
	return true;
}

/* ---- By the names of steps ---------------------------------------------------------------------
 */

#define STAGES 32u
#define STEP_BYTES 40u

static struct {
	struct stage {
		unsigned thread;
		char step[STEP_BYTES]; /* "-": its end */
	} stages[STAGES];
	unsigned count, at;
	bool moved; /* the thread of the stage at hand has gone on since it began */
} plan;

static bool plan_read(const char *line)
{
	int used;

	for (plan.count = 0; plan.count < STAGES; line += used) {
		struct stage *s = &plan.stages[plan.count];
		if (sscanf(line, "%u:%39[a-z0-9_-]%n", &s->thread, s->step, &used) != 2 ||
		    s->thread >= RACE_THREADS)
			return false;
		plan.count++;
		if (line[used] == '\0')
			return true;
		used += line[used] == ',';
	}
	return false;
}

/* Has the thread of this stage come to where it leads? */
static bool stage_over(const struct stage *s)
{
	const char *about = race_about(s->thread);

	if (race_ended(s->thread))
		return true;
	return plan.moved && about != NULL && strcmp(about, s->step) == 0;
}

static const char *never(const struct stage *s)
{
	static char words[96];

	snprintf(words, sizeof(words), "CPU %u never comes to %s", s->thread, s->step);
	return words;
}

static unsigned plan_decide(unsigned self, unsigned enabled)
{
	while (plan.at < plan.count && stage_over(&plan.stages[plan.at])) {
		const struct stage *s = &plan.stages[plan.at++];
		plan.moved = false;
		if (race_ended(s->thread) && strcmp(s->step, "-") != 0)
			race_broken(never(s));
	}
	if (plan.at == plan.count || !(enabled & 1u << plan.stages[plan.at].thread))
		return race_default(self, enabled);
	plan.moved = true;
	return plan.stages[plan.at].thread;
}

bool race_follow(const struct race_program *p, const char *line, bool trace,
		 struct race_outcome *out)
{
	struct race_program all = *p;

	memset(out, 0, sizeof(*out));
	plan.at = 0;
	plan.moved = false;
	if (!plan_read(line))
		return false;
	all.all_steps = true;
	if (trace)
		trace_begin(&all, false);
	(void)run_and_count(&all, plan_decide, out);
	for (; out->broken == NULL && plan.at < plan.count; plan.at++)
		if (strcmp(plan.stages[plan.at].step, "-") != 0)
			out->broken = never(&plan.stages[plan.at]);
	if (trace)
		trace_end();
	return true;
}
