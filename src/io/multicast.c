/* SPDX-License-Identifier: MIT
 *
 * A link is bound to the group's address, not to the machine's: the kernel then gives it nothing
 * that was sent to this machine alone, so nobody from outside the network can make it answer (RFC
 * 6762, section 11). With IP_MULTICAST_ALL off it hears only its own interface.
 */
#include "io/multicast.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/io_internal.h"

#define LINKS_MAX 128u /* a machine full of containers has an interface for each */
#define HOPS      255  /* RFC 6762, section 11 */

typedef struct udp_link {
    sc_multicast_link at; /* stays first */
    uv_udp_t udp;
    struct sockaddr_storage group;
    unsigned index; /* of the interface */
    bool is_present;
} udp_link;

struct sc_multicast {
    sc_loop *loop;
    sc_multicast_settings set;
    sc_list links;
    uint32_t count;
    sc_error problem; /* the last link that could not be opened */
};

static void close_link(udp_link *link);

/* ---- sockets ---- */

static bool set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static bool join_v4(int fd, const udp_link *link)
{
    const struct sockaddr_in *group = (const struct sockaddr_in *)(const void *)&link->group;
    struct ip_mreqn member = {.imr_multiaddr = group->sin_addr, .imr_ifindex = (int)link->index};

    return set_int(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0) &&
           set_int(fd, IPPROTO_IP, IP_MULTICAST_TTL, HOPS) &&
           setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &member, sizeof(member)) == 0 &&
           setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &member, sizeof(member)) == 0;
}

static bool join_v6(int fd, const udp_link *link)
{
    const struct sockaddr_in6 *group = (const struct sockaddr_in6 *)(const void *)&link->group;
    struct ipv6_mreq member = {.ipv6mr_multiaddr = group->sin6_addr,
                               .ipv6mr_interface = link->index};

    return set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, HOPS) &&
           set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)link->index) &&
           setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &member, sizeof(member)) == 0;
}

static socklen_t group_len(const udp_link *link)
{
    return link->at.is_v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

/* A socket in the group, or -1 with errno. Both kinds of reuse, so that it shares the port with
 * programs that set either. */
static int open_socket(const udp_link *link)
{
    int family = link->at.is_v6 ? AF_INET6 : AF_INET;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int failed;

    if (fd < 0)
        return -1;
    if (set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) && set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1) &&
        (!link->at.is_v6 || set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
        bind(fd, (const struct sockaddr *)&link->group, group_len(link)) == 0 &&
        (link->at.is_v6 ? join_v6(fd, link) : join_v4(fd, link)))
        return fd;
    failed = errno;
    (void)close(fd);
    errno = failed;
    return -1;
}

/* ---- links ---- */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    udp_link *link = SC_CONTAINER_OF((uv_udp_t *)handle, udp_link, udp);

    (void)suggested;
    *buffer = uv_buf_init(sc_loop_read_buffer(link->at.owner->loop), SC_READ_BUFFER_LEN);
}

static void on_received(uv_udp_t *udp, ssize_t len, const uv_buf_t *buffer,
                        const struct sockaddr *from, unsigned flags)
{
    udp_link *link = SC_CONTAINER_OF(udp, udp_link, udp);
    sc_multicast *multicast = link->at.owner;
    sc_multicast_packet packet = {.link = &link->at, .from = from};

    if (len <= 0 || !from || (flags & UV_UDP_PARTIAL))
        return; /* nothing more, an error of an earlier packet of ours, or too long to be whole */
    packet.bytes = sc_str_of(buffer->base, (size_t)len);
    multicast->set.on_packet(multicast->set.self, &packet);
}

static bool fill_group(const sc_multicast *multicast, udp_link *link)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&link->group;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&link->group;

    if (!link->at.is_v6)
        return uv_ip4_addr(multicast->set.v4, multicast->set.port, v4) == 0;
    if (uv_ip6_addr(multicast->set.v6, multicast->set.port, v6) != 0)
        return false;
    v6->sin6_scope_id = link->index;
    return true;
}

static void say_problem(sc_multicast *multicast, const udp_link *link, int failed)
{
    const char *group = link->at.is_v6 ? multicast->set.v6 : multicast->set.v4;
    uint16_t port = multicast->set.port;

    if (failed == EADDRINUSE)
        (void)sc_fail(&multicast->problem, SC_UNAVAILABLE,
                      "UDP port %u is taken by a program that does not share it (joining %s on "
                      "interface %s: address already in use): find it with 'ss -ulpn' and end it, "
                      "or let it share the port",
                      port, group, link->at.interface);
    else
        (void)sc_fail(&multicast->problem, SC_UNAVAILABLE,
                      "joining %s, UDP port %u, on interface "
                      "%s: %s",
                      group, port, link->at.interface, strerror(failed));
}

