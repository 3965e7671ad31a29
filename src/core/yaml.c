/* SPDX-License-Identifier: MIT
 *
 * YAML over libfyaml; the only file that sees it. Aliases are followed while converting, with a
 * bound on nodes and depth, so a small file cannot become a large tree.
 */
#include "core/yaml.h"

#include <libfyaml.h>

typedef struct reader {
    const char *name;
    sc_arena *mem;
    sc_error *err;
    uint32_t nodes;
    uint32_t depth;
} reader;

static sc_doc *convert(reader *r, struct fy_node *node);

static void place(sc_doc *doc, struct fy_token *token)
{
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;

    if (!mark)
        return;
    doc->line = (uint32_t)mark->line + 1;
    doc->column = (uint32_t)mark->column + 1;
}

/* ---- scalars ---- */

static bool is_one_of(sc_str text, const char *words)
{
    sc_str rest = sc_str_from(words);

    while (rest.at) {
        if (sc_str_eq(text, sc_str_cut(&rest, ' ')))
            return true;
    }
    return false;
}

static size_t skip_digits(sc_str text, size_t at)
{
    while (at < text.len && text.at[at] >= '0' && text.at[at] <= '9')
        at++;
    return at;
}

/* A JSON number: other spellings (hexadecimal, underscores) stay strings, which no field here
 * reads. */
static bool is_number(sc_str text)
{
    size_t at = text.len > 0 && (text.at[0] == '-' || text.at[0] == '+');
    size_t digits = skip_digits(text, at);

    if (digits == at)
        return false;
    at = digits;
    if (at < text.len && text.at[at] == '.')
        at = skip_digits(text, at + 1);
    if (at < text.len && (text.at[at] | 0x20) == 'e') {
        size_t from = at + 1;

        if (from < text.len && (text.at[from] == '-' || text.at[from] == '+'))
            from++;
        at = skip_digits(text, from);
        if (at == from)
            return false;
    }
    return at == text.len;
}

static void type_plain(sc_doc *doc)
{
    if (doc->text.len == 0 || is_one_of(doc->text, "~ null Null NULL"))
        doc->kind = SC_DOC_NULL;
    else if (is_one_of(doc->text, "true True TRUE yes Yes YES on On ON"))
        doc->kind = SC_DOC_BOOL, doc->truth = true;
    else if (is_one_of(doc->text, "false False FALSE no No NO off Off OFF"))
        doc->kind = SC_DOC_BOOL;
    else if (is_number(doc->text))
        doc->kind = SC_DOC_NUMBER;
}

static sc_doc *convert_scalar(reader *r, struct fy_node *node)
{
    size_t len = 0;
    const char *text = fy_node_get_scalar(node, &len);
    sc_doc *doc = sc_doc_new_string(r->mem, sc_arena_str(r->mem, sc_str_of(text ? text : "", len)));
    const char *tag = fy_node_get_tag(node, &len);

    place(doc, fy_node_get_scalar_token(node));
    if (fy_node_get_style(node) == FYNS_PLAIN &&
        !(tag && len > 4 && memcmp(tag + len - 4, ":str", 4) == 0))
        type_plain(doc);
    return doc;
}

/* ---- collections ---- */

static sc_doc *convert_sequence(reader *r, struct fy_node *node)
{
    sc_doc *doc = sc_doc_new(r->mem, SC_DOC_ARRAY);
    struct fy_node *element;
    void *at = NULL;

    while ((element = fy_node_sequence_iterate(node, &at)) != NULL) {
        sc_doc *child = convert(r, element);

        if (!child)
            return NULL;
        if (!doc->first) {
            doc->line = child->line;
            doc->column = child->column;
        }
        sc_doc_add(doc, child);
    }
    return doc;
}

static sc_doc *convert_mapping(reader *r, struct fy_node *node)
{
    sc_doc *doc = sc_doc_new(r->mem, SC_DOC_OBJECT);
    struct fy_node_pair *pair;
    void *at = NULL;

    while ((pair = fy_node_mapping_iterate(node, &at)) != NULL) {
        struct fy_node *key = fy_node_pair_key(pair);
        struct fy_node *value = fy_node_pair_value(pair);
        sc_doc place_of_key = {0};
        size_t len = 0;
        const char *text = key ? fy_node_get_scalar(key, &len) : NULL;
        sc_doc *child = value ? convert(r, value) : sc_doc_new(r->mem, SC_DOC_NULL);

        if (!child)
            return NULL;
        place(&place_of_key, key ? fy_node_get_scalar_token(key) : NULL);
        if (child->line == 0) {
            child->line = place_of_key.line;
            child->column = place_of_key.column;
        }
        if (!doc->first) {
            doc->line = place_of_key.line;
            doc->column = place_of_key.column;
        }
        sc_doc_put(doc, sc_arena_str(r->mem, sc_str_of(text ? text : "", len)), child);
    }
    return doc;
}

