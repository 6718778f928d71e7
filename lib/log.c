/* SPDX-License-Identifier: MIT */
/*
 * The log: words for people about what a call also returned as a number. It
 * goes to the program's function or nowhere; the library never prints.
 */
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"

static struct weir_lock lock;
static void (*log_fn)(void *ctx, int level, const char *text);
static void *log_ctx;

void weir_log_set(void (*fn)(void *ctx, int level, const char *text),
		  void *ctx)
{
	weir_lock_take(&lock);
	log_fn = fn;
	log_ctx = ctx;
	weir_lock_drop(&lock);
}

void weir_log(int level, const char *format, ...)
{
	void (*fn)(void *ctx, int level, const char *text);
	char text[256];
	va_list args;
	void *ctx;

	weir_lock_take(&lock);
	fn = log_fn;
	ctx = log_ctx;
	weir_lock_drop(&lock);
	if (!fn)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fn(ctx, level, text);
}
