/* SPDX-License-Identifier: MIT */
/*
 * The other side of a socket is not the library: it is silent, talks garbage,
 * hands over memory that is too small, not sealed, full of holes or of another
 * kind, or speaks the handshake well and lies about positions and lengths
 * afterwards. This side answers an error, within its deadline, and never takes
 * SIGBUS, reads outside or loops; and the memory that it handed over cannot be
 * written, truncated or punched.
 *
 * The handshake is spoken by hand, from the structures of lib/handshake.c,
 * written down here a second time: that they agree is part of the test.
 */
#include "x.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>

#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_SEAL_SEAL 1
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW 4
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 16
#endif

#define CAPACITY 4096u
#define BLOCK (WEIR_DATA_OFFSET + CAPACITY)
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | \
	       F_SEAL_FUTURE_WRITE)
#define SOON (X_SECOND / 10)

struct hello {
	uint64_t magic;
	uint32_t size;
	uint32_t layout_least, layout_most;
	uint32_t ways;
	uint64_t features;
	uint64_t capacity;
	uint64_t block;
	uint64_t reserved[10];
};

struct verdict {
	uint64_t magic;
	uint32_t reason;
	uint32_t layout_least, layout_most;
	uint32_t reserved[3];
};

/* The hand-made side. */
struct liar {
	int socket;
	int memory;		/* its own */
	unsigned char *base;
	struct weir_header *header;
	struct weir_half *producer, *consumer;
	unsigned char *data;
	int theirs;		/* the library's memory */
	struct hello hello;	/* what it says; what it heard: */
	struct hello heard;
	int with_memory;
	size_t size;		/* of its memory */
	int seals;
};

/* The library's side, in a thread: both sides have to talk at once. */
struct honest {
	pthread_t thread;
	int socket;
	int64_t deadline;
	struct weir_stream *stream;
	int result;
};

static void *attach(void *arg)
{
	struct honest *h = arg;
	struct weir_stream_options o;

	memset(&o, 0, sizeof(o));
	o.size = sizeof(o);
	o.capacity = CAPACITY;
	o.spin_us = -1;
	h->result = weir_stream_attach(&h->stream, h->socket, &o, h->deadline);
	close(h->socket);
	return NULL;
}

static void meet(struct honest *h, struct liar *l, int type, int64_t deadline)
{
	int pair[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair))
		X_FAIL("socketpair: %s", strerror(errno));
	memset(h, 0, sizeof(*h));
	h->socket = pair[0];
	h->deadline = deadline;
	l->socket = pair[1];
	X_IS(pthread_create(&h->thread, NULL, attach, h), 0);
}

static int answer(struct honest *h)
{
	X_IS(pthread_join(h->thread, NULL), 0);
	return h->result;
}

/* ---- speaking by hand ---- */

static void write_header(struct liar *l)
{
	struct weir_header *h = l->header;

	h->version = WEIR_LAYOUT;
	h->header_size = sizeof(*h);
	h->features = WEIR_FEATURE_CONNECTION;
	h->size = l->size;
	h->capacity = CAPACITY;
	h->data = WEIR_DATA_OFFSET;
	h->producer = WEIR_PRODUCER_OFFSET;
	h->consumer = WEIR_CONSUMER_OFFSET;
	h->id = 7;
	weir_store_release64(&h->magic, WEIR_MAGIC);
}

static void make_memory(struct liar *l, size_t size)
{
	l->size = size;
	l->memory = memfd_create("liar", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (l->memory < 0)
		x_skip("needs memfd_create");
	if (posix_fallocate(l->memory, 0, (off_t)size))
		X_FAIL("no memory");
	l->base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       l->memory, 0);
	if (l->base == MAP_FAILED)
		X_FAIL("mmap: %s", strerror(errno));
	l->header = (struct weir_header *)(void *)l->base;
	if (size < BLOCK)
		return;
	l->producer = (struct weir_half *)(void *)
		(l->base + WEIR_PRODUCER_OFFSET);
	l->consumer = (struct weir_half *)(void *)
		(l->base + WEIR_CONSUMER_OFFSET);
	l->data = l->base + WEIR_DATA_OFFSET;
	write_header(l);
	weir_store_release32(&l->producer->state, WEIR_STATE_HELD);
	weir_store_release32(&l->consumer->state, WEIR_STATE_HELD);
}

