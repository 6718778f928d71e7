/* SPDX-License-Identifier: MIT */
/*
 * weir-bench: what a message costs between two processes of this machine,
 * beside what the machine can do at all. weir-bench(1) says what each figure
 * means; bench.h which file does what.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define SECONDS 20.0
#define SECONDS_QUICK 4.0
#define SLICE_MS 10.0
/* Arbitrary: several times what a thread takes to fall asleep. */
#define PAUSE_US 50.0
/* That of a ring of default options. */
#define CAPACITY (UINT64_C(2) << 20)
/* Between 105 ns (one L3 cache) and 490 ns (not), the two that were seen on
   the machine that this was written on. */
#define FAR_NS 250.0

struct bench_machine bench_machine;

static pid_t parent;

static const char usage[] =
"Usage: weir-bench [OPTION]...\n"
"What a message between two processes costs: round trip and throughput of\n"
"weir, a pipe and a Unix socket, beside the raw limit of this machine.\n"
"\n"
"  -t, --seconds=N      measure for N seconds (20)\n"
"  -q, --quick          for 4\n"
"  -s, --size=LIST      bytes a message, a multiple of 8; K is 1024\n"
"                       (8,64,1K,64K)\n"
"  -o, --only=LIST      rtt, throughput (both)\n"
"  -m, --mode=LIST      busy, blocking (both)\n"
"  -w, --with=LIST      contestants, see --list (all but the optional ones)\n"
"  -c, --capacity=N     bytes of buffer each way (2M)\n"
"  -C, --cpus=A,B       pin to these two (the first two allowed)\n"
"  -F, --far=NS         a line's round trip that is called \"far\" (250)\n"
"  -p, --pause=US       before each blocking round trip (50)\n"
"  -S, --slice=MS       length of a slice (10)\n"
"  -j, --json           write JSON\n"
"  -l, --list           say what there is, and stop\n"
"  -h, --help, -V, --version\n"
"\n"
"Exit status: 0, 1 a message was lost or a process or call failed, 2 usage.\n"
"See weir-bench(1).\n";

/* In a child too: whoever says why exits with 1. */
__attribute__((format(printf, 1, 0))) static void
fail_text(const char *format, va_list args)
{
	fprintf(stderr, "weir-bench: ");
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void bench_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fail_text(format, args);
	va_end(args);
	if (getpid() != parent)
		_exit(1);
	bench_pairs_stop();
	exit(1);
}

void bench_fail_run(const struct bench_run *run, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	bench_fail("%s, process %c, %s, %s, %zu bytes: %s", run->who->name,
		   'A' + run->side, bench_test_name(run->order.test),
		   bench_mode_name(run->order.mode), run->order.size, text);
}

const char *bench_test_name(unsigned test)
{
	return test == BENCH_RTT ? "round trip" : "throughput";
}

const char *bench_mode_name(unsigned mode)
{
	return mode == BENCH_BUSY ? "busy" : "blocking";
}

__attribute__((noreturn)) static void exit_usage(void)
{
	fputs("Try \"weir-bench --help\".\n", stderr);
	exit(2);
}

__attribute__((noreturn)) static void bad_usage(const char *what,
						const char *value)
{
	fprintf(stderr, "weir-bench: %s: %s\n", what, value);
	exit_usage();
}

static double number(const char *what, const char *value, double least,
		     double most)
{
	char *end;
	double n;

	errno = 0;
	n = strtod(value, &end);
	/* written so that a NAN is refused */
	if (errno || end == value || *end || !(n >= least && n <= most))
		bad_usage(what, value);
	return n;
}

static uint64_t bytes(const char *what, const char *value, uint64_t least,
		      uint64_t most, const char **end)
{
	unsigned long long n;
	char *after;

	errno = 0;
	n = strtoull(value, &after, 10);
	if (errno || after == value || *value == '-' || n > most)
		bad_usage(what, value);
	if (*after == 'K' || *after == 'k')
		n *= 1024, after++;
	else if (*after == 'M' || *after == 'm')
		n *= 1024 * 1024, after++;
	if (n < least || n > most)
		bad_usage(what, value);
	*end = after;
	return n;
}

