/* SPDX-License-Identifier: MIT
 *
 * Files and folders; failures are worded as Go words them.
 */
#include "cli/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

const char *cli_reason(int error)
{
    switch (error) {
    case ENOENT:
        return "no such file or directory";
    case EACCES:
        return "permission denied";
    case ENOTDIR:
        return "not a directory";
    case EISDIR:
        return "is a directory";
    case EEXIST:
        return "file exists";
    case EROFS:
        return "read-only file system";
    case ENOSPC:
        return "no space left on device";
    default:
        return strerror(error);
    }
}

static const char *name(cli *c, sc_str path)
{
    return sc_arena_str(&c->mem, path).at;
}

static bool get_status(sc_str path, struct stat *is)
{
    char text[PATH_MAX];

    if (path.len >= sizeof(text))
        return false;
    (void)snprintf(text, sizeof(text), "%.*s", SC_FMT(path));
    return stat(text, is) == 0;
}

bool cli_file_exists(sc_str path)
{
    struct stat is;

    return get_status(path, &is);
}

bool cli_folder_exists(sc_str path)
{
    struct stat is;

    return get_status(path, &is) && S_ISDIR(is.st_mode);
}

sc_code cli_file_read(cli *c, sc_str path, sc_str *out, sc_error *err)
{
    bool is_input = sc_str_eq(path, SC_STR("-"));
    int fd = is_input ? STDIN_FILENO : open(name(c, path), O_RDONLY | O_CLOEXEC);
    sc_buf text = {0};
    ssize_t len = -1;

    if (fd < 0)
        return sc_fail(err, SC_NOT_FOUND, "open %.*s: %s", SC_FMT(path), cli_reason(errno));
    while (sc_buf_len(&text) <= CLI_MAX_FILE_LEN &&
           (len = read(fd, sc_buf_room(&text, 65536), 65536)) > 0)
        sc_buf_added(&text, (size_t)len);
    if (len == 0)
        *out = sc_arena_str(&c->mem, sc_buf_str(&text));
    else if (len < 0)
        (void)sc_fail(err, SC_UNAVAILABLE, "read %.*s: %s", SC_FMT(path), cli_reason(errno));
    else
        (void)sc_fail(err, SC_EXHAUSTED, "%.*s is larger than %u bytes", SC_FMT(path),
                      CLI_MAX_FILE_LEN);
    if (!is_input)
        (void)close(fd);
    sc_buf_deinit(&text);
    return len == 0 ? SC_OK : err->code;
}

sc_code cli_file_create(cli *c, sc_str path, sc_str text, sc_error *err)
{
    const char *file = name(c, path);
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    bool is_written;

    if (fd < 0)
        return sc_fail(err, errno == EEXIST ? SC_ALREADY_EXISTS : SC_UNAVAILABLE, "open %s: %s",
                       file, cli_reason(errno));
    is_written = write(fd, text.at, text.len) == (ssize_t)text.len;
    if (close(fd) == 0 && is_written)
        return SC_OK;
    (void)sc_fail(err, SC_UNAVAILABLE, "write %s: %s", file, cli_reason(errno));
    (void)unlink(file);
    return err->code;
}

sc_code cli_folder_create(cli *c, sc_str path, sc_error *err)
{
    for (size_t i = 1; i <= path.len; i++) {
        const char *part;

        if (i < path.len && path.at[i] != '/')
            continue;
        part = name(c, sc_str_sub(path, 0, i));
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return sc_fail(err, SC_UNAVAILABLE, "mkdir %s: %s", part, cli_reason(errno));
    }
    if (!cli_folder_exists(path))
        return sc_fail(err, SC_UNAVAILABLE, "mkdir %.*s: not a directory", SC_FMT(path));
    return SC_OK;
}

static int remove_one(const char *path, const struct stat *is, int kind, struct FTW *where)
{
    (void)is;
    (void)kind;
    (void)where;
    return remove(path);
}

sc_code cli_folder_remove(cli *c, sc_str path, sc_error *err)
{
    if (nftw(name(c, path), remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0)
        return SC_OK;
    return sc_fail(err, SC_UNAVAILABLE, "remove %.*s: %s", SC_FMT(path), cli_reason(errno));
}

sc_str cli_path_from(cli *c, sc_str folder, sc_str path)
{
    const char *home = getenv("HOME");
    char here[PATH_MAX] = "/";

    if (sc_str_starts(path, SC_STR("/")))
        return path;
    if (home && (sc_str_eq(path, SC_STR("~")) || sc_str_starts(path, SC_STR("~/"))))
        return sc_arena_fmt(&c->mem, "%s%.*s", home, SC_FMT(sc_str_sub(path, 1, path.len)));
    if (folder.len == 0 && getcwd(here, sizeof(here)))
        folder = sc_str_from(here);
    while (sc_str_starts(path, SC_STR("./")))
        path = sc_str_sub(path, 2, path.len);
    if (path.len == 0 || sc_str_eq(path, SC_STR(".")))
        return sc_arena_str(&c->mem, folder);
    return sc_arena_fmt(&c->mem, "%.*s/%.*s", SC_FMT(folder), SC_FMT(path));
}

static size_t last_slash(sc_str path)
{
    size_t at = path.len;

    while (at > 0 && path.at[at - 1] != '/')
        at--;
    return at; /* one past it; 0: none */
}

sc_str cli_path_parent(sc_str path)
{
    size_t at = last_slash(path);

    if (at == 0)
        return SC_STR(".");
    return sc_str_sub(path, 0, at > 1 ? at - 1 : 1);
}

sc_str cli_path_base(sc_str path)
{
    while (path.len > 1 && sc_str_ends(path, SC_STR("/")))
        path = sc_str_sub(path, 0, path.len - 1);
    return sc_str_sub(path, last_slash(path), path.len);
}

static int by_name(const void *a, const void *b)
{
    return sc_str_cmp(*(const sc_str *)a, *(const sc_str *)b);
}

static bool has_yaml_ending(sc_str file)
{
    return (file.len > 5 &&
            sc_str_eq_nocase(sc_str_sub(file, file.len - 5, file.len), SC_STR(".yaml"))) ||
           (file.len > 4 &&
            sc_str_eq_nocase(sc_str_sub(file, file.len - 4, file.len), SC_STR(".yml")));
}

sc_code cli_folder_list_yaml(cli *c, sc_str folder, cli_texts *names, sc_error *err)
{
    DIR *dir = opendir(name(c, folder));
    struct dirent *entry;
    uint32_t cap = 0;

    *names = (cli_texts){0};
    if (!dir)
        return sc_fail(err, SC_NOT_FOUND, "stat %.*s: %s", SC_FMT(folder), cli_reason(errno));
    while ((entry = readdir(dir)) != NULL) {
        sc_str file = sc_str_from(entry->d_name);

        if (!has_yaml_ending(file) || file.at[0] == '.' ||
            cli_folder_exists(sc_arena_fmt(&c->mem, "%.*s/%s", SC_FMT(folder), file.at)))
            continue;
        if (names->count == cap) {
            sc_str *grown = sc_arena_alloc(&c->mem, (cap * 2 + 16) * sizeof(sc_str));

            if (names->count > 0)
                memcpy(grown, names->at, names->count * sizeof(sc_str));
            names->at = grown;
            cap = cap * 2 + 16;
        }
        names->at[names->count++] = sc_arena_str(&c->mem, file);
    }
    (void)closedir(dir);
    if (names->count > 0)
        qsort(names->at, names->count, sizeof(sc_str), by_name);
    return SC_OK;
}
