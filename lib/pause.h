/* SPDX-License-Identifier: MIT */
/*
 * What a spinning thread says to its CPU. One call costs 1 to 150 cycles
 * depending on the model, so spins are bounded by time, never by count.
 */
#ifndef WEIR_PAUSE_H
#define WEIR_PAUSE_H

#include "weir/atomic.h"

static inline void weir_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("isb" ::: "memory");
#elif defined(__arm__)
	__asm__ __volatile__("yield" ::: "memory");
#elif defined(__riscv)
	/* the encoding of pause, a hint that older CPUs take for a fence */
	__asm__ __volatile__(".4byte 0x100000f" ::: "memory");
#else
	/* a fence of the compiler alone: the word is read again */
	weir_fence_compiler();
#endif
}

#endif
