/* SPDX-License-Identifier: MIT */
/*
 * Layout 1 as this compiler sees it, and as this library writes it, against
 * tests/layout.golden: the same text for every machine, of 32 or 64 bits.
 *
 *     layout            compares; says which line differs
 *     layout --print    what the golden file was made of:
 *                       tests/layout --print >tests/layout.golden
 *
 * Programs of other versions have this memory mapped. A change of the golden
 * file is a feature bit, which an older side refuses, or version 2; lines that
 * are only added, for what was reserved and zero, may come with a hint bit.
 *
 * Seen to fail with: two words of a half exchanged; a word of 32 bits that was
 * one of 64; another kind for a run; a run without its count.
 */
#include "xproc/x.h"

#include <stddef.h>
#include <sys/mman.h>

#define CAPACITY 4096

static FILE *out;

static void number(const char *what, uint64_t value)
{
	fprintf(out, "%s %llu\n", what, (unsigned long long)value);
}

#define CONSTANT(name) number(#name, name)
#define SIZE(type) number("sizeof " #type, sizeof(struct type))
#define MEMBER(type, name)                                                     \
	fprintf(out, "%s.%s %zu %zu\n", #type, #name,                          \
		offsetof(struct type, name),                                   \
		sizeof(((struct type *)0)->name))

static void constants(void)
{
	CONSTANT(WEIR_LAYOUT);
	CONSTANT(WEIR_MAGIC);
	CONSTANT(WEIR_NAME_MAX);
	CONSTANT(WEIR_FEATURE_BARRIER);
	CONSTANT(WEIR_FEATURE_CONNECTION);
	CONSTANT(WEIR_FEATURE_LOCK);
	CONSTANT(WEIR_HINT_NO_METRICS);
	CONSTANT(WEIR_WAY_NONE);
	CONSTANT(WEIR_WAY_FUTEX);
	CONSTANT(WEIR_WAY_SEMAPHORE);
	CONSTANT(WEIR_KIND_RECORD);
	CONSTANT(WEIR_KIND_PAD);
	CONSTANT(WEIR_KIND_RUN);
	CONSTANT(WEIR_KIND_MASK);
	CONSTANT(WEIR_LEN_SHIFT);
	CONSTANT(WEIR_RECORD_HEADER);
	CONSTANT(WEIR_RUN_HEADER);
	CONSTANT(WEIR_RUN_COUNT_SHIFT);
	CONSTANT(WEIR_AWAKE);
	CONSTANT(WEIR_ASLEEP_WORD);
	CONSTANT(WEIR_ASLEEP_DESCRIPTOR);
	CONSTANT(WEIR_ASLEEP_MASK);
	CONSTANT(WEIR_SLEEP_ONE);
	CONSTANT(WEIR_STATE_NEVER);
	CONSTANT(WEIR_STATE_HELD);
	CONSTANT(WEIR_STATE_CLOSED);
	CONSTANT(WEIR_COUNT_MESSAGES);
	CONSTANT(WEIR_COUNT_BYTES);
	CONSTANT(WEIR_COUNT_FULL);
	CONSTANT(WEIR_COUNT_PARKS);
	CONSTANT(WEIR_COUNT_WAKES);
	CONSTANT(WEIR_COUNT_SPINS);
	CONSTANT(WEIR_COUNT_ERRORS);
	CONSTANT(WEIR_COUNT_LAST);
	CONSTANT(WEIR_PRODUCER_OFFSET);
	CONSTANT(WEIR_CONSUMER_OFFSET);
	CONSTANT(WEIR_DATA_OFFSET);
}

static void members(void)
{
	SIZE(weir_a32);
	SIZE(weir_a64);
	SIZE(weir_header);
	MEMBER(weir_header, magic);
	MEMBER(weir_header, version);
	MEMBER(weir_header, header_size);
	MEMBER(weir_header, features);
	MEMBER(weir_header, hints);
	MEMBER(weir_header, size);
	MEMBER(weir_header, capacity);
	MEMBER(weir_header, data);
	MEMBER(weir_header, producer);
	MEMBER(weir_header, consumer);
	MEMBER(weir_header, id);
	MEMBER(weir_header, way);
	MEMBER(weir_header, way_abi);
	MEMBER(weir_header, histogram);
	MEMBER(weir_header, name);
	MEMBER(weir_header, reserved);
	SIZE(weir_half);
	MEMBER(weir_half, position);
	MEMBER(weir_half, run_first);
	MEMBER(weir_half, run_end);
	MEMBER(weir_half, run_len);
	MEMBER(weir_half, reserved0);
	MEMBER(weir_half, waiting);
	MEMBER(weir_half, doorbell);
	MEMBER(weir_half, need);
	MEMBER(weir_half, state);
	MEMBER(weir_half, claims);
	MEMBER(weir_half, unfenced);
	MEMBER(weir_half, reserved1);
	MEMBER(weir_half, counters);
	MEMBER(weir_half, semaphores);
}

