/* SPDX-License-Identifier: MIT */
/*
 * What differs between compilers, processors and systems in the installed
 * headers, and nothing else: export, inline, handles, ssize_t, the copy of a few
 * words.
 *
 * WEIR_INLINE is a static inline for programs and WEIR_API in lib/ffi.c, so the
 * library exports an out-of-line twin of every inline under the same name.
 * WEIR_LOCAL_INLINE is for helpers that need no twin.
 */
#ifndef WEIR_PLATFORM_H
#define WEIR_PLATFORM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(_WIN32)
#include <basetsd.h>
#ifndef _SSIZE_T_DEFINED
typedef SSIZE_T ssize_t;
#define _SSIZE_T_DEFINED
#endif
typedef void *weir_handle;
#define WEIR_HANDLE_NONE ((weir_handle)0)
#define WEIR_API __declspec(dllimport)
#else
#include <sys/types.h>
typedef int weir_handle;
#define WEIR_HANDLE_NONE (-1)
#define WEIR_API __attribute__((visibility("default")))
#endif

#ifndef WEIR_INLINE
#define WEIR_INLINE static inline
#endif
#define WEIR_LOCAL_INLINE static inline

#define WEIR_LIKELY(x) __builtin_expect(!!(x), 1)
#define WEIR_UNLIKELY(x) __builtin_expect(!!(x), 0)
/* Whether the compiler knows x, and that it is at most y. */
#define WEIR_PRIV_WITHIN(x, y) (__builtin_constant_p(x) && (x) <= (y))

/* What compilers copy by a few moves, neither by a call nor by a loop. */
#define WEIR_PRIV_MOVES 128u

/*
 * memcpy, but for a known length that is no matter of a few moves: compilers
 * make an instruction for strings of it, which is slow to begin; so they are
 * kept from knowing it, and call the C library. Measured: weir-design(7).
 */
WEIR_LOCAL_INLINE void weir_priv_copy(void *to, const void *from, size_t len)
{
#if defined(__GNUC__)
	if (!WEIR_PRIV_WITHIN(len, WEIR_PRIV_MOVES))
		__asm__("" : "+r"(len));
#endif
	memcpy(to, from, len);
}

#if defined(__x86_64__) && defined(__GNUC__)
/*
 * len is a multiple of 8, and to is 8-aligned. Measured: weir-design(7).
 *
 * A payload of a few words that the program has just put together. Loads of 16
 * bytes would each wait for stores of 8 to leave the processor's store buffer,
 * and for all stores to the ring before them; loads of 8 are given what is in
 * it. The stores are of 16, and the last comes first: see
 * weir_priv_tx_fill().
 */
#define WEIR_PRIV_WORDS 128u
typedef uint64_t weir_priv_word __attribute__((aligned(1), may_alias));
typedef uint64_t weir_priv_two
	__attribute__((vector_size(16), aligned(8), may_alias));

WEIR_LOCAL_INLINE void weir_priv_copy_words(void *to, const void *from,
					    size_t len)
{
	/* volatile: no compiler is to join the loads, or turn round the order */
	const volatile weir_priv_word *word =
		(const volatile weir_priv_word *)from;
	unsigned char *at = (unsigned char *)to;
	size_t i = len / 8;

	if (i % 2) {
		i--;
		/* volatile: see above */
		*(volatile weir_priv_word *)(void *)(at + 8 * i) = word[i];
	}
	while (i) {
		weir_priv_two both = { word[i - 2], word[i - 1] };

		i -= 2;
		/* volatile: see above */
		*(volatile weir_priv_two *)(void *)(at + 8 * i) = both;
	}
}
#else
#define WEIR_PRIV_WORDS 0u
#define weir_priv_copy_words memcpy
#endif

#ifdef __cplusplus
#define WEIR_BEGIN extern "C" {
#define WEIR_END }
#define WEIR_STATIC_ASSERT(x, text) static_assert(x, text)
#else
#define WEIR_BEGIN
#define WEIR_END
#define WEIR_STATIC_ASSERT(x, text) _Static_assert(x, text)
#endif

#endif
