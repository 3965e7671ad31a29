/* SPDX-License-Identifier: MIT
 *
 * nameresolution.local: the sidecars of one user on one machine, in a folder; the default in
 * self-hosted mode, and nothing but files.
 *
 * A running sidecar has a file there, FOLDER/NAMESPACE/APP~UNIQUE, whose first line is its address.
 * It holds a lock on the file as long as it lives: the kernel takes the lock away when the process
 * ends, however it ends, so a file without a lock is a dead sidecar's, and whoever sees it removes
 * it. A file gets its final name when it is written and locked, so it is never seen half done.
 *
 * The list of a namespace is read again when its folder's time has changed, which is looked at not
 * oftener than every CHECK_MS, or when a connection failed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "component/nameresolution.h"
#include "core/env.h"
#include "core/file.h"
#include "core/map.h"

#define CHECK_MS    50u
#define RACY_MS     20  /* a folder changed so lately may change again without showing it */
#define MAX_ADDRESS 300 /* longer first lines are not ours */

typedef struct local_conf {
    sc_str folder;
} local_conf;

/* Sidecars of one app id. */
typedef struct local_app {
    sc_str *addresses;
    uint32_t count;
    uint32_t cap;
} local_app;

/* What is known of one namespace. */
typedef struct local_namespace {
    sc_arena mem; /* of the list: gone with the next reading */
    sc_map apps;  /* of local_app */
    char *path;
    struct timespec changed; /* the folder's time when it was read */
    uint64_t checked_ms;     /* loop clock */
    bool is_read;
    bool is_doubtful; /* to be read again whatever its time says */
} local_namespace;

typedef struct local {
    const sc_component_env *env;
    char *folder;
    sc_map namespaces; /* of local_namespace */
    int fd;            /* of our own file, locked; -1: none */
    char *own;         /* its path */
    sc_op closing;
    void (*on_closed)(void *user);
    void *user;
} local;

static const sc_field fields[] = {
    SC_FIELD(local_conf, folder, STR, "folder",
             .help = "folder of the registry; by default in the user's runtime directory "
                     "(XDG_RUNTIME_DIR), else /tmp/pillion-UID"),
    SC_FIELD_END,
};

/* ---- folders ---- */

/* A folder that is ours alone. Fails when somebody else could write there. */
static sc_code make_folder(const char *path, sc_error *err)
{
    struct stat is;

    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return sc_fail(err, SC_UNAVAILABLE, "mkdir %s: %s", path, sc_file_error_text(errno));
    if (lstat(path, &is) != 0)
        return sc_fail(err, SC_UNAVAILABLE, "stat %s: %s", path, sc_file_error_text(errno));
    if (!S_ISDIR(is.st_mode) || is.st_uid != getuid() || (is.st_mode & (S_IWGRP | S_IWOTH)))
        return sc_fail(err, SC_PERMISSION_DENIED,
                       "%s must be a folder of this user that nobody else may write to; set "
                       "'folder' of the name resolver to another one",
                       path);
    return SC_OK;
}

static char *join(const char *folder, sc_str name)
{
    size_t len = strlen(folder) + name.len + 2;
    char *path = sc_alloc_zero(len);

    (void)snprintf(path, len, "%s/%.*s", folder, SC_FMT(name));
    return path;
}

/* Where the registry is: as set, else the user's runtime directory, else a folder in /tmp. */
static char *default_folder(void)
{
    sc_str runtime = sc_env_get("XDG_RUNTIME_DIR");
    char path[64];

    if (runtime.len > 0 && access(runtime.at, W_OK) == 0)
        return join(runtime.at, SC_STR("pillion"));
    (void)snprintf(path, sizeof(path), "/run/user/%u", (unsigned)getuid());
    if (access(path, W_OK) == 0)
        return join(path, SC_STR("pillion"));
    (void)snprintf(path, sizeof(path), "/tmp/pillion-%u", (unsigned)getuid());
    return sc_strdup(path);
}

/* App ids and namespaces as file names: anything but letters, digits, '-' and '_' as %XX. */
static sc_str file_name(sc_str text, sc_arena *mem)
{
    static const char hex[] = "0123456789ABCDEF";
    char *to = sc_arena_alloc(mem, text.len * 3 + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '_') {
            to[len++] = (char)c;
        } else {
            to[len++] = '%';
            to[len++] = hex[c >> 4];
            to[len++] = hex[c & 15];
        }
    }
    return sc_str_of(to, len);
}

