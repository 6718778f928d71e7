/* SPDX-License-Identifier: MIT */
/*
 * weir/ring.h: making, opening, attaching, claiming, unlinking, closing; and
 * every way to refuse, each of which leaves the out parameter and the world as
 * they were.
 *
 * Seen to fail with: an open that takes the size from the header; an attach
 * without the look at the seals, or at the allocated blocks; a create that
 * leaks what it has when a later step fails; a close that leaves the memory's
 * descriptor open; a claim that takes no lock.
 */
#include "../t.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* Any address that no call returns. */
#define UNTOUCHED ((struct weir_ring *)(void *)&untouched)
static char untouched;

static void is_one_of(const char *what, int got, int one, int other)
{
	if (got != one && got != other)
		ck_abort_msg("%s: %d (%s), not %s", what, got, t_text(got),
			     t_text(one));
}

static void refused_create(const struct weir_ring_options *options, int one,
			   int other)
{
	struct weir_ring *ring = UNTOUCHED;
	struct t_world world;

	t_world_look(&world);
	is_one_of("create", weir_ring_create(&ring, options), one, other);
	T_ASSERT(ring == UNTOUCHED);
	t_world_same(&world, "a refused create");
}

static void refused_open(const char *what, const char *name, int error)
{
	struct weir_ring *ring = UNTOUCHED;
	struct t_world world;

	t_world_look(&world);
	is_one_of(what, weir_ring_open(&ring, name), error, error);
	T_ASSERT(ring == UNTOUCHED);
	t_world_same(&world, what);
}

static void refused_attach(const char *what, weir_handle handle, int error)
{
	struct weir_ring *ring = UNTOUCHED;
	struct t_world world;

	t_world_look(&world);
	is_one_of(what, weir_ring_attach(&ring, handle), error, error);
	T_ASSERT(ring == UNTOUCHED);
	t_world_same(&world, what);
}

static struct weir_ring_options options_of(uint64_t capacity, const char *name,
					   uint32_t flags)
{
	struct weir_ring_options options = { sizeof(options), capacity, name,
					     flags, 0 };

	return options;
}

static struct weir_ring *named(const char *name)
{
	struct weir_ring_options options = options_of(4096, name, 0);
	struct weir_ring *ring;

	T_OK(weir_ring_create(&ring, &options));
	return ring;
}

/* ---- what is obtained --------------------------------------------------- */

START_TEST(create_by_default)
{
	struct weir_ring_info info, zero;
	struct weir_ring *ring;

	memset(&info, 0xff, sizeof(info));
	memset(&zero, 0, sizeof(zero));
	T_OK(weir_ring_create(&ring, NULL));
	T_OK(weir_ring_info(ring, &info));
	T_IS(info.capacity, 2 << 20);
	T_IS(info.max_message, (1 << 20) - 8);
	T_IS(info.filled, 0);
	T_IS(info.layout, 1);
	T_IS(info.flags & (WEIR_RING_PRIVATE | WEIR_RING_HUGE_PAGES |
			   WEIR_RING_NO_PREFAULT | WEIR_RING_NO_METRICS), 0);
	T_ASSERT(info.page_size >= 4096);
	T_IS(info.page_size & (info.page_size - 1), 0);
	ck_assert_str_eq(info.name, "");
	T_ASSERT(!memcmp(info.reserved, zero.reserved, sizeof(info.reserved)));
	T_ASSERT(weir_ring_handle(ring) != WEIR_HANDLE_NONE);
	weir_ring_close(ring);
}
END_TEST

START_TEST(create_rounds_the_capacity_up)
{
	static const uint64_t asked[][2] = {
		{ 1, 4096 }, { 4095, 4096 }, { 4096, 4096 }, { 4097, 8192 },
		{ 65535, 65536 }, { 65536, 65536 }, { 65537, 131072 },
		{ 3000000, 4194304 },
	};
	static const uint32_t flags[] = { 0, WEIR_RING_PRIVATE };
	struct weir_ring_options options;
	struct weir_ring_info info;
	struct weir_ring *ring;
	size_t i, j;

	for (i = 0; i < T_COUNT(asked); i++) {
		for (j = 0; j < T_COUNT(flags); j++) {
			options = options_of(asked[i][0], NULL, flags[j]);
			T_OK(weir_ring_create(&ring, &options));
			T_OK(weir_ring_info(ring, &info));
			T_IS(info.capacity, asked[i][1]);
			T_IS(info.max_message, asked[i][1] / 2 - 8);
			T_IS(info.flags & WEIR_RING_PRIVATE, flags[j]);
			weir_ring_close(ring);
		}
	}
}
END_TEST

/* A program compiled against a later header: what it adds may only be zero. */
START_TEST(create_with_longer_options)
{
	struct {
		struct weir_ring_options known;
		uint64_t more[4];
	} options;
	struct weir_ring_info info;
	struct weir_ring *ring;

	memset(&options, 0, sizeof(options));
	options.known.size = sizeof(options);
	options.known.capacity = 8192;
	T_OK(weir_ring_create(&ring, &options.known));
	T_OK(weir_ring_info(ring, &info));
	T_IS(info.capacity, 8192);
	weir_ring_close(ring);
	options.more[3] = 1;
	refused_create(&options.known, -EINVAL, -EINVAL);
	/* shorter than any header ever had it: not such a structure */
	options.known.size = sizeof(size_t) - 1;
	refused_create(&options.known, -EINVAL, -EINVAL);
}
END_TEST

