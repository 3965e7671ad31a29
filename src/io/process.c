/* SPDX-License-Identifier: MIT
 *
 * Open processes of a loop: their output as streams, their end by SIGCHLD.
 */
#include "io/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/io_internal.h"
#include "io/process_internal.h"
#include "io/stream.h"

/* One descriptor that the process writes on. */
typedef struct outlet {
    sc_process *process;
    int fd;            /* as the process sees it */
    sc_stream *stream; /* NULL: inherited, or ended */
} outlet;

struct sc_process {
    sc_list link;
    sc_loop *loop;
    const sc_process_ops *ops;
    void *self;
    pid_t pid;
    int terminal; /* of an outlet's stream; -1: none */
    const outlet *terminal_outlet;
    outlet outlets[2];
    bool has_exited;
    bool is_tree_gone; /* counted as none after the exit: the numbers may belong to others now */
};

static void on_child(uv_signal_t *watch, int signum);

/* ---- output ---- */

static void on_data(void *self, const char *at, size_t len)
{
    outlet *from = self;

    from->process->ops->on_output(from->process->self, from->fd, at, len);
}

/* A pipe ends; a terminal gives an error once nobody has it open. */
static void on_lost(void *self, const sc_error *why)
{
    outlet *from = self;

    (void)why;
    sc_stream_close(from->stream);
    from->stream = NULL;
    if (from == from->process->terminal_outlet)
        from->process->terminal = -1;
}

static const sc_stream_ops outlet_ops = {.on_data = on_data, .on_lost = on_lost};

static void listen_to(sc_process *process, int index, int fd)
{
    outlet *to = &process->outlets[index];
    sc_error err;

    to->process = process;
    to->fd = index + 1;
    if (fd >= 0 &&
        sc_stream_open_fd(process->loop, fd, &outlet_ops, to, &to->stream, &err) != SC_OK)
        (void)close(fd);
}

/* ---- start and end ---- */

/* Keeps the loop running while a process is open. */
static void watch_children(sc_loop *loop)
{
    if (loop->on_child)
        return;
    loop->on_child = sc_new(uv_signal_t);
    loop->on_child->data = loop;
    uv_signal_init(&loop->uv, loop->on_child);
    uv_signal_start(loop->on_child, on_child, SIGCHLD);
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle);
}

sc_code sc_process_start(sc_loop *loop, const sc_process_spec *spec, const sc_process_ops *ops,
                         void *self, sc_process **out, sc_error *err)
{
    sc_process *process = sc_new(sc_process);
    sc_spawned spawned;

    watch_children(loop);
    process->loop = loop;
    process->ops = ops;
    process->self = self;
    sc_list_add(&loop->processes, &process->link);
    loop->open_handles++;
    if (sc_spawn(spec, &spawned, err) != SC_OK) {
        process->has_exited = true;
        process->pid = -1;
        process->terminal = -1;
        sc_process_close(process);
        return err->code;
    }
    process->pid = spawned.pid;
    process->terminal = spawned.terminal;
    for (int i = 0; i < 2; i++) {
        listen_to(process, i, spawned.output[i]);
        if (spawned.terminal >= 0 && spawned.output[i] == spawned.terminal)
            process->terminal_outlet = &process->outlets[i];
    }
    *out = process;
    return SC_OK;
}

static sc_process *find(sc_loop *loop, pid_t pid)
{
    SC_LIST_EACH (&loop->processes, it) {
        sc_process *process = SC_CONTAINER_OF(it, sc_process, link);

        if (process->pid == pid && !process->has_exited)
            return process;
    }
    return NULL;
}

static void on_child(uv_signal_t *watch, int signum)
{
    sc_loop *loop = watch->data;
    int status;
    pid_t pid;

    (void)signum;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        sc_process *process = find(loop, pid);

        if (!process) /* an orphan, or closed before its end */
            continue;
        process->has_exited = true;
        process->is_tree_gone = sc_process_tree_signal(pid, 0, 0) == 0;
        if (WIFSIGNALED(status))
            process->ops->on_exit(process->self, 0, WTERMSIG(status));
        else
            process->ops->on_exit(process->self, WEXITSTATUS(status), 0);
    }
}

void sc_process_close(sc_process *process)
{
    sc_loop *loop;

    if (!process)
        return;
    loop = process->loop;
    sc_stream_close(process->outlets[0].stream);
    sc_stream_close(process->outlets[1].stream);
    sc_list_remove(&process->link);
    loop->open_handles--;
    if (sc_list_is_empty(&loop->processes)) {
        uv_close((uv_handle_t *)loop->on_child, on_watch_closed);
        loop->on_child = NULL;
    }
    free(process);
}

/* ---- the living ---- */

int sc_process_pid(const sc_process *process)
{
    return (int)process->pid;
}

bool sc_process_has_exited(const sc_process *process)
{
    return process->has_exited;
}

size_t sc_process_signal(sc_process *process, int signum)
{
    size_t living;

    if (process->is_tree_gone)
        return 0;
    living = sc_process_tree_signal(process->pid, 0, signum);
    process->is_tree_gone = process->has_exited && living == 0;
    return living;
}

void sc_process_adopt_orphans(sc_loop *loop)
{
    loop->children_since_tick = sc_process_now_tick();
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
}

size_t sc_process_signal_all(sc_loop *loop, int signum)
{
    return sc_process_tree_signal(getpid(), loop->children_since_tick, signum);
}

void sc_process_resize(sc_process *process, int fd)
{
    struct winsize size;

    if (process->terminal >= 0 && ioctl(fd, TIOCGWINSZ, &size) == 0)
        (void)ioctl(process->terminal, TIOCSWINSZ, &size);
}

void sc_process_pause(sc_process *process)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(process->outlets); i++) {
        if (process->outlets[i].stream)
            sc_stream_pause(process->outlets[i].stream);
    }
}

void sc_process_resume(sc_process *process)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(process->outlets); i++) {
        if (process->outlets[i].stream)
            sc_stream_resume(process->outlets[i].stream);
    }
}

bool sc_process_is_talking(const sc_process *process)
{
    return process->outlets[0].stream || process->outlets[1].stream;
}