static void liar_init(struct liar *l)
{
	memset(l, 0, sizeof(*l));
	l->theirs = -1;
	l->with_memory = 1;
	l->seals = SEALS;
	l->hello.magic = WEIR_MAGIC;
	l->hello.size = sizeof(l->hello);
	l->hello.layout_least = l->hello.layout_most = WEIR_LAYOUT;
	l->hello.ways = 3;
	l->hello.capacity = CAPACITY;
	l->hello.block = BLOCK;
	make_memory(l, BLOCK);
}

static void liar_end(struct liar *l)
{
	munmap(l->base, l->size);
	close(l->memory);
	if (l->theirs >= 0)
		close(l->theirs);
	if (l->socket >= 0)
		close(l->socket);
}

static void seal(struct liar *l)
{
	/* old kernels have no such seal: there is nothing to test then */
	if (l->seals && fcntl(l->memory, F_ADD_SEALS, l->seals))
		x_skip("needs F_SEAL_FUTURE_WRITE");
}

/* n descriptors, each the same one */
static void hand_over(int socket, const void *data, size_t len, int fd, int n)
{
	union {
		char bytes[CMSG_SPACE(16 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr msg;
	int i;

	memset(&msg, 0, sizeof(msg));
	memset(&control, 0, sizeof(control));
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	if (n) {
		struct cmsghdr *c = (struct cmsghdr *)(void *)control.bytes;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
		for (i = 0; i < n; i++)
			memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int), &fd,
			       sizeof(int));
	}
	if (sendmsg(socket, &msg, MSG_NOSIGNAL) != (ssize_t)len)
		X_FAIL("sendmsg: %s", strerror(errno));
}

/* Whole message, first descriptor kept, others closed; 0: hung up. */
static int take(int socket, void *data, size_t len, int *fd)
{
	union {
		char bytes[CMSG_SPACE(8 * sizeof(int)) + 64];
		struct cmsghdr align;
	} control;
	struct iovec iov = { data, len };
	struct cmsghdr *c;
	struct msghdr msg;
	ssize_t n;

	memset(&msg, 0, sizeof(msg));
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	msg.msg_control = control.bytes;
	msg.msg_controllen = sizeof(control.bytes);
	n = recvmsg(socket, &msg, MSG_WAITALL | MSG_CMSG_CLOEXEC);
	if (n != (ssize_t)len)
		return 0;
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		size_t i;

		if (c->cmsg_type != SCM_RIGHTS)
			continue;
		for (i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		     i++) {
			int got;

			memcpy(&got, CMSG_DATA(c) + i * sizeof(int),
			       sizeof(got));
			if (fd && *fd < 0)
				*fd = got;
			else
				close(got);
		}
	}
	return 1;
}

/* The library's verdict about what was said: 0 content; -1 it hung up, before
   its hello too. */
static int try_greet(struct liar *l)
{
	struct verdict verdict;

	seal(l);
	hand_over(l->socket, &l->hello, sizeof(l->hello), l->memory,
		  l->with_memory);
	if (!take(l->socket, &l->heard, sizeof(l->heard), &l->theirs) ||
	    !take(l->socket, &verdict, sizeof(verdict), NULL))
		return -1;
	X_IS(verdict.magic, WEIR_MAGIC);
	return (int)verdict.reason;
}

static int greet(struct liar *l)
{
	int reason = try_greet(l);

	if (l->theirs < 0)
		X_FAIL("no hello came");
	return reason;
}

static void approve(struct liar *l)
{
	struct verdict verdict;

	memset(&verdict, 0, sizeof(verdict));
	verdict.magic = WEIR_MAGIC;
	verdict.layout_least = verdict.layout_most = WEIR_LAYOUT;
	hand_over(l->socket, &verdict, sizeof(verdict), -1, 0);
}

/* ---- bad handshakes ---- */

