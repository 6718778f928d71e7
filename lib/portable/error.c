/* SPDX-License-Identifier: MIT */
/*
 * errno values of the system as the library's vocabulary: weir-errors(7). Only
 * for what has failed: the result is never 0.
 */
#include "portable.h"

int weir_posix_error(int error)
{
	switch (error) {
	case EPERM:
	case ELOOP:
	case EROFS:
		return -EACCES;
	case ENFILE:
		return -EMFILE;
	case EBADF:
	case ENOTSOCK:
	case ENOTCONN:
	case EDESTADDRREQ:
		return -EINVAL;
	case ECONNRESET:
		return -EPIPE;
	case EDQUOT:
	case EFBIG:
		return -ENOSPC;
	case EOPNOTSUPP:
		return -ENOSYS;
	case EAGAIN:
	case ETIMEDOUT:
	case EPIPE:
	case EOWNERDEAD:
	case EPROTO:
	case EMSGSIZE:
	case EBUSY:
	case EACCES:
	case ECANCELED:
	case EINVAL:
	case ENOENT:
	case EEXIST:
	case ECONNREFUSED:
	case EADDRINUSE:
	case ENOSYS:
	case ENOMEM:
	case ENOSPC:
	case EMFILE:
		return -error;
	}
	return -EIO;
}
