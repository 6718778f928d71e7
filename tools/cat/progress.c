/* SPDX-License-Identifier: MIT */
/*
 * weir-cat: how many bytes have been moved; with -p a line that a thread writes
 * anew each second. Without -p nothing wakes.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "cat.h"

#define SECOND INT64_C(1000000000)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t moved;

/* Of the line. Lock: lock, except where only one thread is left. */
static struct weir_waiter *waiter;
static pthread_t thread;
static bool showing, stop, line_open;
static uint64_t size_known;
static int64_t began;
static int width;

void cat_moved(uint64_t bytes)
{
	pthread_mutex_lock(&lock);
	moved += bytes;
	pthread_mutex_unlock(&lock);
}

uint64_t cat_moved_so_far(void)
{
	uint64_t n;

	pthread_mutex_lock(&lock);
	n = moved;
	pthread_mutex_unlock(&lock);
	return n;
}

/* 12.3MiB */
static void print_size(char *text, size_t size, double bytes)
{
	static const char units[][4] = { "B", "KiB", "MiB", "GiB", "TiB",
					 "PiB", "EiB" };
	size_t unit = 0;

	while (bytes >= 1000 && unit < sizeof(units) / sizeof(*units) - 1) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text, size, "%.*f%s", !unit || bytes >= 100 ? 0 :
		 bytes >= 10 ? 1 : 2, bytes, units[unit]);
}

/* bytes in ns: what the rate is taken from. With the lock. */
static void show(uint64_t bytes, int64_t ns)
{
	int64_t s = (weir_now() - began) / SECOND;
	char total[32], rate[32], line[128];
	int n;

	print_size(total, sizeof(total), (double)moved);
	print_size(rate, sizeof(rate),
		       ns > 0 ? (double)bytes * 1e9 / (double)ns : 0);
	n = snprintf(line, sizeof(line),
		     "%8s %" PRId64 ":%02d:%02d [%8s/s]", total, s / 3600,
		     (int)(s / 60 % 60), (int)(s % 60), rate);
	if (size_known)
		n += snprintf(line + n, sizeof(line) - (size_t)n, " %3d%%",
			      (int)((double)moved * 100 /
				    (double)size_known));
	/* spaces over what is left of a longer one */
	fprintf(stderr, "\r%-*s", width, line);
	fflush(stderr);
	width = n;
	line_open = true;
}

/* With the lock, except while it sleeps. */
static void each_second(void)
{
	int64_t last = began, next = began + SECOND;
	uint64_t before = 0;

	while (!stop) {
		uint32_t ticket = weir_waiter_prepare(waiter);
		int64_t now;

		pthread_mutex_unlock(&lock);
		weir_waiter_wait(waiter, ticket, next);
		pthread_mutex_lock(&lock);
		now = weir_now();
		if (stop || now < next)
			continue;
		show(moved - before, now - last);
		before = moved;
		last = now;
		next += SECOND;
		if (next <= now)
			next = now + SECOND;
	}
}

static void *run(void *arg)
{
	pthread_mutex_lock(&lock);
	each_second();
	pthread_mutex_unlock(&lock);
	return arg;
}

void cat_progress_begin(bool wanted, uint64_t size)
{
	const struct weir_waiter_options options = {
		.size = sizeof(options),
		.spin_us = -1,
	};

	began = weir_now();
	size_known = size;
	if (!wanted)
		return;
	if (weir_waiter_create(&waiter, &options) ||
	    pthread_create(&thread, NULL, run, NULL))
		cat_fail("no thread to be had");
	pthread_mutex_lock(&lock);
	showing = true;
	pthread_mutex_unlock(&lock);
}

/* Of a program that fails: the others go on for a moment and must not write. */
static void break_line(void)
{
	pthread_mutex_lock(&lock);
	stop = true;
	if (line_open)
		fputc('\n', stderr);
	line_open = false;
	pthread_mutex_unlock(&lock);
}

static void last_line(void)
{
	pthread_mutex_lock(&lock);
	stop = true;
	pthread_mutex_unlock(&lock);
	weir_waiter_wake_all(waiter);
	pthread_join(thread, NULL);
	weir_waiter_close(waiter);
	show(moved, weir_now() - began);
	fputc('\n', stderr);
}

void cat_progress_end(bool done)
{
	char total[32], rate[32];
	int64_t ns = weir_now() - began;

	if (!done) {
		break_line();
		return;
	}
	if (showing)
		last_line();
	print_size(total, sizeof(total), (double)moved);
	print_size(rate, sizeof(rate), (double)moved * 1e9 /
		       (double)(ns > 0 ? ns : 1));
	cat_say("%" PRIu64 " bytes (%s) in %.3f s, %s/s", moved, total,
		(double)ns / 1e9, rate);
}