START_TEST(create_with_each_flag)
{
	static const uint32_t flags[] = {
		WEIR_RING_HUGE_PAGES, WEIR_RING_NO_PREFAULT,
		WEIR_RING_NO_METRICS,
		WEIR_RING_PRIVATE | WEIR_RING_HUGE_PAGES,
		WEIR_RING_PRIVATE | WEIR_RING_NO_PREFAULT,
		WEIR_RING_PRIVATE | WEIR_RING_NO_METRICS,
	};
	struct weir_ring_options options;
	struct weir_ring_info info;
	struct weir_ring *ring;
	size_t i;

	for (i = 0; i < T_COUNT(flags); i++) {
		options = options_of(4 << 20, NULL, flags[i]);
		T_OK(weir_ring_create(&ring, &options));
		T_OK(weir_ring_info(ring, &info));
		T_IS(info.capacity, 4 << 20);
		T_IS(info.flags & ~(flags[i] | WEIR_RING_DEATHS_UNKNOWN |
				    WEIR_RING_BARRIER), 0);
		/* only what was asked for may be missing: huge pages */
		T_IS((info.flags | WEIR_RING_HUGE_PAGES) & flags[i], flags[i]);
		weir_ring_close(ring);
	}
}
END_TEST

START_TEST(create_touches_the_pages_or_not)
{
	struct weir_ring_options options = options_of(16 << 20, NULL,
						      WEIR_RING_PRIVATE);
	struct weir_ring *ring;
	uint64_t was = t_resident();

	if (!was || t_sanitized())
		T_SKIP("the resident size of a plain process");
	T_OK(weir_ring_create(&ring, &options));
	T_ASSERT(t_resident() >= was + (15 << 20));
	weir_ring_close(ring);
	options.flags |= WEIR_RING_NO_PREFAULT;
	was = t_resident();
	T_OK(weir_ring_create(&ring, &options));
	T_ASSERT(t_resident() < was + (4 << 20));
	weir_ring_close(ring);
}
END_TEST

START_TEST(rings_have_ids_of_their_own)
{
	struct weir_ring_info one, other, again;
	struct weir_ring *first, *second, *third;

	T_OK(weir_ring_create(&first, NULL));
	T_OK(weir_ring_create(&second, NULL));
	T_OK(weir_ring_attach(&third, weir_ring_handle(first)));
	T_OK(weir_ring_info(first, &one));
	T_OK(weir_ring_info(second, &other));
	T_OK(weir_ring_info(third, &again));
	T_ASSERT(one.id != other.id);
	T_ASSERT(one.id == again.id);
	T_IS(again.capacity, one.capacity);
	T_IS(again.max_message, one.max_message);
	weir_ring_close(first);
	weir_ring_close(second);
	weir_ring_close(third);
}
END_TEST

START_TEST(private_has_no_handle)
{
	struct weir_ring *ring = t_ring(T_PRIVATE, 4096, 0, 0);

	T_IS(weir_ring_handle(ring), WEIR_HANDLE_NONE);
	weir_ring_close(ring);
}
END_TEST

START_TEST(info_tells_what_is_filled)
{
	struct weir_ring_info info;
	struct t_pair pair;
	char text[100];

	t_pair_open(&pair, T_ANONYMOUS, 4096, 0);
	T_OK(weir_tx_try_write(pair.tx, text, 0));
	T_OK(weir_ring_info(pair.ring, &info));
	T_ASSERT(info.filled >= 1);
	memset(text, 0, sizeof(text));
	T_OK(weir_tx_try_write(pair.tx, text, 100));
	T_OK(weir_tx_info(pair.tx, &info));
	T_ASSERT(info.filled >= 100);
	T_ASSERT(info.filled <= 4096);
	T_OK(weir_rx_info(pair.rx, &info));
	T_ASSERT(info.filled >= 100);
	T_IS(weir_rx_try_read(pair.rx, text, 100), 0);
	T_IS(weir_rx_try_read(pair.rx, text, 100), 100);
	T_OK(weir_rx_info(pair.rx, &info));
	T_IS(info.filled, 0);
	T_OK(weir_ring_info(pair.other, &info));
	T_IS(info.filled, 0);
	t_pair_close(&pair);
}
END_TEST

/* 1 GiB, 256 MiB where addresses have 32 bits, or what there is on a machine
   that has little; the pages stay untouched. */
static uint64_t large(void)
{
	uint64_t capacity = sizeof(void *) > 4 ? 1 << 30 : 256 << 20;
	uint64_t there = t_memory_free();

	/* half: others may take some before it is asked for */
	while (there && capacity > there / 2)
		capacity /= 2;
	return capacity;
}

START_TEST(create_a_large_one)
{
	const uint64_t capacity = large();
	struct weir_ring_options options =
		options_of(capacity, NULL,
			   WEIR_RING_PRIVATE | WEIR_RING_NO_PREFAULT);
	struct weir_ring_info info;
	struct weir_ring *ring;
	struct weir_tx *tx;
	struct weir_rx *rx;
	char text[8];
	void *data;
	int i;

	T_OK(weir_ring_create(&ring, &options));
	T_OK(weir_ring_info(ring, &info));
	T_IS(info.capacity, capacity);
	T_OK(weir_ring_tx(ring, &tx));
	T_OK(weir_ring_rx(ring, &rx));
	for (i = 0; i < 8; i++) {
		T_IS(weir_tx_reserve(tx, (size_t)info.max_message + 1, &data),
		     -EMSGSIZE);
		T_OK(weir_tx_reserve(tx, (size_t)info.max_message, &data));
		((char *)data)[info.max_message - 1] = 1;
		T_OK(weir_tx_shrink(tx, 8));
		t_fill(data, 8, (uint64_t)i);
		T_IS(weir_tx_commit(tx), 1);
		T_IS(weir_rx_try_read(rx, text, sizeof(text)), 8);
		T_ASSERT(t_filled(text, 8, (uint64_t)i));
	}
	weir_ring_close(ring);
}
END_TEST

