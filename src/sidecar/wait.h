/* SPDX-License-Identifier: MIT
 *
 * `daprd --wait`: waits for another sidecar, so that a script can go on.
 */
#ifndef SC_SIDECAR_WAIT_H
#define SC_SIDECAR_WAIT_H

#include "core/base.h"

/* Asks the sidecar on `http_port` of this machine whether it can be called, ten times a second for
 * at most 60 s, and says on stderr how it goes. True: it can. Blocks. */
bool sc_wait_outbound_ready(uint16_t http_port);

#endif