static void silent(int arg)
{
	struct honest h;
	struct liar l;

	(void)arg;
	liar_init(&l);
	x_step("the other side says nothing");
	meet(&h, &l, SOCK_STREAM, weir_after(SOON));
	X_IS(answer(&h), -ETIMEDOUT);
	liar_end(&l);
	liar_init(&l);
	meet(&h, &l, SOCK_STREAM, WEIR_NOWAIT);
	X_IS(answer(&h), -EAGAIN);
	liar_end(&l);
}

static void goes_away(int arg)
{
	struct honest h;
	struct liar l;

	(void)arg;
	x_step("the other side hangs up");
	liar_init(&l);
	meet(&h, &l, SOCK_STREAM, WEIR_FOREVER);
	X_TRUE(take(l.socket, &l.heard, sizeof(l.heard), &l.theirs));
	close(l.socket);
	l.socket = -1;
	X_IS(answer(&h), -EPIPE);
	liar_end(&l);
	x_step("the other side hangs up after its hello");
	liar_init(&l);
	meet(&h, &l, SOCK_STREAM, WEIR_FOREVER);
	X_IS(greet(&l), 0);
	close(l.socket);
	l.socket = -1;
	X_IS(answer(&h), -EPIPE);
	liar_end(&l);
}

static void half_a_hello(int arg)
{
	int64_t soon = SOON;
	struct honest h;
	struct liar l;
	int heard;

	(void)arg;
	x_step("half a hello and no more");
	liar_init(&l);
	meet(&h, &l, SOCK_STREAM, weir_after(SOON));
	hand_over(l.socket, &l.hello, 40, l.memory, 1);
	X_IS(answer(&h), -ETIMEDOUT);
	liar_end(&l);
	/* again with more time where it was over before the hello was read */
	do {
		soon *= 2;
		x_step("hello says yes, verdict never comes");
		liar_init(&l);
		meet(&h, &l, SOCK_STREAM, weir_after(soon));
		heard = try_greet(&l);
		X_IS(answer(&h), -ETIMEDOUT);
		liar_end(&l);
	} while (heard < 0);
	X_IS(heard, 0);
}

static void garbage(int arg)
{
	uint64_t state = x_seed();
	struct honest h;
	struct liar l;
	int i;

	(void)arg;
	for (i = 0; i < 20; i++) {
		unsigned char noise[sizeof(struct hello)];

		x_step("garbage, %d", i);
		x_fill(noise, sizeof(noise), x_random(&state));
		liar_init(&l);
		meet(&h, &l, SOCK_STREAM, weir_after(X_HANG));
		hand_over(l.socket, noise, sizeof(noise), l.memory, i & 1);
		X_IS(answer(&h), -EPROTO);
		liar_end(&l);
	}
}

/* Each twist of a hello that is right otherwise. */
enum twist {
	OTHER_ORDER, NEWER, OLDER, NO_WAY, TOO_LARGE, ODD_CAPACITY, ZERO,
	OTHER_BLOCK, NO_MEMORY, NOT_SEALED, WRITABLE, SMALL, HOLES, PIPE,
	HEADER_MAGIC, HEADER_VERSION, HEADER_FEATURE, HEADER_PLAIN,
	HEADER_CAPACITY, HEADER_DATA, HEADER_PRODUCER, HEADER_ODD_OFFSET,
	TWISTS
};

static void twist_header(struct liar *l, enum twist t)
{
	struct weir_header *h = l->header;

	if (t == HEADER_MAGIC)
		weir_store_release64(&h->magic, WEIR_MAGIC + 1);
	if (t == HEADER_VERSION)
		h->version++;
	if (t == HEADER_FEATURE)
		h->features |= UINT64_C(1) << 40;
	if (t == HEADER_PLAIN)
		h->features = 0;
	if (t == HEADER_CAPACITY)
		h->capacity *= 2;
	if (t == HEADER_DATA)
		h->data = 0;
	if (t == HEADER_PRODUCER)
		h->producer = UINT64_MAX - 8;
	if (t == HEADER_ODD_OFFSET)
		h->consumer += 4;
}

