/* SPDX-License-Identifier: MIT
 *
 * The sidecar as a whole: builds everything up, runs it, tears it down in reverse.
 */
#ifndef SC_SIDECAR_RUNTIME_H
#define SC_SIDECAR_RUNTIME_H

/* `pillion sidecar` and `daprd`: the arguments behind the command's name. Returns the exit code of
 * daprd: 0 after a graceful stop, 1 after a fatal error, 2 for a wrong command line. */
int sc_sidecar_main(int count, char **args);

#endif
