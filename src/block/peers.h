/* SPDX-License-Identifier: MIT
 *
 * The sidecars of other applications: a connection to each that is called, kept and shared by all
 * calls, and closed when it is idle. Invocations travel as CallLocalStream (gRPC API, sidecar to
 * sidecar). Loop thread only.
 */
#ifndef SC_BLOCK_PEERS_H
#define SC_BLOCK_PEERS_H

#include "app/invoke.h"
#include "net/grpc_client.h"

typedef struct sc_peers sc_peers;
typedef struct sc_peer sc_peer;

typedef struct sc_peers_settings {
    uint64_t max_message_len; /* of what a peer sends; 0: 4 MiB */
} sc_peers_settings;

sc_peers *sc_peers_open(sc_loop *loop, const sc_peers_settings *settings);
/* The sidecar at "host:port", connected when first used. Lives until the loop's turn is over, and
 * as long as it has calls. Fails with SC_INVALID when that is no address. */
sc_code sc_peers_get(sc_peers *peers, sc_str address, sc_peer **out, sc_error *err) SC_MUST_CHECK;
/* Whom invocations for the application behind it are given to. */
sc_invoke_target sc_peer_target(sc_peer *peer);
/* For calls of other kinds: sc_peer_hold before, sc_peer_release after each. */
sc_grpc_channel *sc_peer_channel(sc_peer *peer);
void sc_peer_hold(sc_peer *peer);
void sc_peer_release(sc_peer *peer);
/* It failed: the next sc_peers_get for this address connects anew. Calls under way go on. */
void sc_peers_drop(sc_peers *peers, sc_str address);
/* Calls under way fail; `on_closed` later. */
void sc_peers_close(sc_peers *peers, void (*on_closed)(void *user), void *user);

#endif
