/* SPDX-License-Identifier: MIT
 *
 * Finds and loads the TLS module when the first context is made. The module stays loaded.
 */
#include "io/tls.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/tls_internal.h"

#define MODULE_FILE "pillion-tls.so"

static const sc_tls_module_ops *open_at(const char *folder, const char *below, char *tried,
                                        size_t max)
{
    void *module;

    (void)snprintf(tried, max, "%s%s/" MODULE_FILE, folder, below);
    module = dlopen(tried, RTLD_NOW | RTLD_LOCAL);
    return module ? dlsym(module, "sc_tls_module") : NULL;
}

static const sc_tls_module_ops *load(char *tried, size_t max)
{
    const char *named = getenv("PILLION_MODULES");
    const sc_tls_module_ops *ops;
    char exe[PATH_MAX];
    ssize_t len;
    char *slash;

    if (named && named[0])
        return open_at(named, "", tried, max);
    len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    if (len <= 0)
        return NULL;
    exe[len] = '\0';
    slash = strrchr(exe, '/');
    if (slash)
        *slash = '\0';
    ops = open_at(exe, "/modules", tried, max);
    return ops ? ops : open_at(exe, "/../lib/pillion", tried, max);
}

sc_code sc_tls_context_new(const sc_tls_settings *settings, sc_tls_context **out, sc_error *err)
{
    char tried[PATH_MAX + 64] = MODULE_FILE;
    char why[256] = "";
    const sc_tls_module_ops *ops = load(tried, sizeof(tried));
    void *inner;

    if (!ops)
        return sc_fail(err, SC_UNAVAILABLE,
                       "TLS needs the module " MODULE_FILE
                       ", which is not at %.300s; set PILLION_MODULES "
                       "to its folder",
                       tried);
    inner = ops->context_new(settings, why, sizeof(why));
    if (!inner)
        return sc_fail(err, SC_INVALID, "%s", why);
    *out = sc_new(sc_tls_context);
    **out =
        (sc_tls_context){.ops = ops, .inner = inner, .refs = 1, .is_server = settings->is_server};
    return SC_OK;
}

sc_tls_context *sc_tls_context_ref(sc_tls_context *context)
{
    context->refs++;
    return context;
}

void sc_tls_context_unref(sc_tls_context *context)
{
    if (!context || --context->refs > 0)
        return;
    context->ops->context_free(context->inner);
    free(context);
}
