/* SPDX-License-Identifier: MIT */
/*
 * weir-bench: the peers that can be built; config.h says which were.
 */
#ifndef PEERS_H
#define PEERS_H

#include "../bench/contestant.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct bench_contestant bench_boost, bench_boost_mq, bench_ck;
extern const struct bench_contestant bench_dpdk, bench_iceoryx;
extern const struct bench_contestant bench_moodycamel, bench_nng, bench_qb;
extern const struct bench_contestant bench_urcu, bench_zeromq;

#ifdef __cplusplus
}
#endif

#endif
