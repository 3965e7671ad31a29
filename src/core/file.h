/* SPDX-License-Identifier: MIT
 *
 * Whole files into memory. Blocks: for start-up and command lines only. And what paths and errors
 * of files say.
 */
#ifndef SC_CORE_FILE_H
#define SC_CORE_FILE_H

#include "core/buf.h"
#include "core/error.h"

/* Appends the file to `out`. Fails with SC_NOT_FOUND ("open PATH: no such file or directory", and
 * likewise when it may not be read) or SC_EXHAUSTED when it is longer than `max_len` bytes. */
sc_code sc_file_read(const char *path, size_t max_len, sc_buf *out, sc_error *err) SC_MUST_CHECK;

/* strerror(3) as Go words it: "no such file or directory". For a fixed set of file errors; others
 * as the C library has them. */
const char *sc_file_error_text(int error);

/* Where the file at `path` lies, with the slash behind it; "./" when the path has none. */
sc_str sc_file_folder(sc_str path);

#endif
