/* SPDX-License-Identifier: MIT
 *
 * The one binary: picks a command by its first word, or by the name it was called by.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "sidecar/runtime.h"

static int usage(void)
{
    (void)fprintf(stderr, "usage: pillion sidecar [daprd's flags]\n"
                          "       pillion --version\n"
                          "The other commands are not implemented yet.\n");
    return 2;
}

int main(int count, char **args)
{
    const char *name = strrchr(args[0], '/');

    name = name ? name + 1 : args[0];
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error of the write */
    if (strcmp(name, "daprd") == 0)
        return sc_sidecar_main(count - 1, args + 1);
    if (count > 1 && strcmp(args[1], "sidecar") == 0)
        return sc_sidecar_main(count - 2, args + 2);
    if (count > 1 && args[1][0] == '-') /* flags alone: daprd's */
        return sc_sidecar_main(count - 1, args + 1);
    return usage();
}