static void open_link(sc_multicast *multicast, const char *interface, unsigned index, bool is_v6)
{
    udp_link *link = sc_new(udp_link);
    int failed;
    int fd;

    link->at.owner = multicast;
    link->at.is_v6 = is_v6;
    (void)snprintf(link->at.interface, sizeof(link->at.interface), "%s", interface);
    link->index = index;
    link->is_present = true;
    fd = fill_group(multicast, link) ? open_socket(link) : -1;
    if (fd < 0) {
        say_problem(multicast, link, errno);
        free(link);
        return;
    }
    (void)uv_udp_init(&multicast->loop->uv, &link->udp);
    multicast->loop->open_handles++;
    multicast->count++;
    sc_list_add(&multicast->links, &link->at.link);
    failed = uv_udp_open(&link->udp, fd);
    if (failed != 0) {
        say_problem(multicast, link, -failed);
        (void)close(fd);
        close_link(link);
        return;
    }
    (void)uv_udp_recv_start(&link->udp, on_room, on_received);
}

static void on_link_closed(uv_handle_t *handle)
{
    SC_CONTAINER_OF(handle->loop, sc_loop, uv)->open_handles--;
    free(SC_CONTAINER_OF((uv_udp_t *)handle, udp_link, udp));
}

static void close_link(udp_link *link)
{
    sc_multicast *multicast = link->at.owner;

    sc_list_remove(&link->at.link);
    multicast->count--;
    uv_close((uv_handle_t *)&link->udp, on_link_closed);
}

/* ---- interfaces ---- */

static udp_link *find_link(sc_multicast *multicast, unsigned index, bool is_v6)
{
    SC_LIST_EACH (&multicast->links, it) {
        udp_link *link = SC_CONTAINER_OF(it, udp_link, at.link);

        if (link->index == index && link->at.is_v6 == is_v6)
            return link;
    }
    return NULL;
}

/* One address of an interface: a family that it can speak. */
static void see_address(sc_multicast *multicast, const struct ifaddrs *address)
{
    unsigned wanted = IFF_UP | IFF_MULTICAST;
    udp_link *link;
    unsigned index;
    bool is_v6;

    if (!address->ifa_addr || (address->ifa_flags & wanted) != wanted ||
        (address->ifa_addr->sa_family != AF_INET && address->ifa_addr->sa_family != AF_INET6))
        return;
    is_v6 = address->ifa_addr->sa_family == AF_INET6;
    index = if_nametoindex(address->ifa_name);
    if (index == 0)
        return;
    link = find_link(multicast, index, is_v6);
    if (link)
        link->is_present = true;
    else if (multicast->count < LINKS_MAX)
        open_link(multicast, address->ifa_name, index, is_v6);
}

void sc_multicast_update(sc_multicast *multicast)
{
    struct ifaddrs *all = NULL;

    if (getifaddrs(&all) != 0) {
        (void)sc_fail(&multicast->problem, SC_UNAVAILABLE, "the list of network interfaces: %s",
                      strerror(errno));
        return;
    }
    SC_LIST_EACH (&multicast->links, it)
        SC_CONTAINER_OF(it, udp_link, at.link)->is_present = false;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next)
        see_address(multicast, one);
    freeifaddrs(all);
    SC_LIST_EACH_SAFE (&multicast->links, it) {
        udp_link *link = SC_CONTAINER_OF(it, udp_link, at.link);

        if (!link->is_present)
            close_link(link);
    }
}

sc_code sc_multicast_open(sc_loop *loop, const sc_multicast_settings *settings, sc_multicast **out,
                          sc_error *err)
{
    sc_multicast *multicast = sc_new(sc_multicast);

    multicast->loop = loop;
    multicast->set = *settings;
    sc_list_init(&multicast->links);
    (void)sc_fail(
        &multicast->problem, SC_UNAVAILABLE,
        "no network interface that is up can do multicast; 'ip link' lists them, 'ip link "
        "set NAME up multicast on' makes one that can");
    sc_multicast_update(multicast);
    if (multicast->count == 0) {
        *err = multicast->problem;
        free(multicast);
        return err->code;
    }
    *out = multicast;
    return SC_OK;
}

sc_list *sc_multicast_links(sc_multicast *multicast)
{
    return &multicast->links;
}

/* ---- sending ---- */

static bool send_to(udp_link *link, const struct sockaddr *to, sc_str bytes)
{
    union {
        const char *is_const;
        char *at;
    } from = {.is_const = bytes.at};
    uv_buf_t buffer = uv_buf_init(from.at, (unsigned)bytes.len);

    return uv_udp_try_send(&link->udp, &buffer, 1, to) >= 0;
}

bool sc_multicast_send(sc_multicast_link *link, sc_str bytes)
{
    udp_link *udp = SC_CONTAINER_OF(link, udp_link, at);

    return send_to(udp, (const struct sockaddr *)&udp->group, bytes);
}

uint32_t sc_multicast_send_all(sc_multicast *multicast, sc_str bytes)
{
    uint32_t count = 0;

    SC_LIST_EACH (&multicast->links, it)
        count += sc_multicast_send(SC_CONTAINER_OF(it, sc_multicast_link, link), bytes);
    return count;
}

bool sc_multicast_answer(const sc_multicast_packet *packet, sc_str bytes)
{
    return send_to(SC_CONTAINER_OF(packet->link, udp_link, at), packet->from, bytes);
}

void sc_multicast_close(sc_multicast *multicast)
{
    if (!multicast)
        return;
    SC_LIST_EACH_SAFE (&multicast->links, it)
        close_link(SC_CONTAINER_OF(it, udp_link, at.link));
    free(multicast);
}