static void twist_memory(struct liar *l, enum twist t)
{
	int pipes[2];

	if (t == NOT_SEALED)
		l->seals = 0;
	if (t == WRITABLE)
		l->seals = SEALS & ~F_SEAL_FUTURE_WRITE;
	if (t == SMALL) {
		munmap(l->base, l->size);
		close(l->memory);
		make_memory(l, 4096);
	}
	if (t == HOLES &&
	    fallocate(l->memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      WEIR_DATA_OFFSET, 4096))
		X_FAIL("fallocate: %s", strerror(errno));
	if (t == PIPE) {
		if (pipe(pipes))
			X_FAIL("pipe: %s", strerror(errno));
		close(l->memory);
		close(pipes[1]);
		l->memory = pipes[0];
		l->seals = 0;
	}
}

static void twist(struct liar *l, enum twist t)
{
	if (t == OTHER_ORDER)
		l->hello.magic = __builtin_bswap64(WEIR_MAGIC);
	if (t == NEWER)
		l->hello.layout_least = l->hello.layout_most = WEIR_LAYOUT + 1;
	if (t == OLDER)
		l->hello.layout_least = l->hello.layout_most = 0;
	if (t == NO_WAY)
		l->hello.ways = 1u << 20;
	if (t == TOO_LARGE)
		l->hello.capacity = UINT64_C(1) << 40;
	if (t == ODD_CAPACITY)
		l->hello.capacity = CAPACITY - 8;
	if (t == ZERO)
		l->hello.capacity = 0;
	if (t == OTHER_BLOCK)
		l->hello.block += 4096;
	if (t == NO_MEMORY)
		l->with_memory = 0;
	twist_memory(l, t);
	twist_header(l, t);
}

static void twisted(int arg)
{
	struct honest h;
	struct liar l;
	int t;

	(void)arg;
	for (t = 0; t < TWISTS; t++) {
		x_step("twist %d", t);
		liar_init(&l);
		twist(&l, (enum twist)t);
		meet(&h, &l, SOCK_STREAM, weir_after(X_HANG));
		X_TRUE(greet(&l) != 0);
		X_IS(answer(&h), -EPROTO);
		X_TRUE(*x_said());
		liar_end(&l);
	}
}

/* qemu-user leaks descriptors for which a receiver has no room. */
static int leaks_by_itself(void)
{
	int before = x_count_fds();
	char control[CMSG_SPACE(sizeof(int))];
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg;
	int pair[2], leaks;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		X_FAIL("socketpair: %s", strerror(errno));
	hand_over(pair[0], &byte, 1, pair[0], 16);
	memset(&msg, 0, sizeof(msg));
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	msg.msg_control = control;
	msg.msg_controllen = sizeof(control);
	if (recvmsg(pair[1], &msg, MSG_CMSG_CLOEXEC) != 1)
		X_FAIL("recvmsg: %s", strerror(errno));
	/* the kernel gives as many as fit with the padding: one or two */
	leaks = x_count_fds() - before - 2 > 2;
	close(pair[0]);
	close(pair[1]);
	return leaks;
}

/* A hello in single bytes, and one with more descriptors than there are. */
static void odd_but_right(int arg)
{
	struct honest h;
	struct liar l;
	int fds;
	size_t i;

	(void)arg;
	x_step("a hello in pieces");
	liar_init(&l);
	seal(&l);
	meet(&h, &l, SOCK_STREAM, weir_after(X_HANG));
	hand_over(l.socket, &l.hello, 1, l.memory, 1);
	for (i = 1; i < sizeof(l.hello); i++)
		hand_over(l.socket, (char *)&l.hello + i, 1, -1, 0);
	approve(&l);
	X_IS(answer(&h), 0);
	weir_stream_close(h.stream);
	liar_end(&l);
	if (leaks_by_itself()) {
		x_skipped("sixteen descriptors",
			  "descriptors beyond a receiver's room leak here");
		return;
	}
	fds = x_count_fds();
	x_step("sixteen descriptors");
	liar_init(&l);
	seal(&l);
	meet(&h, &l, SOCK_STREAM, weir_after(X_HANG));
	hand_over(l.socket, &l.hello, sizeof(l.hello), l.memory, 16);
	approve(&l);
	answer(&h);
	if (!h.result)
		weir_stream_close(h.stream);
	liar_end(&l);
	X_IS(x_count_fds(), fds);
}

