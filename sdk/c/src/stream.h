/* SPDX-License-Identifier: MIT
 *
 * Streaming subscriptions, as far as their client knows them.
 */
#ifndef PILLION_SRC_STREAM_H
#define PILLION_SRC_STREAM_H

#include "client_internal.h"

/* The client goes: the stream of this link is tried no more. Its memory is still the user's to
 * close, but nothing of it waits for the loop any longer than its call. */
void stream_cut(sc_list *link);

#endif
