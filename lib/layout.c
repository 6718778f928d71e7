/* SPDX-License-Identifier: MIT */
/*
 * Writing the header of a block, and checking one that somebody else wrote.
 * The table of offsets is in weir/layout.h.
 */
#include <string.h>

#include "internal.h"

#define CAPACITY_LEAST 4096u
/* Arbitrary, far above any memory of today, far below overflow. */
#define CAPACITY_MOST ((uint64_t)1 << 46)

uint64_t weir_layout_size(uint64_t capacity)
{
	return WEIR_DATA_OFFSET + capacity;
}

/* Twice the record and the padding before it must fit: weir/layout.h. */
uint64_t weir_layout_max_message(uint64_t capacity)
{
	uint64_t most = capacity / 2 - WEIR_RECORD_HEADER;

	return most < INT32_MAX ? most : INT32_MAX - 7;
}

int weir_layout_capacity(uint64_t *capacity, uint64_t wished, uint64_t usual)
{
	uint64_t c = CAPACITY_LEAST;

	if (!wished)
		wished = usual;
	if (wished > CAPACITY_MOST)
		return -EINVAL;
	while (c < wished)
		c *= 2;
	*capacity = c;
	return 0;
}

/*
 * Names a ring for tools; two rings of one machine differ. The clock, an
 * address that the kernel chose and a count, mixed as in splitmix64 (Steele,
 * Lea, Flood, 2014); not a secret.
 */
static uint64_t new_id(const void *base)
{
	static struct weir_a32 count;
	/* X6 (alone): a count, nothing else depends on it */
	uint64_t z = (uint64_t)weir_now() ^ (uint64_t)(uintptr_t)base << 20 ^
		     (uint64_t)(uintptr_t)&count << 7 ^
		     (uint64_t)weir_add_acq_rel32(&count, 1) << 56;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	z ^= z >> 31;
	return z ? z : 1;
}

void weir_layout_write(void *base, uint64_t size,
		       const struct weir_header_wish *wish)
{
	struct weir_header *h = base;

	h->version = WEIR_LAYOUT;
	h->header_size = sizeof(*h);
	h->features = wish->features;
	h->hints = wish->hints;
	h->size = size;
	h->capacity = wish->capacity;
	h->data = WEIR_DATA_OFFSET;
	h->producer = WEIR_PRODUCER_OFFSET;
	h->consumer = WEIR_CONSUMER_OFFSET;
	h->id = new_id(base);
	h->way = wish->way;
	h->way_abi = wish->way_abi;
	if (wish->name)
		strncpy(h->name, wish->name, sizeof(h->name) - 1);
	/* R6 pairs with A6 in check_magic(): the whole header. */
	weir_store_release64(&h->magic, WEIR_MAGIC);
}

static int refuse(const char *why)
{
	weir_log(WEIR_LOG_ERROR, "refused: %s", why);
	return -EPROTO;
}

static int check_magic(const struct weir_header *h)
{
	/* A6 pairs with R6 in weir_layout_write(): the whole header. */
	uint64_t magic = weir_load_acquire64(&h->magic);

	if (magic == WEIR_MAGIC)
		return 0;
	if (magic == __builtin_bswap64(WEIR_MAGIC))
		return refuse("made by a machine of the other byte order");
	return refuse("not a weir");
}

static int check_version(const struct weir_header *h)
{
	if (h->version != WEIR_LAYOUT) {
		weir_log(WEIR_LOG_ERROR,
			 "refused: it has layout %u, this library knows %u",
			 h->version, WEIR_LAYOUT);
		return -EPROTO;
	}
	if (h->header_size != sizeof(*h))
		return refuse("a header of another size");
	if (h->features & ~WEIR_FEATURES_KNOWN) {
		weir_log(WEIR_LOG_ERROR,
			 "refused: it needs features %#llx, this library "
			 "knows %#llx", (unsigned long long)h->features,
			 (unsigned long long)WEIR_FEATURES_KNOWN);
		return -EPROTO;
	}
	return 0;
}

static int half_fits(uint64_t offset, uint64_t size)
{
	return offset % WEIR_LINE == 0 &&
	       offset >= sizeof(struct weir_header) && offset <= size &&
	       size - offset >= sizeof(struct weir_half);
}

static int check_places(const struct weir_header *h, uint64_t size)
{
	uint64_t c = h->capacity;

	if (h->size != size)
		return refuse("its size is not what it says");
	if (c < CAPACITY_LEAST || c > CAPACITY_MOST || (c & (c - 1)))
		return refuse("a capacity that no ring has");
	if (h->data % WEIR_LINE || h->data > size || size - h->data < c ||
	    !half_fits(h->producer, h->data) ||
	    !half_fits(h->consumer, h->data))
		return refuse("its parts are not within it");
	if (h->producer < h->consumer + sizeof(struct weir_half) &&
	    h->consumer < h->producer + sizeof(struct weir_half))
		return refuse("its halves overlap");
	return 0;
}

static int check_way(const struct weir_header *h)
{
	const struct weir_ability *can = weir_os_ability();

	if ((h->features & WEIR_FEATURE_BARRIER) && !can->barrier)
		return refuse("it needs membarrier, which is not to be had");
	if ((h->features & WEIR_FEATURE_LOCK) && !can->lock)
		return refuse("it needs file locks, which are not to be had");
	if (h->way == WEIR_WAY_FUTEX && !can->words)
		return refuse("its sleepers use futexes, this side cannot");
	if (h->way == WEIR_WAY_SEMAPHORE &&
	    (!can->semaphores || h->way_abi != can->way_abi))
		return refuse("its sleepers use semaphores of another kind");
	if (h->way > WEIR_WAY_SEMAPHORE)
		return refuse("an unknown way of sleeping");
	return 0;
}

/*
 * Reads the header once, into private memory, and believes nothing: whoever
 * wrote it may still be writing.
 */
int weir_layout_check(struct weir_geometry *geometry, const void *base,
		      uint64_t size)
{
	struct weir_header h;
	int r;

	if (size < sizeof(h))
		return refuse("too small");
	r = check_magic(base);
	if (r)
		return r;
	memcpy(&h, base, sizeof(h));
	r = check_version(&h);
	if (!r)
		r = check_places(&h, size);
	if (!r)
		r = check_way(&h);
	if (r)
		return r;
	*geometry = (struct weir_geometry){
		.features = h.features, .hints = h.hints, .size = size,
		.capacity = h.capacity, .data = h.data,
		.producer = h.producer,
		.consumer = h.consumer, .id = h.id, .way = h.way,
	};
	memcpy(geometry->name, h.name, sizeof(h.name));
	geometry->name[sizeof(h.name) - 1] = '\0';
	return 0;
}
