/* SPDX-License-Identifier: MIT
 *
 * Child processes: started in a session of their own, their output read on the loop, and ended
 * together with everything that they started. A child is told to end (SIGTERM) when this program
 * dies, however it dies. Loop thread only.
 *
 * While a process is open its loop reaps every child of the program.
 */
#ifndef SC_IO_PROCESS_H
#define SC_IO_PROCESS_H

#include "core/error.h"
#include "io/loop.h"

typedef struct sc_process sc_process;

typedef struct sc_process_ops {
    /* Bytes that the process wrote on descriptor `fd`, 1 or 2 (1 for a terminal that is both).
     * `at` is good during the call only. */
    void (*on_output)(void *self, int fd, const char *at, size_t len);
    /* It ended: `signum` is 0 when it exited with `status`. What it wrote before may still come,
     * and what it started may still run. */
    void (*on_exit)(void *self, int status, int signum);
} sc_process_ops;

typedef enum sc_process_io {
    SC_PROCESS_INHERIT,  /* this program's own descriptor */
    SC_PROCESS_NOTHING,  /* /dev/null */
    SC_PROCESS_PIPE,     /* output: on_output */
    SC_PROCESS_TERMINAL, /* output: on_output, through a terminal of the process's own */
} sc_process_io;

typedef struct sc_process_spec {
    const char *file;        /* a path, or a name to look for in PATH */
    const char *const *args; /* args[0] is the name it goes by; NULL at the end */
    const char *const *env;  /* "NAME=value", NULL at the end; NULL: as this program's */
    const char *folder;      /* NULL: as this program's */
    sc_process_io io[3];     /* standard input (inherited or nothing), output, error */
    int size_from;           /* a terminal whose width and height its own gets; -1: none */
} sc_process_spec;

/* Starts the process; all of `spec` is used during the call only. Fails with SC_NOT_FOUND or
 * SC_PERMISSION_DENIED worded as Go words it ("exec: "x": executable file not found in $PATH",
 * "fork/exec ./x: permission denied", "chdir d: no such file or directory"), or SC_EXHAUSTED. */
sc_code sc_process_start(sc_loop *loop, const sc_process_spec *spec, const sc_process_ops *ops,
                         void *self, sc_process **out, sc_error *err) SC_MUST_CHECK;
int sc_process_pid(const sc_process *process);
bool sc_process_has_exited(const sc_process *process);

/* Sends `signum` to the process, its descendants and all of its session. Returns how many of them
 * are alive; 0 as `signum` only counts. */
size_t sc_process_signal(sc_process *process, int signum);
/* From now on what a dying descendant leaves behind becomes this program's child. */
void sc_process_adopt_orphans(sc_loop *loop);
/* The same for all descendants of this program that were started since it adopts orphans. */
size_t sc_process_signal_all(sc_loop *loop, int signum);

/* Gives its terminal the size of the one at `fd`. */
void sc_process_resize(sc_process *process, int fd);
/* Stops and resumes on_output: the process waits when its pipe or terminal is full. */
void sc_process_pause(sc_process *process);
void sc_process_resume(sc_process *process);
/* True while some process has its output open and more may come. */
bool sc_process_is_talking(const sc_process *process);

/* Lets go of it; no callback comes afterwards. Its terminal hangs up. It is not waited for: close
 * it after on_exit. NULL is allowed. */
void sc_process_close(sc_process *process);

/* What the kernel tells about any process. */
typedef struct sc_process_facts {
    int pid;
    int parent;
    int session;
    bool is_dead;          /* it only waits for its parent to notice */
    uint64_t started_tick; /* since the machine started, sysconf(_SC_CLK_TCK) a second */
} sc_process_facts;

/* False when there is no such process. */
bool sc_process_look(int pid, sc_process_facts *out) SC_MUST_CHECK;

#endif