static sc_code local_open(void *at, const void *conf, const sc_component_env *env, sc_error *err)
{
    const local_conf *set = conf;
    local *self = at;
    char *sidecars;

    self->env = env;
    self->fd = -1;
    sc_map_init(&self->namespaces);
    self->folder = set->folder.len > 0 ? sc_strdup(set->folder.at) : default_folder();
    if (make_folder(self->folder, err) != SC_OK) {
        free(self->folder);
        return err->code;
    }
    sidecars = join(self->folder, SC_STR("sidecars"));
    free(self->folder);
    self->folder = sidecars;
    if (make_folder(self->folder, err) != SC_OK) {
        free(self->folder);
        return err->code;
    }
    return SC_OK;
}

/* ---- announcing ---- */

static sc_code write_file(local *self, const char *draft, const sc_announcement *what,
                          sc_error *err)
{
    bool is_v6 = sc_str_find(what->host, ':') < what->host.len;

    self->fd = open(draft, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (self->fd < 0)
        return sc_fail(err, SC_UNAVAILABLE, "open %s: %s", draft, sc_file_error_text(errno));
    if (flock(self->fd, LOCK_EX | LOCK_NB) != 0)
        return sc_fail(err, SC_UNAVAILABLE, "lock %s: %s", draft, sc_file_error_text(errno));
    if (dprintf(self->fd,
                is_v6 ? "[%.*s]:%u\napp-id %.*s\nnamespace %.*s\npid %ld\n"
                      : "%.*s:%u\napp-id %.*s\nnamespace %.*s\npid %ld\n",
                SC_FMT(what->host), what->port, SC_FMT(what->app_id), SC_FMT(what->namespace_),
                (long)getpid()) < 0)
        return sc_fail(err, SC_UNAVAILABLE, "write %s: %s", draft, sc_file_error_text(errno));
    return SC_OK;
}

static sc_code local_announce(void *at, const sc_announcement *what, sc_error *err)
{
    local *self = at;
    sc_arena mem;
    char *folder;
    char *draft;
    sc_code code;

    sc_arena_init(&mem, NULL);
    folder = join(self->folder, file_name(what->namespace_, &mem));
    draft =
        join(folder, sc_arena_fmt(&mem, ".%.*s", SC_FMT(file_name(self->env->instance_id, &mem))));
    self->own = join(folder, sc_arena_fmt(&mem, "%.*s~%.*s", SC_FMT(file_name(what->app_id, &mem)),
                                          SC_FMT(file_name(self->env->instance_id, &mem))));
    code = make_folder(folder, err);
    if (code == SC_OK)
        code = write_file(self, draft, what, err);
    if (code == SC_OK && rename(draft, self->own) != 0)
        code = sc_fail(err, SC_UNAVAILABLE, "rename %s: %s", draft, sc_file_error_text(errno));
    if (code != SC_OK) {
        (void)unlink(draft);
        free(self->own);
        self->own = NULL;
    }
    free(folder);
    free(draft);
    sc_arena_deinit(&mem);
    return code;
}

static void local_withdraw(void *at)
{
    local *self = at;

    if (self->own)
        (void)unlink(self->own);
    free(self->own);
    self->own = NULL;
    if (self->fd >= 0)
        (void)close(self->fd);
    self->fd = -1;
}

/* ---- reading a namespace ---- */

static void add_address(local_namespace *ns, sc_str app, sc_str address)
{
    local_app *found = sc_map_get(&ns->apps, app);

    if (!found) {
        found = sc_arena_new(&ns->mem, local_app);
        (void)sc_map_put(&ns->apps, app, found);
    }
    if (found->count == found->cap) {
        uint32_t cap = found->cap ? found->cap * 2 : 4;
        sc_str *grown = sc_arena_alloc(&ns->mem, cap * sizeof(grown[0]));

        if (found->count > 0)
            memcpy(grown, found->addresses, found->count * sizeof(grown[0]));
        found->addresses = grown;
        found->cap = cap;
    }
    found->addresses[found->count++] = sc_arena_str(&ns->mem, address);
}

/* The address in a living sidecar's file; a dead one's file is removed. */
static void read_entry(local_namespace *ns, const char *name)
{
    char *path = join(ns->path, sc_str_from(name));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char text[MAX_ADDRESS];
    ssize_t len;
    sc_str rest = sc_str_from(name);

    if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == 0) {
        (void)unlink(path);
    } else if (fd >= 0 && (len = read(fd, text, sizeof(text))) > 0) {
        sc_str line = sc_str_of(text, (size_t)len);
        size_t end = sc_str_find(line, '\n');

        if (end < line.len)
            add_address(ns, sc_str_cut(&rest, '~'), sc_str_sub(line, 0, end));
    }
    if (fd >= 0)
        (void)close(fd);
    free(path);
}

static void forget_list(local_namespace *ns)
{
    sc_map_deinit(&ns->apps);
    sc_map_init(&ns->apps);
    sc_arena_deinit(&ns->mem);
}

