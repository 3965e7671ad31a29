/* SPDX-License-Identifier: MIT
 *
 * Service invocation (HTTP API, section 8), any route of the sidecar, secrets, metadata and health.
 */
#include "client_internal.h"

#define HEALTH_PAUSE_MS 100u

static const pillion_options no_options;
static const pillion_invoke_options no_invoke_options;

/* ---- invocation ---- */

/* What would end the request line, or the line of a header. */
static bool is_clean_path(const char *path)
{
    for (const char *p = path; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '#')
            return false;
    return true;
}

static bool is_verb(const char *method)
{
    for (const char *p = method; *p; p++)
        if (!((*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') || *p == '-' || *p == '_'))
            return false;
    return method[0] != '\0';
}

static pillion_call *send_request(pillion_call *call, const char *method, sc_buf *path,
                                  pillion_str body, const pillion_invoke_options *set)
{
    const char *type = set->content_type ? set->content_type : "application/json";

    call_request(call, method, path, str_in(body));
    if (body.len > 0 || set->content_type)
        call_header(call, SC_STR("Content-Type"), sc_arena_str(&call->attempt, sc_str_from(type)));
    call_headers(call, set->headers, set->header_count);
    call_stream(call, set);
    call_send(call, 0);
    return call;
}

pillion_call *pillion_invoke(pillion_client *client, const char *app_id, const char *method,
                             const char *path, pillion_str body,
                             const pillion_invoke_options *options)
{
    const pillion_invoke_options *set = options ? options : &no_invoke_options;
    pillion_call *call = call_new(client, NULL, set->timeout_ms);
    sc_buf target = {0};

    if (!app_id || !app_id[0])
        return call_fail(call, PILLION_INVALID, "invocation needs the id of an application");
    if (!is_verb(method) || !is_clean_path(path))
        return call_fail(call, PILLION_INVALID, "'%s %s' is no method and path", method, path);
    sc_buf_add_str(&target, SC_STR("/v1.0/invoke/"));
    path_add(&target, sc_str_from(app_id));
    sc_buf_add_str(&target, SC_STR("/method/"));
    sc_buf_add_str(&target, sc_str_from(path[0] == '/' ? path + 1 : path));
    return send_request(call, method, &target, body, set);
}

pillion_call *pillion_api(pillion_client *client, const char *method, const char *path,
                          pillion_str body, const pillion_invoke_options *options)
{
    const pillion_invoke_options *set = options ? options : &no_invoke_options;
    pillion_call *call = call_new(client, NULL, set->timeout_ms);
    sc_buf target = {0};

    if (!is_verb(method) || path[0] != '/' || !is_clean_path(path))
        return call_fail(call, PILLION_INVALID, "'%s %s' is no method and path", method, path);
    sc_buf_add_str(&target, sc_str_from(path));
    return send_request(call, method, &target, body, set);
}

/* ---- the sidecar's own ---- */

/* A request with the options that every operation knows. */
static pillion_call *ask(pillion_call *call, const char *method, sc_buf *path, const char *body,
                         const pillion_options *set)
{
    path_add_metadata(path, set->metadata, set->metadata_count);
    call_request(call, method, path, sc_str_from(body));
    call_headers(call, set->headers, set->header_count);
    call_send(call, 0);
    return call;
}

static bool finish_object(pillion_call *call)
{
    if (call->err.code == PILLION_OK && call->err.status != 204 &&
        !sc_doc_is(json_doc(pillion_call_json(call)), SC_DOC_OBJECT))
        (void)error_set(&call->err, PILLION_INTERNAL, "the answer is no JSON object");
    return true;
}

pillion_call *pillion_secret_get(pillion_client *client, const char *store, const char *name,
                                 const pillion_options *options)
{
    const pillion_options *set = options ? options : &no_options;
    pillion_call *call = call_new(client, finish_object, set->timeout_ms);
    sc_buf path = {0};

    if (!store || !store[0] || !name || !name[0])
        return call_fail(call, PILLION_INVALID, "a secret needs a store and a name");
    sc_buf_add_str(&path, SC_STR("/v1.0/secrets/"));
    path_add(&path, sc_str_from(store));
    sc_buf_add_byte(&path, '/');
    path_add(&path, sc_str_from(name));
    return ask(call, "GET", &path, NULL, set);
}

pillion_call *pillion_secret_get_all(pillion_client *client, const char *store,
                                     const pillion_options *options)
{
    return pillion_secret_get(client, store, "bulk", options);
}

const char *pillion_secret_value(pillion_call *call, const char *key)
{
    const pillion_json *secret = pillion_call_json(call);
    const pillion_json *value = key ? pillion_json_get(secret, key) : pillion_json_first(secret);

    return pillion_call_code(call) == PILLION_OK ? pillion_json_string(value, NULL) : NULL;
}

pillion_call *pillion_metadata_get(pillion_client *client, const pillion_options *options)
{
    const pillion_options *set = options ? options : &no_options;
    sc_buf path = {0};

    sc_buf_add_str(&path, SC_STR("/v1.0/metadata"));
    return ask(call_new(client, finish_object, set->timeout_ms), "GET", &path, NULL, set);
}

pillion_call *pillion_metadata_set(pillion_client *client, const char *name, const char *value,
                                   const pillion_options *options)
{
    const pillion_options *set = options ? options : &no_options;
    pillion_call *call = call_new(client, NULL, set->timeout_ms);
    sc_buf path = {0};

    if (!name || !name[0])
        return call_fail(call, PILLION_INVALID, "metadata needs a name");
    sc_buf_add_str(&path, SC_STR("/v1.0/metadata/"));
    path_add(&path, sc_str_from(name));
    return ask(call, "PUT", &path, value, set);
}

/* ---- health ---- */

static void add_health_path(sc_buf *path, pillion_health_kind kind)
{
    sc_buf_add_str(path, kind == PILLION_HEALTH_FULL ? SC_STR("/v1.0/healthz")
                                                     : SC_STR("/v1.0/healthz/outbound"));
}

pillion_call *pillion_health(pillion_client *client, pillion_health_kind kind,
                             const pillion_options *options)
{
    const pillion_options *set = options ? options : &no_options;
    sc_buf path = {0};

    add_health_path(&path, kind);
    return ask(call_new(client, NULL, set->timeout_ms), "GET", &path, NULL, set);
}

/* Until it is healthy: what will not change by waiting ends it at once. */
static bool finish_health_wait(pillion_call *call)
{
    pillion_health_kind *kind = call->plan;
    pillion_code code = call->err.code;
    char reason[sizeof(call->err.text)];
    sc_buf path = {0};

    if (code == PILLION_OK || code == PILLION_UNAUTHENTICATED || code == PILLION_CANCELLED)
        return true;
    if (call_time_left_ms(call) > HEALTH_PAUSE_MS) {
        add_health_path(&path, *kind);
        call_request(call, "GET", &path, SC_STR_NONE);
        call_send(call, HEALTH_PAUSE_MS);
        return false;
    }
    memcpy(reason, call->err.text, sizeof(reason));
    (void)error_set(&call->err, PILLION_DEADLINE, "the sidecar is not healthy: %s", reason);
    return true;
}

pillion_call *pillion_health_wait(pillion_client *client, pillion_health_kind kind,
                                  uint32_t timeout_ms)
{
    pillion_call *call = call_new(client, finish_health_wait, timeout_ms);
    pillion_health_kind *plan = sc_arena_new(&call->mem, pillion_health_kind);
    sc_buf path = {0};

    *plan = kind;
    call->plan = plan;
    add_health_path(&path, kind);
    return ask(call, "GET", &path, NULL, &no_options);
}

pillion_call *pillion_shutdown(pillion_client *client)
{
    sc_buf path = {0};

    sc_buf_add_str(&path, SC_STR("/v1.0/shutdown"));
    return ask(call_new(client, NULL, 0), "POST", &path, NULL, &no_options);
}
