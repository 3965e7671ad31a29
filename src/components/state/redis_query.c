/* SPDX-License-Identifier: MIT
 *
 * Queries over Redis's search module: the indexes that the settings name, and a query as a search
 * expression. What an application must not see, keys of others in the same index, is left out here.
 */
#include "components/state/redis_internal.h"
#include "wire/json.h"

#define MAX_ROWS 10000u /* of a query without a limit */

/* One FT.CREATE, and FT.DROPINDEX when the index is there already. In self->mem. */
typedef struct index_flow {
    sc_redis_request request; /* first */
    redis_state *self;
    const sc_doc *index;
    bool is_dropping;
    bool was_dropped;
} index_flow;

/* One search. In the op's arena. */
typedef struct query_flow {
    sc_redis_request request; /* first */
    redis_state *self;
    sc_state_query_op *op;
    sc_str index;
    sc_str expression;
    sc_str sort_alias; /* empty: none */
    uint64_t offset;
    uint64_t limit;
} query_flow;

static void on_index_answered(sc_redis_request *request, const sc_redis_reply *reply,
                              const sc_error *err);
static void on_found(sc_redis_request *request, const sc_redis_reply *reply, const sc_error *err);

/* ---- indexes ---- */

static const sc_doc *fields_of(const sc_doc *index)
{
    return sc_doc_get(index, SC_STR("indexes"));
}

static sc_str name_of(const sc_doc *index)
{
    return sc_doc_string(sc_doc_get(index, SC_STR("name")));
}

static sc_code check_index(const sc_doc *index, sc_error *err)
{
    const sc_doc *fields = fields_of(index);

    if (name_of(index).len == 0 || !sc_doc_is(fields, SC_DOC_ARRAY) || fields->count == 0)
        return sc_fail(err, SC_INVALID,
                       "metadata 'queryIndexes': an index needs a name and a list 'indexes'");
    SC_DOC_EACH (fields, it) {
        if (sc_doc_string(sc_doc_get(it, SC_STR("key"))).len == 0 ||
            sc_doc_string(sc_doc_get(it, SC_STR("type"))).len == 0)
            return sc_fail(err, SC_INVALID,
                           "metadata 'queryIndexes': a field of index '%.*s' needs a key and a "
                           "type (TEXT, NUMERIC or TAG)",
                           SC_FMT(name_of(index)));
    }
    return SC_OK;
}

sc_code sc_redis_state_read_indexes(redis_state *self, sc_error *err)
{
    sc_str text = self->conf->query_indexes;
    sc_doc *all;

    if (text.len == 0)
        return SC_OK;
    if (sc_json_parse(text, &self->mem, &all, NULL, err) != SC_OK)
        return sc_error_context(err, "metadata 'queryIndexes'");
    if (all->kind != SC_DOC_ARRAY)
        return sc_fail(err, SC_INVALID, "metadata 'queryIndexes' must be a JSON array of indexes");
    SC_DOC_EACH (all, it) {
        if (check_index(it, err) != SC_OK)
            return err->code;
    }
    self->indexes = all;
    return SC_OK;
}

static sc_str alias(uint32_t at, sc_arena *mem)
{
    return sc_arena_fmt(mem, "var%u", at);
}