/* Anything that grows with each of these shows after fifty. */
START_TEST(nothing_is_left_behind)
{
	unsigned int maps = 0, now;
	struct t_pair pair;
	int i, kind;

	for (i = 0; i < 50; i++) {
		for (kind = T_PRIVATE; kind <= T_NAMED; kind++) {
			t_pair_open(&pair, (enum t_kind)kind, 65536, 0);
			T_IS(weir_rx_wait(pair.rx, weir_after(1)), -ETIMEDOUT);
			t_pair_close(&pair);
		}
		if (i == 5)
			maps = t_mappings();
	}
	now = t_mappings();
	/* malloc and the stacks of threads may take or give back a few; a
	   sanitizer makes more of its own all the time */
	if (now > maps + 10 && !t_sanitized())
		ck_abort_msg("%u mappings, were %u", now, maps);
}
END_TEST

/* ---- options that are refused ------------------------------------------- */

START_TEST(bad_options)
{
	struct weir_ring_options options;
	uint32_t bit;

	for (bit = 16; bit; bit <<= 1) {
		options = options_of(4096, NULL, bit);
		refused_create(&options, -EINVAL, -EINVAL);
	}
	options = options_of(4096, t_ring_name("private"), WEIR_RING_PRIVATE);
	refused_create(&options, -EINVAL, -EINVAL);
}
END_TEST

START_TEST(bad_names)
{
	static const char *const bad[] = {
		"", ".", "..", "/", "a/b", "/a", "a/", "../a", "a b", "a\n",
		"a:b", "a%s", "\xc3\xa4", "a\x7f", "a\\b", "~", "a*",
		("12345678901234567890123456789012"
		 "123456789012345678901234567890123"),
	};
	struct weir_ring_options options;
	struct t_world world;
	size_t i;

	T_IS(strlen(bad[T_COUNT(bad) - 1]), 65);
	for (i = 0; i < T_COUNT(bad); i++) {
		options = options_of(4096, bad[i], 0);
		refused_create(&options, -EINVAL, -EINVAL);
		refused_open(bad[i], bad[i], -EINVAL);
		t_world_look(&world);
		T_IS(weir_ring_unlink(bad[i]), -EINVAL);
		t_world_same(&world, "a refused unlink");
	}
}
END_TEST

START_TEST(good_names)
{
	static const char *const good[] = { "A", "-", "_", ".", "..", "Zz09" };
	char name[65], suffix[65];
	struct weir_ring_info info;
	struct weir_ring *ring;
	size_t i;

	for (i = 0; i < T_COUNT(good); i++) {
		snprintf(name, sizeof(name), "%s", t_ring_name(good[i]));
		ring = named(name);
		T_OK(weir_ring_info(ring, &info));
		ck_assert_str_eq(info.name, name);
		T_OK(weir_ring_unlink(name));
		weir_ring_close(ring);
	}
	/* the longest: 64 characters */
	memset(suffix, 'x', 64);
	suffix[64 - strlen(t_ring_name(""))] = '\0';
	snprintf(name, sizeof(name), "%s", t_ring_name(suffix));
	T_IS(strlen(name), 64);
	ring = named(name);
	weir_ring_close(ring);
	T_OK(weir_ring_open(&ring, name));
	T_OK(weir_ring_info(ring, &info));
	ck_assert_str_eq(info.name, name);
	weir_ring_close(ring);
	T_OK(weir_ring_unlink(name));
}
END_TEST

/* The error is a matter of taste, the refusal and its cost are not. */
START_TEST(capacity_beyond_all_bounds)
{
	static const uint64_t asked[] = {
		(uint64_t)1 << 63, ((uint64_t)1 << 63) + 1, UINT64_MAX,
		UINT64_MAX - 4095, (uint64_t)1 << 62, (uint64_t)1 << 56,
	};
	struct weir_ring_options options;
	size_t i;

	for (i = 0; i < T_COUNT(asked); i++) {
		options = options_of(asked[i], NULL, 0);
		refused_create(&options, -EINVAL, -ENOMEM);
		options.flags = WEIR_RING_PRIVATE;
		refused_create(&options, -EINVAL, -ENOMEM);
		options = options_of(asked[i], t_ring_name("huge"), 0);
		refused_create(&options, -EINVAL, -ENOMEM);
	}
}
END_TEST

/* A capacity that the machine cannot give now. */
static uint64_t above_what_is_free(void)
{
	uint64_t there = t_memory_free(), capacity = 4096;

	while (capacity < there + there / 8)
		capacity *= 2;
	return capacity;
}

/* Again where it could be given after all: others have ended meanwhile. */
static void too_much(uint32_t flags)
{
	struct weir_ring_options options;
	struct weir_ring *ring;

	options = options_of(above_what_is_free(), NULL, flags);
	while (!weir_ring_create(&ring, &options)) {
		weir_ring_close(ring);
		T_ASSERT(t_memory_free() >= options.capacity);
		options.capacity = above_what_is_free();
	}
	refused_create(&options, -ENOMEM, -ENOMEM);
}

START_TEST(capacity_above_what_is_free)
{
	clock_t begin = clock();

	if (!t_memory_free() || sizeof(void *) == 4)
		T_SKIP("the size of the free memory, and 64-bit addresses");
	too_much(WEIR_RING_NO_PREFAULT);
	too_much(0);
	too_much(WEIR_RING_PRIVATE);
	/* it was not tried: that would take seconds of this process's own, and
	   the machine */
	T_ASSERT(clock() - begin < 2 * CLOCKS_PER_SEC);
}
END_TEST

