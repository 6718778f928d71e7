/* SPDX-License-Identifier: MIT */
/* What the two files of the peer iceoryx share. */
#ifndef PEER_ICEORYX_H
#define PEER_ICEORYX_H

#include "peer.h"

/* Once; false: it does not run, and the contestant is skipped with the reason. */
bool iceoryx_daemon_start(void);

#endif
