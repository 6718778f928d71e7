/* SPDX-License-Identifier: MIT */
/*
 * One thread that writes a message of 8 bytes to a ring and reads it from
 * there: what the code of the library takes where no line has to travel.
 */
#include <stdlib.h>

#include "histogram.h"
#include "targets.h"

#define SLICE_NS 10e6
/* Trips between two looks at what they all took together. */
#define CHUNK 1000

static uint64_t trip(struct weir_tx *tx, struct weir_rx *rx, uint64_t number)
{
	uint64_t came = 0;
	ssize_t n;
	int rc;

	rc = weir_tx_try_write(tx, &number, sizeof(number));
	if (rc)
		bench_fail("weir_tx_try_write: %s", weir_strerror(rc));
	n = weir_rx_try_read(rx, &came, sizeof(came));
	if (n != (ssize_t)sizeof(came) || came != number)
		bench_fail("weir_rx_try_read: %s", n < 0 ?
			   weir_strerror((int)n) : "another message");
	return bench_ticks();
}

static void slice(struct targets_alone *alone, struct weir_tx *tx,
		  struct weir_rx *rx)
{
	uint64_t start = bench_ticks(), now = start, before, number = 0;
	struct bench_sleep slept = { 0, 0, 0 }, after = { 0, 0, 0 };
	unsigned i;

	bench_count_sleep(&slept);
	do {
		for (i = 0; i < CHUNK; i++) {
			before = now;
			now = trip(tx, rx, ++number);
			bench_histogram_add(alone->trips, now - before);
		}
	} while (now - start < bench_ticks_of(SLICE_NS));
	bench_count_sleep(&after);
	alone->slices++;
	alone->robbed += after.robbed != slept.robbed;
	bench_values_add(&alone->rate, (double)number * 1e9 /
			 bench_ns((double)(now - start)));
}

void targets_alone_run(struct targets_alone *alone, double seconds)
{
	struct weir_ring_options options = {
		.size = sizeof(options), .flags = WEIR_RING_PRIVATE,
		.capacity = 1 << 16,
	};
	uint64_t end = bench_clock_system() + (uint64_t)(seconds * 1e9);
	struct weir_ring *ring;
	struct weir_tx *tx;
	struct weir_rx *rx;
	int rc;

	alone->trips = calloc(1, sizeof(*alone->trips));
	if (!alone->trips)
		bench_fail("no memory");
	rc = weir_ring_create(&ring, &options);
	if (!rc)
		rc = weir_ring_tx(ring, &tx);
	if (!rc)
		rc = weir_ring_rx(ring, &rx);
	if (rc)
		bench_fail("a private ring: %s", weir_strerror(rc));
	do
		slice(alone, tx, rx);
	while (bench_clock_system() < end);
	weir_ring_close(ring);
}