static void records(void)
{
	static const uint64_t lens[] = { 0, 1, 7, 8, 9, 2040, 1 << 20 };
	char what[40];
	size_t i;

	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		snprintf(what, sizeof(what), "record of %u",
			 (unsigned int)lens[i]);
		number(what, weir_priv_record_size(lens[i]));
		snprintf(what, sizeof(what), "stride of %u",
			 (unsigned int)lens[i]);
		number(what, weir_priv_stride(lens[i]));
	}
}

static void half(const char *who, const struct weir_half *h)
{
	/* relaxed, all: one thread has written them */
	fprintf(out, "%s position %llu run %llu %llu %llu state %u\n", who,
		(unsigned long long)weir_load_relaxed64(&h->position),
		(unsigned long long)weir_load_relaxed64(&h->run_first),
		(unsigned long long)weir_load_relaxed64(&h->run_end),
		(unsigned long long)weir_load_relaxed64(&h->run_len),
		weir_load_relaxed32(&h->state));
}

/* A message alone, three of 16 bytes as a run, one that starts over. */
static void traffic(struct weir_tx *tx, struct weir_rx *rx)
{
	static const uint64_t words[250] = { 0x1112131415161718ull,
					     0x2122232425262728ull };
	struct weir_buf v[3];
	char room[2048];
	int i;

	memset(v, 0, sizeof(v));
	for (i = 0; i < 3; i++) {
		v[i].data = (void *)(uintptr_t)words;
		v[i].len = 16;
	}
	for (i = 0; i < 2; i++)
		if (weir_tx_write(tx, words, 2000, WEIR_NOWAIT) ||
		    weir_rx_read(rx, room, 2000, WEIR_NOWAIT) != 2000)
			exit(99);
	/* 80 bytes are left: a run of 64, then a message at the start */
	if (weir_tx_write_batch(tx, v, 3, WEIR_NOWAIT) != 3 ||
	    weir_rx_read(rx, room, 16, WEIR_NOWAIT) != 16 ||
	    weir_tx_write(tx, words, 16, WEIR_NOWAIT))
		exit(99);
}

static void ring(void)
{
	size_t size = WEIR_DATA_OFFSET + CAPACITY, i;
	struct weir_ring_options options;
	const struct weir_header *header;
	const unsigned char *base;
	const uint64_t *data;
	struct weir_ring *r;
	struct weir_tx *tx;
	struct weir_rx *rx;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.capacity = CAPACITY;
	if (weir_ring_create(&r, &options))
		exit(x_refused() ? 77 : 99);
	if (weir_ring_tx(r, &tx) || weir_ring_rx(r, &rx))
		exit(99);
	base = mmap(NULL, size, PROT_READ, MAP_SHARED, weir_ring_handle(r), 0);
	if (base == MAP_FAILED)
		exit(99);
	traffic(tx, rx);
	header = (const void *)base;
	fprintf(out, "header %u %u %llu %llu %llu %llu\n", header->version,
		header->header_size, (unsigned long long)header->capacity,
		(unsigned long long)header->data,
		(unsigned long long)header->producer,
		(unsigned long long)header->consumer);
	half("producer", (const void *)(base + header->producer));
	half("consumer", (const void *)(base + header->consumer));
	data = (const uint64_t *)(const void *)(base + header->data);
	for (i = 0; i < CAPACITY / 8; i++)
		if (data[i])
			fprintf(out, "data %zu %llx\n", i * 8,
				(unsigned long long)data[i]);
	munmap((void *)(uintptr_t)base, size);
	weir_ring_close(r);
}

static void all(FILE *file)
{
	out = file;
	constants();
	members();
	records();
	ring();
}

static int same(FILE *golden, FILE *made)
{
	char want[200], got[200];
	int line = 0;

	for (;;) {
		char *w = fgets(want, sizeof(want), golden);
		char *g = fgets(got, sizeof(got), made);

		line++;
		if (!w && !g)
			return 0;
		if (w && g && !strcmp(want, got))
			continue;
		fprintf(stderr, "layout.golden:%d: %s    now: %s"
				"This is another layout: a feature bit, or "
				"version 2.\n", line, w ? want : "(end)\n",
			g ? got : "(end)\n");
		return 1;
	}
}

int main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	char path[4096];
	FILE *golden, *made;

	if (argc > 1 && !strcmp(argv[1], "--print")) {
		all(stdout);
		return 0;
	}
	snprintf(path, sizeof(path), "%s/tests/layout.golden", top ? top : ".");
	golden = fopen(path, "r");
	made = tmpfile();
	if (!golden || !made) {
		perror(golden ? "tmpfile" : path);
		return 99;
	}
	all(made);
	rewind(made);
	return same(golden, made);
}
