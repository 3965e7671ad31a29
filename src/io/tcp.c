/* SPDX-License-Identifier: MIT
 *
 * What every TCP connection of ours is set to, accepted or dialled.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "io/io_internal.h"

static bool is_loopback(const struct sockaddr *peer)
{
    const struct sockaddr_in6 *six = (const void *)peer;
    const struct sockaddr_in *four = (const void *)peer;

    if (peer->sa_family == AF_INET)
        return ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
        return six->sin6_addr.s6_addr[12] == IN_LOOPBACKNET;
    return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

void sc_tcp_tune(uv_tcp_t *tcp)
{
    struct sockaddr_storage peer;
    int len = sizeof(peer);
    uv_os_fd_t fd;

    uv_tcp_nodelay(tcp, 1);
    /* Inside one machine nothing is congested, but a host whose default is BBR paces each send by a
     * timer. Reno is always there and paces nothing. Failing costs speed only. */
    if (uv_tcp_getpeername(tcp, (struct sockaddr *)&peer, &len) == 0 &&
        is_loopback((struct sockaddr *)&peer) && uv_fileno((uv_handle_t *)tcp, &fd) == 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
}