static void encode_index(sc_redis_request *request, sc_buf *out)
{
    const index_flow *flow = (const index_flow *)request;
    const sc_doc *fields = fields_of(flow->index);
    sc_arena scratch;
    uint32_t at = 0;

    if (flow->is_dropping) {
        sc_redis_begin(out, 2);
        sc_redis_arg(out, SC_STR("FT.DROPINDEX"));
        sc_redis_arg(out, name_of(flow->index));
        return;
    }
    sc_arena_init(&scratch, NULL);
    sc_redis_begin(out, 7 + (size_t)fields->count * 5);
    sc_redis_arg(out, SC_STR("FT.CREATE"));
    sc_redis_arg(out, name_of(flow->index));
    sc_redis_arg(out, SC_STR("ON"));
    sc_redis_arg(out, SC_STR("JSON"));
    sc_redis_arg(out, SC_STR("STOPWORDS")); /* a state called "OR" is found, too */
    sc_redis_arg(out, SC_STR("0"));
    sc_redis_arg(out, SC_STR("SCHEMA"));
    SC_DOC_EACH (fields, it) {
        sc_str path[] = {SC_STR("$.data."), sc_doc_string(sc_doc_get(it, SC_STR("key")))};

        sc_redis_arg(out, sc_arena_join(&scratch, path, 2));
        sc_redis_arg(out, SC_STR("AS"));
        sc_redis_arg(out, alias(at++, &scratch));
        sc_redis_arg(out, sc_doc_string(sc_doc_get(it, SC_STR("type"))));
        sc_redis_arg(out, SC_STR("SORTABLE"));
    }
    sc_arena_deinit(&scratch);
}

static void send_index(index_flow *flow)
{
    sc_error err;

    if (sc_redis_send(flow->self->client, &flow->request, &err) != SC_PENDING)
        sc_log_error(flow->self->env->log, "error registering query schemas: %s", err.text);
}

void sc_redis_state_make_indexes(redis_state *self)
{
    SC_DOC_EACH (self->indexes, it) {
        index_flow *flow = sc_arena_new(&self->mem, index_flow);

        flow->self = self;
        flow->index = it;
        flow->request.encode = encode_index;
        flow->request.done = on_index_answered;
        flow->request.size = 1024;
        send_index(flow);
    }
}

/* An index of this name may have other fields: it is made anew, as Dapr does. Documents stay. */
static void on_index_answered(sc_redis_request *request, const sc_redis_reply *reply,
                              const sc_error *err)
{
    index_flow *flow = (index_flow *)request;
    bool exists = reply && reply->kind == SC_REDIS_ERROR &&
                  sc_str_find_str(reply->text, SC_STR("already exists")) < reply->text.len;

    if (flow->is_dropping && !err) {
        flow->is_dropping = false;
        flow->was_dropped = true;
        send_index(flow);
    } else if (exists && !flow->was_dropped) {
        flow->is_dropping = true;
        send_index(flow);
    } else if (err && reply) {
        sc_log_error(flow->self->env->log, "error registering query schemas: %s", err->text);
    }
}

/* ---- expressions ---- */

typedef struct writer {
    const sc_doc *fields; /* of the index */
    sc_arena *mem;
    sc_buf out;
    sc_error *err;
} writer;

/* The field of a key, and its alias. */
static const sc_doc *field_of(const writer *w, sc_str path, sc_str *as)
{
    uint32_t at = 0;

    SC_DOC_EACH (w->fields, it) {
        if (sc_str_eq(sc_doc_string(sc_doc_get(it, SC_STR("key"))), path)) {
            *as = alias(at, w->mem);
            return it;
        }
        at++;
    }
    (void)sc_fail(w->err, SC_INVALID, "the index has no key '%.*s'", SC_FMT(path));
    return NULL;
}

/* A phrase in quotes for a text, a tag with everything but letters and digits escaped. */
static void add_word(sc_buf *out, sc_str text, bool is_tag)
{
    sc_buf_add_str(out, is_tag ? SC_STR(":{") : SC_STR(":(\""));
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        bool is_plain = c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                        (c >= 'a' && c <= 'z') || c == '_';

        if (is_tag ? !is_plain : c == '"' || c == '\\')
            sc_buf_add_byte(out, '\\');
        sc_buf_add_byte(out, text.at[i]);
    }
    sc_buf_add_str(out, is_tag ? SC_STR("}") : SC_STR("\")"));
}

