/* SPDX-License-Identifier: MIT */
/*
 * weir/listener.h and weir_stream_connect: options, names, what a call answers
 * and what it leaves. Processes, and clients that mean harm: x_listener.c.
 *
 * Seen to fail with: options that are not copied; a limit that is not given
 * back by close; a name that a refused open leaves behind.
 */
#include "../t.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static char untouched;
#define NO_LISTENER ((struct weir_listener *)(void *)&untouched)
#define NO_STREAM ((struct weir_stream *)(void *)&untouched)

struct client {
	pthread_t thread;
	const char *name;
	const struct weir_stream_options *options;
	struct weir_stream *stream;
	int answer;
};

static void *connects(void *arg)
{
	struct client *c = arg;

	c->stream = NO_STREAM;
	c->answer = weir_stream_connect_with(&c->stream, c->name, c->options,
					     T_SOON);
	return NULL;
}

static void client(struct client *c, const char *name,
		   const struct weir_stream_options *options)
{
	c->name = name;
	c->options = options;
	c->thread = t_thread(connects, c);
}

/* A client and this side's stream. */
static struct weir_stream *meet(struct weir_listener *l, struct client *c,
				const char *name)
{
	struct weir_stream *s = NO_STREAM;

	client(c, name, NULL);
	T_OK(weir_listener_accept(l, &s, T_SOON));
	t_join(c->thread);
	T_OK(c->answer);
	return s;
}

static void refused(const char *name, const struct weir_listener_options *o,
		    int error)
{
	struct weir_listener *l = NO_LISTENER;
	struct t_world world;

	t_world_look(&world);
	T_IS(weir_listener_open(&l, name, o), error);
	T_ASSERT(l == NO_LISTENER);
	t_world_same(&world, "a refused listener");
}

START_TEST(talk)
{
	const char *name = t_ring_name("talk");
	struct weir_listener *l;
	struct weir_ring_info info;
	struct weir_peer peer;
	struct weir_stream *s;
	struct client c;
	char text[8];

	T_OK(weir_listener_open(&l, name, NULL));
	s = meet(l, &c, name);
	T_OK(weir_stream_write(s, "to you", 7, T_SOON));
	T_IS(weir_stream_read(c.stream, text, sizeof(text), T_SOON), 7);
	T_OK(weir_stream_write(c.stream, "to me", 6, T_SOON));
	T_IS(weir_stream_read(s, text, sizeof(text), T_SOON), 6);
	T_OK(weir_tx_info(weir_stream_tx(s), &info));
	T_IS(info.capacity, 64 << 10);
	T_OK(weir_rx_info(weir_stream_rx(s), &info));
	T_IS(info.capacity, 256 << 10);
	T_OK(weir_stream_peer(s, &peer));
	T_IS(peer.pid, getpid());
	T_IS(peer.uid, geteuid());
	T_OK(weir_stream_peer(c.stream, &peer));
	T_IS(peer.pid, getpid());
	weir_listener_close(l);
	/* what was accepted stays */
	T_OK(weir_stream_write(s, "still", 6, T_SOON));
	weir_stream_close(s);
	T_IS(weir_stream_read(c.stream, text, sizeof(text), T_SOON), 6);
	T_IS(weir_stream_read(c.stream, text, sizeof(text), T_SOON), -EPIPE);
	weir_stream_close(c.stream);
}
END_TEST

START_TEST(names)
{
	static const char *const bad[] = {
		"", ".", "..", "a b", "a:b", "weir\n", "/", "a/", "/tmp/",
		/* 65 characters */
		("1234567890123456789012345678901234567890"
		 "1234567890123456789012345"),
	};
	struct weir_stream *s = NO_STREAM;
	char path[300];
	size_t i;

	for (i = 0; i < T_COUNT(bad); i++) {
		refused(bad[i], NULL, -EINVAL);
		T_IS(weir_stream_connect(&s, bad[i], T_SOON), -EINVAL);
	}
	refused(NULL, NULL, -EINVAL);
	T_IS(weir_stream_connect(&s, NULL, T_SOON), -EINVAL);
	memset(path, 'x', sizeof(path) - 1);
	memcpy(path, "/tmp/", 5);
	path[sizeof(path) - 1] = '\0';
	t_log_watch();
	refused(path, NULL, -EINVAL);
	ck_assert_str_ne(t_log_text(), "");
	T_IS(weir_stream_connect(&s, path, T_SOON), -EINVAL);
	refused("/none/such", NULL, -ENOENT);
	T_IS(weir_stream_connect(&s, "/none/such", T_SOON), -ENOENT);
	T_IS(weir_stream_connect(&s, t_ring_name("none"), T_SOON), -ENOENT);
	refused("/dev/null/x", NULL, -ENOENT);
	T_ASSERT(s == NO_STREAM);
}
END_TEST

