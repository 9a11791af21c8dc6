/* SPDX-License-Identifier: BSD-2-Clause */
/* The program: chooses scenarios, explores each in a process of its own, says what it saw. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/race/orders.h"
#include "tests/race/scenarios.h"
#include "tests/race/selftest.h"

#define NO_BOUND UINT32_MAX

static const char usage[] =
	"race [OPTION...] [SCENARIO...]: explores the schedules of the real mm/ and hv/\n"
	"  --all           every scenario\n"
	"  --list          their names, and what they are about\n"
	"  --bound N       all schedules of at most N preemptions (each scenario has its own)\n"
	"  --quick         of at most 2, with three threads 1: a few seconds\n"
	"  --random RUNS   random schedules by priority instead\n"
	"  --depth N       with so many ordered points (3)\n"
	"  --seed N        the first number of --random (by the clock, and printed)\n"
	"  --late          stores are seen as late as a store buffer may have them\n"
	"  --stale         loads see old values where C11 lets them; one counts as a preemption\n"
	"  --model         the orders of steps of the models' counterexamples, of M1 and others\n"
	"  --follow LINE   one order by the names of steps: 0:s2_install,1:-,0:-\n"
	"  --replay LIST   one schedule, as a failure prints it, with its trace\n"
	"  --reads         the trace shows reads too\n"
	"  --tap           one line a scenario, as tools/run-tests reads it\n"
	"  --jobs N        scenarios at once (as many as there are processors)\n"
	"  --selftest      the explorer itself\n"
	"Status 0: everything held; 1: something is broken; 2: wrong use.\n";

static struct {
	bool all, list, selftest, reads, quick, tap, model;
	unsigned bound, depth, jobs;
	uint64_t runs, seed;
	const char *replay, *follow;
} options = { .bound = NO_BOUND, .depth = 3 };

static struct race_outcome outcome;
static const struct scenario *at_hand;

static const char *finish(void)
{
	const char *wrong = at_hand->end != NULL ? at_hand->end() : NULL;
	return wrong != NULL ? wrong : world_finish();
}

/* Of this process, on a processor: others do not make them longer. */
static double seconds_used(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static struct race_program program_of(const struct scenario *s)
{
	struct race_program p = {
		.name = s->name,
		.threads = s->threads,
		.restore = world_restore,
		.check = world_check,
		.finish = finish,
		.access = world_access,
		.describe = world_describe,
	};

	memcpy(p.body, s->body, sizeof(p.body));
	memcpy(p.column, s->column, sizeof(p.column));
	return p;
}

static void say_broken(const struct race_program *p)
{
	static struct race_outcome again;
	static char line[sizeof(again.replay)];

	printf("%s: BROKEN: %s\n", p->name, outcome.broken);
	printf("  after %llu schedules, with %u preemptions; again with\n"
	       "  %s %s%s%s --replay %s\n",
	       (unsigned long long)outcome.schedules, outcome.preemptions, program_invocation_name,
	       race_late ? "--late " : "", race_stale ? "--stale " : "", p->name, outcome.replay);
	strcpy(line, outcome.replay);
	if (options.replay == NULL)
		(void)race_replay(p, line, options.reads, &again);
	printf("broken: %s\n", outcome.broken);
}

static void explore(const struct scenario *s, const struct race_program *p, char *how, size_t bytes)
{
	if (options.runs != 0) {
		snprintf(how, bytes, "random, depth %u, seed %llu", options.depth,
			 (unsigned long long)options.seed);
		race_random(p, options.runs, options.depth, options.seed, &outcome);
	} else {
		unsigned bound = options.quick ? (s->threads == 2 ? 2 : 1) : s->bound;
		if (options.bound != NO_BOUND)
			bound = options.bound;
		snprintf(how, bytes, "all of %u preemptions", bound);
		race_search(p, bound, &outcome);
	}
}

static const char *follow_name; /* of the order, in TAP; NULL: by hand, with its trace */
static unsigned follow_number;

/* One order of steps. */
static int follow(const struct race_program *p)
{
	if (!race_follow(p, options.follow, follow_name == NULL, &outcome)) {
		fprintf(stderr, "race: --follow THREAD:STEP,THREAD:-,...\n");
		return 2;
	}
	if (follow_name != NULL)
		printf("%s %u - %s: %s %s%s%s\n", outcome.broken == NULL ? "ok" : "not ok",
		       follow_number, follow_name, p->name, options.follow,
		       outcome.broken != NULL ? ": " : "",
		       outcome.broken != NULL ? outcome.broken : "");
	else
		printf("%s: %s\n", p->name, outcome.broken != NULL ? outcome.broken : "held");
	fflush(stdout);
	return outcome.broken != NULL;
}

/* One scenario, in this process; its world is made once. */
static int scenario_run(const struct scenario *s)
{
	char how[64];

	at_hand = s;
	world_begin(&s->options);
	s->begin();
	world_keep();
	struct race_program p = program_of(s);
	if (options.follow != NULL)
		return follow(&p);
	if (options.replay != NULL) {
		if (!race_replay(&p, options.replay, options.reads, &outcome)) {
			fprintf(stderr, "race: --replay THREAD:POINTS,THREAD:POINTS,...\n");
			return 2;
		}
		if (outcome.broken == NULL)
			printf("%s: this schedule breaks nothing\n", s->name);
	} else {
		explore(s, &p, how, sizeof(how));
		if (options.tap)
			printf("%s %u - ", outcome.broken == NULL ? "ok" : "not ok",
			       (unsigned)(s - scenarios) + 1);
		printf("%-18s %u threads  %-32s %9llu schedules  up to %3u points  %6.1f s  %s\n",
		       s->name, s->threads, how, (unsigned long long)outcome.schedules,
		       outcome.longest, seconds_used(), outcome.broken == NULL ? "held" : "BROKEN");
	}
	if (outcome.broken != NULL)
		say_broken(&p);
	fflush(stdout);
	return outcome.broken != NULL;
}

/* ---- Several at once ---------------------------------------------------------------------------
 */

/* Each writes to a file of its own, which is shown when it has ended. */
struct job {
	pid_t pid;
	FILE *text;
};

static void job_start(struct job *j, const struct scenario *s)
{
	j->text = tmpfile();
	if (j->text == NULL) {
		perror("race: tmpfile");
		exit(2);
	}
	fflush(NULL);
	j->pid = fork();
	if (j->pid == 0) {
		dup2(fileno(j->text), STDOUT_FILENO);
		_exit(scenario_run(s));
	}
	if (j->pid < 0) {
		perror("race: fork");
		exit(2);
	}
}

static int job_end(struct job *j, int status)
{
	char line[4096];

	rewind(j->text);
	while (fgets(line, sizeof(line), j->text) != NULL)
		fputs(line, stdout);
	fclose(j->text);
	fflush(stdout);
	j->pid = 0;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	printf("race: a process died of signal %d\n", WTERMSIG(status));
	return 1;
}

/* Waits for one of them. */
static int jobs_wait(struct job *jobs, unsigned count)
{
	int status;
	pid_t pid = wait(&status);

	for (unsigned i = 0; i < count; i++)
		if (jobs[i].pid == pid)
			return job_end(&jobs[i], status);
	return 0;
}

static int scenarios_run(const struct scenario *const *chosen, unsigned count)
{
	static struct job jobs[64];
	int worst = 0, status;

	for (unsigned next = 0; next < count;) {
		unsigned i = 0;
		while (i < options.jobs && jobs[i].pid != 0)
			i++;
		if (i < options.jobs) {
			job_start(&jobs[i], chosen[next++]);
			continue;
		}
		status = jobs_wait(jobs, options.jobs);
		worst = status > worst ? status : worst;
	}
	for (unsigned i = 0; i < options.jobs; i++) {
		if (jobs[i].pid == 0)
			continue;
		waitpid(jobs[i].pid, &status, 0);
		status = job_end(&jobs[i], status);
		worst = status > worst ? status : worst;
	}
	return worst;
}

/* ---- The command line --------------------------------------------------------------------------
 */

static uint64_t number(const char *text, uint64_t most)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 0);

	if (end == text || *end != '\0' || n > most) {
		fprintf(stderr, "race: %s is not a number up to %llu\n", text,
			(unsigned long long)most);
		exit(2);
	}
	return n;
}

