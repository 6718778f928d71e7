/* SPDX-License-Identifier: MIT */
/*
 * What differs between compilers and systems in the installed headers, and
 * nothing else: export, inline, handles, ssize_t.
 *
 * WEIR_INLINE is a static inline for programs and WEIR_API in lib/ffi.c, so the
 * library exports an out-of-line twin of every inline under the same name.
 * WEIR_LOCAL_INLINE is for helpers that need no twin.
 */
#ifndef WEIR_PLATFORM_H
#define WEIR_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

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
