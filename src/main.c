/* SPDX-License-Identifier: MIT
 *
 * The one binary: the command line, or the sidecar when it is called daprd. The only place that
 * sees both.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "component/component.h"
#include "sidecar/runtime.h"

/* Tools find running sidecars by the name of the process. */
static int run_sidecar(int count, char **args)
{
    (void)prctl(PR_SET_NAME, "daprd");
    return sc_sidecar_main(count, args);
}

static bool has_component(sc_str type, sc_str version)
{
    return sc_component_find(sc_components, type, version) != NULL;
}

/* Before there were commands, daprd's flags were all that `pillion` took. */
static bool is_flag_of_sidecar(const char *arg)
{
    return strncmp(arg, "--app-id", 8) == 0 || strncmp(arg, "-app-id", 7) == 0;
}

/* Whoever closed one of the first three descriptors must not get our sockets in its place. */
static void open_first_three(void)
{
    int fd = open("/dev/null", O_RDWR);

    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = dup(fd);
    if (fd >= 0)
        (void)close(fd);
}

int main(int count, char **args)
{
    static const cli_host host = {.sidecar = run_sidecar, .has_component = has_component};
    char *name = strrchr(args[0], '/');

    name = name ? name + 1 : args[0];
    args[0] = name;
    open_first_three();
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error of the write */
    if (strcmp(name, "daprd") == 0 || (count > 1 && is_flag_of_sidecar(args[1])))
        return run_sidecar(count - 1, args + 1);
    return cli_main(count, args, &host);
}