static void options_read(int count, char **words)
{
	static const struct option known[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "list", no_argument, NULL, 'l' },
		{ "bound", required_argument, NULL, 'b' },
		{ "quick", no_argument, NULL, 'q' },
		{ "random", required_argument, NULL, 'r' },
		{ "depth", required_argument, NULL, 'd' },
		{ "seed", required_argument, NULL, 's' },
		{ "late", no_argument, NULL, 'o' },
		{ "stale", no_argument, NULL, 'w' },
		{ "model", no_argument, NULL, 'm' },
		{ "follow", required_argument, NULL, 'f' },
		{ "replay", required_argument, NULL, 'p' },
		{ "reads", no_argument, NULL, 'e' },
		{ "tap", no_argument, NULL, 'n' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "selftest", no_argument, NULL, 't' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(count, words, "", known, NULL)) != -1) {
		switch (c) {
		case 'a': options.all = true; break;
		case 'l': options.list = true; break;
		case 't': options.selftest = true; break;
		case 'q': options.quick = true; break;
		case 'n': options.tap = true; break;
		case 'e': options.reads = true; break;
		case 'b': options.bound = (unsigned)number(optarg, 16); break;
		case 'd': options.depth = (unsigned)number(optarg, 16); break;
		case 'j': options.jobs = (unsigned)number(optarg, 64); break;
		case 'r': options.runs = number(optarg, UINT64_MAX); break;
		case 's': options.seed = number(optarg, UINT64_MAX); break;
		case 'o': race_late = true; break;
		case 'w': race_stale = true; break;
		case 'm': options.model = true; break;
		case 'f': options.follow = optarg; break;
		case 'p': options.replay = optarg; break;
		default: fputs(usage, stderr); exit(2);
		}
	}
	if (race_late && race_stale) {
		fputs("race: --late and --stale are two ways; one at a time\n", stderr);
		exit(2);
	}
	if (options.jobs == 0)
		options.jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	if (options.seed == 0)
		options.seed = (uint64_t)time(NULL);
}

