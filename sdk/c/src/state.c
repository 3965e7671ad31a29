/* SPDX-License-Identifier: MIT
 *
 * State (HTTP API, section 7.1). Every read leaves state_values in call->result.
 */
#include "state.h"

#include "wire/json.h"

static const pillion_state_options no_state_options;
static const pillion_options no_options;

static const char *const concurrency_names[] = {"", "first-write", "last-write"};
static const char *const consistency_names[] = {"", "strong", "eventual"};

/* ---- requests ---- */

void state_path(sc_buf *path, const char *version, const char *store, const char *rest)
{
    sc_buf_add_fmt(path, "/%s/state/", version);
    path_add(path, sc_str_from(store));
    sc_buf_add_str(path, sc_str_from(rest));
}

void state_request(pillion_call *call, const char *method, sc_buf *path, sc_str body,
                   const pillion_pair *headers, size_t header_count)
{
    call_request(call, method, path, body);
    if (body.len > 0)
        call_header(call, SC_STR("Content-Type"), SC_STR("application/json"));
    call_headers(call, headers, header_count);
}

bool state_is_named(const char *text)
{
    return text && text[0];
}

pillion_call *state_refuse_names(pillion_call *call)
{
    return call_fail(call, PILLION_INVALID, "state needs a store and a key");
}

/* ---- reading ---- */

state_values *state_new_values(pillion_call *call, size_t count)
{
    state_values *list =
        sc_arena_zero(&call->mem, sizeof(state_values) + count * sizeof(pillion_state_value));

    for (size_t i = 0; i < count; i++)
        list->at[i] =
            (pillion_state_value){.key = "", .value = pillion_text(""), .etag = "", .error = ""};
    list->count = count;
    call->result = list;
    return list;
}

/* Of one key, which has its place already. */
static void take_value(pillion_call *call)
{
    pillion_state_value *value = ((state_values *)call->result)->at;
    const char *etag = pillion_call_header(call, "etag");

    value->etag = call_text(call, sc_str_from(etag));
    value->is_found = call->err.status != 204;
    if (value->is_found)
        value->value = str_out(sc_arena_str(&call->mem, str_in(call->body)));
}

static bool finish_get(pillion_call *call)
{
    if (call->err.code == PILLION_OK)
        take_value(call);
    return true;
}

void state_ask(pillion_call *call, const char *store, const char *key,
               const pillion_state_options *set)
{
    sc_buf path = {0};

    state_path(&path, "v1.0", store, "/");
    path_add(&path, sc_str_from(key));
    if (set->consistency != PILLION_CONSISTENCY_DEFAULT)
        path_add_param(&path, "consistency", sc_str_from(consistency_names[set->consistency]));
    path_add_metadata(&path, set->metadata, set->metadata_count);
    state_request(call, "GET", &path, SC_STR_NONE, set->headers, set->header_count);
}

pillion_call *pillion_state_get(pillion_client *client, const char *store, const char *key,
                                const pillion_state_options *options)
{
    const pillion_state_options *set = options ? options : &no_state_options;
    pillion_call *call = call_new(client, finish_get, set->timeout_ms);

    if (!state_is_named(store) || !state_is_named(key))
        return state_refuse_names(call);
    state_new_values(call, 1)->at[0].key = call_text(call, sc_str_from(key));
    state_ask(call, store, key, set);
    call_send(call, 0);
    return call;
}

/* An element of a bulk or query answer. Data is read from the raw text, so numbers keep their
 * digits. */
static void take_row(pillion_call *call, sc_str object, pillion_state_value *to)
{
    sc_str name, value;

    while (sc_json_next_member(&object, &name, &value)) {
        sc_str text = sc_json_unquote(value, &call->mem);

        if (sc_str_eq(name, SC_STR("key"))) {
            to->key = call_text(call, text);
        } else if (sc_str_eq(name, SC_STR("etag"))) {
            to->etag = call_text(call, text);
        } else if (sc_str_eq(name, SC_STR("error"))) {
            to->error = call_text(call, text);
        } else if (sc_str_eq(name, SC_STR("data"))) {
            to->is_found = true;
            to->value = str_out(sc_arena_str(&call->mem, value));
        }
    }
}

static bool take_rows(pillion_call *call, sc_str array)
{
    sc_str rest = array, element;
    size_t count = 0;
    state_values *list;

    while (sc_json_next_element(&rest, &element))
        count++;
    list = state_new_values(call, count);
    rest = array;
    for (size_t i = 0; i < count && sc_json_next_element(&rest, &element); i++)
        take_row(call, element, &list->at[i]);
    return true;
}

static bool finish_bulk(pillion_call *call)
{
    sc_str array;

    if (call->err.code != PILLION_OK)
        return true;
    if (sc_json_scan(str_in(call->body), &array, NULL, NULL) != SC_OK || array.at[0] != '[') {
        (void)error_set(&call->err, PILLION_INTERNAL, "the answer is no list of values");
        return true;
    }
    return take_rows(call, array);
}

