/* SPDX-License-Identifier: MIT */
/*
 * The out-of-line twin of every inline call, under the same name, for other
 * languages and for compilers that cannot inline them.
 */
#include "weir/platform.h"

#undef WEIR_INLINE
#define WEIR_INLINE WEIR_API

struct weir_tx;
struct weir_rx;

/* Declared here, so that the warning for strays can stay on. */
WEIR_API int weir_tx_try_write(struct weir_tx *tx, const void *data,
			       size_t len);
WEIR_API int weir_tx_write(struct weir_tx *tx, const void *data, size_t len,
			   int64_t deadline);
WEIR_API ssize_t weir_rx_try_read(struct weir_rx *rx, void *data, size_t size);
WEIR_API ssize_t weir_rx_read(struct weir_rx *rx, void *data, size_t size,
			      int64_t deadline);

#include "weir.h"
