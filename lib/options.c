/* SPDX-License-Identifier: MIT */
/*
 * Option structures begin with their size, so they can grow in both
 * directions: an older program's is shorter and the rest gets the defaults; a
 * newer program's is longer and may use only what this library knows.
 */
#include <string.h>

#include "internal.h"

int weir_options_copy(void *known, size_t size, size_t least,
		      const void *options)
{
	const unsigned char *bytes = options;
	size_t given, i;

	memset(known, 0, size);
	if (!options)
		return 0;
	memcpy(&given, options, sizeof(given));
	if (given < least)
		return -EINVAL;
	for (i = size; i < given; i++)
		if (bytes[i])
			return -EINVAL;
	memcpy(known, options, given < size ? given : size);
	return 0;
}
