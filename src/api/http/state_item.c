/* SPDX-License-Identifier: MIT
 *
 * The JSON of state items. A body is validated once as a whole; then its members are walked and
 * values are taken as they stand in it, so no number is rounded and nothing is written twice.
 * Names of members match in any case, and the last of repeated ones counts, as in Go.
 */
#include "api/http/state_internal.h"
#include "wire/json.h"

/* ---- Go's words ---- */

static const char *go_kind(sc_str raw)
{
    switch (raw.at[0]) {
    case '"':
        return "string";
    case '{':
        return "object";
    case '[':
        return "array";
    case 't':
    case 'f':
        return "bool";
    default:
        return "number";
    }
}

static sc_code wrong_type(sc_str raw, const char *field, const char *type, sc_error *err)
{
    return sc_fail(err, SC_INVALID, "json: cannot unmarshal %s into Go struct field %s of type %s",
                   go_kind(raw), field, type);
}

static sc_code wrong_value(sc_str raw, const char *type, sc_error *err)
{
    return sc_fail(err, SC_INVALID, "json: cannot unmarshal %s into Go value of type %s",
                   go_kind(raw), type);
}

/* ---- members ---- */

static bool is_null(sc_str raw)
{
    return raw.len > 0 && raw.at[0] == 'n';
}

static bool is_named(sc_str key, const char *name)
{
    return sc_str_eq_nocase(key, sc_str_from(name));
}

static sc_code read_text(sc_str raw, const char *field, sc_arena *mem, sc_str *out, sc_error *err)
{
    if (is_null(raw))
        return SC_OK;
    if (raw.at[0] != '"')
        return wrong_type(raw, field, "string", err);
    *out = sc_json_unquote(raw, mem);
    return SC_OK;
}

static sc_code read_map(sc_str raw, const char *field, sc_arena *mem, sc_pairs *out, sc_error *err)
{
    sc_str key;
    sc_str value;

    if (is_null(raw))
        return SC_OK;
    if (raw.at[0] != '{')
        return wrong_type(raw, field, "map[string]string", err);
    while (sc_json_next_member(&raw, &key, &value)) {
        sc_str name = memchr(key.at, '\\', key.len)
                          ? sc_json_unquote(sc_str_of(key.at - 1, key.len + 2), mem)
                          : key;
        sc_str text = SC_STR_NONE;

        if (read_text(value, field, mem, &text, err) != SC_OK)
            return err->code;
        sc_pairs_set(out, mem, name, text);
    }
    return SC_OK;
}

static sc_code read_options(sc_str raw, const char *field, sc_arena *mem, sc_state_item *item,
                            sc_error *err)
{
    sc_code code = SC_OK;
    sc_str key;
    sc_str value;

    if (is_null(raw))
        return SC_OK;
    if (raw.at[0] != '{')
        return wrong_type(raw, field, "state.SetStateOption", err);
    while (code == SC_OK && sc_json_next_member(&raw, &key, &value)) {
        if (is_named(key, "concurrency"))
            code = read_text(value, "SetStateOption.options.concurrency", mem, &item->concurrency,
                             err);
        else if (is_named(key, "consistency"))
            code = read_text(value, "SetStateOption.options.consistency", mem, &item->consistency,
                             err);
    }
    return code;
}

/* Bytes that are no UTF-8 become U+FFFD, as Go's decoder makes them; all else stays as it is. */
static sc_str clean_value(sc_str raw, sc_arena *mem)
{
    sc_buf out = {0};
    sc_doc *doc;
    sc_str text = raw;

    if (sc_str_is_utf8(raw) || sc_json_parse(raw, mem, &doc, NULL, NULL) != SC_OK)
        return raw;
    sc_json_add_doc(&out, doc, false);
    text = sc_arena_str(mem, sc_buf_str(&out));
    sc_buf_deinit(&out);
    return text;
}

/* Reads the object that `*at` begins with and moves `*at` to its closing brace, or to the opening
 * one of an object without members. */
