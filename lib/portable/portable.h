/* SPDX-License-Identifier: MIT */
/*
 * What the POSIX backends share: each function fills the slot of struct weir_os
 * (lib/os.h) that it is named after, for lib/portable and lib/linux alike.
 */
#ifndef WEIR_PORTABLE_H
#define WEIR_PORTABLE_H

#include <pthread.h>

#include "../internal.h"

/* error.c: the errno value of a failure as one of the library's, negative. */
int weir_posix_error(int error);

/* clock.c */
int64_t weir_posix_now(void);
unsigned int weir_posix_cpus(void);

/* memory.c, names.c */
int weir_posix_memory_create(weir_handle *memory, uint64_t size,
			     const char *name);
int weir_posix_memory_name(weir_handle memory, const char *name);
int weir_posix_memory_open(weir_handle *memory, const char *name,
			   weir_handle given);
int weir_posix_memory_facts(weir_handle memory, struct weir_facts *facts);
int weir_posix_memory_map(void **base, weir_handle memory, uint64_t size,
			  uint32_t flags, uint64_t *page_size);
void weir_posix_memory_unmap(void *base, uint64_t size);
int weir_posix_memory_seal(weir_handle memory, int connection);
void weir_posix_close(weir_handle handle);
int weir_posix_can_seal(void);
int weir_posix_names_dir(void);		/* a descriptor, or an error */
int weir_posix_names_file(const char *name);
int weir_posix_names_has(int fd, uint32_t owner);

/* claim.c, watch.c, keeper.c */
int weir_posix_claim(weir_handle *lock, weir_handle memory, unsigned int end);
int weir_posix_claim_open(weir_handle *lock, weir_handle memory);
int weir_posix_claim_wait(weir_handle lock, unsigned int end);
int weir_posix_can_lock(void);
int weir_posix_watch_claim(struct weir_watch *watch);
void weir_posix_unwatch_claim(struct weir_watch *watch);
int weir_posix_watch_socket(struct weir_watch *watch);
void weir_posix_unwatch_socket(struct weir_watch *watch);
void weir_posix_keeper_child(void);

/* thread.c: a thread of the library, deaf to all signals. */
int weir_posix_thread(pthread_t *thread, void *(*run)(void *arg), void *arg);

/* wait.c */
uint32_t weir_posix_way_abi(void);
int weir_posix_can_semaphore(void);
int weir_posix_spot_init(struct weir_spot *spot);
int weir_posix_sleep(const struct weir_spot *spot, uint32_t seen,
		     const struct weir_a32 *own, uint32_t own_seen,
		     int64_t deadline);
int weir_posix_wake(const struct weir_spot *spot, int n);
void weir_posix_buckets_init(void);

/* peer.c: process NONE where there is no such handle. */
int weir_posix_send(weir_handle socket, const void *data, size_t len,
		    weir_handle memory, weir_handle process, int64_t deadline);
int weir_posix_receive(weir_handle socket, void *data, size_t len,
		       weir_handle *memory, weir_handle *process,
		       struct weir_peer *peer, int64_t deadline);
int weir_posix_poll_ms(int64_t deadline);

#endif
