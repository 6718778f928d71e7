/* SPDX-License-Identifier: MIT */
/*
 * weir-cat: the options, and how the program ends. Failures end it in the
 * thread that met them, because the others may be in read(2) or write(2) for
 * ever; the kernel gives the rings back.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cat.h"

static bool verbose;
static pthread_mutex_t failing = PTHREAD_MUTEX_INITIALIZER;

static const char usage[] =
"Usage: weir-cat -l [-pv] [-c CAPACITY] NAME    receive, to standard output\n"
"       weir-cat [-pv] NAME                     send standard input\n"
"Moves bytes from one process to another through a ring in shared memory.\n"
"The receiver comes first; the sender does not wait for one.\n"
"\n"
"  -l, --listen        make NAME and receive\n"
"  -c, --capacity=N    bytes of ring, with -l; k, M and G are powers of 1024\n"
"                      (2M)\n"
"  -p, --progress      show bytes, time and rate on standard error\n"
"  -v, --verbose       say what is used and done\n"
"  -h, --help, -V, --version\n"
"\n"
"Exit status: 0 all was written out, 1 not so, on either side, 2 usage.\n"
"See weir-cat(1).\n";

static const struct option longs[] = {
	{ "listen", no_argument, NULL, 'l' },
	{ "capacity", required_argument, NULL, 'c' },
	{ "progress", no_argument, NULL, 'p' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

void cat_fail(const char *format, ...)
{
	va_list args;

	/* never given back: whoever comes second has nothing to add */
	pthread_mutex_lock(&failing);
	cat_remove_names();
	cat_progress_end(false);
	fputs("weir-cat: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	_exit(1);
}

void cat_say(const char *format, ...)
{
	char text[256];
	va_list args;

	if (!verbose)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "weir-cat: %s\n", text);
}

void cat_wait_fd(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
}

/* The library's reasons, which are better than a number's text. */
static void library_says(void *ctx, int level, const char *text)
{
	(void)ctx;
	if (level == WEIR_LOG_ERROR || verbose)
		fprintf(stderr, "weir-cat: %s\n", text);
}

__attribute__((format(printf, 1, 2)))
_Noreturn static void bad_usage(const char *format, ...)
{
	va_list args;

	if (*format) {
		fputs("weir-cat: ", stderr);
		va_start(args, format);
		vfprintf(stderr, format, args);
		va_end(args);
		fputc('\n', stderr);
	}
	fputs("Try \"weir-cat --help\".\n", stderr);
	exit(2);
}

_Noreturn static void text_option(int c)
{
	if (c == 'h')
		fputs(usage, stdout);
	else
		printf("weir-cat (weir) %s\n", weir_version());
	if (fflush(stdout) || ferror(stdout))
		cat_fail("standard output: %s", strerror(errno));
	exit(0);
}

static uint64_t parse_capacity(const char *value)
{
	static const char suffixes[] = "kKmMgG";
	const char *suffix;
	unsigned long long n;
	char *after;
	int shift = 0;

	errno = 0;
	n = strtoull(value, &after, 10);
	if (errno || *value < '0' || *value > '9' || !n)
		bad_usage("not a capacity: %s", value);
	suffix = *after ? strchr(suffixes, *after) : NULL;
	if (suffix) {
		shift = 10 * (int)((suffix - suffixes) / 2 + 1);
		after++;
	}
	if (*after || n > UINT64_MAX >> shift)
		bad_usage("not a capacity: %s", value);
	return (uint64_t)n << shift;
}

static void parse(struct cat_options *options, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "lc:pvhV", longs, NULL)) != -1) {
		if (c == 'l')
			options->listen = true;
		else if (c == 'c')
			options->capacity = parse_capacity(optarg);
		else if (c == 'p')
			options->progress = true;
		else if (c == 'v')
			options->verbose = true;
		else if (c == 'h' || c == 'V')
			text_option(c);
		else
			bad_usage("%s", "");
	}
	if (argc - optind != 1)
		bad_usage("%s", argc == optind ? "which name?" :
			  "one name, please; files come by standard input");
	if (options->capacity && !options->listen)
		bad_usage("%s", "the capacity is the receiver's choice: -c "
			  "goes with -l");
	options->name = argv[optind];
}

/*
 * A standard descriptor that is closed would be the next one to be opened, and
 * what was meant for it would go into a ring's memory.
 */
static void check_standard(const struct cat_options *options)
{
	int used = options->listen ? STDOUT_FILENO : STDIN_FILENO;
	bool missing = fcntl(used, F_GETFD) < 0;
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			cat_fail("/dev/null: %s", strerror(errno));
	} while (fd <= STDERR_FILENO);
	close(fd);
	if (missing)
		cat_fail("standard %s: %s", options->listen ? "output" :
			 "input", strerror(EBADF));
}

int main(int argc, char **argv)
{
	struct cat_options options = { 0 };

	parse(&options, argc, argv);
	check_standard(&options);
	verbose = options.verbose;
	weir_log_set(library_says, NULL);
	cat_say("weir %s, %s", weir_version(), weir_backend());
	return options.listen ? cat_receive(&options) : cat_send(&options);
}