static void parse_sizes(struct bench_options *options, const char *list)
{
	const char *at = list;
	size_t size;

	options->sizes = 0;
	for (;;) {
		size = bytes("--size", at, BENCH_SIZE_MIN, BENCH_SIZE_MAX, &at);
		if (size % 8 || options->sizes == BENCH_SIZES_MAX ||
		    (*at && *at != ','))
			bad_usage("--size", list);
		options->size[options->sizes++] = size;
		if (!*at)
			return;
		at++;
	}
}

/* Bits of a list of names with commas. */
static unsigned parse_names(const char *what, const char *list,
			    const char *const name[2])
{
	const char *at = list;
	unsigned bits = 0, i;
	size_t len;

	for (;;) {
		len = strcspn(at, ",");
		for (i = 0; i < 2; i++) {
			if (strlen(name[i]) == len && !memcmp(at, name[i], len))
				break;
		}
		if (i == 2)
			bad_usage(what, list);
		bits |= 1u << i;
		if (!at[len])
			return bits;
		at += len + 1;
	}
}

/* Each name is that of a contestant. */
static void check_with(const char *list)
{
	const char *at = list, *name;
	size_t len;
	int i;

	for (;;) {
		len = strcspn(at, ",");
		for (i = 0; bench_contestants[i]; i++) {
			name = bench_contestants[i]->name;
			if (strlen(name) == len && !memcmp(at, name, len))
				break;
		}
		if (!bench_contestants[i])
			bad_usage("--with", list);
		if (!at[len])
			return;
		at += len + 1;
	}
}

static void list_all(void)
{
	const struct bench_contestant *who;
	unsigned test, mode;
	int i;

	printf("tests: rtt, throughput; modes: busy, blocking\n"
	       "contestants:\n");
	for (i = 0; (who = bench_contestants[i]); i++) {
		if (!who->what)
			continue;
		printf("  %-11s %s%s\n", who->name, who->what,
		       who->raw ? "; always there" :
		       who->optional ? "; optional" : "");
		printf("  %-11s", "");
		for (test = 0; test < BENCH_TESTS; test++) {
			for (mode = 0; mode < BENCH_MODES; mode++) {
				if (bench_competes(who, test, mode))
					printf(" %s/%s", test == BENCH_RTT ?
					       "rtt" : "throughput",
					       bench_mode_name(mode));
			}
		}
		printf("\n");
	}
}

static void parse_cpus(const char *value)
{
	char *end;
	long a, b;

	a = strtol(value, &end, 10);
	if (end == value || *end != ',' || a < 0)
		bad_usage("--cpus", value);
	b = strtol(end + 1, &end, 10);
	if (*end || b < 0)
		bad_usage("--cpus", value);
	if (!bench_can_pin((int)a) || !bench_can_pin((int)b))
		bad_usage("--cpus: cannot run there", value);
	bench_machine.cpu_of[BENCH_A] = (int)a;
	bench_machine.cpu_of[BENCH_B] = (int)b;
	bench_machine.pinned = true;
	bench_machine.one = a == b;
}

