/* SPDX-License-Identifier: MIT
 *
 * Finds modules relative to the binary that runs, or to the library that this is part of.
 */
#include "core/module.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The file that this code came from: true for a shared library, false for the binary that runs.
 * Links are followed; empty when the system does not tell. */
static bool find_own_file(char out[PATH_MAX])
{
    struct link_map *map = NULL;
    Dl_info info;
    ssize_t len;

    if (dladdr1((void *)(uintptr_t)sc_module_load, &info, (void **)&map, RTLD_DL_LINKMAP) && map &&
        map->l_name[0] != '\0' && realpath(map->l_name, out))
        return true;
    len = readlink("/proc/self/exe", out, PATH_MAX - 1);
    out[len > 0 ? len : 0] = '\0';
    return false;
}

/* False when there is no such file; then others may be tried. */
static bool open_at(const char *path, void **handle, sc_error *err)
{
    if (access(path, F_OK) != 0)
        return false;
    *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!*handle)
        (void)sc_fail(err, SC_UNAVAILABLE, "module %s cannot be loaded: %s", path, dlerror());
    return true;
}

static const void *table_of(void *handle, const char *path, sc_error *err)
{
    const sc_module *module = dlsym(handle, "pillion_module");

    if (!module || strcmp(module->version, PILLION_VERSION) != 0) {
        (void)sc_fail(err, SC_FAILED_PRECONDITION,
                      "module %s is of version %s, this program of " PILLION_VERSION
                      ": install both from one build",
                      path, module ? module->version : "unknown");
        return NULL;
    }
    return module->table;
}

const void *sc_module_load(const char *name, sc_error *err)
{
    const char *named = getenv("PILLION_MODULES");
    char own[PATH_MAX];
    char paths[2][PATH_MAX + 64];
    size_t count = 1;

    if (named && named[0]) {
        (void)snprintf(paths[0], sizeof(paths[0]), "%s/pillion-%s.so", named, name);
    } else {
        bool is_library = find_own_file(own);
        char *slash = strrchr(own, '/');

        if (slash)
            *slash = '\0';
        (void)snprintf(paths[0], sizeof(paths[0]), "%s/%s/pillion-%s.so", own,
                       is_library ? "pillion" : "modules", name);
        (void)snprintf(paths[1], sizeof(paths[1]), "%s/../%s/pillion-%s.so", own,
                       is_library ? "modules" : "lib/pillion", name);
        count = 2;
    }
    for (size_t i = 0; i < count; i++) {
        void *handle = NULL;

        if (open_at(paths[i], &handle, err))
            return handle ? table_of(handle, paths[i], err) : NULL;
    }
    (void)sc_fail(err, SC_UNAVAILABLE,
                  "module pillion-%s.so is not there (%s%s%s); install it, or set PILLION_MODULES "
                  "to its folder",
                  name, paths[0], count > 1 ? ", " : "", count > 1 ? paths[1] : "");
    return NULL;
}
