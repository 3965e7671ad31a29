/* SPDX-License-Identifier: MIT
 *
 * Whole files.
 */
#include "core/file.h"

#include <errno.h>
#include <stdio.h>

#define STEP 65536u

const char *sc_file_error_text(int error)
{
    switch (error) {
    case ENOENT:
        return "no such file or directory";
    case EACCES:
        return "permission denied";
    case EISDIR:
        return "is a directory";
    case ENOTDIR:
        return "not a directory";
    default:
        return strerror(error);
    }
}

sc_code sc_file_read(const char *path, size_t max_len, sc_buf *out, sc_error *err)
{
    FILE *file = fopen(path, "rb");
    size_t before = sc_buf_len(out);
    size_t len = 1;
    int failure = 0;

    if (!file)
        return sc_fail(err, SC_NOT_FOUND, "open %s: %s", path, sc_file_error_text(errno));
    while (len > 0 && sc_buf_len(out) - before <= max_len) {
        errno = 0;
        len = fread(sc_buf_room(out, STEP), 1, STEP, file);
        sc_buf_added(out, len);
        failure = len == 0 && ferror(file) ? errno : 0;
    }
    (void)fclose(file);
    if (failure)
        return sc_fail(err, SC_NOT_FOUND, "read %s: %s", path, sc_file_error_text(failure));
    if (sc_buf_len(out) - before > max_len)
        return sc_fail(err, SC_EXHAUSTED, "%s is longer than the limit of %zu bytes", path,
                       max_len);
    return SC_OK;
}

sc_str sc_file_folder(sc_str path)
{
    size_t len = path.len;

    while (len > 0 && path.at[len - 1] != '/')
        len--;
    return len > 0 ? sc_str_sub(path, 0, len) : SC_STR("./");
}
