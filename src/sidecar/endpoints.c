/* SPDX-License-Identifier: MIT
 *
 * The HTTPEndpoint resources: their references followed, their TLS set up, and who calls them.
 */
#include "sidecar/runtime_internal.h"
#include "sidecar/values.h"

#define SECRET_TIMEOUT_MS 5000u

/* The values of one list, references followed. Fails with SC_NOT_FOUND when they need a secret
 * store that is not there. */
static sc_code read_values(sc_runtime *rt, const sc_endpoint_spec *spec, const sc_value_list *list,
                           sc_arena *mem, sc_pairs *values, sc_error *err)
{
    sc_value_source source = {.loop = rt->loop,
                              .stores = rt->secretstores,
                              .log = &rt->processor,
                              .secrets = &rt->secret_log,
                              .kind = "HTTPEndpoint",
                              .owner = spec->name,
                              .namespace_ = spec->namespace_,
                              .timeout_ms = SECRET_TIMEOUT_MS};
    sc_pairs hidden = {0};

    if (sc_values_need_secrets(list) && !sc_secretstores_has(rt->secretstores, list->secret_store))
        return sc_fail(err, SC_NOT_FOUND,
                       "it has a secretKeyRef, and its auth.secretStore '%.*s' names no secret "
                       "store that is loaded",
                       SC_FMT(list->secret_store));
    sc_values_resolve(list, &source, mem, values, &hidden);
    return SC_OK;
}

static sc_str value_of(const sc_pairs *values, const char *name)
{
    const sc_str *value = sc_pairs_get(values, sc_str_from(name));

    return value ? *value : SC_STR_NONE;
}

static sc_code open_tls(sc_runtime *rt, const sc_endpoint_spec *spec, sc_arena *mem,
                        sc_tls_context **out, sc_error *err)
{
    sc_tls_settings tls = {.ca_name = "spec.clientTLS.rootCA",
                           .cert_name = "spec.clientTLS.certificate",
                           .key_name = "spec.clientTLS.privateKey"};
    sc_pairs values = {0};

    if (!sc_str_starts(spec->base_url, SC_STR("https://")))
        return SC_OK;
    if (spec->renegotiation.len > 0 && !sc_str_eq(spec->renegotiation, SC_STR("Never")))
        sc_log_warn(&rt->log,
                    "HTTPEndpoint %.*s at %.*s: spec.clientTLS.renegotiation '%.*s' has no effect, "
                    "this sidecar never renegotiates",
                    SC_FMT(spec->name), SC_FMT(spec->place), SC_FMT(spec->renegotiation));
    if (read_values(rt, spec, &spec->tls, mem, &values, err) != SC_OK)
        return err->code;
    tls.ca_pem = value_of(&values, "rootCA");
    tls.cert_pem = value_of(&values, "certificate");
    tls.key_pem = value_of(&values, "privateKey");
    return sc_tls_context_new(&tls, out, err);
}

static sc_code open_one(sc_runtime *rt, const sc_endpoint_spec *spec, sc_arena *mem, sc_error *err)
{
    sc_pairs headers = {0};
    sc_endpoint one = {.name = spec->name, .base_url = spec->base_url, .headers = &headers};
    sc_code code = read_values(rt, spec, &spec->headers, mem, &headers, err);

    if (code == SC_OK)
        code = open_tls(rt, spec, mem, &one.tls, err);
    if (code == SC_OK)
        code = sc_endpoints_add(rt->endpoints, &one, err);
    sc_tls_context_unref(one.tls); /* the endpoint counts its own */
    return code;
}

void sc_runtime_open_endpoints(sc_runtime *rt)
{
    uint32_t count = rt->resources.endpoint_count;
    sc_str *names = sc_arena_zero(&rt->mem, (count + 1) * sizeof(sc_str));
    int64_t max = rt->options.app_max_concurrency;
    sc_endpoints_settings settings = {.loop = rt->loop,
                                      .log = &rt->log,
                                      .random = &rt->random,
                                      .stats = rt->observe.http_client,
                                      .url_token = rt->options.app_api_token,
                                      .max_concurrency = max > 0 ? (uint32_t)max : 0};

    rt->endpoints = sc_endpoints_new(&settings);
    sc_log_info(&rt->log, "Loading endpoints…");
    for (uint32_t i = 0; i < count; i++) {
        const sc_endpoint_spec *one = &rt->resources.endpoints[i];
        sc_arena mem;
        sc_error err;

        names[i] = one->name;
        sc_log_info(&rt->log, "Found http endpoint: %.*s", SC_FMT(one->name));
        sc_arena_init(&mem, NULL);
        if (open_one(rt, one, &mem, &err) != SC_OK)
            sc_log_error(&rt->log, "HTTPEndpoint %.*s at %.*s cannot be invoked: %s",
                         SC_FMT(one->name), SC_FMT(one->place), err.text);
        sc_arena_deinit(&mem);
    }
    rt->metadata.http_endpoints = names;
    rt->metadata.http_endpoint_count = count;
    sc_log_info(&rt->log, "Waiting for all outstanding http endpoints to be processed…");
    sc_log_info(&rt->log, "All outstanding http endpoints processed");
}
