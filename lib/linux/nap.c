/* SPDX-License-Identifier: MIT */
/*
 * Naps that ring an eventfd: the handle of a plain ring between processes. An
 * io_uring holds the wait on the word, and whoever wakes the word makes the
 * eventfd readable, whatever the thread that armed it does at that time.
 * Nobody sleeps in between, so there is one wake and not two.
 *
 * Each end has an io_uring, for that rings one eventfd. It belongs to the
 * thread that made it, the first that armed the end. While that thread lives,
 * another one that arms gets a thread of the library (portable/nap.c), as does
 * one to whom the kernel refuses an io_uring. The wait that the maker has left
 * armed then ends with the next ring of the bell, too: it rings the eventfd
 * once more, or once in vain.
 *
 * When the maker ends, the kernel cancels its wait (seen on 6.18), which rings
 * the eventfd in vain; a wait that was left armed would ring it when it is
 * woken. The next thread that arms makes an io_uring of its own.
 *
 * The end of an io_uring interrupts its maker's next epoll_wait(2) with EINTR.
 * So a thread keeps some for the handles to come, until it ends.
 */
#include "uring.h"

#define WAIT 1			/* the number of the one wait */
/* Arbitrary: a descriptor each, and few programs have more handles. */
#define SPARES 8

struct bed {
	struct weir_fork fork;
	struct weir_linux_uring *ring;	/* NULL in a forked child */
	int held;		/* a wait that has not been reaped */
	struct bed *next;	/* spare */
};

static _Thread_local struct bed *spares;
static _Thread_local unsigned int n_spares;
static pthread_key_t key;
static int has_key;		/* or others had taken all of them */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void free_bed(struct bed *bed)
{
	weir_fork_remove_thing(&bed->fork);
	weir_linux_uring_close(bed->ring);
	free(bed);
}

static void free_spares(void *unused)
{
	struct bed *bed;

	(void)unused;
	while ((bed = spares)) {
		spares = bed->next;
		free_bed(bed);
	}
	n_spares = 0;
}

static void make_key(void)
{
	has_key = !pthread_key_create(&key, free_spares);
}

/* Kept by this thread, if it is its own and can be used again. */
static void put_away(struct bed *bed)
{
	pthread_once(&once, make_key);
	if (!has_key || !bed->ring || bed->held || n_spares == SPARES ||
	    weir_linux_uring_tell(bed->ring, WEIR_HANDLE_NONE) ||
	    pthread_setspecific(key, bed)) {
		free_bed(bed);
		return;
	}
	bed->next = spares;
	spares = bed;
	n_spares++;
}

/* NULL: none that would do. */
static struct bed *take_spare(weir_handle tell)
{
	struct bed *bed;

	while ((bed = spares)) {
		spares = bed->next;
		n_spares--;
		if (bed->ring && !weir_linux_uring_tell(bed->ring, tell))
			return bed;
		free_bed(bed);
	}
	return NULL;
}

/* In a forked child: the io_uring is the parent's. */
static void child(struct weir_fork *fork, void (*drop)(weir_handle handle))
{
	struct bed *bed = (struct bed *)(void *)
		((unsigned char *)fork - offsetof(struct bed, fork));

	(void)drop;
	weir_linux_uring_close(bed->ring);
	bed->ring = NULL;
}

static int new_bed(struct bed **out, weir_handle tell)
{
	struct bed *bed = take_spare(tell);
	int r;

	if (bed) {
		*out = bed;
		return 0;
	}
	bed = calloc(1, sizeof(*bed));
	if (!bed)
		return -ENOMEM;
	bed->fork.child = child;
	r = weir_linux_uring_open(&bed->ring, 1, tell);
	if (r) {
		free(bed);
		return r;
	}
	weir_fork_add_thing(&bed->fork);
	*out = bed;
	return 0;
}

/* Another thread's: its wait is left as it is. */
static void get_up(struct bed *bed)
{
	uint64_t number;
	int r;

	if (!bed->held || !bed->ring)
		return;
	r = weir_linux_uring_reap(bed->ring, &number, 1);
	if (!r) {
		r = weir_linux_uring_cancel(bed->ring, WAIT);
		if (r == -ENOENT)
			r = weir_linux_uring_reap(bed->ring, &number, 1);
		else
			r = !r;
	}
	/* 0: woken at this moment, and told at the next one */
	if (r > 0)
		bed->held = 0;
}

static int lie_down(struct bed *bed, const struct weir_watch *nap)
{
	const struct weir_linux_word word = { .word = nap->spot.word,
					      .seen = nap->seen };
	int r = weir_linux_uring_add(bed->ring, WAIT, &word, 1);

	if (r)
		return r;
	bed->held = 1;
	return weir_linux_uring_submit(bed->ring);
}

static int by_ring(const struct weir_watch *nap)
{
	enum weir_os_wait wait = weir_os_ability()->wait;

	return nap->tell && nap->spot.way == WEIR_OS_WORDS &&
	       (wait == WEIR_OS_WAIT_AUTO || wait == WEIR_OS_WAIT_URING) &&
	       !weir_linux_uring_usable();
}

int weir_linux_watch_nap(struct weir_watch *nap)
{
	struct bed *bed = nap->priv;
	int r = 0;

	if (!by_ring(nap))
		return weir_posix_watch_nap(nap);
	if (bed && weir_linux_uring_orphan(bed->ring)) {
		free_bed(bed);
		bed = NULL;
	}
	if (!bed)
		r = new_bed(&bed, nap->tell->bell[0]);
	nap->priv = bed;
	if (!r)
		r = lie_down(bed, nap);
	return r ? weir_posix_watch_nap(nap) : 0;
}

void weir_linux_unwatch_nap(struct weir_watch *nap)
{
	struct bed *bed = nap->tell ? nap->priv : NULL;

	weir_posix_unwatch_nap(nap);
	if (!bed)
		return;
	get_up(bed);
	if (nap->stays)
		return;
	nap->priv = NULL;
	put_away(bed);
}
