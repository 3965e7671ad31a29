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
#include <unistd.h>

#include "io/process_internal.h"

typedef struct entry {
    pid_t pid;
    pid_t parent;
    pid_t session;
    bool is_dead; /* a zombie: it only waits for its parent */
    bool is_of_tree;
} entry;

typedef struct snapshot {
    entry *at;
    size_t count;
    size_t cap;
} snapshot;

/* "pid (name) state parent group session ..."; the name may hold anything. */
static bool read_entry(const char *pid, entry *out)
{
    char path[300];
    char text[512];
    char state;
    const char *rest;
    FILE *file;
    size_t len;

    (void)snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    file = fopen(path, "re");
    if (!file)
        return false;
    len = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    text[len] = '\0';
    rest = strrchr(text, ')');
    *out = (entry){.pid = (pid_t)strtol(pid, NULL, 10)};
    if (!rest || sscanf(rest + 1, " %c %d %*d %d", &state, &out->parent, &out->session) != 3)
        return false;
    out->is_dead = state == 'Z' || state == 'X';
    return true;
}

static void take_snapshot(snapshot *to)
{
    DIR *dir = opendir("/proc");
    struct dirent *item;
    entry one;

    while (dir && (item = readdir(dir)) != NULL) {
        if (item->d_name[0] < '0' || item->d_name[0] > '9' || !read_entry(item->d_name, &one))
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
    if (one->parent == root)
        return true;
    for (size_t i = 0; i < all->count; i++) {
        if (all->at[i].pid == one->parent)
            return all->at[i].is_of_tree;
    }
    return false;
}

static void mark(const snapshot *all, pid_t root, bool has_session)
{
    bool any = true;

    for (size_t i = 0; i < all->count; i++)
        all->at[i].is_of_tree =
            all->at[i].pid == root || (has_session && all->at[i].session == root);
    while (any) { /* one generation a round */
        any = false;
        for (size_t i = 0; i < all->count; i++) {
            entry *one = &all->at[i];

            if (!one->is_of_tree && has_parent_in_tree(all, one, root))
                one->is_of_tree = any = true;
        }
    }
}

size_t sc_process_tree_signal(pid_t root, int signum)
{
    snapshot all = {0};
    size_t living = 0;

    take_snapshot(&all);
    mark(&all, root, root != getpid());
    for (size_t i = 0; i < all.count; i++) {
        const entry *one = &all.at[i];

        if (!one->is_of_tree || one->is_dead || one->pid == getpid())
            continue;
        living++;
        if (signum != 0)
            (void)kill(one->pid, signum);
    }
    free(all.at);
    return living;
}