static const struct option longs[] = {
	{ "seconds", required_argument, NULL, 't' },
	{ "quick", no_argument, NULL, 'q' },
	{ "size", required_argument, NULL, 's' },
	{ "only", required_argument, NULL, 'o' },
	{ "mode", required_argument, NULL, 'm' },
	{ "with", required_argument, NULL, 'w' },
	{ "capacity", required_argument, NULL, 'c' },
	{ "cpus", required_argument, NULL, 'C' },
	{ "far", required_argument, NULL, 'F' },
	{ "pause", required_argument, NULL, 'p' },
	{ "slice", required_argument, NULL, 'S' },
	{ "json", no_argument, NULL, 'j' },
	{ "list", no_argument, NULL, 'l' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

/* Ends the program where an option asks for text only. */
static void text_option(int c)
{
	if (c == 'l')
		list_all();
	else if (c == 'h')
		fputs(usage, stdout);
	else
		printf("weir-bench (weir) %s\n", weir_version());
	if (fflush(stdout) || ferror(stdout))
		bench_fail("standard output: %s", strerror(errno));
	exit(0);
}

static uint64_t parse_capacity(const char *value)
{
	const char *end;
	uint64_t n = bytes("--capacity", value, 2 * BENCH_SIZE_MAX + 64,
			   UINT64_C(1) << 30, &end);

	if (*end || (n & (n - 1)))
		bad_usage("--capacity", value);
	return n;
}

static void parse(struct bench_options *options, int argc, char **argv)
{
	static const char *const tests[] = { "rtt", "throughput" };
	static const char *const modes[] = { "busy", "blocking" };
	int c;

	while ((c = getopt_long(argc, argv, "t:qs:o:m:w:c:C:F:p:S:jlhV", longs,
				NULL)) != -1) {
		if (c == 't')
			options->seconds = number("--seconds", optarg, 0.1,
						  86400);
		else if (c == 'q')
			options->seconds = SECONDS_QUICK;
		else if (c == 's')
			parse_sizes(options, optarg);
		else if (c == 'o')
			options->tests = parse_names("--only", optarg, tests);
		else if (c == 'm')
			options->modes = parse_names("--mode", optarg, modes);
		else if (c == 'w')
			options->with = optarg;
		else if (c == 'c')
			options->capacity = parse_capacity(optarg);
		else if (c == 'C')
			parse_cpus(optarg);
		else if (c == 'F')
			options->far_ns = number("--far", optarg, 1, 1e6);
		else if (c == 'p')
			options->pause_us = number("--pause", optarg, 1, 1e5);
		else if (c == 'S')
			options->slice_ms = number("--slice", optarg, 1, 1000);
		else if (c == 'j')
			options->json = true;
		else if (c == 'l' || c == 'h' || c == 'V')
			text_option(c);
		else
			exit_usage();	/* getopt has said why */
	}
	if (optind < argc)
		bad_usage("not an option", argv[optind]);
	if (options->with)
		check_with(options->with);
}

static void choose_cpus(void)
{
	struct bench_machine *m = &bench_machine;
	int cpu[BENCH_SIDES] = { 0, 0 };

	m->cpus = bench_cpus(cpu, BENCH_SIDES);
	if (m->pinned)
		return;
	m->one = m->cpus < BENCH_SIDES;
	m->cpu_of[BENCH_A] = cpu[0];
	m->cpu_of[BENCH_B] = m->one ? cpu[0] : cpu[1];
	m->pinned = bench_can_pin(m->cpu_of[BENCH_A]) &&
		    bench_can_pin(m->cpu_of[BENCH_B]);
}

static void describe(void)
{
	struct bench_machine *m = &bench_machine;
	time_t now = time(NULL);
	struct utsname name;

	bench_cpu_model(m->cpu, sizeof(m->cpu));
	if (uname(&name) == 0)
		snprintf(m->kernel, sizeof(m->kernel), "%.40s %.60s %.40s",
			 name.sysname, name.release, name.machine);
	strftime(m->date, sizeof(m->date), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
}

int main(int argc, char **argv)
{
	struct bench_options options = {
		.seconds = SECONDS,
		.tests = (1u << BENCH_TESTS) - 1,
		.modes = (1u << BENCH_MODES) - 1,
		.size = { 8, 64, 1024, 65536 },
		.sizes = 4,
		.capacity = CAPACITY,
		.far_ns = FAR_NS,
		.slice_ms = SLICE_MS,
		.pause_us = PAUSE_US,
	};
	struct bench_result result;

	parent = getpid();
	signal(SIGPIPE, SIG_IGN);
	parse(&options, argc, argv);
	choose_cpus();
	bench_machine.classes = bench_machine.pinned && !bench_machine.one;
	describe();
	bench_clock_start();
	bench_rows_make(&result, &options);
	if (!result.rows)
		bad_usage("--with, --only, --mode", "nothing is left to run");
	bench_rows_run(&result);
	bench_pairs_stop();
	if (options.json)
		bench_json(&result);
	else
		bench_table(&result);
	bench_rows_free(&result);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "weir-bench: standard output: %s\n",
			strerror(errno));
		return 1;
	}
	return 0;
}
