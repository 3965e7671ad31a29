/* SPDX-License-Identifier: MIT
 *
 * Small helpers over the file system.
 */
#ifndef SC_CLI_FILES_H
#define SC_CLI_FILES_H

#include "cli/command.h"
#include "core/buf.h"

#define CLI_MAX_FILE_LEN (64u * 1024u * 1024u)

bool cli_file_exists(sc_str path); /* anything of this name */
bool cli_folder_exists(sc_str path);
/* The whole file ("-": standard input), in c->mem. Fails with SC_NOT_FOUND or SC_EXHAUSTED (past
 * CLI_MAX_FILE_LEN), worded as Go: "open x: no such file or directory". */
sc_code cli_file_read(cli *c, sc_str path, sc_str *out, sc_error *err) SC_MUST_CHECK;
/* Writes a file that must not be there yet: SC_ALREADY_EXISTS when it is. */
sc_code cli_file_create(cli *c, sc_str path, sc_str text, sc_error *err) SC_MUST_CHECK;
/* The folder and those above it. */
sc_code cli_folder_create(cli *c, sc_str path, sc_error *err) SC_MUST_CHECK;
/* The folder with everything in it. */
sc_code cli_folder_remove(cli *c, sc_str path, sc_error *err) SC_MUST_CHECK;
/* `path` from the root of the file system, "~/" at its start as the home folder; relative ones are
 * taken from `folder` (empty: where the program was started). */
sc_str cli_path_from(cli *c, sc_str folder, sc_str path);
sc_str cli_path_parent(sc_str path); /* "." when there is none */
sc_str cli_path_base(sc_str path);
/* "no such file or directory": an errno as Go prints it. */
const char *cli_reason(int error);
/* The sorted names of a folder's files that end in .yaml or .yml. */
sc_code cli_folder_list_yaml(cli *c, sc_str folder, cli_texts *names, sc_error *err) SC_MUST_CHECK;

#endif
