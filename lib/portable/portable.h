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
int weir_posix_memory_share(weir_handle memory, const char *name,
			    int connection);
int weir_posix_memory_open(weir_handle *memory, const char *name,
			   weir_handle given, struct weir_facts *facts,
			   uint32_t flags);
int weir_posix_memory_map(void **base, weir_handle memory, uint64_t size,
			  uint32_t flags, uint64_t *page_size);
void weir_posix_memory_unmap(void *base, uint64_t size);
void weir_posix_close(weir_handle handle);
int weir_posix_can_seal(void);
int weir_posix_names_dir(void);		/* a descriptor, or an error */
int weir_posix_names_file(const char *name);
int weir_posix_names_has(int fd, uint32_t owner);
int weir_posix_names_sockets(unsigned int which, int make, char *path,
			     size_t size);

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

/* nap.c, gather.c */
int weir_posix_watch_nap(struct weir_watch *nap);
void weir_posix_unwatch_nap(struct weir_watch *nap);
void weir_posix_nap_child(void);
int weir_posix_gather_open(struct weir_gather *gather);
int weir_posix_gather(struct weir_gather *gather, weir_handle handle,
		      uint64_t number);
int weir_posix_gather_sleep(struct weir_gather *gather, int64_t deadline);
void weir_posix_gather_ring(const struct weir_gather *gather);

/* thread.c: a thread of the library, deaf to all signals. */
int weir_posix_thread(pthread_t *thread, void *(*run)(void *arg), void *arg);
int weir_posix_can_cancel(void);

/* process.c: the handlers of a fork, from a probe. */
void weir_posix_at_fork(void (*child)(void));

/* wait.c */
uint32_t weir_posix_way_abi(void);
int weir_posix_can_semaphore(void);
int weir_posix_spot_init(struct weir_spot *spot);
int weir_posix_sleep(const struct weir_spot *spot, uint32_t seen,
		     const struct weir_a32 *own, uint32_t own_seen,
		     int64_t deadline);
int weir_posix_wake(const struct weir_spot *spot, int n);
void weir_posix_buckets_init(void);

/* peer.c, socket.c */
int weir_posix_transfer(weir_handle socket, struct weir_message *message,
			int out, int64_t deadline);
void weir_posix_label(struct weir_peer *peer);
int weir_posix_socket(struct weir_address *address, enum weir_socket what,
		      int64_t deadline);
int weir_posix_accept(weir_handle *socket, weir_handle listening,
		      struct weir_peer *peer);
int weir_posix_poll_ms(int64_t deadline);

#endif
