/* SPDX-License-Identifier: MIT */
/*
 * weir-cat NAME: from standard input to the ring, read in place. A second
 * thread waits for the receiver's last word, because this one may be in
 * read(2) when it comes.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cat.h"

/* Measured with a file: 16 KiB is slower, 64 KiB to 512 KiB are alike; a pipe
   brings 64 KiB at a time. */
#define CHUNK ((size_t)128 << 10)
/* At least so many chunks in a ring, so that both sides can work. */
#define CHUNKS 8

static struct cat_link sender;
static pthread_t watcher;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool sent_all;

static const char *why_gone(int r)
{
	if (r == -EOWNERDEAD)
		return "the receiver has died";
	if (r == -EPIPE)
		return "the receiver gave up";
	return weir_strerror(r);
}

/* The peer's text, on its way to a terminal. */
_Noreturn static void fail_with(const char *from, size_t len)
{
	char text[128];
	size_t i;

	if (len > sizeof(text) - 1)
		len = sizeof(text) - 1;
	memcpy(text, from, len);
	text[len] = 0;
	for (i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 127)
			text[i] = '?';
	cat_fail("the receiver: %s", text);
}

static bool all_was_sent(void)
{
	bool is;

	pthread_mutex_lock(&lock);
	is = sent_all;
	pthread_mutex_unlock(&lock);
	return is;
}

/* Returns if all is well, or if the main thread knows better and cancels. */
static void *watch(void *arg)
{
	const void *data;
	size_t len;
	int r = weir_rx_wait(sender.rx, WEIR_FOREVER);

	if (r == -ECANCELED)
		return arg;
	if (!r)
		r = weir_rx_peek(sender.rx, &data, &len);
	if (r)
		cat_fail("%s", why_gone(r));
	if (len)
		fail_with(data, len);
	if (!all_was_sent())
		cat_fail("%s", weir_strerror(-EPROTO));
	return arg;
}

/* The watcher first: if it has heard why, it says so and ends the program. */
static void stop_watching(void)
{
	weir_rx_cancel(sender.rx);
	pthread_join(watcher, NULL);
}

/* A watcher that is cancelled may have looked just before it came. */
static void last_word(void)
{
	const void *data;
	size_t len;

	if (!weir_rx_peek(sender.rx, &data, &len) && len)
		fail_with(data, len);
}

static void *room(size_t len)
{
	void *data;
	int r = weir_tx_reserve(sender.tx, len, &data);

	if (r == -EAGAIN) {
		r = weir_tx_wait(sender.tx, len, WEIR_FOREVER);
		if (!r)
			r = weir_tx_reserve(sender.tx, len, &data);
	}
	if (!r)
		return data;
	stop_watching();
	last_word();
	cat_fail("%s", why_gone(r));
}

static size_t read_in(void *data, size_t size)
{
	ssize_t n;
	int error;

	for (;;) {
		n = read(STDIN_FILENO, data, size);
		if (n >= 0)
			return (size_t)n;
		error = errno;
		if (error == EAGAIN || error == EWOULDBLOCK)
			cat_wait_fd(STDIN_FILENO, POLLIN);
		else if (error != EINTR)
			break;
	}
	stop_watching();
	cat_close(&sender);
	cat_fail("standard input: %s", strerror(error));
}

/* Sends what one read brings; 0 at the end of the input, which is sent too. */
static size_t move(size_t chunk)
{
	void *data = room(chunk);
	size_t n = read_in(data, chunk);
	int r;

	if (!n) {
		pthread_mutex_lock(&lock);
		sent_all = true;
		pthread_mutex_unlock(&lock);
	}
	r = weir_tx_shrink(sender.tx, n);
	if (!r)
		r = weir_tx_commit(sender.tx);
	if (r < 0)
		cat_fail("%s", weir_strerror(r));
	cat_moved(n);
	return n;
}

/* What is left of a file, 0 if it is none. */
static uint64_t input_size(void)
{
	struct stat st;
	off_t at = lseek(STDIN_FILENO, 0, SEEK_CUR);

	if (at < 0 || fstat(STDIN_FILENO, &st) || !S_ISREG(st.st_mode))
		return 0;
	return st.st_size > at ? (uint64_t)(st.st_size - at) : 0;
}

int cat_send(const struct cat_options *options)
{
	size_t chunk = CHUNK;

	cat_connect(&sender, options->name);
	if (chunk > sender.info.capacity / CHUNKS)
		chunk = (size_t)(sender.info.capacity / CHUNKS);
	if (pthread_create(&watcher, NULL, watch, NULL))
		cat_fail("no thread to be had");
	cat_progress_begin(options->progress, input_size());
	while (move(chunk))
		;
	pthread_join(watcher, NULL);
	cat_close(&sender);
	cat_progress_end(true);
	return 0;
}
