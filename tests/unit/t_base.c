/* SPDX-License-Identifier: MIT */
/*
 * weir/base.h: the clock and deadlines, errors, version, backend, log.
 *
 * Seen to fail with: a weir_after() that does not saturate; a table of errors
 * without EOWNERDEAD; a backend that reads WEIR_BACKEND again at every call.
 */
#include "../t.h"

START_TEST(now_grows)
{
	int64_t last = weir_now(), now;
	int i;

	T_ASSERT(last > 0);
	for (i = 0; i < 100000; i++) {
		now = weir_now();
		T_ASSERT(now >= last);
		last = now;
	}
}
END_TEST

START_TEST(after_is_now_and_some)
{
	int64_t low, at, high;

	low = weir_now();
	at = weir_after(5 * T_SECOND);
	high = weir_now();
	T_ASSERT(at >= low + 5 * T_SECOND);
	T_ASSERT(at <= high + 5 * T_SECOND);
}
END_TEST

START_TEST(after_saturates)
{
	T_IS(weir_after(INT64_MAX), WEIR_FOREVER);
	T_IS(weir_after(INT64_MAX - 1), WEIR_FOREVER);
	T_IS(weir_after(INT64_MAX - weir_now()), WEIR_FOREVER);
	T_ASSERT(weir_after(INT64_MAX / 2) > INT64_MAX / 2);
	T_ASSERT(weir_after(INT64_MAX / 2) < WEIR_FOREVER);
}
END_TEST

START_TEST(after_nothing_has_passed)
{
	static const int64_t past[] = { 0, -1, -T_SECOND, INT64_MIN + 1,
					INT64_MIN };
	size_t i;

	for (i = 0; i < T_COUNT(past); i++) {
		int64_t at = weir_after(past[i]);

		T_ASSERT(at != WEIR_NOWAIT);
		T_ASSERT(at <= weir_now());
	}
}
END_TEST

static const int errors[] = {
	EAGAIN, ETIMEDOUT, EPIPE, EOWNERDEAD, EPROTO, EMSGSIZE, EBUSY, EACCES,
	ECANCELED, EINVAL, ENOENT, EEXIST, ECONNREFUSED, EADDRINUSE, ENOSYS,
	ENOMEM, ENOSPC, EMFILE, EIO,
};

START_TEST(strerror_knows_both_signs)
{
	const char *unknown = weir_strerror(30000);
	size_t i, j;

	for (i = 0; i < T_COUNT(errors); i++) {
		const char *text = weir_strerror(errors[i]);

		T_ASSERT(text && text[0]);
		ck_assert_str_eq(text, weir_strerror(-errors[i]));
		ck_assert_str_ne(text, unknown);
		for (j = 0; j < i; j++)
			ck_assert_str_ne(text, weir_strerror(errors[j]));
	}
}
END_TEST

START_TEST(strerror_has_a_text_for_all)
{
	static const int odd[] = { 0, 1, -1, 30000, -30000, INT32_MAX,
				   INT32_MIN };
	size_t i;

	for (i = 0; i < T_COUNT(odd); i++) {
		const char *text = weir_strerror(odd[i]);

		T_ASSERT(text && text[0]);
	}
}
END_TEST

/* A caller may still hold the text when another thread asks for another. */
START_TEST(strerror_keeps_its_texts)
{
	const char *first = weir_strerror(EPIPE);
	char copy[128];

	snprintf(copy, sizeof(copy), "%s", first);
	weir_strerror(12345);
	weir_strerror(-ENOMEM);
	ck_assert_str_eq(first, copy);
}
END_TEST

START_TEST(calls_leave_errno)
{
	struct weir_ring *ring;

	errno = 4711;
	weir_now();
	weir_after(1);
	weir_strerror(-EPIPE);
	weir_backend();
	weir_version();
	T_IS(errno, 4711);
	weir_ring_open(&ring, "no/name");
	T_IS(errno, 4711);
}
END_TEST

START_TEST(version_has_three_numbers)
{
	int major, minor, patch, end = 0;

	T_IS(sscanf(weir_version(), "%d.%d.%d%n", &major, &minor, &patch,
		    &end), 3);
	T_IS(weir_version()[end], '\0');
	T_IS(major, 0);
	T_IS(minor, 1);
}
END_TEST

static int begins(const char *text, const char *word)
{
	return !strncmp(text, word, strlen(word));
}

START_TEST(backend_is_the_one_asked_for)
{
	const char *asked = getenv("WEIR_BACKEND");

	T_ASSERT(weir_backend() && weir_backend()[0]);
	if (asked && asked[0])
		T_ASSERT(begins(weir_backend(), asked));
}
END_TEST

START_TEST(backend_is_chosen_once)
{
	struct weir_ring *ring;

	if (!t_forked())
		T_SKIP("a process that has not used the library yet");
	setenv("WEIR_BACKEND", "portable", 1);
	unsetenv("WEIR_WAIT");
	weir_now();
	unsetenv("WEIR_BACKEND");
	T_ASSERT(begins(weir_backend(), "portable"));
	setenv("WEIR_BACKEND", "linux", 1);
	T_ASSERT(begins(weir_backend(), "portable"));
	T_OK(weir_ring_create(&ring, NULL));
	weir_ring_close(ring);
}
END_TEST

/* No substitute: who asked for one wants to know. */
START_TEST(backend_of_no_such_name)
{
	struct weir_ring *ring;

	if (!t_forked())
		T_SKIP("a process that has not used the library yet");
	setenv("WEIR_BACKEND", "no such backend", 1);
	T_ASSERT(weir_backend() && weir_backend()[0]);
	t_log_watch();
	T_IS(weir_ring_create(&ring, NULL), -ENOSYS);
	ck_assert_str_ne(t_log_text(), "");
}
END_TEST

START_TEST(log_tells_refusals)
{
	struct weir_ring *ring;
	int fd[2];

	T_IS(pipe(fd), 0);
	t_log_watch();
	ck_assert_str_eq(t_log_text(), "");
	T_ASSERT(weir_ring_attach(&ring, fd[0]) < 0);
	ck_assert_str_ne(t_log_text(), "");
	T_ASSERT(!strchr(t_log_text(), '\n'));

	/* NULL: silent again */
	t_log_watch();
	weir_log_set(NULL, NULL);
	T_ASSERT(weir_ring_attach(&ring, fd[0]) < 0);
	ck_assert_str_eq(t_log_text(), "");
	close(fd[0]);
	close(fd[1]);
}
END_TEST

void t_build(void)
{
	T_ADD(now_grows);
	T_ADD(after_is_now_and_some);
	T_ADD(after_saturates);
	T_ADD(after_nothing_has_passed);
	T_ADD(strerror_knows_both_signs);
	T_ADD(strerror_has_a_text_for_all);
	T_ADD(strerror_keeps_its_texts);
	T_ADD(calls_leave_errno);
	T_ADD(version_has_three_numbers);
	T_ADD(backend_is_the_one_asked_for);
	T_ADD_COLD(backend_is_chosen_once);
	T_ADD_COLD(backend_of_no_such_name);
	T_ADD(log_tells_refusals);
}
