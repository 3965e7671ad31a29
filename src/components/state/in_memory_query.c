/* SPDX-License-Identifier: MIT
 *
 * Evaluates a state query over documents. Values of different kinds are never equal nor in order; a
 * missing key is like null.
 */
#include "components/state/in_memory_query.h"

#include <stdlib.h>

#include "wire/json.h"

typedef struct match {
    sc_state_row row;
    const sc_doc **sort_values; /* as many as query->sort_count; NULL: missing */
    const sc_state_query *query;
} match;

struct sc_memory_query {
    sc_state_query_op *op;
    match *matches; /* heap */
    size_t count;
    size_t cap;
};

/* ---- comparing ---- */

static int rank_of(const sc_doc *doc)
{
    return doc ? (int)doc->kind : (int)SC_DOC_NULL;
}

static int by_number(sc_str a, sc_str b)
{
    double x = strtod(a.at, NULL); /* ends at what follows a number in JSON */
    double y = strtod(b.at, NULL);

    return (x > y) - (x < y);
}

/* Order among values of one kind; kinds are in the order null, boolean, number, string. */
static int compare(const sc_doc *a, const sc_doc *b)
{
    int order = (rank_of(a) > rank_of(b)) - (rank_of(a) < rank_of(b));

    if (order != 0 || rank_of(a) == SC_DOC_NULL)
        return order;
    if (a->kind == SC_DOC_BOOL)
        return (int)a->truth - (int)b->truth;
    return a->kind == SC_DOC_NUMBER ? by_number(a->text, b->text) : sc_str_cmp(a->text, b->text);
}

static bool is_equal(const sc_doc *a, const sc_doc *b)
{
    return a && a->kind <= SC_DOC_STRING && a->kind == b->kind && compare(a, b) == 0;
}

static bool is_in(const sc_doc *value, const sc_doc *list)
{
    SC_DOC_EACH (list, it) {
        if (is_equal(value, it))
            return true;
    }
    return false;
}

static bool compares(const sc_filter *filter, const sc_doc *value)
{
    int order;

    if (!value || value->kind != filter->value->kind ||
        (value->kind != SC_DOC_NUMBER && value->kind != SC_DOC_STRING))
        return false;
    order = compare(value, filter->value);
    switch (filter->kind) {
    case SC_FILTER_GT:
        return order > 0;
    case SC_FILTER_GTE:
        return order >= 0;
    case SC_FILTER_LT:
        return order < 0;
    default:
        return order <= 0;
    }
}

static bool matches(const sc_filter *filter, const sc_doc *doc)
{
    const sc_doc *value = filter->path.len ? sc_state_query_at(doc, filter->path) : NULL;

    switch (filter->kind) {
    case SC_FILTER_EQ:
        return is_equal(value, filter->value);
    case SC_FILTER_NEQ:
        return !is_equal(value, filter->value);
    case SC_FILTER_IN:
        return is_in(value, filter->value);
    case SC_FILTER_GT:
    case SC_FILTER_GTE:
    case SC_FILTER_LT:
    case SC_FILTER_LTE:
        return compares(filter, value);
    case SC_FILTER_AND:
    case SC_FILTER_OR:
        break;
    }
    for (uint32_t i = 0; i < filter->part_count; i++) {
        if (matches(filter->parts[i], doc) == (filter->kind == SC_FILTER_OR))
            return filter->kind == SC_FILTER_OR;
    }
    return filter->kind == SC_FILTER_AND;
}

/* ---- a run ---- */

sc_memory_query *sc_memory_query_begin(sc_state_query_op *op)
{
    sc_memory_query *run = sc_arena_new(op->op.mem, sc_memory_query);

    run->op = op;
    return run;
}

static match *add_match(sc_memory_query *run)
{
    if (run->count == run->cap) {
        run->cap = run->cap ? run->cap * 2 : 64;
        run->matches = realloc(run->matches, run->cap * sizeof(run->matches[0]));
        if (!run->matches)
            sc_out_of_memory("query");
    }
    return &run->matches[run->count++];
}

static void keep(sc_memory_query *run, sc_str key, sc_state_value value)
{
    const sc_state_query *query = run->op->query;
    sc_arena *mem = run->op->op.mem;
    match *one = add_match(run);
    sc_doc *doc = NULL;

    value.value = sc_arena_str(mem, value.value);
    value.etag = sc_arena_str(mem, value.etag);
    *one = (match){.row = {.key = sc_arena_str(mem, key), .value = value}, .query = query};
    if (query->sort_count == 0)
        return;
    one->sort_values = sc_arena_zero(mem, query->sort_count * sizeof(sc_doc *));
    if (sc_json_parse(value.value, mem, &doc, NULL, NULL) != SC_OK)
        return;
    for (uint32_t i = 0; i < query->sort_count; i++)
        one->sort_values[i] = sc_state_query_at(doc, query->sorts[i].path);
}

void sc_memory_query_offer(sc_memory_query *run, sc_str key, sc_state_value value)
{
    const sc_filter *filter = run->op->query->filter;
    sc_arena scratch;
    sc_doc *doc;

    sc_arena_init(&scratch, run->op->op.mem->pool);
    if (!filter ||
        (sc_json_parse(value.value, &scratch, &doc, NULL, NULL) == SC_OK && matches(filter, doc)))
        keep(run, key, value);
    sc_arena_deinit(&scratch);
}

static int in_order(const void *a, const void *b)
{
    const match *one = a;
    const match *two = b;
    const sc_state_query *query = one->query;

    for (uint32_t i = 0; i < query->sort_count; i++) {
        int order = compare(one->sort_values[i], two->sort_values[i]);

        if (order != 0)
            return query->sorts[i].is_descending ? -order : order;
    }
    return sc_str_cmp(one->row.key, two->row.key);
}

void sc_memory_query_end(sc_memory_query *run)
{
    sc_state_query_op *op = run->op;
    uint64_t limit = op->query->limit ? op->query->limit : UINT64_MAX;
    uint64_t from = 0;

    if (op->query->token.len > 0 && !sc_str_to_u64(op->query->token, &from)) {
        (void)sc_fail(&op->op.err, SC_INVALID, "page.token '%.*s' is none that a query gave out",
                      SC_FMT(sc_str_sub(op->query->token, 0, 100)));
        free(run->matches);
        return;
    }
    if (run->count > 0)
        qsort(run->matches, run->count, sizeof(run->matches[0]), in_order);
    op->rows = sc_arena_zero(op->op.mem, (run->count + 1) * sizeof(op->rows[0]));
    for (uint64_t i = from; i < run->count && op->row_count < limit; i++)
        op->rows[op->row_count++] = run->matches[i].row;
    if (from < run->count && op->row_count < run->count - from)
        op->token = sc_arena_fmt(op->op.mem, "%llu", (unsigned long long)(from + op->row_count));
    free(run->matches);
}