static void read_list(local_namespace *ns)
{
    DIR *folder = opendir(ns->path);
    struct dirent *entry;

    forget_list(ns);
    ns->is_read = folder != NULL;
    ns->is_doubtful = false;
    while (folder && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.')
            read_entry(ns, entry->d_name);
    }
    if (folder)
        (void)closedir(folder);
}

/* True when the folder is as it was when it was read, as far as its time can tell. */
static bool is_unchanged(const local_namespace *ns, const struct stat *now)
{
    struct timespec wall;

    if (!ns->is_read || ns->is_doubtful || now->st_mtim.tv_sec != ns->changed.tv_sec ||
        now->st_mtim.tv_nsec != ns->changed.tv_nsec)
        return false;
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    return (wall.tv_sec - ns->changed.tv_sec) * 1000 +
               (wall.tv_nsec - ns->changed.tv_nsec) / 1000000 >
           RACY_MS;
}

static void refresh(local *self, local_namespace *ns)
{
    struct stat now;

    ns->checked_ms = sc_loop_now_ms(self->env->loop);
    if (stat(ns->path, &now) != 0) {
        forget_list(ns);
        ns->is_read = false;
        return;
    }
    if (is_unchanged(ns, &now))
        return;
    ns->changed = now.st_mtim;
    read_list(ns);
}

/* ---- resolving ---- */

static local_namespace *namespace_of(local *self, sc_str name)
{
    local_namespace *ns = sc_map_get(&self->namespaces, name);
    sc_arena mem;

    if (ns)
        return ns;
    ns = sc_new(local_namespace);
    sc_arena_init(&ns->mem, NULL);
    sc_map_init(&ns->apps);
    sc_arena_init(&mem, NULL);
    ns->path = join(self->folder, file_name(name, &mem));
    ns->is_doubtful = true;
    sc_arena_deinit(&mem);
    (void)sc_map_put(&self->namespaces, name, ns);
    return ns;
}

static bool is_plain_name(sc_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_'))
            return false;
    }
    return true;
}

static const local_app *find(local_namespace *ns, sc_resolve_op *op)
{
    return sc_map_get(&ns->apps,
                      is_plain_name(op->app_id) ? op->app_id : file_name(op->app_id, op->op.mem));
}

static sc_code local_resolve(void *at, sc_resolve_op *op)
{
    local *self = at;
    local_namespace *ns = namespace_of(self, op->namespace_);
    bool is_fresh = ns->is_read && !ns->is_doubtful &&
                    sc_loop_now_ms(self->env->loop) < ns->checked_ms + CHECK_MS;
    const local_app *app;

    if (!is_fresh)
        refresh(self, ns);
    app = find(ns, op);
    if (!app && is_fresh) {
        refresh(self, ns);
        app = find(ns, op);
    }
    if (!app)
        return sc_fail(&op->op.err, SC_NOT_FOUND, "couldn't find service: %.*s",
                       SC_FMT(op->app_id));
    op->addresses = app->addresses;
    op->count = app->count;
    return SC_OK;
}

/* Which namespace it was of does not matter: reading a few files again is cheap. */
static void local_doubt(void *at, sc_str address)
{
    local *self = at;
    size_t walk = 0;
    void *value;
    sc_str key;

    (void)address;
    while (sc_map_next(&self->namespaces, &walk, &key, &value))
        ((local_namespace *)value)->is_doubtful = true;
}

/* ---- the end ---- */

static void on_close_done(sc_op *op)
{
    local *self = SC_CONTAINER_OF(op, local, closing);

    self->on_closed(self->user);
}

static void local_close(void *at, uint64_t linger_ms, void (*on_closed)(void *user), void *user)
{
    local *self = at;
    size_t walk = 0;
    void *value;
    sc_str key;

    (void)linger_ms;
    local_withdraw(self);
    while (sc_map_next(&self->namespaces, &walk, &key, &value)) {
        local_namespace *ns = value;

        forget_list(ns);
        free(ns->path);
        free(ns);
    }
    sc_map_deinit(&self->namespaces);
    free(self->folder);
    self->on_closed = on_closed;
    self->user = user;
    sc_op_init(&self->closing, sc_loop_ops(self->env->loop), NULL, on_close_done);
    sc_op_finish(&self->closing);
}

static const sc_nameresolution_ops ops = {
    .open = local_open,
    .announce = local_announce,
    .withdraw = local_withdraw,
    .resolve = local_resolve,
    .doubt = local_doubt,
    .close = local_close,
};

const sc_component sc_nameresolution_local = {
    .type = "nameresolution.local",
    .version = "v1",
    .title = "Sidecars of this machine",
    .fields = fields,
    .conf_size = sizeof(local_conf),
    .self_size = sizeof(local),
    .nameresolution = &ops,
};
