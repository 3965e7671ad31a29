/* SPDX-License-Identifier: MIT
 *
 * `install`: copies this program, its modules, manual page and completions below a prefix. The
 * names of Dapr are added only when asked for, and never in place of another program.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/files.h"
#include "cli/man.h"
#include "cli/print.h"

typedef struct install_options {
    sc_str prefix;
    bool with_dapr_names;
} install_options;

static const cli_flag flags[] = {
    CLI_TEXT(install_options, prefix, .name = "prefix", .value = "DIR", .choices = "@dir",
             .help = "Where to: DIR/bin and so on (default: /usr/local for root, else ~/.local)"),
    CLI_SWITCH(install_options, with_dapr_names, .name = "with-dapr-names",
               .help = "Also install the names dapr and daprd, if they are not taken there"),
    CLI_FLAGS_END,
};

/* Through a new file beside it: a program that runs is not written into. */
static sc_code put_file(cli *c, sc_str path, sc_str text, mode_t mode, sc_error *err)
{
    sc_str fresh = sc_arena_fmt(&c->mem, "%.*s.new", SC_FMT(path));

    if (cli_folder_create(c, cli_path_parent(path), err) != SC_OK)
        return err->code;
    (void)unlink(fresh.at);
    if (cli_file_create(c, fresh, text, err) != SC_OK)
        return err->code;
    if (chmod(fresh.at, mode) == 0 && rename(fresh.at, sc_arena_str(&c->mem, path).at) == 0)
        return SC_OK;
    (void)sc_fail(err, SC_UNAVAILABLE, "write %.*s: %s", SC_FMT(path), cli_reason(errno));
    (void)unlink(fresh.at);
    return err->code;
}

static sc_code copy_file(cli *c, sc_str from, sc_str to, sc_error *err)
{
    sc_str text;

    if (cli_file_read(c, from, &text, err) != SC_OK)
        return err->code;
    return put_file(c, to, text, 0755, err);
}

/* ---- what belongs to the program ---- */

static sc_str own_path(cli *c)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

    return sc_arena_str(&c->mem, sc_str_of(path, len > 0 ? (size_t)len : 0));
}

static sc_code copy_modules_from(cli *c, const char *folder, sc_str prefix, sc_error *err)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    sc_code code = SC_OK;

    while (dir && code == SC_OK && (entry = readdir(dir)) != NULL) {
        sc_str name = sc_str_from(entry->d_name);

        if (sc_str_starts(name, SC_STR("pillion-")) && sc_str_ends(name, SC_STR(".so")))
            code = copy_file(c, sc_arena_fmt(&c->mem, "%s/%s", folder, name.at),
                             sc_arena_fmt(&c->mem, "%.*s/lib/pillion/%s", SC_FMT(prefix), name.at),
                             err);
    }
    if (dir)
        (void)closedir(dir);
    return code;
}

/* From where this program finds its modules (core/module.h). */
static sc_code copy_modules(cli *c, sc_str own, sc_str prefix, sc_error *err)
{
    sc_str bin = cli_path_parent(own);
    sc_str beside = sc_arena_fmt(&c->mem, "%.*s/modules", SC_FMT(bin));
    sc_str installed = sc_arena_fmt(&c->mem, "%.*s/../lib/pillion", SC_FMT(bin));

    return copy_modules_from(c, cli_folder_exists(beside) ? beside.at : installed.at, prefix, err);
}

static sc_code put_completion(cli *c, sc_str prefix, const char *shell, const char *name,
                              const char *file, sc_error *err)
{
    sc_str path = sc_arena_fmt(&c->mem, "%.*s/share/%s", SC_FMT(prefix), file);
    sc_buf script = {0};
    sc_code code = SC_INTERNAL;

    if (cli_completion_script(shell, name, &script))
        code = put_file(c, path, sc_buf_str(&script), 0644, err);
    sc_buf_deinit(&script);
    return code;
}

static sc_code put_completions(cli *c, sc_str prefix, const char *name, sc_error *err)
{
    sc_arena *mem = &c->mem;

    if (put_completion(c, prefix, "bash", name,
                       sc_arena_fmt(mem, "bash-completion/completions/%s", name).at,
                       err) != SC_OK ||
        put_completion(c, prefix, "zsh", name, sc_arena_fmt(mem, "zsh/site-functions/_%s", name).at,
                       err) != SC_OK)
        return err->code;
    return put_completion(c, prefix, "fish", name,
                          sc_arena_fmt(mem, "fish/vendor_completions.d/%s.fish", name).at, err);
}

static sc_code put_manual(cli *c, sc_str prefix, sc_error *err)
{
    sc_buf page = {0};
    sc_code code;

    cli_man_page(c, &page);
    code = put_file(c, sc_arena_fmt(&c->mem, "%.*s/share/man/man1/pillion.1", SC_FMT(prefix)),
                    sc_buf_str(&page), 0644, err);
    sc_buf_deinit(&page);
    return code;
}