/* ---- after a good handshake ---- */

static void befriend(struct honest *h, struct liar *l)
{
	liar_init(l);
	meet(h, l, SOCK_STREAM, weir_after(X_HANG));
	X_IS(greet(l), 0);
	approve(l);
	X_IS(answer(h), 0);
}

static void part(struct honest *h, struct liar *l)
{
	weir_stream_close(h->stream);
	liar_end(l);
}

/* What the library handed over is out of the other side's reach. */
static void our_memory(int arg)
{
	struct honest h;
	struct liar l;
	void *p;
	char path[40];
	int fd;

	(void)arg;
	befriend(&h, &l);
	X_TRUE(l.theirs >= 0);
	x_step("truncating, growing, punching");
	X_TRUE(ftruncate(l.theirs, 4096) < 0);
	X_TRUE(ftruncate(l.theirs, 0) < 0);
	X_TRUE(ftruncate(l.theirs, 1 << 20) < 0);
	X_TRUE(fallocate(l.theirs, FALLOC_FL_PUNCH_HOLE |
			 FALLOC_FL_KEEP_SIZE, 4096, 4096) < 0);
	X_TRUE(fcntl(l.theirs, F_ADD_SEALS, F_SEAL_SEAL) < 0);
	X_TRUE(pwrite(l.theirs, "x", 1, 0) < 0);
	p = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, l.theirs, 0);
	X_TRUE(p == MAP_FAILED);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", l.theirs);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		p = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 0);
		X_TRUE(p == MAP_FAILED);
		close(fd);
	}
	p = mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, l.theirs, 0);
	X_TRUE(p != MAP_FAILED);
	X_TRUE(mprotect(p, BLOCK, PROT_READ | PROT_WRITE) < 0);
	munmap(p, BLOCK);
	part(&h, &l);
}

static void put_record(struct liar *l, uint64_t at, uint64_t header)
{
	struct weir_a64 *w = (struct weir_a64 *)(void *)
		(l->data + (at & (CAPACITY - 1)));

	weir_store_release64(w, header);
}

/* Every call of this end answers -EPROTO from then on. */
static void reads_proto(struct honest *h)
{
	struct weir_rx *rx = weir_stream_rx(h->stream);
	char data[CAPACITY];
	const void *at;
	size_t len;

	X_IS(weir_rx_try_read(rx, data, sizeof(data)), -EPROTO);
	X_IS(weir_rx_read(rx, data, sizeof(data), WEIR_FOREVER), -EPROTO);
	X_IS(weir_rx_peek(rx, &at, &len), -EPROTO);
	X_IS(weir_rx_next_len(rx), -EPROTO);
	X_IS(weir_rx_wait(rx, WEIR_FOREVER), -EPROTO);
}

static void bad_records(int arg)
{
	/* lengths beyond the data, the room, the word; kinds that are none */
	static const uint64_t headers[] = {
		(uint64_t)4096 << 8 | 1, (uint64_t)4089 << 8 | 1,
		(uint64_t)UINT32_MAX << 8 | 1, UINT64_MAX << 8 | 1,
		UINT64_MAX, (uint64_t)8 << 8 | 0x42, 0x80, 3,
		(uint64_t)1 << 63 | 1, (uint64_t)4088 << 8 | 2,
		2,
	};
	struct honest h;
	struct liar l;
	size_t i;

	(void)arg;
	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		x_step("header %016" PRIx64, headers[i]);
		befriend(&h, &l);
		put_record(&l, 0, headers[i]);
		if ((headers[i] & 0xff) == WEIR_KIND_PAD) {
			/* padding at the start: refused, or skipped once */
			char data[8];
			ssize_t n = weir_rx_try_read(weir_stream_rx(h.stream),
						     data, sizeof(data));

			X_TRUE(n == -EPROTO || n == -EAGAIN);
		} else {
			reads_proto(&h);
		}
		part(&h, &l);
	}
}