static sc_code read_item(sc_str *at, const sc_pairs *query, sc_arena *mem, sc_state_item *item,
                         sc_error *err)
{
    sc_code code = SC_OK;
    sc_str key;
    sc_str value;

    item->value = SC_STR("null");
    item->is_json = true;
    while (code == SC_OK && sc_json_next_member(at, &key, &value)) {
        if (is_named(key, "key"))
            code = read_text(value, "SetRequest.key", mem, &item->key, err);
        else if (is_named(key, "value"))
            item->value = clean_value(value, mem);
        else if (is_named(key, "etag"))
            code = read_text(value, "SetRequest.etag", mem, &item->etag, err);
        else if (is_named(key, "metadata"))
            code = read_map(value, "SetRequest.metadata", mem, &item->metadata, err);
        else if (is_named(key, "options"))
            code = read_options(value, "SetRequest.options", mem, item, err);
        else if (is_named(key, "contentType"))
            code = read_text(value, "SetRequest.contentType", mem, &item->content_type, err);
    }
    for (uint32_t i = 0; i < query->count; i++)
        sc_pairs_set(&item->metadata, mem, query->at[i].name, query->at[i].value);
    return code;
}

/* ---- lists ---- */

static sc_str skip(sc_str text, size_t len)
{
    while (len < text.len && (text.at[len] == ' ' || text.at[len] == '\t' || text.at[len] == '\n' ||
                              text.at[len] == '\r'))
        len++;
    return sc_str_sub(text, len, text.len);
}

/* Moves `*at` into the list, or over the comma to the next element; false at the end. */
static bool next_in_list(sc_str *at)
{
    sc_str rest = skip(*at, 0);

    if (rest.len == 0 || (rest.at[0] != '[' && rest.at[0] != ','))
        return false;
    *at = skip(rest, 1);
    return at->len > 0 && at->at[0] != ']';
}

/* Behind the object that read_item went through. */
static void leave_object(sc_str *at)
{
    sc_str rest = skip(*at, 0);

    if (rest.len > 0 && rest.at[0] == '{')
        rest = skip(rest, 1);
    *at = sc_str_sub(rest, 1, rest.len);
}

/* Makes room in `*list` for one more of `size` bytes behind `count`, zeroed. */
static sc_code grow(sc_arena *mem, void *list, size_t count, size_t size, sc_error *err)
{
    void **to = list;
    void *old = *to;

    if (count == SC_STATE_MAX_ITEMS)
        return sc_fail(err, SC_INVALID, "more than %u in one request", SC_STATE_MAX_ITEMS);
    if ((count & (count - 1)) != 0) /* there is room up to the next power of two */
        return SC_OK;
    *to = sc_arena_zero(mem, (count ? count * 2 : 1) * size);
    if (count > 0)
        memcpy(*to, old, count * size);
    return SC_OK;
}

/* ---- bodies ---- */

/* The first value of `body`; what ends too early is what Go's decoder says of a stream. */
static sc_code first_value(sc_str body, sc_str *value, sc_error *err)
{
    if (sc_str_trim(body).len == 0)
        return sc_fail(err, SC_INVALID, "EOF");
    if (sc_json_scan(body, value, NULL, err) == SC_OK)
        return SC_OK;
    if (sc_str_eq(sc_str_from(err->text), SC_STR("unexpected end of JSON input")))
        return sc_fail(err, SC_INVALID, "unexpected EOF");
    return err->code;
}

sc_code http_read_state_items(sc_str body, const sc_pairs *query, sc_arena *mem,
                              sc_state_item **items, size_t *count, sc_error *err)
{
    sc_str list;

    *count = 0;
    *items = NULL;
    if (first_value(body, &list, err) != SC_OK)
        return err->code;
    if (is_null(list))
        return SC_OK;
    if (list.at[0] != '[')
        return wrong_value(list, "[]state.SetRequest", err);
    while (next_in_list(&list)) {
        sc_state_item *item;

        if (list.at[0] != '{' && !is_null(list))
            return wrong_value(list, "state.SetRequest", err);
        if (grow(mem, items, *count, sizeof(**items), err) != SC_OK)
            return err->code;
        item = &(*items)[(*count)++];
        if (read_item(&list, query, mem, item, err) != SC_OK)
            return err->code;
        if (item->key.len == 0)
            return sc_fail(err, SC_INVALID, "\"key\" is a required field");
        leave_object(&list);
    }
    return SC_OK;
}

