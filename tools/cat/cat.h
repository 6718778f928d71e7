/* SPDX-License-Identifier: MIT */
/*
 * weir-cat: standard input of one process to standard output of another,
 * through a ring. weir-cat(1).
 *
 *     main.c      options, and how the program ends
 *     link.c      two rings under one name, from the first look at the name
 *                 to the moment when both sides have them
 *     receive.c   -l: ring to standard output
 *     send.c      standard input to ring
 *     progress.c  what has been moved, for -p and for who must know
 *
 * There are two rings, because each side must hear of the other's end at any
 * moment, also while it is in read(2) or write(2):
 *
 *     data     sender to receiver: a hello, then the bytes as they were read,
 *              then a message of 0 bytes for the end of the input
 *     control  receiver to sender: a hello, then a message of 0 bytes when all
 *              was written out, or the reason why it was not, as text
 *
 * A hello is as long as a message may be, so there is no room for another one
 * of that size: a wait for that much room lasts until the reader has released
 * the hello, or has gone. The receiver releases the sender's, which tells it
 * that the names are gone and it may begin. The sender never releases the
 * receiver's, so a thread of the receiver can wait for the sender's end on the
 * control ring; one of the sender's does so by waiting for a message there.
 */
#ifndef WEIR_CAT_H
#define WEIR_CAT_H

#include <stdbool.h>
#include <stdint.h>

#include <weir.h>

struct cat_options {
	const char *name;
	uint64_t capacity;	/* 0: the library's */
	bool listen;
	bool progress;
	bool verbose;
};

/* Of one side: the receiver has rx of data and tx of control. */
struct cat_link {
	struct weir_ring *data;
	struct weir_ring *control;
	struct weir_tx *tx;
	struct weir_rx *rx;
	struct weir_ring_info info;	/* of data */
};

/* main.c; any thread, and the first who calls it is heard. */
_Noreturn void cat_fail(const char *format, ...)
	__attribute__((format(printf, 1, 2)));
/* With --verbose. */
void cat_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Until a descriptor that does not block can be used. */
void cat_wait_fd(int fd, short events);

/* link.c */
void cat_listen(struct cat_link *link, const struct cat_options *options);
void cat_await_sender(struct cat_link *link);
void cat_connect(struct cat_link *link, const char *name);
void cat_close(struct cat_link *link);
/* Until the other side has released the hello sent by tx, or has gone. */
int cat_wait_hello(struct weir_tx *tx);
/* Removes the names that this process made and that are still there. */
void cat_remove_names(void);

/* Exit status, if they return. */
int cat_receive(const struct cat_options *options);
int cat_send(const struct cat_options *options);

/* progress.c; size: what there will be, 0 if nobody knows */
void cat_progress_begin(bool show, uint64_t size);
void cat_moved(uint64_t bytes);
uint64_t cat_moved_so_far(void);
/* The last line, and it stays; or only an end to the line that is there. */
void cat_progress_end(bool done);

#endif