static const struct scenario *find(const char *name)
{
	for (unsigned i = 0; i < scenario_count; i++)
		if (strcmp(scenarios[i].name, name) == 0)
			return &scenarios[i];
	fprintf(stderr, "race: there is no scenario %s; --list names them\n", name);
	exit(2);
}

/* Each in a process of its own, one after the other. */
static int orders_run(void)
{
	int worst = 0, status;

	printf("1..%u\n", order_count);
	for (unsigned i = 0; i < order_count; i++) {
		struct job j;
		follow_name = orders[i].defect;
		follow_number = i + 1;
		options.follow = orders[i].line;
		job_start(&j, find(orders[i].scenario));
		waitpid(j.pid, &status, 0);
		status = job_end(&j, status);
		worst = status > worst ? status : worst;
	}
	return worst;
}

int main(int count, char **words)
{
	static const struct scenario *chosen[256];
	unsigned chosen_count = 0;

	options_read(count, words);
	if (options.selftest)
		return selftest();
	if (options.model)
		return orders_run();
	for (unsigned i = 0; i < scenario_count; i++) {
		if (options.list)
			printf("%-18s %s\n", scenarios[i].name, scenarios[i].about);
		if (options.all)
			chosen[chosen_count++] = &scenarios[i];
	}
	if (options.list)
		return 0;
	for (int i = optind; i < count && !options.all; i++)
		chosen[chosen_count++] = find(words[i]);
	if (chosen_count == 0 ||
	    ((options.replay != NULL || options.follow != NULL) && chosen_count != 1)) {
		fputs(usage, stderr);
		return 2;
	}
	if (options.tap)
		printf("1..%u\n", chosen_count);
	if (chosen_count == 1)
		return scenario_run(chosen[0]);
	return scenarios_run(chosen, chosen_count);
}
