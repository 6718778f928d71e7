/* SPDX-License-Identifier: MIT */
/*
 * weir: messages between the threads and processes of one machine, through
 * shared memory.
 *
 * A ring (weir/ring.h) is one direction: one producer, one consumer, messages
 * of 0 to max_message bytes, whole, in order, exactly once. It is made private
 * (threads), anonymous (its handle is inherited or sent) or named. Each end is
 * claimed by one thread of one process at a time: weir_tx to write, weir_rx to
 * read. A try call never waits and makes no system call unless the other side
 * sleeps; a waiting call spins for a while and then sleeps in the kernel.
 *
 * A stream (weir/stream.h) is a connection of two rings over any connected
 * local socket; each side can write only its own half of the memory. A listener
 * (weir/listener.h) gives streams to clients that connect to its name.
 *
 * A set (weir/set.h) waits for any of many; a handle (weir_rx_arm) lets a loop
 * of the program's own wait.
 *
 * Who may call what: constructors, _cancel, _info and weir_ring_* calls: any
 * thread. A tx or an rx: one thread at a time. Every call returns >= 0 or a
 * negative errno. A peer may be killed, stopped or hostile: this side reads
 * what was committed, then gets -EPIPE (closed), -EOWNERDEAD (died) or -EPROTO
 * (the memory is not what it must be).
 *
 *     #include <stdio.h>
 *     #include <weir.h>
 *
 *     int main(void)
 *     {
 *             struct weir_ring *ring;
 *             struct weir_tx *tx;
 *             struct weir_rx *rx;
 *             char text[16];
 *
 *             if (weir_ring_create(&ring, NULL) || weir_ring_tx(ring, &tx) ||
 *                 weir_ring_rx(ring, &rx))
 *                     return 1;
 *             weir_tx_write(tx, "hello", 6, WEIR_FOREVER);
 *             weir_rx_read(rx, text, sizeof(text), weir_after(1000000000));
 *             puts(text);
 *             weir_ring_close(ring);
 *             return 0;
 *     }
 *
 * Pages: weir(7), weir_ring(7), weir-memory(7), weir-errors(7),
 * weir-design(7), one per call in section 3, the tools in section 1.
 */
#ifndef WEIR_H
#define WEIR_H

#include "weir/base.h"
#include "weir/ring.h"
#include "weir/tx.h"
#include "weir/rx.h"
#include "weir/stream.h"
#include "weir/listener.h"
#include "weir/set.h"
#include "weir/waiter.h"

#endif
