/* SPDX-License-Identifier: MIT */
/*
 * The errors' texts. weir-errors(7) says what each means for a program.
 */
#include "internal.h"

#define ERRORS(X)                                                             \
	X(EAGAIN, "Nothing there, or no room, right now")                     \
	X(ETIMEDOUT, "The deadline has passed")                               \
	X(EPIPE, "The other side has closed and all was read")                \
	X(EOWNERDEAD, "The other side has died")                              \
	X(EPROTO, "The shared memory or the peer is not what it must be")     \
	X(EMSGSIZE, "The message is larger than the buffer or the ring takes") \
	X(EBUSY, "The end is held")                                           \
	X(EACCES, "Permission denied")                                        \
	X(ECANCELED, "Cancelled")                                             \
	X(EINVAL, "Invalid argument or call out of order")                    \
	X(ENOENT, "No such name")                                             \
	X(EEXIST, "The name is taken")                                        \
	X(ECONNREFUSED, "Nobody listens there, or the listener refused")      \
	X(EADDRINUSE, "Somebody listens there already")                       \
	X(ENOSYS, "Not available on this system")                             \
	X(ENOMEM, "Not enough memory")                                        \
	X(ENOSPC, "Not enough room for shared memory")                        \
	X(EMFILE, "Too many open files")                                      \
	X(EIO, "An error of the system that has no other name here")

const char *weir_strerror(int err)
{
	switch (err < 0 ? -(int64_t)err : err) {
	case 0:
		return "Success";
#define CASE(number, text)                                                    \
	case number:                                                          \
		return text;
		ERRORS(CASE)
#undef CASE
	}
	return "Unknown error";
}
