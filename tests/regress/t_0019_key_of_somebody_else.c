/* SPDX-License-Identifier: MIT */
/*
 * Symptom: a program that had used up the keys of threads found its own value
 * under the first of them replaced after it had closed an armed end.
 * Cause: that pthread_key_create() may fail was ignored, and key 0 taken.
 *
 * Symptom: a crash at the end of a thread that had loaded the library by
 * dlopen(), armed and closed an end, and closed the library.
 * Cause: the thread's end calls into the library, which was gone.
 */
#include "../xproc/x.h"

#include <dlfcn.h>
#include <pthread.h>

#define KEYS 4096		/* more than any system has */

static pthread_key_t keys[KEYS];

/* From here on there is no more. */
static int take_all_keys(void)
{
	int n;

	for (n = 0; n < KEYS && !pthread_key_create(&keys[n], NULL); n++)
		X_IS(pthread_setspecific(keys[n], &keys[n]), 0);
	return n;
}

static void all_taken(int arg)
{
	struct weir_ring_options o = { .size = sizeof(o), .capacity = 4096 };
	struct weir_ring *ring;
	struct weir_rx *rx;
	weir_handle handle;
	char byte;
	int i, n = take_all_keys();

	(void)arg;
	X_IS(weir_ring_create(&ring, &o), 0);
	X_IS(weir_ring_rx(ring, &rx), 0);
	X_IS(weir_rx_read(rx, &byte, 1, weir_after(1000000)), -ETIMEDOUT);
	X_IS(weir_rx_handle(rx, &handle), 0);
	X_IS(weir_rx_arm(rx), 0);
	weir_ring_close(ring);
	for (i = 0; i < n; i++)
		X_TRUE(pthread_getspecific(keys[i]) == &keys[i]);
}

#define CALL(name) \
	__typeof__(&weir_##name) name = \
		(__typeof__(&weir_##name))dlsym(library, "weir_" #name)

/* By the calls of a library that this program is not linked with. */
static void *loads(void *path)
{
	struct weir_ring_options o = { .size = sizeof(o), .capacity = 4096 };
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	struct weir_ring *ring;
	struct weir_rx *rx;
	weir_handle handle;

	if (!library)
		x_skip("%s", dlerror());
	{
		CALL(ring_create);
		CALL(ring_rx);
		CALL(ring_close);
		CALL(rx_handle);
		CALL(rx_arm);

		X_IS(ring_create(&ring, &o), 0);
		X_IS(ring_rx(ring, &rx), 0);
		X_IS(rx_handle(rx, &handle), 0);
		X_IS(rx_arm(rx), 0);
		ring_close(ring);
	}
	X_IS(dlclose(library), 0);
	return NULL;
}

static void unloaded(int arg)
{
	const char *build = getenv("builddir");
	pthread_t thread;
	char path[4096];

	(void)arg;
	snprintf(path, sizeof(path), "%s/lib/.libs/libweir.so",
		 build ? build : ".");
	X_IS(pthread_create(&thread, NULL, loads, path), 0);
	X_IS(pthread_join(thread, NULL), 0);
}

static const struct x_case cases[] = {
	{ "all keys taken", all_taken, 0, 0 },
	{ "unloaded", unloaded, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
