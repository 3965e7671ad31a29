/* SPDX-License-Identifier: MIT
 *
 * The C client of Dapr's API: everything, in one include. Start with call.h (a client and its
 * calls) or app.h (an application server); the rules for ownership, threads and errors are at the
 * top of base.h.
 */
#ifndef PILLION_CLIENT_H
#define PILLION_CLIENT_H

#include "pillion/app.h"
#include "pillion/base.h"
#include "pillion/call.h"
#include "pillion/invoke.h"
#include "pillion/json.h"
#include "pillion/loop.h"
#include "pillion/pubsub.h"
#include "pillion/state.h"
#include "pillion/stream.h"

#endif
