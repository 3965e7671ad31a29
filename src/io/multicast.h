/* SPDX-License-Identifier: MIT
 *
 * Datagrams to a group of machines on the same networks (link-local multicast), IPv4 and IPv6: one
 * socket for each interface and family, a "link". A link hears only what was sent to the group on
 * its interface; nothing that was sent to this machine alone reaches it. Sending never waits. Loop
 * thread only.
 */
#ifndef SC_IO_MULTICAST_H
#define SC_IO_MULTICAST_H

#include "io/loop.h"

#define SC_INTERFACE_NAME_MAX 16u

struct sockaddr; /* <sys/socket.h> */

typedef struct sc_multicast sc_multicast;

typedef struct sc_multicast_link {
    sc_list link; /* of sc_multicast.links */
    sc_multicast *owner;
    char interface[SC_INTERFACE_NAME_MAX];
    bool is_v6;
    uint32_t mark; /* the user's; 0 at first */
} sc_multicast_link;

/* What came in. Borrowed for the call. */
typedef struct sc_multicast_packet {
    sc_multicast_link *link;
    const struct sockaddr *from;
    sc_str bytes;
} sc_multicast_packet;

typedef struct sc_multicast_settings {
    const char *v4; /* "224.0.0.251" */
    const char *v6; /* "ff02::fb" */
    uint16_t port;  /* shared with other programs that share it */
    void (*on_packet)(void *self, const sc_multicast_packet *packet);
    void *self;
} sc_multicast_settings;

/* Joins on all interfaces that are up and can do multicast. Fails with SC_UNAVAILABLE, saying what
 * to do, when there is none or none works. Borrows `v4` and `v6` until it is closed. */
sc_code sc_multicast_open(sc_loop *loop, const sc_multicast_settings *settings, sc_multicast **out,
                          sc_error *err) SC_MUST_CHECK;
/* Looks which interfaces came or went. Not from within on_packet. */
void sc_multicast_update(sc_multicast *multicast);
/* The links, of sc_multicast_link.link. */
sc_list *sc_multicast_links(sc_multicast *multicast);

/* To the group. False when the kernel did not take it. */
bool sc_multicast_send(sc_multicast_link *link, sc_str bytes);
/* To the group on all links; on how many it was taken. */
uint32_t sc_multicast_send_all(sc_multicast *multicast, sc_str bytes);
/* To the sender alone. */
bool sc_multicast_answer(const sc_multicast_packet *packet, sc_str bytes);

/* No on_packet from now on. Frees itself; the loop is alive until then. NULL is allowed. */
void sc_multicast_close(sc_multicast *multicast);

#endif
