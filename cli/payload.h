/* SPDX-License-Identifier: MIT
 *
 * The flags --data and --data-file of `publish` and `invoke`.
 */
#ifndef SC_CLI_PAYLOAD_H
#define SC_CLI_PAYLOAD_H

#include "cli/command.h"

/* The bytes to send, from one of both (neither: none). False after a failure line. */
bool cli_payload(cli *c, const char *command, sc_str data, bool has_data, sc_str file,
                 sc_str *out) SC_MUST_CHECK;
/* What a sidecar answered in JSON as errorCode and message, " (ERR_X: text)", or nothing. */
sc_str cli_problem_text(cli *c, sc_str answer);

#endif
