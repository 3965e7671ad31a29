/* SPDX-License-Identifier: MIT
 *
 * Wakes a loop from another thread or from a signal handler.
 */
#ifndef SC_IO_WAKE_H
#define SC_IO_WAKE_H

#include "io/loop.h"

typedef struct sc_wake sc_wake;

/* `on_wake` runs on the loop, once for any number of sends since it last ran. Keeps the loop alive
 * only while held. Loop thread only, as the others but for sc_wake_send. */
sc_wake *sc_wake_open(sc_loop *loop, void (*on_wake)(void *self), void *self);
/* From any thread and any signal handler, until sc_wake_close. */
void sc_wake_send(sc_wake *wake);
/* A held one keeps the loop alive: a turn then looks for sends although nothing else is open. */
void sc_wake_hold(sc_wake *wake, bool is_held);
void sc_wake_close(sc_wake *wake);

#endif