/* All of the data is padding: the reader must not go round for ever. */
static void endless(int arg)
{
	struct honest h;
	struct liar l;
	char data[8];
	uint64_t at;
	ssize_t n;

	(void)arg;
	befriend(&h, &l);
	for (at = 0; at < CAPACITY; at += 8)
		put_record(&l, at, WEIR_KIND_PAD);
	x_step("nothing but padding, read with a deadline");
	n = weir_rx_read(weir_stream_rx(h.stream), data, sizeof(data),
			 weir_after(SOON));
	X_TRUE(n == -EPROTO || n == -ETIMEDOUT);
	part(&h, &l);
	befriend(&h, &l);
	for (at = 0; at < CAPACITY; at += 8)
		put_record(&l, at, WEIR_KIND_RECORD);
	x_step("more messages of length 0 than there is room for");
	for (at = 0; at < 4 * CAPACITY; at += 8) {
		n = weir_rx_try_read(weir_stream_rx(h.stream), data, 8);
		X_TRUE(n == 0 || n == -EPROTO);
	}
	part(&h, &l);
	befriend(&h, &l);
	for (at = 0; at < CAPACITY; at += 8)
		put_record(&l, at, WEIR_KIND_RECORD);
	x_step("peeks go round at most once");
	for (at = 0; at < 4 * CAPACITY; at += 8) {
		const void *p;
		size_t len;
		int r = weir_rx_peek(weir_stream_rx(h.stream), &p, &len);

		if (r)
			break;
	}
	X_TRUE(at <= CAPACITY);
	part(&h, &l);
}

/* The reader's position lies: backwards, far ahead, odd, all at random. */
static void bad_positions(int arg)
{
	static const uint64_t positions[] = {
		UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 63, 8192, 4, 24,
		1 << 20, 3,
	};
	char data[1000] = "";
	struct honest h;
	struct liar l;
	size_t i;
	int r, n;

	(void)arg;
	for (i = 0; i < sizeof(positions) / sizeof(positions[0]); i++) {
		x_step("position %" PRIx64, positions[i]);
		befriend(&h, &l);
		weir_store_release64(&l.consumer->position, positions[i]);
		for (n = 0; n < 100; n++) {
			r = weir_tx_try_write(weir_stream_tx(h.stream), data,
					      sizeof(data));
			if (r)
				break;
		}
		/* 24 lies in what was sent by then and is a plausible lie */
		X_TRUE(r == -EPROTO || (r == -EAGAIN && positions[i] == 24) ||
		       (r == -EAGAIN && positions[i] == 4));
		if (r == -EPROTO)
			X_IS(weir_tx_write(weir_stream_tx(h.stream), data, 8,
					   WEIR_FOREVER), -EPROTO);
		part(&h, &l);
	}
}

struct storm {
	struct liar *l;
	uint64_t seed;
	uint32_t stop;
};

/* Everything that is the liar's, all the time, at random. */
static void *storm(void *arg)
{
	struct storm *s = arg;
	uint64_t state = s->seed;
	unsigned char *base = s->l->base;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		uint64_t r = x_random(&state);
		uint64_t at = (r >> 8) % BLOCK & ~UINT64_C(7);
		struct weir_a64 *w;

		if (r & 1)	/* a half, or the first lines of the data */
			at = 256 + (r >> 8) % 1024 / 8 * 8;
		if ((r & 7) == 2)
			at = WEIR_DATA_OFFSET + (r >> 8) % 256 / 8 * 8;
		w = (struct weir_a64 *)(void *)(base + at);
		weir_store_relaxed64(w, r & 8 ? r >> 40 : r & 16 ?
				     (r >> 50 << 8 | 1) : r);
	}
	return NULL;
}

