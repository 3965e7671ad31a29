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

/* Rings every socket in `folder` whose name starts with `prefix`, except `own`; removes those that
 * nobody listens on any more. Never waits. From any thread. */
void sc_doorbell_ring_all(sc_str folder, sc_str prefix, sc_str own);

#endif
