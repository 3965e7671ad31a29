/* SPDX-License-Identifier: MIT
 *
 * Reads the query document of the state API.
 */
#include "component/state_query.h"

#include "wire/json.h"

static sc_code read_filter(const sc_doc *doc, sc_arena *mem, sc_filter **out, sc_error *err);

static const struct {
    sc_str name;
    sc_filter_kind kind;
} kinds[] = {
    {SC_STR_INIT("EQ"), SC_FILTER_EQ}, {SC_STR_INIT("NEQ"), SC_FILTER_NEQ},
    {SC_STR_INIT("GT"), SC_FILTER_GT}, {SC_STR_INIT("GTE"), SC_FILTER_GTE},
    {SC_STR_INIT("LT"), SC_FILTER_LT}, {SC_STR_INIT("LTE"), SC_FILTER_LTE},
    {SC_STR_INIT("IN"), SC_FILTER_IN}, {SC_STR_INIT("AND"), SC_FILTER_AND},
    {SC_STR_INIT("OR"), SC_FILTER_OR},
};

static bool is_scalar(const sc_doc *doc)
{
    return doc->kind != SC_DOC_ARRAY && doc->kind != SC_DOC_OBJECT;
}

/* ---- filters ---- */

static sc_code read_parts(const sc_doc *list, sc_arena *mem, sc_filter *to, sc_error *err)
{
    if (list->kind != SC_DOC_ARRAY || list->count == 0)
        return sc_fail(err, SC_INVALID, "filter \"%.*s\" must be an array of filters",
                       SC_FMT(list->key));
    to->parts = sc_arena_zero(mem, list->count * sizeof(to->parts[0]));
    SC_DOC_EACH (list, it) {
        if (read_filter(it, mem, &to->parts[to->part_count++], err) != SC_OK)
            return err->code;
    }
    return SC_OK;
}

static sc_code read_comparison(const sc_doc *doc, sc_filter *to, sc_error *err)
{
    const sc_doc *value = doc->first;

    if (doc->kind != SC_DOC_OBJECT || doc->count != 1 || value->key.len == 0)
        return sc_fail(err, SC_INVALID, "filter \"%.*s\" must name one key and its value",
                       SC_FMT(doc->key));
    to->path = value->key;
    to->value = value;
    if (to->kind != SC_FILTER_IN) {
        if (!is_scalar(value))
            return sc_fail(err, SC_INVALID, "filter \"%.*s\": the value of '%.*s' is no scalar",
                           SC_FMT(doc->key), SC_FMT(to->path));
        return SC_OK;
    }
    if (value->kind != SC_DOC_ARRAY || value->count == 0)
        return sc_fail(err, SC_INVALID, "filter \"IN\": the value of '%.*s' is no list of values",
                       SC_FMT(to->path));
    SC_DOC_EACH (value, it) {
        if (!is_scalar(it))
            return sc_fail(err, SC_INVALID, "filter \"IN\": a value of '%.*s' is no scalar",
                           SC_FMT(to->path));
    }
    return SC_OK;
}

static sc_code read_filter(const sc_doc *doc, sc_arena *mem, sc_filter **out, sc_error *err)
{
    sc_filter *filter = sc_arena_new(mem, sc_filter);

    *out = filter;
    if (doc->kind != SC_DOC_OBJECT || doc->count != 1)
        return sc_fail(err, SC_INVALID, "a filter must be an object with one operator");
    for (size_t i = 0; i < SC_ARRAY_LEN(kinds); i++) {
        if (!sc_str_eq(kinds[i].name, doc->first->key))
            continue;
        filter->kind = kinds[i].kind;
        return filter->kind >= SC_FILTER_AND ? read_parts(doc->first, mem, filter, err)
                                             : read_comparison(doc->first, filter, err);
    }
    return sc_fail(err, SC_INVALID, "unsupported filter \"%.*s\"",
                   SC_FMT(sc_str_sub(doc->first->key, 0, 100)));
}

/* ---- sort and page ---- */

static sc_code read_sorts(const sc_doc *list, sc_arena *mem, sc_state_query *out, sc_error *err)
{
    if (!list || list->kind == SC_DOC_NULL)
        return SC_OK;
    if (list->kind != SC_DOC_ARRAY)
        return sc_fail(err, SC_INVALID, "sort must be an array of key and order");
    out->sorts = sc_arena_zero(mem, (list->count + 1) * sizeof(out->sorts[0]));
    SC_DOC_EACH (list, it) {
        sc_query_sort *sort = &out->sorts[out->sort_count++];
        sc_str order = sc_doc_string(sc_doc_get(it, SC_STR("order")));

        sort->path = sc_doc_string(sc_doc_get(it, SC_STR("key")));
        sort->is_descending = sc_str_eq(order, SC_STR("DESC"));
        if (sort->path.len == 0)
            return sc_fail(err, SC_INVALID, "an entry of sort has no key");
        if (order.len > 0 && !sort->is_descending && !sc_str_eq(order, SC_STR("ASC")))
            return sc_fail(err, SC_INVALID, "sort order '%.*s' is neither ASC nor DESC",
                           SC_FMT(sc_str_sub(order, 0, 100)));
    }
    return SC_OK;
}

static sc_code read_page(const sc_doc *page, sc_state_query *out, sc_error *err)
{
    const sc_doc *limit = sc_doc_get(page, SC_STR("limit"));
    const sc_doc *token = sc_doc_get(page, SC_STR("token"));

    if (limit && (limit->kind != SC_DOC_NUMBER || !sc_str_to_u64(limit->text, &out->limit)))
        return sc_fail(err, SC_INVALID, "page.limit must be a whole number from 0");
    if (token && token->kind != SC_DOC_STRING)
        return sc_fail(err, SC_INVALID, "page.token must be a string");
    out->token = sc_doc_string(token);
    return SC_OK;
}

sc_code sc_state_query_parse(sc_str text, sc_arena *mem, sc_state_query *out, sc_error *err)
{
    const sc_doc *filter;
    sc_filter *root = NULL;
    sc_doc *doc;

    *out = (sc_state_query){0};
    if (sc_json_parse(text, mem, &doc, NULL, err) != SC_OK)
        return err->code;
    if (doc->kind != SC_DOC_OBJECT)
        return sc_fail(err, SC_INVALID, "a query must be an object, not %s",
                       sc_doc_kind_name(doc->kind));
    filter = sc_doc_get(doc, SC_STR("filter"));
    if (filter && filter->kind == SC_DOC_OBJECT && filter->count > 0 &&
        read_filter(filter, mem, &root, err) != SC_OK)
        return err->code;
    if (filter && filter->kind != SC_DOC_OBJECT && filter->kind != SC_DOC_NULL)
        return sc_fail(err, SC_INVALID, "filter must be an object");
    out->filter = root;
    if (read_sorts(sc_doc_get(doc, SC_STR("sort")), mem, out, err) != SC_OK)
        return err->code;
    return read_page(sc_doc_get(doc, SC_STR("page")), out, err);
}

const sc_doc *sc_state_query_at(const sc_doc *doc, sc_str path)
{
    while (doc && path.at)
        doc = sc_doc_get(doc, sc_str_cut(&path, '.'));
    return doc;
}
