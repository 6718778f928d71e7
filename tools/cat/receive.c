/* SPDX-License-Identifier: MIT */
/*
 * weir-cat -l: from the ring to standard output. Three threads: this one
 * writes, one waits for the sender's end, one waits for signals until names
 * need no removing any more.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cat.h"

/*
 * When the sender has died, what it had sent is still written out, as long as
 * somebody takes it: not so if the output is full and stays as full for so
 * long. Arbitrary: more than a reader that is alive lets one wait, less than a
 * person notices.
 */
#define STILL_MS 200

static struct cat_link receiver;
static pthread_t watcher;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool knows;		/* the main thread, how this ends */
static bool sigpipe_kills;

static const char *why_gone(int r)
{
	if (r == -EOWNERDEAD)
		return "the sender has died; the output is not complete";
	if (r == -EPIPE)
		return "the sender gave up; the output is not complete";
	return weir_strerror(r);
}

/* An output that would take more does not keep the main thread, however slow
   that is; one that failed, neither. */
static bool output_is_full(void)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return !poll(&p, 1, 0);
}

static bool end_is_known(void)
{
	bool is;

	pthread_mutex_lock(&lock);
	is = knows;
	pthread_mutex_unlock(&lock);
	return is;
}

/* Until the sender has gone, or the main thread knows the end and cancels: a
   sender that dies when it has sent all is not missed. */
static void *watch(void *arg)
{
	uint64_t before;
	int r = cat_wait_hello(receiver.tx);

	if (r == -ECANCELED)
		return arg;
	do {
		before = cat_moved_so_far();
		poll(NULL, 0, STILL_MS);
		if (end_is_known())
			return arg;
	} while (cat_moved_so_far() != before || !output_is_full());
	cat_fail("%s", r ? why_gone(r) : weir_strerror(-EPROTO));
}

/* Dies of the signal, as if it had not been caught; no name stays. */
static void *die_of_signal(void *arg)
{
	const sigset_t *set = arg;
	int sig;

	if (sigwait(set, &sig))
		return NULL;
	cat_remove_names();
	signal(sig, SIG_DFL);
	pthread_sigmask(SIG_UNBLOCK, set, NULL);
	kill(getpid(), sig);
	return NULL;
}

/* Those that would end the process: ignored ones stay ignored. */
static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	static sigset_t set;
	struct sigaction old;
	pthread_t thread;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		if (!sigaction(signals[i], NULL, &old) &&
		    old.sa_handler != SIG_IGN)
			sigaddset(&set, signals[i]);
	/* now, so that every thread has them blocked but this one's wait */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (pthread_create(&thread, NULL, die_of_signal, &set))
		cat_fail("no thread to be had");
	pthread_detach(thread);
	/* a write that nobody reads is told to the sender first */
	sigpipe_kills = !sigaction(SIGPIPE, NULL, &old) &&
			old.sa_handler != SIG_IGN;
	signal(SIGPIPE, SIG_IGN);
}

/* The last word on the control ring: "" or why not all was written. */
static void tell_sender(const char *text)
{
	pthread_mutex_lock(&lock);
	knows = true;
	pthread_mutex_unlock(&lock);
	weir_tx_cancel(receiver.tx);
	pthread_join(watcher, NULL);
	/* if the sender has gone meanwhile, nobody reads it */
	weir_tx_try_write(receiver.tx, text, strlen(text));
}

_Noreturn static void fail_output(int error)
{
	char text[128];

	snprintf(text, sizeof(text), "standard output: %s", strerror(error));
	tell_sender(text);
	cat_close(&receiver);
	if (error == EPIPE && sigpipe_kills) {
		cat_progress_end(false);
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	cat_fail("%s", text);
}

static void write_out(const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, data, len);

		if (n >= 0) {
			data += n;
			len -= (size_t)n;
			cat_moved((uint64_t)n);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			cat_wait_fd(STDOUT_FILENO, POLLOUT);
		} else if (errno != EINTR) {
			fail_output(errno);
		}
	}
}

/* Writes the next message out; 0 at the sender's end of input. */
static size_t move(void)
{
	const void *data;
	size_t len;
	int r = weir_rx_wait(receiver.rx, WEIR_FOREVER);

	if (!r)
		r = weir_rx_peek(receiver.rx, &data, &len);
	if (r)
		cat_fail("%s", why_gone(r));
	write_out(data, len);
	weir_rx_release(receiver.rx);
	return len;
}

int cat_receive(const struct cat_options *options)
{
	catch_signals();
	cat_listen(&receiver, options);
	if (pthread_create(&watcher, NULL, watch, NULL))
		cat_fail("no thread to be had");
	cat_await_sender(&receiver);
	cat_progress_begin(options->progress, 0);
	while (move())
		;
	/* some file systems refuse only now */
	if (close(STDOUT_FILENO) && errno != EINTR)
		fail_output(errno);
	tell_sender("");
	cat_close(&receiver);
	cat_progress_end(true);
	return 0;
}