/* :[from to], with '(' at an end that is not in it. */
static void add_range(writer *w, const sc_filter *filter, const sc_doc *value)
{
    static const struct {
        const char *before;
        const char *between;
        const char *after;
    } forms[] = {
        [SC_FILTER_EQ] = {":[", " ", "]"},        [SC_FILTER_NEQ] = {":[", " ", "]"},
        [SC_FILTER_IN] = {":[", " ", "]"},        [SC_FILTER_GT] = {":[(", NULL, " +inf]"},
        [SC_FILTER_GTE] = {":[", NULL, " +inf]"}, [SC_FILTER_LT] = {":[-inf (", NULL, "]"},
        [SC_FILTER_LTE] = {":[-inf ", NULL, "]"},
    };

    sc_buf_add_str(&w->out, sc_str_from(forms[filter->kind].before));
    sc_buf_add_str(&w->out, value->text);
    if (forms[filter->kind].between) {
        sc_buf_add_str(&w->out, sc_str_from(forms[filter->kind].between));
        sc_buf_add_str(&w->out, value->text);
    }
    sc_buf_add_str(&w->out, sc_str_from(forms[filter->kind].after));
}

/* @alias:("text"), @alias:{tag} or @alias:[from to]. */
static bool add_value(writer *w, const sc_filter *filter, const sc_doc *value)
{
    sc_str as;
    const sc_doc *field = field_of(w, filter->path, &as);
    sc_str type = field ? sc_doc_string(sc_doc_get(field, SC_STR("type"))) : SC_STR_NONE;
    bool is_tag = sc_str_eq_nocase(type, SC_STR("TAG"));
    bool is_order = filter->kind >= SC_FILTER_GT && filter->kind <= SC_FILTER_LTE;

    if (!field)
        return false;
    sc_buf_add_byte(&w->out, '@');
    sc_buf_add_str(&w->out, as);
    if (value->kind == SC_DOC_NUMBER && sc_str_eq_nocase(type, SC_STR("NUMERIC"))) {
        add_range(w, filter, value);
        return true;
    }
    if (is_order || sc_str_eq_nocase(type, SC_STR("NUMERIC")) || value->kind == SC_DOC_NULL) {
        (void)sc_fail(w->err, SC_INVALID, "key '%.*s', indexed as %.*s, cannot be compared so",
                      SC_FMT(filter->path), SC_FMT(type));
        return false;
    }
    if (value->kind == SC_DOC_BOOL)
        add_word(&w->out, value->truth ? SC_STR("true") : SC_STR("false"), is_tag);
    else
        add_word(&w->out, value->text, is_tag);
    return true;
}

/* In parentheses, or what follows an "@alias:" would belong to it. */
static bool add_comparison(writer *w, const sc_filter *filter, const sc_doc *value)
{
    sc_buf_add_byte(&w->out, '(');
    if (!add_value(w, filter, value))
        return false;
    sc_buf_add_byte(&w->out, ')');
    return true;
}

static bool add_filter(writer *w, const sc_filter *filter);

static bool add_parts(writer *w, const sc_filter *filter)
{
    sc_buf_add_byte(&w->out, '(');
    for (uint32_t i = 0; i < filter->part_count; i++) {
        if (i > 0)
            sc_buf_add_byte(&w->out, filter->kind == SC_FILTER_OR ? '|' : ' ');
        if (!add_filter(w, filter->parts[i]))
            return false;
    }
    sc_buf_add_byte(&w->out, ')');
    return true;
}

static bool add_in(writer *w, const sc_filter *filter)
{
    sc_buf_add_byte(&w->out, '(');
    SC_DOC_EACH (filter->value, it) {
        if (it != filter->value->first)
            sc_buf_add_byte(&w->out, '|');
        if (!add_comparison(w, filter, it))
            return false;
    }
    sc_buf_add_byte(&w->out, ')');
    return true;
}