/* ---- the names of Dapr ---- */

static bool is_ours(const char *link)
{
    char to[PATH_MAX];
    ssize_t len = readlink(link, to, sizeof(to) - 1);

    return len > 0 && sc_str_eq(sc_str_of(to, (size_t)len), SC_STR("pillion"));
}

static sc_code link_name(cli *c, sc_str prefix, const char *name, sc_error *err)
{
    const char *link = sc_arena_fmt(&c->mem, "%.*s/bin/%s", SC_FMT(prefix), name).at;

    int error;

    if (symlink("pillion", link) == 0)
        return SC_OK;
    error = errno;
    if (is_ours(link))
        return SC_OK;
    if (error == EEXIST)
        return sc_fail(
            err, SC_ALREADY_EXISTS,
            "%s is there and another program: move it away first, or install with another "
            "--prefix",
            link);
    return sc_fail(err, SC_UNAVAILABLE, "symlink %s: %s", link, cli_reason(error));
}

/* The first program of this name in the PATH; empty: none. */
static sc_str find_program(cli *c, const char *name)
{
    sc_str path = sc_str_from(getenv("PATH"));

    while (path.at) {
        sc_str folder = sc_str_cut(&path, ':');
        sc_str file = sc_arena_fmt(&c->mem, "%.*s/%s", SC_FMT(folder), name);

        if (access(file.at, X_OK) == 0)
            return file;
    }
    return SC_STR("");
}

/* The shell takes what it finds first. */
static void warn_about_path(cli *c, sc_str prefix, const char *name)
{
    sc_str wanted = sc_arena_fmt(&c->mem, "%.*s/bin/%s", SC_FMT(prefix), name);
    sc_str found = find_program(c, name);
    char real_wanted[PATH_MAX];
    char real_found[PATH_MAX];

    if (found.len == 0)
        cli_say(c, CLI_WARNING, "%.*s/bin is not in the PATH: add it to call '%s'", SC_FMT(prefix),
                name);
    else if (realpath(found.at, real_found) && realpath(wanted.at, real_wanted) &&
             strcmp(real_found, real_wanted) != 0)
        cli_say(c, CLI_WARNING, "'%s' still means %.*s, which stands first in the PATH", name,
                SC_FMT(found));
}

/* ---- the command ---- */

static sc_str default_prefix(cli *c)
{
    const char *home = getenv("HOME");

    if (geteuid() == 0 || !home)
        return SC_STR("/usr/local");
    return sc_arena_fmt(&c->mem, "%s/.local", home);
}

static sc_code install(cli *c, const install_options *o, sc_str prefix, sc_error *err)
{
    sc_str own = own_path(c);
    sc_str to = sc_arena_fmt(&c->mem, "%.*s/bin/pillion", SC_FMT(prefix));

    if (!sc_str_eq(own, to) && copy_file(c, own, to, err) != SC_OK)
        return err->code;
    if (copy_modules(c, own, prefix, err) != SC_OK || put_manual(c, prefix, err) != SC_OK ||
        put_completions(c, prefix, "pillion", err) != SC_OK)
        return err->code;
    if (!o->with_dapr_names)
        return SC_OK;
    if (link_name(c, prefix, "dapr", err) != SC_OK || link_name(c, prefix, "daprd", err) != SC_OK)
        return err->code;
    return put_completions(c, prefix, "dapr", err);
}

static int run_install(cli *c, void *self, const cli_args *args)
{
    const install_options *o = self;
    sc_str prefix = o->prefix.len ? cli_path_from(c, SC_STR(""), o->prefix) : default_prefix(c);
    sc_error err;

    (void)args;
    if (install(c, o, prefix, &err) != SC_OK)
        return cli_fail(c, "%s", err.text);
    cli_say(c, CLI_SUCCESS, "Installed %.*s/bin/pillion%s", SC_FMT(prefix),
            o->with_dapr_names ? ", dapr and daprd" : "");
    warn_about_path(c, prefix, "pillion");
    if (o->with_dapr_names)
        warn_about_path(c, prefix, "dapr");
    return 0;
}

const cli_command cli_install = {
    .name = "install",
    .summary = "Install this program below a prefix",
    .about =
        "Copies the program, its modules, the manual page and the completions. With "
        "--with-dapr-names the names 'dapr' and 'daprd' are links to it, so that scripts and tools "
        "for Dapr find it; a program that has one of these names there is left alone.",
    .examples = "dapr install --prefix ~/.local\n"
                "dapr install --prefix /usr/local --with-dapr-names\n",
    .flags = flags,
    .options_size = sizeof(install_options),
    .run = run_install,
};
