/* SPDX-License-Identifier: MIT */
#ifndef WEIR_RX_H
#define WEIR_RX_H
static inline int weir_rx_ready(int kind)
{
	return kind == 1;
}
#endif
