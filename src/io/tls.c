/* SPDX-License-Identifier: MIT
 *
 * TLS contexts: counted, and made by the module.
 */
#include "io/tls.h"

#include <stdlib.h>

#include "core/module.h"
#include "io/tls_internal.h"

sc_code sc_tls_context_new(const sc_tls_settings *settings, sc_tls_context **out, sc_error *err)
{
    const sc_tls_module_ops *ops = sc_module_load("tls", err);
    void *inner;

    if (!ops) {
        (void)sc_error_context(err, "TLS");
        return err->code;
    }
    inner = ops->context_new(settings, err);
    if (!inner)
        return err->code;
    *out = sc_new(sc_tls_context);
    **out =
        (sc_tls_context){.ops = ops, .inner = inner, .refs = 1, .is_server = settings->is_server};
    return SC_OK;
}

sc_tls_context *sc_tls_context_ref(sc_tls_context *context)
{
    if (context)
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