static sc_doc *convert(reader *r, struct fy_node *node)
{
    sc_doc *doc = NULL;

    if (++r->nodes > SC_YAML_MAX_NODES || r->depth >= SC_YAML_MAX_DEPTH) {
        (void)sc_fail(r->err, SC_INVALID, "%s: more than %u values or nested deeper than %u levels",
                      r->name, SC_YAML_MAX_NODES, SC_YAML_MAX_DEPTH);
        return NULL;
    }
    if (fy_node_is_alias(node)) {
        struct fy_node *target = fy_node_resolve_alias(node);

        if (!target) {
            (void)sc_fail(r->err, SC_INVALID, "%s: an alias names no anchor", r->name);
            return NULL;
        }
        node = target;
    }
    r->depth++;
    switch (fy_node_get_type(node)) {
    case FYNT_SCALAR:
        doc = convert_scalar(r, node);
        break;
    case FYNT_SEQUENCE:
        doc = convert_sequence(r, node);
        break;
    case FYNT_MAPPING:
        doc = convert_mapping(r, node);
        break;
    }
    r->depth--;
    return doc;
}

/* ---- the file ---- */

static void drop_message(struct fy_diag *diag, void *user, const char *text, size_t len)
{
    (void)diag;
    (void)user;
    (void)text;
    (void)len;
}

static sc_code describe(struct fy_diag *diag, const reader *r)
{
    void *at = NULL;
    struct fy_diag_error *first = fy_diag_errors_iterate(diag, &at);

    if (!first)
        return sc_fail(r->err, SC_INVALID, "%s: not YAML", r->name);
    return sc_fail(r->err, SC_INVALID, "%s:%d:%d: %s", r->name, first->line, first->column,
                   first->msg);
}

static sc_code read_all(struct fy_parser *parser, struct fy_diag *diag, reader *r, sc_doc **out)
{
    sc_doc *all = sc_doc_new(r->mem, SC_DOC_ARRAY);
    struct fy_document *document;

    while ((document = fy_parse_load_document(parser)) != NULL) {
        struct fy_node *root = fy_document_root(document);
        sc_doc *doc = root ? convert(r, root) : sc_doc_new(r->mem, SC_DOC_NULL);

        fy_parse_document_destroy(parser, document);
        if (!doc)
            return SC_INVALID;
        if (doc->kind != SC_DOC_NULL)
            sc_doc_add(all, doc);
    }
    if (fy_diag_got_error(diag))
        return describe(diag, r);
    *out = all;
    return SC_OK;
}

static bool is_text(sc_str line)
{
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.at[i];

        if (c < ' ' && c != '\t' && c != '\r')
            return false;
    }
    return sc_str_is_utf8(line);
}

/* The parser would take the first byte that is no character for the end of the text. */
static sc_code check_text(sc_str text, const char *name, sc_error *err)
{
    uint32_t line = 1;

    for (sc_str rest = text; rest.at; line++) {
        if (!is_text(sc_str_cut(&rest, '\n')))
            return sc_fail(err, SC_INVALID, "%s:%u:1: the line is no text in UTF-8", name, line);
    }
    return SC_OK;
}

sc_code sc_yaml_parse(sc_str text, const char *name, sc_arena *mem, sc_doc **out, sc_error *err)
{
    reader r = {.name = name, .mem = mem, .err = err};
    struct fy_diag_cfg quiet;
    struct fy_diag *diag;
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG};
    struct fy_parser *parser;
    sc_code code;

    if (text.len > SC_YAML_MAX_LEN)
        return sc_fail(err, SC_EXHAUSTED, "%s: %zu bytes are more than the limit of %u", name,
                       text.len, SC_YAML_MAX_LEN);
    if (check_text(text, name, err) != SC_OK)
        return SC_INVALID;
    fy_diag_cfg_default(&quiet);
    quiet.fp = NULL;
    quiet.output_fn = drop_message;
    diag = fy_diag_create(&quiet);
    if (!diag)
        sc_out_of_memory("yaml");
    fy_diag_set_collect_errors(diag, true);
    cfg.diag = diag;
    parser = fy_parser_create(&cfg);
    if (!parser || fy_parser_set_string(parser, text.len ? text.at : "", text.len) != 0)
        sc_out_of_memory("yaml");
    code = read_all(parser, diag, &r, out);
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    return code;
}