pillion_call *pillion_state_get_bulk(pillion_client *client, const char *store,
                                     const char *const *keys, size_t count,
                                     const pillion_state_options *options)
{
    const pillion_state_options *set = options ? options : &no_state_options;
    pillion_call *call = call_new(client, finish_bulk, set->timeout_ms);
    sc_buf path = {0}, body = {0};

    if (!state_is_named(store))
        return state_refuse_names(call);
    sc_buf_add_str(&body, SC_STR("{\"keys\":["));
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            sc_buf_add_byte(&body, ',');
        sc_json_add_string(&body, sc_str_from(keys[i]));
    }
    sc_buf_add_str(&body, SC_STR("]}"));
    state_path(&path, "v1.0", store, "/bulk");
    path_add_metadata(&path, set->metadata, set->metadata_count);
    state_request(call, "POST", &path, sc_buf_str(&body), set->headers, set->header_count);
    sc_buf_deinit(&body);
    call_send(call, 0);
    return call;
}

static bool finish_query(pillion_call *call)
{
    sc_str object, name, value;

    if (call->err.code != PILLION_OK || call->err.status == 204)
        return true;
    if (sc_json_scan(str_in(call->body), &object, NULL, NULL) == SC_OK && object.at[0] == '{') {
        while (sc_json_next_member(&object, &name, &value))
            if (sc_str_eq(name, SC_STR("results")) && value.at[0] == '[')
                return take_rows(call, value);
    }
    (void)error_set(&call->err, PILLION_INTERNAL, "the answer has no list of results");
    return true;
}

pillion_call *pillion_state_query(pillion_client *client, const char *store, pillion_str query,
                                  const pillion_state_options *options)
{
    const pillion_state_options *set = options ? options : &no_state_options;
    pillion_call *call = call_new(client, finish_query, set->timeout_ms);
    sc_buf path = {0};

    if (!state_is_named(store))
        return state_refuse_names(call);
    state_path(&path, "v1.0-alpha1", store, "/query");
    path_add_metadata(&path, set->metadata, set->metadata_count);
    state_request(call, "POST", &path, str_in(query), set->headers, set->header_count);
    call_send(call, 0);
    return call;
}

const pillion_state_value *pillion_state_result(const pillion_call *call, size_t index)
{
    const state_values *list = call->result;
    bool has_values = call->err.code == PILLION_OK && list;

    return has_values && index < list->count ? &list->at[index] : NULL;
}

/* ---- writing ---- */

static void add_metadata(sc_buf *body, uint32_t ttl_s, const pillion_pair *metadata, size_t count)
{
    bool is_first = true;

    if (ttl_s == 0 && count == 0)
        return;
    sc_buf_add_str(body, SC_STR(",\"metadata\":{"));
    if (ttl_s > 0) {
        sc_buf_add_fmt(body, "\"ttlInSeconds\":\"%u\"", ttl_s);
        is_first = false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_first)
            sc_buf_add_byte(body, ',');
        is_first = false;
        sc_json_add_string(body, sc_str_from(metadata[i].name));
        sc_buf_add_byte(body, ':');
        sc_json_add_string(body, sc_str_from(metadata[i].value));
    }
    sc_buf_add_byte(body, '}');
}

static void add_options(sc_buf *body, pillion_concurrency concurrency,
                        pillion_consistency consistency)
{
    if (concurrency == PILLION_CONCURRENCY_DEFAULT && consistency == PILLION_CONSISTENCY_DEFAULT)
        return;
    sc_buf_add_str(body, SC_STR(",\"options\":{"));
    if (concurrency != PILLION_CONCURRENCY_DEFAULT)
        sc_buf_add_fmt(body, "\"concurrency\":\"%s\"", concurrency_names[concurrency]);
    if (consistency != PILLION_CONSISTENCY_DEFAULT)
        sc_buf_add_fmt(body, "%s\"consistency\":\"%s\"",
                       concurrency != PILLION_CONCURRENCY_DEFAULT ? "," : "",
                       consistency_names[consistency]);
    sc_buf_add_byte(body, '}');
}

/* The object for one change, as the save and transaction APIs take it. */
sc_code state_add_change(sc_buf *body, const pillion_state_change *change, sc_error *err)
{
    if (!state_is_named(change->key))
        return sc_fail(err, SC_INVALID, "a change has no key");
    sc_buf_add_str(body, SC_STR("{\"key\":"));
    sc_json_add_string(body, sc_str_from(change->key));
    if (change->verb == PILLION_UPSERT) {
        if (!sc_json_is_valid(str_in(change->value)))
            return sc_fail(err, SC_INVALID, "the value for key '%s' is not JSON", change->key);
        sc_buf_add_str(body, SC_STR(",\"value\":"));
        sc_buf_add_str(body, str_in(change->value));
    }
    if (change->etag && change->etag[0]) {
        sc_buf_add_str(body, SC_STR(",\"etag\":"));
        sc_json_add_string(body, sc_str_from(change->etag));
    }
    add_metadata(body, change->ttl_s, change->metadata, change->metadata_count);
    add_options(body, change->concurrency, change->consistency);
    sc_buf_add_byte(body, '}');
    return SC_OK;
}

