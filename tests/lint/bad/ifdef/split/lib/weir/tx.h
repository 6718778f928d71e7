/* SPDX-License-Identifier: MIT */
#if defined(WEIR_FAST) && \
    !defined(_WIN32)
#endif
