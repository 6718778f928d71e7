/* SPDX-License-Identifier: MIT */
/*
 * Talking in every way that the library has: shared by x_talk, x_1cpu, s_mix.
 */
#ifndef TALK_H
#define TALK_H

#include "x.h"

/* Messages are at most this long, or the ring's largest if that is less. */
#define TALK_MAX 131072u

/* The length of message i of those that seed stands for. */
size_t talk_length(uint64_t seed, uint64_t i, uint64_t max);

/*
 * Sends, or receives and checks, messages [0, count) of seed, choosing a call
 * for each by chance, which the other side does not know.
 */
void talk_send(struct weir_tx *tx, uint64_t seed, uint64_t count);
void talk_receive(struct weir_rx *rx, uint64_t seed, uint64_t count);

extern const struct x_case talk_cases[];
extern const struct x_role talk_roles[];

#endif