static sc_code read_keys(sc_str list, sc_state_bulk_get_request *req, sc_error *err)
{
    sc_arena *mem = &req->call->mem;
    sc_str element;

    if (is_null(list))
        return SC_OK;
    if (list.at[0] != '[')
        return wrong_type(list, "BulkGetRequest.keys", "[]string", err);
    req->count = 0;
    while (sc_json_next_element(&list, &element)) {
        if (grow(mem, &req->keys, req->count, sizeof(req->keys[0]), err) != SC_OK)
            return err->code;
        req->keys[req->count] = SC_STR_NONE;
        if (read_text(element, "BulkGetRequest.keys", mem, &req->keys[req->count++], err) != SC_OK)
            return err->code;
    }
    return SC_OK;
}

sc_code http_read_bulk_get(sc_str body, sc_state_bulk_get_request *req, sc_error *err)
{
    sc_arena *mem = &req->call->mem;
    sc_pairs query = req->metadata;
    sc_pairs own = {0};
    sc_code code = SC_OK;
    sc_str object;
    sc_str key;
    sc_str value;

    if (first_value(body, &object, err) != SC_OK)
        return err->code;
    if (object.at[0] != '{' && !is_null(object))
        return wrong_value(object, "http.BulkGetRequest", err);
    while (code == SC_OK && sc_json_next_member(&object, &key, &value)) {
        if (is_named(key, "keys"))
            code = read_keys(value, req, err);
        else if (is_named(key, "metadata"))
            code = read_map(value, "BulkGetRequest.metadata", mem, &own, err);
        else if (is_named(key, "parallelism") && !is_null(value) &&
                 !sc_str_to_i64(value, &req->parallelism))
            code = wrong_type(value, "BulkGetRequest.parallelism", "int", err);
    }
    for (uint32_t i = 0; i < query.count; i++)
        sc_pairs_set(&own, mem, query.at[i].name, query.at[i].value);
    req->metadata = own;
    return code;
}

/* ---- transactions ---- */

static sc_code read_operation(sc_str object, const sc_pairs *query, sc_arena *mem,
                              sc_state_item *item, sc_error *err)
{
    sc_str request = SC_STR("{}");
    sc_code code = SC_OK;
    sc_str key;
    sc_str value;

    while (code == SC_OK && sc_json_next_member(&object, &key, &value)) {
        if (is_named(key, "operation"))
            code = read_text(value, "StateOperation.operation", mem, &item->operation, err);
        else if (is_named(key, "request") && !is_null(value))
            request = value;
    }
    if (code != SC_OK)
        return code;
    if (request.at[0] != '{')
        return wrong_type(request, "StateOperation.request", "map", err);
    return read_item(&request, query, mem, item, err);
}

static sc_code read_operations(sc_str list, const sc_pairs *query,
                               sc_state_transaction_request *req, sc_error *err)
{
    sc_arena *mem = &req->call->mem;
    sc_str element;

    if (is_null(list))
        return SC_OK;
    if (list.at[0] != '[')
        return wrong_type(list, "stateTransactionRequestBody.operations", "[]operation", err);
    req->count = 0;
    while (sc_json_next_element(&list, &element)) {
        if (grow(mem, &req->items, req->count, sizeof(req->items[0]), err) != SC_OK)
            return err->code;
        if (element.at[0] != '{' && !is_null(element))
            return wrong_type(element, "stateTransactionRequestBody.operations", "operation", err);
        if (read_operation(element, query, mem, &req->items[req->count++], err) != SC_OK)
            return err->code;
    }
    return SC_OK;
}

sc_code http_read_transaction(sc_str body, const sc_pairs *query, sc_state_transaction_request *req,
                              sc_error *err)
{
    sc_arena *mem = &req->call->mem;
    sc_code code = SC_OK;
    sc_str object;
    sc_str key;
    sc_str value;

    if (first_value(body, &object, err) != SC_OK)
        return err->code;
    if (object.at[0] != '{' && !is_null(object))
        return wrong_value(object, "http.stateTransactionRequestBody", err);
    while (code == SC_OK && sc_json_next_member(&object, &key, &value)) {
        if (is_named(key, "operations"))
            code = read_operations(value, query, req, err);
        else if (is_named(key, "metadata"))
            code =
                read_map(value, "stateTransactionRequestBody.metadata", mem, &req->metadata, err);
    }
    for (uint32_t i = 0; i < query->count; i++)
        sc_pairs_set(&req->metadata, mem, query->at[i].name, query->at[i].value);
    return code;
}
