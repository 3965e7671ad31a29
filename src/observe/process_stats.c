/* SPDX-License-Identifier: MIT
 *
 * /proc (proc(5)) and getrlimit, read when somebody asks.
 */
#include "observe/process_stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "observe/metric_text.h"

static void add(sc_buf *out, const char *name, const char *kind, const char *help, double value)
{
    sc_metric_add_head(out, name, kind, help);
    sc_buf_add_str(out, sc_str_from(name));
    sc_buf_add_byte(out, ' ');
    sc_metric_add_number(out, value);
    sc_buf_add_byte(out, '\n');
}

/* The start of a file of /proc: as much as `text` holds. */
static sc_str read_file(const char *path, char *text, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, cap);

    if (fd >= 0)
        (void)close(fd);
    return sc_str_of(text, len > 0 ? (size_t)len : 0);
}

/* The `index`-th word, from 0. */
static double word(sc_str text, unsigned index)
{
    char copy[32] = "";

    for (unsigned i = 0; i < index; i++)
        (void)sc_str_cut(&text, ' ');
    text = sc_str_cut(&text, ' ');
    if (text.len < sizeof(copy))
        memcpy(copy, text.at, text.len);
    return strtod(copy, NULL);
}

/* Seconds since 1970 at which the machine started. */
static double boot_time(void)
{
    char text[8192];
    sc_str rest = read_file("/proc/stat", text, sizeof(text));

    while (rest.at) {
        sc_str line = sc_str_cut(&rest, '\n');

        if (sc_str_starts(line, SC_STR("btime ")))
            return word(line, 1);
    }
    return 0;
}

static void add_stat(sc_buf *out)
{
    char text[2048];
    sc_str stat = read_file("/proc/self/stat", text, sizeof(text));
    double ticks = (double)sysconf(_SC_CLK_TCK);
    size_t name_end = stat.len;
    struct rlimit limit;

    while (name_end > 0 && stat.at[name_end - 1] != ')')
        name_end--;
    if (name_end == 0)
        return;
    stat = sc_str_sub(stat, name_end + 1, stat.len); /* its first word is field 3, the state */
    add(out, "process_cpu_seconds_total", "counter",
        "Total user and system CPU time spent in seconds.",
        (word(stat, 11) + word(stat, 12)) / ticks);
    add(out, "process_start_time_seconds", "gauge",
        "Start time of the process since unix epoch in seconds.",
        boot_time() + word(stat, 19) / ticks);
    add(out, "process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.",
        word(stat, 20));
    if (getrlimit(RLIMIT_AS, &limit) == 0)
        add(out, "process_virtual_memory_max_bytes", "gauge",
            "Maximum amount of virtual memory available in bytes.", (double)limit.rlim_cur);
    add(out, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.",
        word(stat, 21) * (double)sysconf(_SC_PAGESIZE));
}

static void add_files(sc_buf *out)
{
    DIR *folder = opendir("/proc/self/fd");
    struct rlimit limit;
    double count = 0;

    if (folder) {
        while (readdir(folder))
            count++;
        (void)closedir(folder);
        add(out, "process_open_fds", "gauge", "Number of open file descriptors.",
            count - 3); /* ".", ".." and the folder itself */
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        add(out, "process_max_fds", "gauge", "Maximum number of open file descriptors.",
            (double)limit.rlim_cur);
}

/* Two lines "IpExt:": names, then numbers. */
static void add_network(sc_buf *out)
{
    char text[8192];
    sc_str rest = read_file("/proc/self/net/netstat", text, sizeof(text));
    sc_str names = SC_STR_NONE;

    while (rest.at) {
        sc_str line = sc_str_cut(&rest, '\n');

        if (!sc_str_starts(line, SC_STR("IpExt:")))
            continue;
        if (!names.at) {
            names = line;
            continue;
        }
        for (unsigned i = 0; names.at; i++) {
            sc_str name = sc_str_cut(&names, ' ');

            if (sc_str_eq(name, SC_STR("InOctets")))
                add(out, "process_network_receive_bytes_total", "counter",
                    "Number of bytes received by the process over the network.", word(line, i));
            else if (sc_str_eq(name, SC_STR("OutOctets")))
                add(out, "process_network_transmit_bytes_total", "counter",
                    "Number of bytes sent by the process over the network.", word(line, i));
        }
        return;
    }
}

void sc_process_stats_write(sc_buf *out)
{
    add_stat(out);
    add_files(out);
    add_network(out);
}