START_TEST(named_memory_is_full)
{
	struct weir_ring_options options;
	struct weir_ring *ring;

	if (t_named_limit(1 << 20))
		T_SKIP("the right to mount a small file system");
	options = options_of(4 << 20, t_ring_name("full"), 0);
	refused_create(&options, -ENOSPC, -ENOSPC);
	options.flags = WEIR_RING_NO_PREFAULT;
	refused_create(&options, -ENOSPC, -ENOSPC);
	refused_open("after it did not fit", options.name, -ENOENT);
	/* and nothing of it stays there: one that fits, fits */
	options.capacity = 512 << 10;
	T_OK(weir_ring_create(&ring, &options));
	T_OK(weir_ring_unlink(options.name));
	weir_ring_close(ring);
	T_OK(weir_ring_create(&ring, &options));
	T_OK(weir_ring_unlink(options.name));
	weir_ring_close(ring);
}
END_TEST

START_TEST(no_descriptors)
{
	struct weir_ring_options options = options_of(4096, NULL, 0);
	struct weir_ring *ring = UNTOUCHED, *other;
	struct weir_rx *rx = (void *)UNTOUCHED;
	struct weir_tx *tx = (void *)UNTOUCHED;
	struct t_world world;
	char name[65];

	snprintf(name, sizeof(name), "%s", t_ring_name("descriptors"));
	other = named(name);
	t_world_look(&world);
	t_descriptors_end();
	T_IS(weir_ring_create(&ring, &options), -EMFILE);
	T_IS(weir_ring_attach(&ring, weir_ring_handle(other)), -EMFILE);
	T_IS(weir_ring_open(&ring, name), -EMFILE);
	options.name = t_ring_name("other");
	T_IS(weir_ring_create(&ring, &options), -EMFILE);
	T_IS(weir_ring_tx(other, &tx), -EMFILE);
	T_IS(weir_ring_rx(other, &rx), -EMFILE);
	t_descriptors_back();
	t_world_same(&world, "constructors without a descriptor");
	T_ASSERT(ring == UNTOUCHED);
	T_ASSERT((void *)tx == UNTOUCHED);
	T_ASSERT((void *)rx == UNTOUCHED);
	/* and the ends are free */
	T_OK(weir_ring_tx(other, &tx));
	T_OK(weir_ring_rx(other, &rx));
	T_OK(weir_ring_unlink(name));
	weir_ring_close(other);
}
END_TEST

/* Each constructor where mmap answers ENOMEM. */
START_TEST(no_address_space)
{
	struct weir_ring_options options = options_of(64 << 20, NULL, 0);
	struct weir_ring *anonymous;
	char name[65];

	snprintf(name, sizeof(name), "%s", t_ring_name("space"));
	T_OK(weir_ring_create(&anonymous, &options));
	options.name = name;
	options.flags = WEIR_RING_NO_PREFAULT;
	if (t_address_space_limit(16 << 20)) {
		weir_ring_close(anonymous);
		T_SKIP("a limit of the address space of this process");
	}
	refused_create(&options, -ENOMEM, -ENOMEM);
	refused_open("after it was refused", name, -ENOENT);
	options.name = NULL;
	refused_create(&options, -ENOMEM, -ENOMEM);
	options.flags = WEIR_RING_PRIVATE;
	refused_create(&options, -ENOMEM, -ENOMEM);
	refused_attach("attach without space", weir_ring_handle(anonymous),
		       -ENOMEM);
	weir_ring_close(anonymous);
}
END_TEST

/* ---- names -------------------------------------------------------------- */

START_TEST(name_exists)
{
	struct weir_ring_options options = options_of(8192, NULL, 0);
	struct weir_ring_info info;
	struct weir_ring *first, *again;
	char name[65];

	snprintf(name, sizeof(name), "%s", t_ring_name("exists"));
	options.name = name;
	first = named(name);
	refused_create(&options, -EEXIST, -EEXIST);
	T_OK(weir_ring_open(&again, name));
	T_OK(weir_ring_info(again, &info));
	T_IS(info.capacity, 4096);
	weir_ring_close(again);
	weir_ring_close(first);
	/* closed, it still exists */
	refused_create(&options, -EEXIST, -EEXIST);
	T_OK(weir_ring_unlink(name));
	refused_open("unlinked", name, -ENOENT);
	T_IS(weir_ring_unlink(name), -ENOENT);
	T_OK(weir_ring_create(&first, &options));
	T_OK(weir_ring_unlink(name));
	weir_ring_close(first);
}
END_TEST

START_TEST(name_gone_the_holders_stay)
{
	struct weir_ring *first, *second, *third;
	struct weir_tx *tx;
	struct weir_rx *rx;
	char name[65], text[8];

	snprintf(name, sizeof(name), "%s", t_ring_name("holders"));
	first = named(name);
	T_OK(weir_ring_open(&second, name));
	T_OK(weir_ring_unlink(name));
	third = named(name);
	T_OK(weir_ring_tx(first, &tx));
	T_OK(weir_ring_rx(second, &rx));
	T_OK(weir_tx_try_write(tx, "still", 6));
	T_IS(weir_rx_try_read(rx, text, sizeof(text)), 6);
	/* another ring, nobody's end is held there */
	T_OK(weir_ring_rx(third, &rx));
	T_IS(weir_rx_try_read(rx, text, sizeof(text)), -EAGAIN);
	T_OK(weir_ring_unlink(name));
	weir_ring_close(first);
	weir_ring_close(second);
	weir_ring_close(third);
}
END_TEST

/* A named ring is whole after everybody has left, and can be claimed again. */
START_TEST(name_keeps_the_messages)
{
	struct weir_ring *ring;
	struct weir_tx *tx;
	struct weir_rx *rx;
	char name[65], text[64];
	int i;

	snprintf(name, sizeof(name), "%s", t_ring_name("keeps"));
	ring = named(name);
	T_OK(weir_ring_tx(ring, &tx));
	for (i = 0; i < 10; i++) {
		t_fill(text, (size_t)i * 5, (uint64_t)i);
		T_OK(weir_tx_try_write(tx, text, (size_t)i * 5));
	}
	weir_ring_close(ring);
	for (i = 0; i < 10; i++) {
		T_OK(weir_ring_open(&ring, name));
		T_OK(weir_ring_rx(ring, &rx));
		T_IS(weir_rx_read(rx, text, sizeof(text), T_SOON), i * 5);
		T_ASSERT(t_filled(text, (size_t)i * 5, (uint64_t)i));
		weir_ring_close(ring);
	}
	T_OK(weir_ring_open(&ring, name));
	T_OK(weir_ring_rx(ring, &rx));
	T_IS(weir_rx_read(rx, text, sizeof(text), T_SOON), -EPIPE);
	weir_ring_close(ring);
	T_OK(weir_ring_unlink(name));
}
END_TEST

