/* SPDX-License-Identifier: MIT */
/*
 * Atomic words, the same in C and C++: a fixed-width integer in a structure of
 * one member, so that a plain access does not compile, reached only through
 * the calls below. Written on the GNU builtins, which ThreadSanitizer knows.
 *
 * Nothing here is a lock and nothing needs libatomic: configure refuses a
 * target on which a 64-bit access is not inlined. No default order: each name
 * says its own. weir_fence_compiler() orders the compiler alone.
 *
 * ThreadSanitizer does not model a bare fence; under it the fence is a
 * sequentially consistent read-modify-write of a word of its own.
 */
#ifndef WEIR_ATOMIC_H
#define WEIR_ATOMIC_H

#include "platform.h"

struct weir_a32 {
	uint32_t priv_v;
};

/* i386 would align a 64-bit word to 4, other sides of the ring to 8. */
struct weir_a64 {
	uint64_t priv_v __attribute__((aligned(8)));
};

WEIR_LOCAL_INLINE uint32_t weir_load_relaxed32(const struct weir_a32 *a)
{
	return __atomic_load_n(&a->priv_v, __ATOMIC_RELAXED);
}

WEIR_LOCAL_INLINE uint32_t weir_load_acquire32(const struct weir_a32 *a)
{
	return __atomic_load_n(&a->priv_v, __ATOMIC_ACQUIRE);
}

WEIR_LOCAL_INLINE void weir_store_relaxed32(struct weir_a32 *a, uint32_t v)
{
	__atomic_store_n(&a->priv_v, v, __ATOMIC_RELAXED);
}

WEIR_LOCAL_INLINE void weir_store_release32(struct weir_a32 *a, uint32_t v)
{
	__atomic_store_n(&a->priv_v, v, __ATOMIC_RELEASE);
}

/* Returns the value before. */
WEIR_LOCAL_INLINE uint32_t weir_add_acq_rel32(struct weir_a32 *a, uint32_t n)
{
	return __atomic_fetch_add(&a->priv_v, n, __ATOMIC_ACQ_REL);
}

/* Returns the value before. */
WEIR_LOCAL_INLINE uint32_t weir_swap_acq_rel32(struct weir_a32 *a, uint32_t v)
{
	return __atomic_exchange_n(&a->priv_v, v, __ATOMIC_ACQ_REL);
}

/*
 * 1 when *a was old and is now v. Stronger than its name: gcc 12 leaves out the
 * release on riscv64 unless a failure is to be one, too.
 */
WEIR_LOCAL_INLINE int weir_cas_acq_rel32(struct weir_a32 *a, uint32_t old,
					 uint32_t v)
{
	return __atomic_compare_exchange_n(&a->priv_v, &old, v, 0,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

WEIR_LOCAL_INLINE uint64_t weir_load_relaxed64(const struct weir_a64 *a)
{
	return __atomic_load_n(&a->priv_v, __ATOMIC_RELAXED);
}

WEIR_LOCAL_INLINE uint64_t weir_load_acquire64(const struct weir_a64 *a)
{
	return __atomic_load_n(&a->priv_v, __ATOMIC_ACQUIRE);
}

WEIR_LOCAL_INLINE void weir_store_relaxed64(struct weir_a64 *a, uint64_t v)
{
	__atomic_store_n(&a->priv_v, v, __ATOMIC_RELAXED);
}

WEIR_LOCAL_INLINE void weir_store_release64(struct weir_a64 *a, uint64_t v)
{
	__atomic_store_n(&a->priv_v, v, __ATOMIC_RELEASE);
}

WEIR_LOCAL_INLINE void weir_fence_compiler(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#if defined(__SANITIZE_THREAD__)
#define WEIR_PRIV_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEIR_PRIV_TSAN 1
#endif
#endif

WEIR_LOCAL_INLINE void weir_fence_seq_cst(void)
{
#ifdef WEIR_PRIV_TSAN
	uint32_t word = 0;

	__atomic_fetch_add(&word, 1, __ATOMIC_SEQ_CST);
#elif defined(__x86_64__)
	/* What gcc makes of the builtin; clang makes mfence, six times slower
	   (weir-design(7)). */
	__asm__ __volatile__("lock; orq $0, (%%rsp)" ::: "memory", "cc");
#elif defined(__i386__)
	__asm__ __volatile__("lock; orl $0, (%%esp)" ::: "memory", "cc");
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

#endif
