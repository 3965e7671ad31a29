/* SPDX-License-Identifier: MIT
 *
 * Finds the machine's address in the order that Dapr does (runtime, "host address").
 */
#include "io/host.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* Which address is taken first; higher is better. */
enum { UNUSABLE, LINK_LOCAL, V6_LOCAL, V4_PRIVATE, V6_GLOBAL, V4_PUBLIC };

/* The source address of packets to `to`. Connecting a datagram socket asks the kernel, no more. */
static bool source_towards(const struct sockaddr *to, socklen_t len, struct sockaddr_storage *from)
{
    int fd = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t from_len = sizeof(*from);
    bool is_found;

    if (fd < 0)
        return false;
    is_found =
        connect(fd, to, len) == 0 && getsockname(fd, (struct sockaddr *)from, &from_len) == 0;
    (void)close(fd);
    return is_found;
}

static int rank_v4(uint32_t address)
{
    if (address >> 24 == 127 || address == 0 || (address & 0xfffffff8u) == 0xc0000000u)
        return UNUSABLE; /* loopback; 192.0.0.0/29 */
    if (address >> 16 == 0xa9fe)
        return LINK_LOCAL; /* 169.254.0.0/16 */
    if (address >> 24 == 10 || address >> 20 == 0xac1 || address >> 16 == 0xc0a8 ||
        address >> 22 == (0x64400000u >> 22))
        return V4_PRIVATE; /* RFC 1918, and 100.64.0.0/10 */
    return V4_PUBLIC;
}

static int rank_v6(const struct in6_addr *address)
{
    if (IN6_IS_ADDR_LOOPBACK(address) || IN6_IS_ADDR_UNSPECIFIED(address) ||
        IN6_IS_ADDR_MULTICAST(address) || IN6_IS_ADDR_V4MAPPED(address))
        return UNUSABLE;
    if (IN6_IS_ADDR_LINKLOCAL(address))
        return LINK_LOCAL;
    return (address->s6_addr[0] & 0xfe) == 0xfc ? V6_LOCAL : V6_GLOBAL;
}

static int rank(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return rank_v4(ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr));
    if (address->sa_family == AF_INET6)
        return rank_v6(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
    return UNUSABLE;
}

static bool write_text(const struct sockaddr *address, char text[SC_HOST_TEXT_MAX])
{
    const void *bytes =
        address->sa_family == AF_INET
            ? (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr
            : (const void *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;

    return inet_ntop(address->sa_family, bytes, text, SC_HOST_TEXT_MAX) != NULL;
}

static bool by_route(char text[SC_HOST_TEXT_MAX])
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(80)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    struct sockaddr_storage from = {0};

    /* Addresses of documentation (RFC 5737, RFC 3849): nobody has them. */
    (void)inet_pton(AF_INET, "192.0.2.1", &v4.sin_addr);
    (void)inet_pton(AF_INET6, "2001:db8::1", &v6.sin6_addr);
    if (source_towards((struct sockaddr *)&v4, sizeof(v4), &from) &&
        rank((struct sockaddr *)&from) != UNUSABLE)
        return write_text((struct sockaddr *)&from, text);
    return source_towards((struct sockaddr *)&v6, sizeof(v6), &from) &&
           rank((struct sockaddr *)&from) != UNUSABLE && write_text((struct sockaddr *)&from, text);
}

static bool by_interface(char text[SC_HOST_TEXT_MAX])
{
    struct ifaddrs *all = NULL;
    int best = UNUSABLE;

    if (getifaddrs(&all) != 0)
        return false;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        int is;

        if (!one->ifa_addr || !(one->ifa_flags & IFF_UP))
            continue;
        is = rank(one->ifa_addr);
        if (is > best && write_text(one->ifa_addr, text))
            best = is;
    }
    freeifaddrs(all);
    return best != UNUSABLE;
}

bool sc_host_address(char text[SC_HOST_TEXT_MAX])
{
    return by_route(text) || by_interface(text);
}
