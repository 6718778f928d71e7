/* SPDX-License-Identifier: MIT */
/*
 *     R1 header store     A1 header load
 *     R2 position store   A2 position load
 */
#ifndef WEIR_LAYOUT_H
#define WEIR_LAYOUT_H
#endif
