/* SPDX-License-Identifier: MIT */
/* TODO: the wrap */
static const char *path = "/home/someone/weir";
