/* SPDX-License-Identifier: MIT */
/*
 * Time, version, errors and the log. See weir(7) and weir-errors(7).
 *
 * Every call of the library returns >= 0 or a negative errno value and leaves
 * errno alone. Waiting calls take an absolute deadline in nanoseconds of the
 * monotonic clock: WEIR_NOWAIT answers -EAGAIN instead of waiting,
 * WEIR_FOREVER waits without end, any other value that has passed already
 * means one try and then -ETIMEDOUT. EINTR never escapes.
 */
#ifndef WEIR_BASE_H
#define WEIR_BASE_H

#include "platform.h"

#define WEIR_NOWAIT ((int64_t)0)
#define WEIR_FOREVER INT64_MAX

WEIR_BEGIN

/* The monotonic clock, ns; > 0. Callers: any thread. Blocks: never. */
WEIR_API int64_t weir_now(void);

/*
 * The deadline ns nanoseconds from now; saturates at WEIR_FOREVER, and
 * ns <= 0 gives a moment that has passed, never WEIR_NOWAIT.
 * Callers: any thread. Blocks: never.
 */
WEIR_API int64_t weir_after(int64_t ns);

/* "0.1.0": of the library that runs, not of the header. Static storage. */
WEIR_API const char *weir_version(void);

/*
 * The backend and the ways in use, as "linux: futex_waitv, membarrier";
 * chosen once at the first call of the library, by WEIR_BACKEND if that is
 * set and this process is not setuid. Static storage. Callers: any thread.
 */
WEIR_API const char *weir_backend(void);

/*
 * The text of an error, -EPIPE or EPIPE alike; unknown numbers get a text
 * too. Static storage. Callers: any thread.
 */
WEIR_API const char *weir_strerror(int err);

#define WEIR_LOG_ERROR 0 /* a refusal or a failure that a call also returned */
#define WEIR_LOG_INFO 1	 /* a choice made at run time */

/*
 * Where the library says in words why it refused something: fn is called with
 * ctx, the level and one line without newline, from any thread that is inside
 * the library; it must not call the library. NULL (the default) says nothing.
 * The library itself never prints.
 * Callers: any thread, best before any other call. Blocks: never.
 */
WEIR_API void weir_log_set(void (*fn)(void *ctx, int level, const char *text),
			   void *ctx);

WEIR_END

#endif
