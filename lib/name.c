/* SPDX-License-Identifier: MIT */
/*
 * Names of rings: one component of a path, never a path.
 */
#include <string.h>

#include "internal.h"

int weir_name_check(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";
	size_t len;

	if (!name)
		return -EINVAL;
	len = strspn(name, allowed);
	if (!len || len > WEIR_NAME_MAX || name[len])
		return -EINVAL;
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return -EINVAL;
	return 0;
}