pillion_state_change state_change_of(const char *key, pillion_str value,
                                     const pillion_state_options *set)
{
    return (pillion_state_change){.key = key,
                                  .value = value,
                                  .etag = set->etag,
                                  .concurrency = set->concurrency,
                                  .consistency = set->consistency,
                                  .ttl_s = set->ttl_s,
                                  .metadata = set->metadata,
                                  .metadata_count = set->metadata_count};
}

/* Sends `body`, which is emptied, or fails with the story in `err`. */
static pillion_call *save(pillion_call *call, const char *store, const char *rest, sc_buf *body,
                          sc_code code, const sc_error *err, const pillion_options *set)
{
    sc_buf path = {0};

    if (code == SC_OK) {
        state_path(&path, "v1.0", store, rest);
        path_add_metadata(&path, set->metadata, set->metadata_count);
        state_request(call, "POST", &path, sc_buf_str(body), set->headers, set->header_count);
        call_send(call, 0);
    } else {
        (void)call_fail(call, (pillion_code)code, "%s", err->text);
    }
    sc_buf_deinit(body);
    return call;
}

pillion_call *pillion_state_set(pillion_client *client, const char *store, const char *key,
                                pillion_str value, const pillion_state_options *options)
{
    const pillion_state_options *set = options ? options : &no_state_options;
    pillion_options rest = {.headers = set->headers, .header_count = set->header_count};
    pillion_state_change change = state_change_of(key, value, set);
    pillion_call *call = call_new(client, NULL, set->timeout_ms);
    sc_buf body = {0};
    sc_error err;
    sc_code code;

    if (!state_is_named(store) || !state_is_named(key))
        return state_refuse_names(call);
    sc_buf_add_byte(&body, '[');
    code = state_add_change(&body, &change, &err);
    sc_buf_add_byte(&body, ']');
    return save(call, store, "", &body, code, &err, &rest);
}

pillion_call *pillion_state_set_bulk(pillion_client *client, const char *store,
                                     const pillion_state_change *changes, size_t count,
                                     const pillion_options *options)
{
    const pillion_options *set = options ? options : &no_options;
    pillion_call *call = call_new(client, NULL, set->timeout_ms);
    sc_buf body = {0};
    sc_error err;
    sc_code code = SC_OK;

    if (!state_is_named(store))
        return state_refuse_names(call);
    sc_buf_add_byte(&body, '[');
    for (size_t i = 0; i < count && code == SC_OK; i++) {
        if (i > 0)
            sc_buf_add_byte(&body, ',');
        code = state_add_change(&body, &changes[i], &err);
        if (changes[i].verb != PILLION_UPSERT)
            code =
                sc_fail(&err, SC_INVALID, "change %zu is no upsert: use pillion_state_transact", i);
    }
    sc_buf_add_byte(&body, ']');
    return save(call, store, "", &body, code, &err, set);
}

pillion_call *pillion_state_transact(pillion_client *client, const char *store,
                                     const pillion_state_change *changes, size_t count,
                                     const pillion_options *options)
{
    const pillion_options *set = options ? options : &no_options;
    pillion_call *call = call_new(client, NULL, set->timeout_ms);
    sc_buf body = {0};
    sc_error err;
    sc_code code = SC_OK;

    if (!state_is_named(store))
        return state_refuse_names(call);
    sc_buf_add_str(&body, SC_STR("{\"operations\":["));
    for (size_t i = 0; i < count && code == SC_OK; i++) {
        sc_buf_add_fmt(&body, "%s{\"operation\":\"%s\",\"request\":", i > 0 ? "," : "",
                       changes[i].verb == PILLION_DELETE ? "delete" : "upsert");
        code = state_add_change(&body, &changes[i], &err);
        sc_buf_add_byte(&body, '}');
    }
    sc_buf_add_str(&body, SC_STR("]}"));
    return save(call, store, "/transaction", &body, code, &err, set);
}

pillion_call *pillion_state_delete(pillion_client *client, const char *store, const char *key,
                                   const pillion_state_options *options)
{
    const pillion_state_options *set = options ? options : &no_state_options;
    pillion_call *call = call_new(client, NULL, set->timeout_ms);
    sc_buf path = {0};

    if (!state_is_named(store) || !state_is_named(key))
        return state_refuse_names(call);
    state_path(&path, "v1.0", store, "/");
    path_add(&path, sc_str_from(key));
    if (set->concurrency != PILLION_CONCURRENCY_DEFAULT)
        path_add_param(&path, "concurrency", sc_str_from(concurrency_names[set->concurrency]));
    if (set->consistency != PILLION_CONSISTENCY_DEFAULT)
        path_add_param(&path, "consistency", sc_str_from(consistency_names[set->consistency]));
    path_add_metadata(&path, set->metadata, set->metadata_count);
    state_request(call, "DELETE", &path, SC_STR_NONE, set->headers, set->header_count);
    if (set->etag && set->etag[0])
        call_header(call, SC_STR("If-Match"), sc_arena_str(&call->attempt, sc_str_from(set->etag)));
    call_send(call, 0);
    return call;
}
