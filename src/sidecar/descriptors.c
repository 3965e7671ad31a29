/* SPDX-License-Identifier: MIT
 *
 * Every connection is an open file: the sidecar takes as many as the system gives, as Go's runtime
 * does.
 */
#include <sys/resource.h>

#include "sidecar/runtime_internal.h"

#define CONNECTIONS 10000u /* of one server */
#define OTHER_FILES 1000u  /* files, and connections that are not a server's */

void sc_runtime_take_descriptors(sc_runtime *rt)
{
    struct rlimit limit;

    rt->max_connections = CONNECTIONS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_cur < limit.rlim_max) {
        rlim_t before = limit.rlim_cur;

        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            limit.rlim_cur = before;
    }
    if (limit.rlim_cur >= CONNECTIONS + OTHER_FILES)
        return;
    rt->max_connections = (uint32_t)(limit.rlim_cur / 4 * 3);
    sc_log_warn(&rt->log,
                "no more than %u connections to a port at a time, others wait: the limit of open "
                "files is %llu; raise it with 'ulimit -n'",
                rt->max_connections, (unsigned long long)limit.rlim_cur);
}
