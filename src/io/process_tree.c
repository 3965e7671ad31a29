/* SPDX-License-Identifier: MIT
 *
 * Everything that a process started, found in /proc: by parent, and by session for what has lost
 * its parent.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io/process_internal.h"

typedef struct entry {
    sc_process_facts facts;
    bool is_of_tree;
} entry;

typedef struct snapshot {
    entry *at;
    size_t count;
    size_t cap;
} snapshot;

/* "pid (name) state parent group session ... start ..."; the name may hold anything. */
bool sc_process_look(int pid, sc_process_facts *out)
{
    char path[40];
    char text[1024];
    char state;
    unsigned long long start;
    const char *rest;
    FILE *file;
    size_t len;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    file = fopen(path, "re");
    if (!file)
        return false;
    len = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    text[len] = '\0';
    rest = strrchr(text, ')');
    *out = (sc_process_facts){.pid = pid};
    if (!rest || sscanf(rest + 1,
                        " %c %d %*d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
                        "%llu",
                        &state, &out->parent, &out->session, &start) != 4)
        return false;
    out->is_dead = state == 'Z' || state == 'X';
    out->started_tick = start;
    return true;
}

uint64_t sc_process_now_tick(void)
{
    uint64_t tick = (uint64_t)sysconf(_SC_CLK_TCK);
    struct timespec now;

    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * tick + (uint64_t)now.tv_nsec * tick / 1000000000u;
}

static void take_snapshot(snapshot *to)
{
    DIR *dir = opendir("/proc");
    struct dirent *item;
    entry one = {0};

    while (dir && (item = readdir(dir)) != NULL) {
        int pid = (int)strtol(item->d_name, NULL, 10);

        if (pid <= 0 || !sc_process_look(pid, &one.facts))
            continue;
        if (to->count == to->cap) {
            to->cap = to->cap ? to->cap * 2 : 256;
            to->at = realloc(to->at, to->cap * sizeof(entry));
            if (!to->at)
                sc_out_of_memory("process list");
        }
        to->at[to->count++] = one;
    }
    if (dir)
        (void)closedir(dir);
}

static bool has_parent_in_tree(const snapshot *all, const entry *one, pid_t root)
{
    if (one->facts.parent == root)
        return true;
    for (size_t i = 0; i < all->count; i++) {
        if (all->at[i].facts.pid == one->facts.parent)
            return all->at[i].is_of_tree;
    }
    return false;
}

static void mark(const snapshot *all, pid_t root, uint64_t since_tick, bool has_session)
{
    bool any = true;

    for (size_t i = 0; i < all->count; i++)
        all->at[i].is_of_tree =
            all->at[i].facts.pid == root || (has_session && all->at[i].facts.session == root);
    while (any) { /* one generation a round */
        any = false;
        for (size_t i = 0; i < all->count; i++) {
            entry *one = &all->at[i];

            if (!one->is_of_tree && one->facts.started_tick >= since_tick &&
                has_parent_in_tree(all, one, root))
                one->is_of_tree = any = true;
        }
    }
}

size_t sc_process_tree_signal(pid_t root, uint64_t since_tick, int signum)
{
    snapshot all = {0};
    size_t living = 0;

    take_snapshot(&all);
    mark(&all, root, since_tick, root != getpid());
    for (size_t i = 0; i < all.count; i++) {
        const entry *one = &all.at[i];

        if (!one->is_of_tree || one->facts.is_dead || one->facts.pid == getpid())
            continue;
        living++;
        if (signum != 0)
            (void)kill(one->facts.pid, signum);
    }
    free(all.at);
    return living;
}