static int yes(void *ctx, const struct weir_peer *peer)
{
	(void)peer;
	++*(int *)ctx;
	return 0;
}

START_TEST(bad_options)
{
	struct weir_listener_options o = { .size = sizeof(o) };
	struct { struct weir_listener_options o; uint64_t more; } later;
	struct weir_stream_options so = { .size = sizeof(so) };
	const char *name = t_ring_name("bad");
	struct weir_stream *s = NO_STREAM;
	uint32_t uid = 0, bit;

	o.size--;
	refused(name, &o, -EINVAL);
	o.size++;
	for (bit = 1; bit; bit <<= 1) {
		o.flags = bit;
		if (!(bit & (WEIR_RING_HUGE_PAGES | WEIR_RING_NO_PREFAULT |
			     WEIR_RING_NO_METRICS | WEIR_STREAM_ALLOW_UNSEALED |
			     WEIR_STREAM_ANY_USER | WEIR_LISTENER_HANDLE)))
			refused(name, &o, -EINVAL);
	}
	o.flags = 0;
	o.spin_us = -2;
	refused(name, &o, -EINVAL);
	o.spin_us = 0;
	o.backlog = UINT32_MAX;
	refused(name, &o, -EINVAL);
	o.backlog = 0;
	o.uids = &uid;
	refused(name, &o, -EINVAL);
	o.uids_count = 1;
	o.flags = WEIR_STREAM_ANY_USER;
	refused(name, &o, -EINVAL);
	memset(&later, 0, sizeof(later));
	later.o.size = sizeof(later);
	later.more = 1;
	refused(name, &later.o, -EINVAL);
	so.flags = WEIR_LISTENER_HANDLE;
	T_IS(weir_stream_connect_with(&s, name, &so, T_SOON), -EINVAL);
	T_ASSERT(s == NO_STREAM);
}
END_TEST

/* Options are copied; what each is for is seen. */
START_TEST(options)
{
	struct weir_listener_options *o = calloc(1, sizeof(*o));
	uint32_t *uids = calloc(1, sizeof(*uids));
	struct weir_stream_options so = { .size = sizeof(so) };
	const char *name = t_ring_name("options");
	struct weir_listener *l;
	struct weir_ring_info info;
	struct weir_stream *s;
	struct client c;
	int asked = 0;

	T_ASSERT(o && uids);
	uids[0] = geteuid();
	o->size = sizeof(*o);
	o->capacity = 5000;
	o->peer_capacity_max = 512 << 10;
	o->uids = uids;
	o->uids_count = 1;
	o->allow = yes;
	o->ctx = &asked;
	T_OK(weir_listener_open(&l, name, o));
	uids[0]++;
	free(uids);
	free(o);
	s = meet(l, &c, name);
	T_IS(asked, 1);
	T_OK(weir_tx_info(weir_stream_tx(s), &info));
	T_IS(info.capacity, 8192);
	weir_stream_close(s);
	weir_stream_close(c.stream);
	so.capacity = 1 << 20;
	client(&c, name, &so);
	t_log_watch();
	while (!t_log_text()[0])
		T_IS(weir_listener_accept(l, &s, weir_after(T_MS)),
		     -ETIMEDOUT);
	t_join(c.thread);
	T_IS(c.answer, -EPROTO);
	T_ASSERT(c.stream == NO_STREAM);
	weir_listener_close(l);
}
END_TEST

START_TEST(deadlines)
{
	const char *name = t_ring_name("deadlines");
	struct weir_stream *s = NO_STREAM;
	struct weir_listener *l;
	int64_t begin, end;

	T_OK(weir_listener_open(&l, name, NULL));
	T_IS(weir_listener_accept(l, &s, WEIR_NOWAIT), -EAGAIN);
	T_IS(weir_listener_accept(l, &s, weir_after(0)), -ETIMEDOUT);
	begin = weir_now();
	T_IS(weir_listener_accept(l, &s, begin + 20 * T_MS), -ETIMEDOUT);
	end = weir_now();
	T_ASSERT(end >= begin + 20 * T_MS);
	/* nobody accepts */
	T_IS(weir_stream_connect(&s, name, WEIR_NOWAIT), -EAGAIN);
	T_IS(weir_stream_connect(&s, name, weir_after(0)), -ETIMEDOUT);
	T_IS(weir_stream_connect(&s, name, weir_after(10 * T_MS)),
	     -ETIMEDOUT);
	/* and they have gone by now */
	T_IS(weir_listener_accept(l, &s, WEIR_NOWAIT), -EAGAIN);
	T_ASSERT(s == NO_STREAM);
	weir_listener_close(l);
}
END_TEST

