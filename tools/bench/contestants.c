/* SPDX-License-Identifier: MIT */
/*
 * Who competes, in the order of the table. A new one is a file like pipe.c and
 * a line here.
 */
#include "bench.h"

const struct bench_contestant *const bench_contestants[] = {
	&bench_raw,
	&bench_futex,
	&bench_weir,
	&bench_weir_park,
	&bench_weir_fence,
	&bench_pipe,
	&bench_unix,
	NULL
};

bool bench_competes(const struct bench_contestant *who, unsigned test,
		    unsigned mode)
{
	return who->plays[mode].play[test][BENCH_A];
}
