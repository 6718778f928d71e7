/* SPDX-License-Identifier: MIT */
/*
 * weir-bench: what a message costs between two processes of this machine,
 * beside what the machine can do at all. weir-bench(1) says what each figure
 * means; bench.h which file does what. Here: the commands, and how a run ends.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "compare", bench_compare },
	{ "rate", bench_rate },
	{ "scale", bench_scale },
	{ "targets", bench_targets },
};

static pid_t parent;
static char command_line[512];

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
	bench_fail("%s, %s %c, %s, %s, %zu bytes: %s", run->who->name,
		   run->kind == BENCH_THREADS ? "thread" : "process",
		   'A' + run->side, bench_test_name(run->order.test),
		   bench_mode_name(run->order.mode), run->order.size, text);
}

/* Once for each contestant and text: a setup is called for several pairs. */
void bench_skip(const struct bench_contestant *who, const char *format, ...)
{
	static char said[BENCH_CONTESTANTS_MAX][128];
	char text[128];
	va_list args;
	int i, n;

	n = snprintf(text, sizeof(text), "%s is left out: ", who->name);
	va_start(args, format);
	vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
	va_end(args);
	for (i = 0; i < BENCH_CONTESTANTS_MAX && *said[i]; i++) {
		if (!strcmp(said[i], text))
			return;
	}
	if (i < BENCH_CONTESTANTS_MAX)
		memcpy(said[i], text, sizeof(text));
	fprintf(stderr, "weir-bench: %s\n", text);
}

int bench_finish(void)
{
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "weir-bench: standard output: %s\n",
			strerror(errno));
		return 1;
	}
	return bench_pairs_all_ended() ? 0 : 1;
}

const char *bench_command_line(void)
{
	return command_line;
}

static void keep_command_line(int argc, char **argv)
{
	size_t at = 0, room = sizeof(command_line);
	int i;

	at += (size_t)snprintf(command_line, room, "weir-bench");
	for (i = 1; i < argc && at < room; i++)
		at += (size_t)snprintf(command_line + at, room - at, " %s",
				       argv[i]);
}

int main(int argc, char **argv)
{
	unsigned i;

	parent = getpid();
	signal(SIGPIPE, SIG_IGN);
	keep_command_line(argc, argv);
	if (argc > 1 && *argv[1] != '-') {
		for (i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
			if (!strcmp(argv[1], commands[i].name))
				return commands[i].run(argc - 1, argv + 1);
		}
		bench_usage_bad("no command", argv[1]);
	}
	return bench_plain(argc, argv);
}
