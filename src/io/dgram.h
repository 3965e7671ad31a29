/* SPDX-License-Identifier: MIT
 *
 * Unix datagram sockets as doorbells between processes on one machine: what is sent does not
 * matter, only that it came.
 */
#ifndef SC_IO_DGRAM_H
#define SC_IO_DGRAM_H

#include "io/loop.h"

typedef struct sc_doorbell sc_doorbell;

/* Listens on a socket at `path` (made anew; removed at close) and calls `on_ring` once for any
 * number of rings since the last turn. Loop thread only. Fails with SC_INVALID when the path is too
 * long for a socket, SC_UNAVAILABLE when it cannot be made. */
sc_code sc_doorbell_open(sc_loop *loop, sc_str path, void (*on_ring)(void *self), void *self,
                         sc_doorbell **out, sc_error *err) SC_MUST_CHECK;
void sc_doorbell_close(sc_doorbell *bell);

/* Rings the doorbells of others: the sockets in a folder whose names start with a prefix. It looks
 * into the folder only when that changed. From any one thread at a time. */
typedef struct sc_doorbell_ringer sc_doorbell_ringer;

/* `folder` with the slash behind it. Never rings `own`. Copies all three. */
sc_doorbell_ringer *sc_doorbell_ringer_new(sc_str folder, sc_str prefix, sc_str own);
void sc_doorbell_ringer_free(sc_doorbell_ringer *ringer);
/* Rings all there are, and removes those that nobody listens on any more. Never waits. */
void sc_doorbell_ring_all(sc_doorbell_ringer *ringer);

#endif
