/* SPDX-License-Identifier: MIT */
#ifndef WEIR_H
#define WEIR_H
#define WEIR_LOCAL_INLINE static inline
/* C, but not C++: void * converts by itself */
WEIR_LOCAL_INLINE char *weir_at(void *data)
{
	char *at = data;

	return at;
}
#endif