static bool add_filter(writer *w, const sc_filter *filter)
{
    switch (filter->kind) {
    case SC_FILTER_AND:
    case SC_FILTER_OR:
        return add_parts(w, filter);
    case SC_FILTER_IN:
        return add_in(w, filter);
    case SC_FILTER_NEQ:
        sc_buf_add_byte(&w->out, '-');
        return add_comparison(w, filter, filter->value);
    default:
        return add_comparison(w, filter, filter->value);
    }
}

/* ---- searching ---- */

static sc_code find_index(query_flow *flow, const sc_doc **index, sc_error *err)
{
    const sc_pairs *metadata = flow->op->metadata;
    const sc_str *name = metadata ? sc_pairs_get(metadata, SC_STR("queryIndexName")) : NULL;

    if (!flow->self->server.has_json)
        return sc_fail(err, SC_FAILED_PRECONDITION,
                       "redis-json server support is required for query capability");
    if (!name)
        return sc_fail(err, SC_INVALID, "query index not found: set metadata queryIndexName");
    if (flow->self->indexes) {
        SC_DOC_EACH (flow->self->indexes, it) {
            if (!sc_str_eq(name_of(it), *name))
                continue;
            *index = it;
            flow->index = *name;
            return SC_OK;
        }
    }
    return sc_fail(err, SC_INVALID, "query index schema not found: queryIndexes has no '%.*s'",
                   SC_FMT(*name));
}

static sc_code translate(query_flow *flow, sc_error *err)
{
    const sc_state_query *query = flow->op->query;
    const sc_doc *index = NULL;
    writer w = {.mem = flow->op->op.mem, .err = err};
    bool is_good;

    if (find_index(flow, &index, err) != SC_OK)
        return err->code;
    w.fields = fields_of(index);
    if (query->sort_count > 1)
        return sc_fail(err, SC_INVALID, "multiple SORTBY steps are not allowed");
    if (query->sort_count == 1 && !field_of(&w, query->sorts[0].path, &flow->sort_alias))
        return err->code;
    if (query->token.len > 0 && !sc_str_to_u64(query->token, &flow->offset))
        return sc_fail(err, SC_INVALID, "page.token '%.*s' is none that a query gave out",
                       SC_FMT(sc_str_sub(query->token, 0, 100)));
    flow->limit = query->limit ? query->limit : MAX_ROWS;
    if (query->filter)
        is_good = add_filter(&w, query->filter);
    else
        is_good = (sc_buf_add_byte(&w.out, '*'), true);
    flow->expression = sc_arena_str(w.mem, sc_buf_str(&w.out));
    sc_buf_deinit(&w.out);
    return is_good ? SC_OK : err->code;
}

static void encode_search(sc_redis_request *request, sc_buf *out)
{
    const query_flow *flow = (const query_flow *)request;
    bool is_descending = flow->sort_alias.len && flow->op->query->sorts[0].is_descending;

    sc_redis_begin(out, 10u + (flow->sort_alias.len ? 2u : 0u) + (is_descending ? 1u : 0u));
    sc_redis_arg(out, SC_STR("FT.SEARCH"));
    sc_redis_arg(out, flow->index);
    sc_redis_arg(out, flow->expression);
    if (flow->sort_alias.len) {
        sc_redis_arg(out, SC_STR("SORTBY"));
        sc_redis_arg(out, flow->sort_alias);
        if (is_descending)
            sc_redis_arg(out, SC_STR("DESC"));
    }
    sc_redis_arg(out, SC_STR("LIMIT"));
    sc_redis_arg_u64(out, flow->offset);
    sc_redis_arg_u64(out, flow->limit);
    sc_redis_arg(out, SC_STR("RETURN"));
    sc_redis_arg(out, SC_STR("2"));
    sc_redis_arg(out, SC_STR("$.data"));
    sc_redis_arg(out, SC_STR("$.version"));
}

static void send_search(query_flow *flow)
{
    if (sc_redis_send(flow->self->client, &flow->request, &flow->op->op.err) != SC_PENDING)
        sc_op_finish(&flow->op->op);
}