static void use_it(struct weir_stream *s, uint64_t *state)
{
	int64_t soon = weir_after(X_SECOND / 5000);
	char data[CAPACITY];
	const void *at;
	size_t len;
	void *p;

	memset(data, 0, sizeof(data));
	switch (x_random(state) % 8) {
	case 0:
		weir_rx_try_read(weir_stream_rx(s), data, sizeof(data));
		break;
	case 1:
		weir_rx_read(weir_stream_rx(s), data, sizeof(data), soon);
		break;
	case 2:
		if (!weir_rx_peek(weir_stream_rx(s), &at, &len)) {
			x_same(at, len, 1);
			weir_rx_release(weir_stream_rx(s));
		}
		break;
	case 3:
		weir_stream_read_exact(s, data, 100, soon);
		break;
	case 4:
		weir_tx_try_write(weir_stream_tx(s), data,
				  (size_t)(x_random(state) % 2000));
		break;
	case 5:
		if (!weir_tx_reserve(weir_stream_tx(s), 100, &p)) {
			memset(p, 1, 100);
			weir_tx_commit(weir_stream_tx(s));
		}
		break;
	case 6:
		weir_tx_wait(weir_stream_tx(s), 1500, soon);
		break;
	default:
		weir_stream_write_all(s, data, 3000, soon);
	}
}

/* Whatever it writes, this side stays inside and comes back in time. */
static void lies_at_random(int arg)
{
	uint64_t seed = x_seed();
	struct storm s;
	struct honest h;
	struct liar l;
	pthread_t thread;
	int round, i;

	(void)arg;
	for (round = 0; round < (X_SLOW ? 5 : 20); round++) {
		uint64_t state = seed + (uint64_t)round;

		x_step("round %d of seed %" PRIu64, round, seed);
		befriend(&h, &l);
		s.l = &l;
		s.seed = state;
		s.stop = 0;
		X_IS(pthread_create(&thread, NULL, storm, &s), 0);
		for (i = 0; i < 150; i++)
			use_it(h.stream, &state);
		__atomic_store_n(&s.stop, 1, __ATOMIC_RELAXED);
		X_IS(pthread_join(thread, NULL), 0);
		part(&h, &l);
	}
}

/* It rings all the time, or sends bytes without end. */
static void noise_on_socket(int arg)
{
	char noise[4096];
	struct honest h;
	struct liar l;
	char byte;

	(void)arg;
	befriend(&h, &l);
	x_fill(noise, sizeof(noise), 3);
	x_step("bytes on the control socket");
	while (send(l.socket, noise, sizeof(noise), MSG_DONTWAIT |
		    MSG_NOSIGNAL) > 0)
		;
	X_IS(weir_rx_read(weir_stream_rx(h.stream), &byte, 1,
			  weir_after(SOON)), -ETIMEDOUT);
	X_IS(weir_tx_try_write(weir_stream_tx(h.stream), "x", 1), 0);
	x_step("and then it is gone");
	close(l.socket);
	l.socket = -1;
	X_IS(weir_rx_read(weir_stream_rx(h.stream), &byte, 1, WEIR_FOREVER),
	     -EOWNERDEAD);
	part(&h, &l);
}

/* Not a local socket, or not a socket. */
static void not_a_socket(int arg)
{
	struct weir_stream *s;
	int pipes[2], fd;

	(void)arg;
	if (pipe(pipes))
		X_FAIL("pipe: %s", strerror(errno));
	X_IS(weir_stream_attach(&s, pipes[0], NULL, weir_after(SOON)),
	     -EINVAL);
	X_IS(weir_stream_attach(&s, -1, NULL, weir_after(SOON)), -EINVAL);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	X_TRUE(weir_stream_attach(&s, fd, NULL, weir_after(SOON)) < 0);
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
}

static const struct x_case cases[] = {
	{ "silent", silent, 0, 0 },
	{ "goes away", goes_away, 0, 0 },
	{ "half a hello", half_a_hello, 0, 0 },
	{ "garbage", garbage, 0, 0 },
	{ "twisted hello", twisted, 0, 0 },
	{ "odd but right", odd_but_right, 0, 0 },
	{ "not a socket", not_a_socket, 0, 0 },
	{ "our memory", our_memory, 0, 0 },
	{ "bad records", bad_records, 0, 0 },
	{ "endless records", endless, 0, 0 },
	{ "bad positions", bad_positions, 0, 0 },
	{ "noise on the socket", noise_on_socket, 0, 0 },
	{ "lies at random", lies_at_random, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, NULL);
}