/* ---- what stands under a name and is no ring ---------------------------- */

static int make_file(const char *name, const void *data, size_t len)
{
	int fd = open(t_ring_path(name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
		      0600);

	T_ASSERT(fd >= 0);
	T_IS(write(fd, data, len), len);
	return fd;
}

static unsigned char *image_of(const char *name, size_t *size)
{
	struct weir_ring *ring = named(name);
	unsigned char *image;
	struct stat st;
	int fd;

	fd = open(t_ring_path(name), O_RDONLY | O_CLOEXEC);
	T_ASSERT(fd >= 0);
	T_OK(fstat(fd, &st));
	*size = (size_t)st.st_size;
	image = malloc(*size);
	T_IS(pread(fd, image, *size, 0), st.st_size);
	close(fd);
	T_OK(weir_ring_unlink(name));
	weir_ring_close(ring);
	return image;
}

START_TEST(name_of_something_else)
{
	static const char *const what[] = { "empty", "short", "a header alone",
					    "truncated", "sparse", "zeros",
					    "garbage", "one page too many" };
	unsigned char *image, *other;
	char name[65];
	size_t size, i, len;
	int fd;

	snprintf(name, sizeof(name), "%s", t_ring_name("else"));
	if (!t_ring_path(name))
		T_SKIP("named rings as files");
	image = image_of(name, &size);
	other = calloc(1, size + 4096);
	for (i = 0; i < T_COUNT(what); i++) {
		memcpy(other, image, size);
		len = i == 0 ? 0 : i == 1 ? 7 : i == 2 ? 256 : size;
		if (i == 3)
			len = size - 4096;
		if (i == 5)
			memset(other, 0, size);
		if (i == 6)
			t_fill(other, size, 1);
		if (i == 7)
			len = size + 4096;
		if (i == 4)
			len = 4096;
		fd = make_file(name, other, len);
		if (i == 4)
			T_OK(ftruncate(fd, (off_t)size));
		close(fd);
		refused_open(what[i], name, -EPROTO);
		T_OK(weir_ring_unlink(name));
	}
	free(image);
	free(other);
}
END_TEST

/* Neither waits for a writer of a pipe nor follows a link. */
START_TEST(name_of_no_file)
{
	struct weir_ring *ring = UNTOUCHED;
	char name[65], path[160];
	int error;

	snprintf(name, sizeof(name), "%s", t_ring_name("odd"));
	if (!t_ring_path(name))
		T_SKIP("named rings as files");
	ring = named(name);
	weir_ring_close(ring);
	ring = UNTOUCHED;
	snprintf(path, sizeof(path), "%s", t_ring_path(t_ring_name("link")));
	T_OK(symlink(t_ring_path(name), path));
	error = weir_ring_open(&ring, t_ring_name("link"));
	is_one_of("a link", error, -EACCES, -EPROTO);
	T_ASSERT(ring == UNTOUCHED);
	T_OK(unlink(path));
	T_OK(weir_ring_unlink(name));

	snprintf(path, sizeof(path), "%s", t_ring_path(name));
	T_OK(mkfifo(path, 0600));
	error = weir_ring_open(&ring, name);
	is_one_of("a pipe", error, -EACCES, -EPROTO);
	T_OK(unlink(path));
	T_OK(mkdir(path, 0700));
	error = weir_ring_open(&ring, name);
	is_one_of("a directory", error, -EACCES, -EPROTO);
	T_OK(rmdir(path));
	T_ASSERT(ring == UNTOUCHED);
}
END_TEST

/* ---- headers that lie --------------------------------------------------- */

struct lie {
	const char *what;
	size_t offset, width;
	uint64_t value;
};

#define LIE32(member, value)                                                   \
	{ #member " " #value, offsetof(struct weir_header, member), 4, value }
#define LIE64(member, value)                                                   \
	{ #member " " #value, offsetof(struct weir_header, member), 8, value }

static const struct lie lies[] = {
	LIE64(magic, 0),
	LIE64(magic, WEIR_MAGIC + 1),
	LIE64(magic, 0x0403020152494557ull), /* the other byte order */
	LIE32(version, 0),
	LIE32(version, 2),
	LIE32(version, UINT32_MAX),
	LIE32(header_size, 0),
	LIE32(header_size, 128),
	LIE64(features, 1ull << 20),
	LIE64(features, 1ull << 63),
	LIE64(features, WEIR_FEATURE_CONNECTION),
	LIE64(size, 0),
	LIE64(size, 4096),
	LIE64(size, 1 << 20),
	LIE64(size, UINT64_MAX),
	LIE64(capacity, 0),
	LIE64(capacity, 2048),
	LIE64(capacity, 4095),
	LIE64(capacity, 8192),
	LIE64(capacity, 1ull << 63),
	LIE64(data, 0),
	LIE64(data, 4097),
	LIE64(data, 4100),
	LIE64(data, 8192),
	LIE64(data, UINT64_MAX - 4095),
	LIE64(producer, 0),
	LIE64(producer, 260),
	LIE64(producer, 8192 - 256),
	LIE64(producer, UINT64_MAX - 255),
	LIE64(consumer, 0),
	LIE64(consumer, 772),
	LIE64(consumer, 8192 - 256),
	LIE64(consumer, UINT64_MAX - 255),
	LIE32(way, 0),
	LIE32(way, 77),
};

static void tell(unsigned char *image, const struct lie *lie)
{
	uint32_t narrow = (uint32_t)lie->value;

	if (lie->width == 4)
		memcpy(image + lie->offset, &narrow, 4);
	else
		memcpy(image + lie->offset, &lie->value, 8);
}

START_TEST(name_of_a_lying_header)
{
	unsigned char *image, *other;
	char name[65];
	size_t size, i;

	snprintf(name, sizeof(name), "%s", t_ring_name("lies"));
	if (!t_ring_path(name))
		T_SKIP("named rings as files");
	image = image_of(name, &size);
	other = malloc(size);
	for (i = 0; i < T_COUNT(lies); i++) {
		memcpy(other, image, size);
		tell(other, &lies[i]);
		close(make_file(name, other, size));
		t_log_watch();
		refused_open(lies[i].what, name, -EPROTO);
		ck_assert_str_ne(t_log_text(), "");
		T_OK(weir_ring_unlink(name));
	}
	/* the same without a lie: it is not the copying that is refused */
	close(make_file(name, image, size));
	{
		struct weir_ring *ring;

		T_OK(weir_ring_open(&ring, name));
		weir_ring_close(ring);
	}
	T_OK(weir_ring_unlink(name));
	free(image);
	free(other);
}
END_TEST

static unsigned char *image_of_memory(size_t *size)
{
	struct weir_ring *ring = t_ring(T_ANONYMOUS, 4096, 0, 0);
	unsigned char *image;
	struct t_block block;

	t_block_map(&block, weir_ring_handle(ring));
	*size = block.size;
	image = malloc(block.size);
	memcpy(image, block.base, block.size);
	t_block_unmap(&block);
	weir_ring_close(ring);
	return image;
}

START_TEST(memory_of_a_lying_header)
{
	unsigned char *image, *other;
	size_t size, i;
	int fd;

	image = image_of_memory(&size);
	other = malloc(size);
	for (i = 0; i < T_COUNT(lies); i++) {
		memcpy(other, image, size);
		tell(other, &lies[i]);
		fd = t_memory(other, size, T_SEAL_RING);
		if (fd < 0)
			break;
		refused_attach(lies[i].what, fd, -EPROTO);
		close(fd);
	}
	free(image);
	free(other);
	if (i < T_COUNT(lies))
		T_SKIP("memory that can be sealed");
}
END_TEST

/* "A refusal names both versions." */
START_TEST(versions_are_told)
{
	struct lie version = LIE32(version, 7);
	unsigned char *image;
	size_t size;
	int fd;

	image = image_of_memory(&size);
	tell(image, &version);
	fd = t_memory(image, size, T_SEAL_RING);
	free(image);
	if (fd < 0)
		T_SKIP("memory that can be sealed");
	t_log_watch();
	refused_attach("version 7", fd, -EPROTO);
	close(fd);
	if (!strchr(t_log_text(), '7') || !strchr(t_log_text(), '1'))
		ck_abort_msg("both versions are not in \"%s\"", t_log_text());
}
END_TEST

/* ---- memory that is handed over ----------------------------------------- */

START_TEST(attach_to_no_handle)
{
	int fd = dup(0);

	T_ASSERT(fd >= 0);
	close(fd);
	refused_attach("none", WEIR_HANDLE_NONE, -EINVAL);
	refused_attach("closed", fd, -EINVAL);
	refused_attach("negative", -7, -EINVAL);
}
END_TEST

START_TEST(attach_to_other_things)
{
	unsigned char *image;
	char path[] = "t_ring.XXXXXX";
	int fd[2], file;
	size_t size;

	T_OK(pipe(fd));
	refused_attach("a pipe", fd[0], -EPROTO);
	refused_attach("a pipe", fd[1], -EPROTO);
	close(fd[0]);
	close(fd[1]);
	fd[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	refused_attach("a device", fd[0], -EPROTO);
	close(fd[0]);
	fd[0] = open("/", O_RDONLY | O_CLOEXEC);
	refused_attach("a directory", fd[0], -EPROTO);
	close(fd[0]);

	/* a file with the very content of a ring can be truncated later */
	image = image_of_memory(&size);
	file = mkstemp(path);
	T_ASSERT(file >= 0);
	unlink(path);
	T_IS(write(file, image, size), size);
	refused_attach("a file", file, -EPROTO);
	close(file);
	free(image);
}
END_TEST

START_TEST(attach_to_memory_that_can_change)
{
	static const unsigned int seals[] = {
		0, T_SEAL_SHRINK, T_SEAL_GROW, T_SEAL_SEAL,
		T_SEAL_SHRINK | T_SEAL_GROW, T_SEAL_SHRINK | T_SEAL_SEAL,
		T_SEAL_GROW | T_SEAL_SEAL,
	};
	struct weir_ring *ring;
	unsigned char *image;
	size_t size, i;
	int fd;

	image = image_of_memory(&size);
	fd = t_memory(image, size, T_SEAL_RING);
	if (fd < 0) {
		free(image);
		T_SKIP("memory that can be sealed");
	}
	T_OK(weir_ring_attach(&ring, fd));
	weir_ring_close(ring);
	close(fd);
	for (i = 0; i < T_COUNT(seals); i++) {
		fd = t_memory(image, size, seals[i]);
		refused_attach("a seal is missing", fd, -EPROTO);
		close(fd);
	}
	free(image);
}
END_TEST

START_TEST(attach_to_memory_of_another_size)
{
	unsigned char *image, *larger;
	size_t size;
	int fd;

	image = image_of_memory(&size);
	larger = calloc(1, size + 4096);
	memcpy(larger, image, size);
	fd = t_memory(NULL, 0, T_SEAL_RING);
	if (fd < 0) {
		free(image);
		free(larger);
		T_SKIP("memory that can be sealed");
	}
	refused_attach("empty", fd, -EPROTO);
	close(fd);
	fd = t_memory(NULL, size, T_SEAL_RING);
	refused_attach("a hole", fd, -EPROTO);
	close(fd);
	fd = t_memory(image, size - 4096, T_SEAL_RING);
	refused_attach("short", fd, -EPROTO);
	close(fd);
	fd = t_memory(image, 256, T_SEAL_RING);
	refused_attach("a header alone", fd, -EPROTO);
	close(fd);
	fd = t_memory(larger, size + 4096, T_SEAL_RING);
	refused_attach("long", fd, -EPROTO);
	close(fd);
	free(image);
	free(larger);
}
END_TEST

/* Right header, right size, but the pages would be charged to the reader. */
START_TEST(attach_to_sparse_memory)
{
	unsigned char *image;
	size_t size;
	int fd;

	image = image_of_memory(&size);
	fd = t_memory(NULL, size, 0);
	if (fd < 0) {
		free(image);
		T_SKIP("memory that can be sealed");
	}
	T_IS(pwrite(fd, image, 4096, 0), 4096);
	free(image);
	T_OK(t_seal(fd, T_SEAL_RING));
	refused_attach("sparse", fd, -EPROTO);
	close(fd);
}
END_TEST

/* The caller's descriptor stays his. */
START_TEST(attach_duplicates)
{
	struct weir_ring *ring, *other;
	struct weir_tx *tx;
	struct weir_rx *rx;
	char text[4];
	int fd;

	ring = t_ring(T_ANONYMOUS, 4096, 0, 0);
	fd = dup(weir_ring_handle(ring));
	T_ASSERT(fd >= 0);
	T_OK(weir_ring_attach(&other, fd));
	T_ASSERT(weir_ring_handle(other) != fd);
	T_IS(close(fd), 0);
	T_OK(weir_ring_tx(ring, &tx));
	T_OK(weir_ring_rx(other, &rx));
	T_OK(weir_tx_try_write(tx, "abc", 4));
	T_IS(weir_rx_try_read(rx, text, 4), 4);
	ck_assert_str_eq(text, "abc");
	weir_ring_close(other);
	weir_ring_close(ring);
}
END_TEST

/* ---- other users -------------------------------------------------------- */

/* A user without any right, who exists nowhere. */
#define NOBODY 1999999999u

/* What a child of that user answers; 100 and more: it could not begin. */
static int as_nobody(int (*run)(const char *name), const char *name)
{
	int status;
	pid_t pid;

	pid = fork();
	T_ASSERT(pid >= 0);
	if (!pid) {
		if (setgid(NOBODY) || setuid(NOBODY))
			_exit(100);
		_exit(run(name));
	}
	T_IS(waitpid(pid, &status, 0), pid);
	T_ASSERT(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int create_and_open(const char *name)
{
	struct weir_ring_options options = options_of(4096, name, 0);
	struct weir_ring *ring, *other;

	if (weir_ring_create(&ring, &options))
		return 1;
	if (weir_ring_open(&other, name))
		return 2;
	if (weir_ring_unlink(name))
		return 3;
	return 0;
}

static int all_are_refused(const char *name)
{
	struct weir_ring_options options = options_of(4096, name, 0);
	struct weir_ring *ring;

	if (weir_ring_create(&ring, &options) != -EACCES)
		return 1;
	if (weir_ring_open(&ring, name) != -EACCES)
		return 2;
	if (weir_ring_unlink(name) != -EACCES)
		return 3;
	return 0;
}

START_TEST(directory_of_another_user)
{
	const char *directory = t_ring_directory(NOBODY);
	char name[65];

	if (geteuid() || !directory)
		T_SKIP("root, to become another user");
	snprintf(name, sizeof(name), "%s", t_ring_name("dir"));
	rmdir(directory);
	/* somebody was there first: made it, opened it to all */
	T_OK(mkdir(directory, 0700));
	T_OK(chmod(directory, 0777));
	T_IS(as_nobody(all_are_refused, name), 0);
	/* his own, but everybody may write */
	T_OK(chown(directory, NOBODY, NOBODY));
	T_IS(as_nobody(all_are_refused, name), 0);
	T_OK(chmod(directory, 0700));
	T_IS(as_nobody(create_and_open, name), 0);
	T_OK(rmdir(directory));
	/* a link to a directory that would be right */
	T_OK(symlink("/tmp", directory));
	T_ASSERT(as_nobody(create_and_open, name) == 1);
	T_OK(unlink(directory));
	T_IS(as_nobody(create_and_open, name), 0);
	T_OK(rmdir(directory));
}
END_TEST

START_TEST(name_of_another_user)
{
	struct weir_ring *ring;
	char name[65];

	snprintf(name, sizeof(name), "%s", t_ring_name("user"));
	if (geteuid() || !t_ring_path(name))
		T_SKIP("root, to give a file away");
	ring = named(name);
	weir_ring_close(ring);
	T_OK(chown(t_ring_path(name), NOBODY, NOBODY));
	refused_open("another user's", name, -EACCES);
	T_OK(chown(t_ring_path(name), 0, 0));
	T_OK(weir_ring_open(&ring, name));
	weir_ring_close(ring);
	T_OK(weir_ring_unlink(name));
}
END_TEST

/* ---- claims ------------------------------------------------------------- */

static void busy(struct weir_ring *ring)
{
	struct weir_tx *tx = (void *)UNTOUCHED;
	struct weir_rx *rx = (void *)UNTOUCHED;
	struct t_world world;

	t_world_look(&world);
	T_IS(weir_ring_tx(ring, &tx), -EBUSY);
	T_IS(weir_ring_rx(ring, &rx), -EBUSY);
	T_ASSERT((void *)tx == UNTOUCHED);
	T_ASSERT((void *)rx == UNTOUCHED);
	t_world_same(&world, "a refused claim");
}

START_TEST(claim_twice)
{
	struct t_pair pair;
	char text[8];
	int kind, i;

	for (kind = T_PRIVATE; kind <= T_NAMED; kind++) {
		t_pair_open(&pair, (enum t_kind)kind, 4096, 0);
		for (i = 0; i < 3; i++) {
			busy(pair.ring);
			busy(pair.other);
			T_OK(weir_tx_try_write(pair.tx, "abc", 4));
			T_IS(weir_rx_try_read(pair.rx, text, 8), 4);
			weir_tx_close(pair.tx);
			weir_rx_close(pair.rx);
			/* the other way round, where there are two */
			T_OK(weir_ring_tx(pair.other, &pair.tx));
			T_OK(weir_ring_rx(pair.ring, &pair.rx));
			busy(pair.ring);
			busy(pair.other);
			T_OK(weir_tx_try_write(pair.tx, "abc", 4));
			T_IS(weir_rx_try_read(pair.rx, text, 8), 4);
			weir_tx_close(pair.tx);
			weir_rx_close(pair.rx);
			T_OK(weir_ring_tx(pair.ring, &pair.tx));
			T_OK(weir_ring_rx(pair.other, &pair.rx));
		}
		t_pair_close(&pair);
	}
}
END_TEST

/* Of two threads that claim at the same moment one gets the end. */
struct race {
	struct weir_ring *ring;
	struct t_barrier *barrier;
	int got, error;
};

static void *claim_once(void *arg)
{
	struct race *race = arg;
	struct weir_tx *tx = NULL;

	t_barrier_wait(race->barrier);
	race->error = weir_ring_tx(race->ring, &tx);
	race->got = !race->error;
	t_barrier_wait(race->barrier);
	if (race->got)
		weir_tx_close(tx);
	return NULL;
}

START_TEST(claim_at_the_same_time)
{
	struct weir_ring *ring, *other;
	struct t_barrier barrier;
	struct race race[2];
	pthread_t thread;
	int i, kind;

	t_barrier_open(&barrier, 2);
	for (i = 0; i < 200; i++) {
		kind = i % 2 ? T_ANONYMOUS : T_PRIVATE;
		ring = t_ring((enum t_kind)kind, 4096, 0, 0);
		other = ring;
		if (i % 4 == 1)
			T_OK(weir_ring_attach(&other, weir_ring_handle(ring)));
		race[0] = (struct race){ ring, &barrier, 0, 0 };
		race[1] = (struct race){ other, &barrier, 0, 0 };
		thread = t_thread(claim_once, &race[0]);
		claim_once(&race[1]);
		t_join(thread);
		T_IS(race[0].got + race[1].got, 1);
		T_IS(race[0].error + race[1].error, -EBUSY);
		if (other != ring)
			weir_ring_close(other);
		weir_ring_close(ring);
	}
}
END_TEST

START_TEST(close_nothing)
{
	weir_ring_close(NULL);
	weir_tx_close(NULL);
	weir_rx_close(NULL);
}
END_TEST

/* "The ends close with it": in good order, the other side is told. */
START_TEST(close_the_ring_closes_its_ends)
{
	struct t_pair pair;
	char text[8];
	int kind;

	for (kind = T_ANONYMOUS; kind <= T_NAMED; kind++) {
		t_pair_open(&pair, (enum t_kind)kind, 4096, 0);
		T_OK(weir_tx_try_write(pair.tx, "abc", 4));
		weir_ring_close(pair.ring);
		T_IS(weir_rx_read(pair.rx, text, 8, T_SOON), 4);
		T_IS(weir_rx_read(pair.rx, text, 8, T_SOON), -EPIPE);
		T_OK(weir_ring_tx(pair.other, &pair.tx));
		weir_ring_close(pair.other);
	}
}
END_TEST

static void build_made(void)
{
	T_ADD(create_by_default);
	T_ADD(create_rounds_the_capacity_up);
	T_ADD(create_with_longer_options);
	T_ADD(create_with_each_flag);
	T_ADD(create_touches_the_pages_or_not);
	T_ADD(rings_have_ids_of_their_own);
	T_ADD(private_has_no_handle);
	T_ADD(info_tells_what_is_filled);
	T_ADD(create_a_large_one);
	T_ADD(nothing_is_left_behind);
	T_ADD(name_exists);
	T_ADD(name_gone_the_holders_stay);
	T_ADD(name_keeps_the_messages);
	T_ADD(attach_duplicates);
	T_ADD(claim_twice);
	T_ADD(claim_at_the_same_time);
	T_ADD(close_nothing);
	T_ADD(close_the_ring_closes_its_ends);
}

static void build_refused(void)
{
	T_ADD(bad_options);
	T_ADD(bad_names);
	T_ADD(good_names);
	T_ADD(capacity_beyond_all_bounds);
	T_ADD(capacity_above_what_is_free);
	T_ADD_COLD(named_memory_is_full);
	T_ADD(no_descriptors);
	T_ADD(no_address_space);
	T_ADD(name_of_something_else);
	T_ADD(name_of_no_file);
	T_ADD(name_of_a_lying_header);
	T_ADD(memory_of_a_lying_header);
	T_ADD(versions_are_told);
	T_ADD(attach_to_no_handle);
	T_ADD(attach_to_other_things);
	T_ADD(attach_to_memory_that_can_change);
	T_ADD(attach_to_memory_of_another_size);
	T_ADD(attach_to_sparse_memory);
	T_ADD_COLD(directory_of_another_user);
	T_ADD(name_of_another_user);
}

void t_build(void)
{
	build_made();
	build_refused();
}
