/* SPDX-License-Identifier: MIT */
/* Sends; WEIR_API int weir_in_a_comment(void); */
WEIR_API int weir_tx_write(struct weir_tx *tx, const void *data,
			   size_t len, int64_t deadline);
WEIR_INLINE int weir_tx_abort(struct weir_tx *tx)
{
	return weir_priv_tx_wake(tx);
}
WEIR_API int64_t weir_now(void);
WEIR_API void weir_unlisted(void (*fn)(void *ctx, int level), void *ctx);
