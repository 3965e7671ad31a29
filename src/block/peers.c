/* SPDX-License-Identifier: MIT
 *
 * Connections to other sidecars. One that is dropped, or idle while there are too many, leaves the
 * table at once and is closed after its last call.
 */
#include "block/peers.h"

#include <stdlib.h>

#include "core/list.h"
#include "core/map.h"

#define IDLE_MS                                                                                    \
    180000u /* a connection without a call so long is closed; the peer does the same               \
             */
#define KEEPALIVE_MS 10000u
#define DIAL_MS      30000u
#define PEERS_MAX    128u /* kept while idle */

struct sc_peer {
    sc_list link; /* peers->all */
    sc_peers *peers;
    char *address;
    sc_grpc_channel *channel;
    uint32_t calls;
    uint64_t used_ms; /* loop clock */
    bool is_listed;   /* found by its address */
    bool is_closing;
};

struct sc_peers {
    sc_loop *loop;
    sc_peers_settings settings;
    sc_map by_address;
    sc_list all;
    bool is_closing;
    sc_op closing;
    void (*on_closed)(void *user);
    void *user;
};

extern const sc_invoke_carrier sc_peer_carrier; /* peers_invoke.c */

sc_peers *sc_peers_open(sc_loop *loop, const sc_peers_settings *settings)
{
    sc_peers *peers = sc_new(sc_peers);

    peers->loop = loop;
    peers->settings = *settings;
    sc_map_init(&peers->by_address);
    sc_list_init(&peers->all);
    return peers;
}

/* "127.0.0.1:80", "[::1]:80", "name:80". */
static bool split_address(sc_str address, sc_str *host, uint16_t *port)
{
    size_t colon = address.len;
    uint64_t n;

    while (colon > 0 && address.at[colon - 1] != ':')
        colon--;
    if (colon < 2 || !sc_str_to_u64(sc_str_sub(address, colon, address.len), &n) || n == 0 ||
        n > UINT16_MAX)
        return false;
    *host = sc_str_sub(address, 0, colon - 1);
    if (sc_str_starts(*host, SC_STR("[")) && sc_str_ends(*host, SC_STR("]")))
        *host = sc_str_sub(*host, 1, host->len - 1);
    *port = (uint16_t)n;
    return host->len > 0;
}

/* ---- closing ---- */

static void maybe_closed(sc_peers *peers)
{
    if (peers->is_closing && sc_list_is_empty(&peers->all))
        sc_op_finish(&peers->closing);
}

static void on_channel_closed(void *self)
{
    sc_peer *peer = self;
    sc_peers *peers = peer->peers;

    sc_list_remove(&peer->link);
    free(peer->address);
    free(peer);
    maybe_closed(peers);
}

static void close_peer(sc_peer *peer)
{
    if (peer->is_closing)
        return;
    peer->is_closing = true;
    sc_grpc_channel_close(peer->channel, on_channel_closed, peer);
}

static void unlist(sc_peer *peer)
{
    if (!peer->is_listed)
        return;
    peer->is_listed = false;
    (void)sc_map_remove(&peer->peers->by_address, sc_str_from(peer->address));
    if (peer->calls == 0)
        close_peer(peer);
}

/* Makes room for one more: the one that was idle longest goes. */
static void shrink(sc_peers *peers)
{
    sc_peer *oldest = NULL;

    if (peers->by_address.count < PEERS_MAX)
        return;
    SC_LIST_EACH (&peers->all, it) {
        sc_peer *peer = SC_CONTAINER_OF(it, sc_peer, link);

        if (peer->is_listed && peer->calls == 0 && (!oldest || peer->used_ms < oldest->used_ms))
            oldest = peer;
    }
    if (oldest)
        unlist(oldest);
}

/* ---- using ---- */

sc_code sc_peers_get(sc_peers *peers, sc_str address, sc_peer **out, sc_error *err)
{
    sc_peer *peer = sc_map_get(&peers->by_address, address);
    sc_grpc_channel_settings settings = {.max_message_len = peers->settings.max_message_len,
                                         .keepalive_ms = KEEPALIVE_MS,
                                         .idle_ms = IDLE_MS};

    *out = peer;
    if (peer)
        return SC_OK;
    settings.dial.timeout_ms = DIAL_MS;
    if (!split_address(address, &settings.dial.host, &settings.dial.port))
        return sc_fail(err, SC_INVALID, "name resolution gave '%.*s', which is no host:port",
                       SC_FMT(address));
    shrink(peers);
    peer = sc_new(sc_peer);
    peer->peers = peers;
    peer->address = sc_alloc_zero(address.len + 1);
    memcpy(peer->address, address.at, address.len);
    peer->channel = sc_grpc_channel_open(peers->loop, &settings);
    peer->is_listed = true;
    sc_list_add(&peers->all, &peer->link);
    (void)sc_map_put(&peers->by_address, address, peer);
    *out = peer;
    return SC_OK;
}

sc_invoke_target sc_peer_target(sc_peer *peer)
{
    return (sc_invoke_target){.carrier = &sc_peer_carrier, .self = peer};
}

sc_grpc_channel *sc_peer_channel(sc_peer *peer)
{
    return peer->channel;
}

void sc_peer_hold(sc_peer *peer)
{
    peer->calls++;
}

void sc_peer_release(sc_peer *peer)
{
    peer->used_ms = sc_loop_now_ms(peer->peers->loop);
    if (--peer->calls == 0 && !peer->is_listed)
        close_peer(peer);
}

void sc_peers_drop(sc_peers *peers, sc_str address)
{
    sc_peer *peer = sc_map_get(&peers->by_address, address);

    if (peer)
        unlist(peer);
}

static void on_close_done(sc_op *op)
{
    sc_peers *peers = SC_CONTAINER_OF(op, sc_peers, closing);
    void (*on_closed)(void *) = peers->on_closed;
    void *user = peers->user;

    sc_map_deinit(&peers->by_address);
    free(peers);
    on_closed(user);
}

void sc_peers_close(sc_peers *peers, void (*on_closed)(void *user), void *user)
{
    peers->is_closing = true;
    peers->on_closed = on_closed;
    peers->user = user;
    sc_op_init(&peers->closing, sc_loop_ops(peers->loop), NULL, on_close_done);
    SC_LIST_EACH_SAFE (&peers->all, it) {
        sc_peer *peer = SC_CONTAINER_OF(it, sc_peer, link);

        peer->is_listed = false;
        close_peer(peer);
    }
    maybe_closed(peers);
}
