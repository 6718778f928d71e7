/* SPDX-License-Identifier: MIT */
/*
 * The client's side of a listener: weir_stream_connect(3).
 */
#include "internal.h"

/* Whoever may make that name can listen there, and all that is sent goes to
   him: not to strangers, unless the program says so. */
static enum weir_refusal own_or_root(struct weir_handshake *h)
{
	const struct weir_address *a = h->ctx;

	return h->who.uid == a->uid || h->who.uid == 0 ? WEIR_REFUSAL_NONE :
							 WEIR_REFUSAL_USER;
}

static int meet(struct weir_meeting *m, struct weir_address *a,
		const struct weir_stream_options *o, int64_t deadline)
{
	int r;

	r = weir_meeting_begin(m, a->socket, o);
	if (r)
		return r;
	m->h.vouched = a->peer;
	if (!(o->flags & WEIR_STREAM_ANY_USER))
		m->h.admit = own_or_root;
	m->h.ctx = a;
	r = weir_meeting_step(m, deadline);
	if (!r)
		return 0;
	weir_meeting_drop(m);
	if (r != -EPIPE)
		return r;
	weir_log(WEIR_LOG_ERROR, "%s hung up without a word", a->name);
	return -ECONNREFUSED;
}

int weir_stream_connect_with(struct weir_stream **stream, const char *name,
			     const struct weir_stream_options *options,
			     int64_t deadline)
{
	struct weir_address a = { .name = name };
	struct weir_stream_options o;
	struct weir_meeting m;
	int r;

	r = weir_stream_options_take(&o, options,
				     WEIR_STREAM_ALLOW_UNSEALED |
				     WEIR_STREAM_ANY_USER);
	if (!r && !name)
		r = -EINVAL;
	if (!r)
		r = weir_os()->socket(&a, WEIR_SOCKET_CONNECT, deadline);
	if (!r)
		r = meet(&m, &a, &o, deadline);
	if (!r)
		*stream = m.stream;
	return r;
}

int weir_stream_connect(struct weir_stream **stream, const char *name,
			int64_t deadline)
{
	return weir_stream_connect_with(stream, name, NULL, deadline);
}
