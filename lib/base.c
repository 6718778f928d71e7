/* SPDX-License-Identifier: MIT */
/*
 * Time and version.
 */
#include "internal.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

int64_t weir_now(void)
{
	return weir_os()->now();
}

int64_t weir_after(int64_t ns)
{
	int64_t now = weir_now();

	if (ns <= 0)
		return now;
	if (ns >= WEIR_FOREVER - now)
		return WEIR_FOREVER;
	return now + ns;
}

const char *weir_version(void)
{
	return PACKAGE_VERSION;
}

const char *weir_backend(void)
{
	return weir_os_ability()->text;
}
