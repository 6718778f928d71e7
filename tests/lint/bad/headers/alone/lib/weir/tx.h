/* SPDX-License-Identifier: MIT */
uint64_t weir_tx_position(void);