void sc_redis_state_query(void *at, sc_state_query_op *op)
{
    query_flow *flow = sc_arena_new(op->op.mem, query_flow);

    flow->self = at;
    flow->op = op;
    flow->request.encode = encode_search;
    flow->request.done = on_found;
    flow->request.is_repeatable = true;
    if (translate(flow, &op->op.err) != SC_OK) {
        sc_op_finish(&op->op);
        return;
    }
    flow->request.size = flow->expression.len + 256;
    send_search(flow);
}

/* The members of a row: a list of name, value, ... */
static sc_str member(const sc_redis_reply *list, const char *name)
{
    for (size_t i = 0; sc_redis_item(list, i + 1); i += 2) {
        if (sc_str_eq(sc_redis_text(sc_redis_item(list, i)), sc_str_from(name)))
            return sc_redis_text(sc_redis_item(list, i + 1));
    }
    return SC_STR_NONE;
}

static void add_row(sc_state_query_op *op, sc_str key, const sc_redis_reply *members)
{
    sc_state_row *row = &op->rows[op->row_count++];
    sc_arena *mem = op->op.mem;

    row->key = sc_arena_str(mem, key);
    row->value.is_found = true;
    row->value.value = sc_arena_str(mem, member(members, "$.data"));
    row->value.etag = sc_arena_str(mem, member(members, "$.version"));
}

/* Adds the application's own rows until the page is full; `offset` moves past what was looked at.
 */
static void add_rows(query_flow *flow, const sc_redis_reply *reply)
{
    sc_state_query_op *op = flow->op;
    sc_state_row *rows =
        sc_arena_zero(op->op.mem, (op->row_count + reply->count / 2 + 1) * sizeof(rows[0]));

    if (op->row_count > 0)
        memcpy(rows, op->rows, op->row_count * sizeof(rows[0]));
    op->rows = rows;
    for (size_t i = 1; op->row_count < flow->limit && sc_redis_item(reply, i + 1); i += 2) {
        sc_str key = sc_redis_text(sc_redis_item(reply, i));

        flow->offset++;
        if (sc_str_starts(key, op->key_prefix))
            add_row(op, key, sc_redis_item(reply, i + 1));
    }
}

static void on_found(sc_redis_request *request, const sc_redis_reply *reply, const sc_error *err)
{
    query_flow *flow = (query_flow *)request;
    sc_state_query_op *op = flow->op;
    const sc_redis_reply *total = sc_redis_item(reply, 0);
    bool has_more;

    if (err)
        op->op.err = *err;
    else if (!total || total->kind != SC_REDIS_NUMBER)
        (void)sc_fail(&op->op.err, SC_INTERNAL, "FT.SEARCH answered something unknown");
    if (op->op.err.code != SC_OK) {
        sc_op_finish(&op->op);
        return;
    }
    add_rows(flow, reply);
    has_more = reply->count > 1 && flow->offset < (uint64_t)total->number;
    if (has_more && op->row_count < flow->limit) {
        send_search(flow); /* keys of others were among them */
        return;
    }
    if (has_more && op->query->limit > 0)
        op->token = sc_arena_fmt(op->op.mem, "%llu", (unsigned long long)flow->offset);
    sc_op_finish(&op->op);
}

/* ---- documents ---- */

bool sc_redis_state_split_document(sc_str text, sc_str *data, sc_str *version)
{
    sc_str key;
    sc_str value;

    *data = *version = SC_STR_NONE;
    if (!sc_json_is_valid(text))
        return false;
    while (sc_json_next_member(&text, &key, &value)) {
        if (sc_str_eq(key, SC_STR("data")))
            *data = value;
        else if (sc_str_eq(key, SC_STR("version")))
            *version = value;
    }
    return data->len > 0 && version->len > 0;
}