START_TEST(the_name_is_taken)
{
	const char *name = t_ring_name("taken");
	struct weir_ring_options ro = { .size = sizeof(ro), .capacity = 4096 };
	struct weir_listener *l;
	struct weir_ring *ring;
	char login[64];

	T_OK(weir_listener_open(&l, name, NULL));
	refused(name, NULL, -EADDRINUSE);
	weir_listener_close(l);
	T_OK(weir_listener_open(&l, name, NULL));
	weir_listener_close(l);
	snprintf(login, sizeof(login), "/run/user/%lu",
		 (unsigned long)geteuid());
	ro.name = name;
	T_OK(weir_ring_create(&ring, &ro));
	if (access(login, F_OK)) {
		/* listeners lie beside named rings then */
		refused(name, NULL, -EEXIST);
	} else {
		T_OK(weir_listener_open(&l, name, NULL));
		weir_listener_close(l);
	}
	T_OK(weir_ring_unlink(name));
	weir_ring_close(ring);
}
END_TEST

/* The handle of a socket that somebody else made: neither its name nor the
   clients in its queue are the listener's to take away. */
START_TEST(handed_over)
{
	struct weir_listener_options o = { .size = sizeof(o) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct weir_listener *l;
	struct weir_stream *s;
	struct client c;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "/tmp/t.%d.socket",
		 (int)getpid());
	T_OK(bind(fd, (struct sockaddr *)&un, sizeof(un)));
	o.flags = WEIR_LISTENER_HANDLE;
	o.handle = fd;
	refused(NULL, &o, -EINVAL);	/* it does not listen */
	T_OK(listen(fd, 5));
	client(&c, un.sun_path, NULL);
	T_OK(weir_listener_open(&l, NULL, &o));
	weir_listener_close(l);
	T_OK(access(un.sun_path, F_OK));
	T_OK(weir_listener_open(&l, NULL, &o));
	T_OK(weir_listener_accept(l, &s, T_SOON));
	t_join(c.thread);
	T_OK(c.answer);
	weir_stream_close(s);
	weir_stream_close(c.stream);
	weir_listener_close(l);
	T_OK(access(un.sun_path, F_OK));
	T_OK(unlink(un.sun_path));
	close(fd);
}
END_TEST

START_TEST(no_descriptors)
{
	const char *name = t_ring_name("none");
	struct weir_stream *s = NO_STREAM;
	struct weir_listener *l;

	t_descriptors_end();
	refused(name, NULL, -EMFILE);
	T_IS(weir_stream_connect(&s, name, T_SOON), -EMFILE);
	t_descriptors_back();
	T_OK(weir_listener_open(&l, name, NULL));
	t_descriptors_end();
	T_IS(weir_stream_connect(&s, name, T_SOON), -EMFILE);
	T_IS(weir_listener_accept(l, &s, WEIR_NOWAIT), -EAGAIN);
	t_descriptors_back();
	T_ASSERT(s == NO_STREAM);
	weir_listener_close(l);
}
END_TEST

START_TEST(cancelled)
{
	const char *name = t_ring_name("cancelled");
	struct weir_stream *s = NO_STREAM;
	struct weir_listener *l;
	weir_handle handle;

	T_OK(weir_listener_open(&l, name, NULL));
	T_OK(weir_listener_handle(l, &handle));
	T_OK(weir_listener_cancel(l));
	T_OK(weir_listener_cancel(l));
	T_IS(weir_listener_accept(l, &s, WEIR_FOREVER), -ECANCELED);
	T_IS(weir_listener_accept(l, &s, WEIR_NOWAIT), -ECANCELED);
	T_ASSERT(s == NO_STREAM);
	weir_listener_close(l);
	weir_listener_close(NULL);
}
END_TEST

void t_build(void)
{
	T_ADD(talk);
	T_ADD(names);
	T_ADD(bad_options);
	T_ADD(options);
	T_ADD(deadlines);
	T_ADD(the_name_is_taken);
	T_ADD(handed_over);
	T_ADD(no_descriptors);
	T_ADD(cancelled);
}
