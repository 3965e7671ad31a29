/* SPDX-License-Identifier: MIT
 *
 * fork and exec. Not uv_spawn: a child here gets a session with a terminal of its own and dies with
 * its parent (docs/decisions/0006-processes.md). Between fork and exec only what a signal handler
 * may call is called.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <termios.h>
#include <unistd.h>

#include "io/process_internal.h"

/* What the child needs, made ready before the fork. */
typedef struct plan {
    const sc_process_spec *spec;
    int from[3]; /* descriptors for 0, 1, 2; -1: inherited */
    int terminal;
    int report; /* takes one `failure` when exec does not happen */
    pid_t parent;
    sigset_t before;
} plan;

typedef struct failure {
    int error;
    bool is_folder;
} failure;

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* ---- the child ---- */

static void give_up(const plan *p, bool is_folder) SC_NORETURN;
static void give_up(const plan *p, bool is_folder)
{
    failure why = {.error = errno, .is_folder = is_folder};
    ssize_t written = write(p->report, &why, sizeof(why));

    (void)written;
    _exit(127);
}

/* Handlers back to what a program expects at its start; SIGHUP stays ignored under nohup. */
static void reset_signals(const plan *p)
{
    struct sigaction now;

    for (int signum = 1; signum < NSIG; signum++) {
        if (sigaction(signum, NULL, &now) != 0)
            continue;
        if (now.sa_handler == SIG_IGN && signum != SIGPIPE && signum != SIGXFSZ &&
            signum != SIGTTIN && signum != SIGTTOU)
            continue;
        (void)signal(signum, SIG_DFL);
    }
    (void)sigprocmask(SIG_SETMASK, &p->before, NULL);
}

static void become(const plan *p) SC_NORETURN;
static void become(const plan *p)
{
    extern char **environ;
    const sc_process_spec *spec = p->spec;

    reset_signals(p);
    (void)setsid();
    if (p->terminal >= 0)
        (void)ioctl(p->terminal, TIOCSCTTY, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != p->parent) /* it died before that */
        _exit(127);
    for (int fd = 0; fd < 3; fd++) {
        if (p->from[fd] >= 0 && dup2(p->from[fd], fd) < 0)
            give_up(p, false);
    }
    if (spec->folder && chdir(spec->folder) != 0)
        give_up(p, true);
    (void)execvpe(spec->file, (char *const *)(uintptr_t)spec->args,
                  spec->env ? (char *const *)(uintptr_t)spec->env : environ);
    give_up(p, false);
}

/* ---- the parent ---- */

/* Lines leave as they are written, without a carriage return. */
static void calm_terminal(int terminal, int size_from)
{
    struct termios mode;
    struct winsize size;

    if (tcgetattr(terminal, &mode) == 0) {
        mode.c_oflag &= ~(tcflag_t)OPOST;
        (void)tcsetattr(terminal, TCSANOW, &mode);
    }
    if (size_from >= 0 && ioctl(size_from, TIOCGWINSZ, &size) == 0)
        (void)ioctl(terminal, TIOCSWINSZ, &size);
}

static sc_code open_terminal(const sc_process_spec *spec, int *ours, int *theirs, sc_error *err)
{
    char name[128];

    *ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*ours < 0 || grantpt(*ours) != 0 || unlockpt(*ours) != 0 ||
        ptsname_r(*ours, name, sizeof(name)) != 0 ||
        (*theirs = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0) {
        close_fd(ours);
        return sc_fail(err, SC_EXHAUSTED, "a terminal for %s: %s", spec->file, strerror(errno));
    }
    calm_terminal(*theirs, spec->size_from);
    return SC_OK;
}

/* The ends for the child go into `p->from`, those that the parent reads into `out`. */
static sc_code open_io(plan *p, sc_spawned *out, int opened[3], sc_error *err)
{
    for (int fd = 0; fd < 3; fd++) {
        int ends[2];

        switch (p->spec->io[fd]) {
        case SC_PROCESS_INHERIT:
            continue;
        case SC_PROCESS_NOTHING:
            opened[fd] = open("/dev/null", O_RDWR | O_CLOEXEC);
            break;
        case SC_PROCESS_PIPE:
            if (pipe2(ends, O_CLOEXEC) == 0) {
                opened[fd] = ends[1];
                out->output[fd == 2] = ends[0];
            }
            break;
        case SC_PROCESS_TERMINAL:
            if (p->terminal < 0) {
                if (open_terminal(p->spec, &out->terminal, &p->terminal, err) != SC_OK)
                    return err->code;
                out->output[fd == 2] = out->terminal;
            }
            p->from[fd] = p->terminal;
            continue;
        }
        if (opened[fd] < 0)
            return sc_fail(err, SC_EXHAUSTED, "descriptors for %s: %s", p->spec->file,
                           strerror(errno));
        p->from[fd] = opened[fd];
    }
    return SC_OK;
}

static const char *reason(int error)
{
    if (error == ENOENT)
        return "no such file or directory";
    if (error == EACCES)
        return "permission denied";
    if (error == ENOEXEC)
        return "exec format error";
    if (error == ENOTDIR)
        return "not a directory";
    return strerror(error);
}

static sc_code describe(const sc_process_spec *spec, failure why, sc_error *err)
{
    sc_code code = why.error == EACCES                           ? SC_PERMISSION_DENIED
                   : why.error == ENOENT || why.error == ENOTDIR ? SC_NOT_FOUND
                                                                 : SC_EXHAUSTED;

    if (why.is_folder)
        return sc_fail(err, code, "chdir %s: %s", spec->folder, reason(why.error));
    if (why.error == ENOENT && !strchr(spec->file, '/'))
        return sc_fail(err, code, "exec: \"%s\": executable file not found in $PATH", spec->file);
    return sc_fail(err, code, "fork/exec %s: %s", spec->file, reason(why.error));
}

static sc_code start(plan *p, sc_spawned *out, sc_error *err)
{
    failure why = {0};
    sigset_t all;
    int report[2];
    ssize_t got;

    if (pipe2(report, O_CLOEXEC) != 0)
        return sc_fail(err, SC_EXHAUSTED, "descriptors for %s: %s", p->spec->file, strerror(errno));
    p->report = report[1];
    p->parent = getpid();
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &p->before);
    out->pid = fork();
    if (out->pid == 0)
        become(p);
    why.error = errno;
    (void)sigprocmask(SIG_SETMASK, &p->before, NULL);
    (void)close(report[1]);
    if (out->pid < 0) {
        (void)close(report[0]);
        return describe(p->spec, why, err);
    }
    do
        got = read(report[0], &why, sizeof(why)); /* nothing: exec closed it */
    while (got < 0 && errno == EINTR);
    (void)close(report[0]);
    return got == (ssize_t)sizeof(why) ? describe(p->spec, why, err) : SC_OK;
}

sc_code sc_spawn(const sc_process_spec *spec, sc_spawned *out, sc_error *err)
{
    plan p = {.spec = spec, .from = {-1, -1, -1}, .terminal = -1};
    int opened[3] = {-1, -1, -1};
    sc_code code;

    *out = (sc_spawned){.pid = -1, .terminal = -1, .output = {-1, -1}};
    code = open_io(&p, out, opened, err);
    if (code == SC_OK)
        code = start(&p, out, err);
    for (int fd = 0; fd < 3; fd++)
        close_fd(&opened[fd]);
    close_fd(&p.terminal);
    if (code != SC_OK) {
        close_fd(&out->output[0]);
        close_fd(&out->output[1]);
    }
    return code;
}
