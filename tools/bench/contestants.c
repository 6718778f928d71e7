/* SPDX-License-Identifier: MIT */
/*
 * Who competes, in the order of the table. A new one is a file like pipe.c and
 * a line here.
 */
#include <config.h>

#include "../peers/peers.h"
#include "bench.h"

const struct bench_contestant *const bench_contestants[] = {
	&bench_raw,
	&bench_raw_stream,
	&bench_futex,
	&bench_raw_queue,
	&bench_raw_packed,
	&bench_weir,
	&bench_weir_park,
	&bench_weir_spin,
	&bench_weir_place,
	&bench_weir_fence,
	&bench_weir_bare,
	&bench_weir_calls,
	&bench_weir_huge,
	&bench_weir_stream,
	&bench_lossy,
	&bench_stuck,
	&bench_pipe,
	&bench_unix,
	&bench_mq,
#ifdef PEER_LIBQB
	&bench_qb,
#endif
#ifdef PEER_CK
	&bench_ck,
#endif
#ifdef PEER_DPDK
	&bench_dpdk,
#endif
#ifdef PEER_BOOST
	&bench_boost,
#endif
#ifdef PEER_BOOST_MQ
	&bench_boost_mq,
#endif
#ifdef PEER_MOODYCAMEL
	&bench_moodycamel,
#endif
#ifdef PEER_URCU
	&bench_urcu,
#endif
#ifdef PEER_ICEORYX
	&bench_iceoryx,
#endif
#ifdef PEER_ZEROMQ
	&bench_zeromq,
#endif
#ifdef PEER_NNG
	&bench_nng,
#endif
	NULL
};
