/* SPDX-License-Identifier: MIT */
/*
 * weir/uring.h: a wait of an end as an SQE of the program's own io_uring.
 *
 * It is the sleep of park.c with the kernel's part handed to the caller: the
 * end announces itself, the SQE compares the same two words as futex_waitv
 * would, and done settles. The argument that no wake is lost is park.c's, for
 * the words are taken before the announcement, however late the submission
 * comes.
 *
 * Both words are looked up as shared ones, the end's own too. A private futex
 * that a process of one thread armed in an io_uring is lost when the second
 * thread begins, because the kernel then gives the process a table of its own
 * (seen on 6.18); so this end is poked by both kinds (WEIR_OS_OWN).
 */
#include "uring.h"
#include "weir/uring.h"

static int by_words(const struct weir_end *end)
{
	return end->sleep.way == WEIR_OS_WORDS && !end->no_uring &&
	       !weir_linux_uring_usable();
}

static void fill_words(struct io_uring_sqe *sqe, struct weir_end *end,
		       const struct weir_nap *nap)
{
	const struct weir_linux_word words[2] = {
		{ .word = end->sleep.word, .seen = nap->bell },
		{ .word = &end->own, .seen = nap->own },
	};

	_Static_assert(sizeof(end->waitv) ==
		       2 * sizeof(struct weir_linux_waitv), "waitv");
	weir_linux_uring_fill(sqe, (struct weir_linux_waitv *)(void *)
			      end->waitv, words, 2);
}

static int prep_poll(struct io_uring_sqe *sqe, struct weir_end *end,
		     int (*look)(struct weir_end *end))
{
	weir_handle handle = WEIR_HANDLE_NONE;
	int r = weir_end_handle(end, &handle);

	if (!r)
		r = weir_end_arm(end, look);
	if (!r)
		weir_linux_uring_fill_poll(sqe, handle);
	return r;
}

static int prep(struct io_uring_sqe *sqe, struct weir_end *end,
		int (*look)(struct weir_end *end))
{
	struct weir_nap nap;
	int r;

	if (!by_words(end))
		return prep_poll(sqe, end, look);
	if (weir_end_in_set(end))
		return -EBUSY;
	if (end->guest)
		end->guest->disturb(end->guest);
	r = weir_end_announce(end, look, WEIR_ASLEEP_WORD, &nap);
	if (r == -EAGAIN) {
		fill_words(sqe, end, &nap);
		return 0;
	}
	weir_end_settle(end);
	return r ? r : 1;
}

/* Awake again. Returns what is to be done about res: 0, or an error. */
static int settle(struct weir_end *end, int res)
{
	int words = by_words(end);

	/* What a set has announced since is the set's. */
	if (!weir_end_in_set(end)) {
		if (words)
			weir_end_settle(end);
		else
			weir_end_disarm(end);
	}
	switch (res < 0 ? -res : 0) {
	case 0:
	case EAGAIN:
	case ECANCELED:
	case EINTR:
		return 0;
	case EINVAL:
	case ENOSYS:
	case EOPNOTSUPP:
	case EPERM:
	case EACCES:
		/* This ring is not allowed what another one was. */
		end->no_uring = 1;
		return words ? 0 : weir_posix_error(-res);
	default:
		return weir_posix_error(-res);
	}
}

static int outcome(int looked, int settled)
{
	if (!looked)
		return 1;
	return looked == -EAGAIN ? settled : looked;
}

int weir_uring_prep_rx_wait(struct io_uring_sqe *sqe, struct weir_rx *rx)
{
	int r = weir_rx_wait(rx, WEIR_NOWAIT);

	weir_linux_uring_fill(sqe, NULL, NULL, 0);
	if (r != -EAGAIN)
		return r ? r : 1;
	return prep(sqe, rx->end, weir_rx_look);
}

int weir_uring_rx_done(struct weir_rx *rx, int res)
{
	int r = settle(rx->end, res);

	return outcome(weir_rx_wait(rx, WEIR_NOWAIT), r);
}

int weir_uring_prep_tx_wait(struct io_uring_sqe *sqe, struct weir_tx *tx,
			    size_t len)
{
	int r = weir_tx_wait(tx, len, WEIR_NOWAIT);

	weir_linux_uring_fill(sqe, NULL, NULL, 0);
	if (r != -EAGAIN)
		return r ? r : 1;
	r = weir_tx_want(tx, len);
	return r ? r : prep(sqe, tx->end, weir_tx_look);
}

int weir_uring_tx_done(struct weir_tx *tx, int res)
{
	int r = settle(tx->end, res);

	/* want is the record's size: so long a message takes as much */
	return outcome(weir_tx_wait(tx, (size_t)tx->end->want -
				    WEIR_RECORD_HEADER, WEIR_NOWAIT), r);
}

int weir_uring_prep_set_wait(struct io_uring_sqe *sqe, struct weir_set *set)
{
	weir_handle handle = WEIR_HANDLE_NONE;
	int r = weir_set_handle(set, &handle);

	weir_linux_uring_fill(sqe, NULL, NULL, 0);
	if (!r)
		weir_linux_uring_fill_poll(sqe, handle);
	return r;
}

/* What there is only weir_set_wait knows, and tells once. */
int weir_uring_set_done(struct weir_set *set, int res)
{
	(void)set;
	if (res >= 0)
		return 1;
	return res == -ECANCELED || res == -EINTR ? 0 : weir_posix_error(-res);
}
