/* SPDX-License-Identifier: MIT
 *
 * Between process.c, process_spawn.c and process_tree.c.
 */
#ifndef SC_IO_PROCESS_INTERNAL_H
#define SC_IO_PROCESS_INTERNAL_H

#include <sys/types.h>

#include "io/process.h"

/* What a started process leaves in the hands of its parent. */
typedef struct sc_spawned {
    pid_t pid;
    int output[2]; /* of standard output and error; -1: nothing to read, or it comes by the other */
    int terminal;  /* the one of `output` that is a terminal; -1: none */
} sc_spawned;

sc_code sc_spawn(const sc_process_spec *spec, sc_spawned *out, sc_error *err) SC_MUST_CHECK;

/* Signals `root` (unless it is this program), its descendants and the members of its session, all
 * but those started before `since_tick` and what hangs from them; returns how many live. */
size_t sc_process_tree_signal(pid_t root, uint64_t since_tick, int signum);
uint64_t sc_process_now_tick(void);

#endif
