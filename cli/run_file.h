/* SPDX-License-Identifier: MIT
 *
 * `run --run-file`: the multi-app file, read into the settings of each application.
 */
#ifndef SC_CLI_RUN_FILE_H
#define SC_CLI_RUN_FILE_H

#include "cli/run_settings.h"

typedef struct cli_run_file {
    sc_str path; /* absolute; empty for standard input */
    sc_str name; /* of the file's own, may be empty */
    cli_run_settings *apps;
    uint32_t count;
} cli_run_file;

/* Reads `path`: a file, a folder with dapr.yaml, or "-" for standard input. Fails with SC_NOT_FOUND
 * or SC_INVALID, the latter with the place in the file. */
sc_code cli_run_file_read(cli *c, sc_str path, cli_run_file *out, sc_error *err) SC_MUST_CHECK;
/* Runs all of them in the foreground (run_many.c); returns the exit status. */
int cli_run_file_run(cli *c, const cli_run_file *file);

#endif
