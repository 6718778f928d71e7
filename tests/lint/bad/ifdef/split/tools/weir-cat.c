/* SPDX-License-Identifier: MIT */
#  if defined(__APPLE__)
#  endif
