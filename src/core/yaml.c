/* SPDX-License-Identifier: MIT
 *
 * YAML over libfyaml; the only file that sees it. Aliases are followed while converting, with a
 * bound on nodes and depth, so a small file cannot become a large tree.
 */
#include "core/yaml_internal.h"

#include <dlfcn.h>
#include <libfyaml.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct reader {
    const char *name;
    sc_arena *mem;
    sc_error *err;
    uint32_t nodes;
    uint32_t depth;
    uint32_t lines_before; /* of what is read */
    bool is_kubernetes;
} reader;

static sc_doc *convert(reader *r, struct fy_node *node);

static void place(const reader *r, sc_doc *doc, struct fy_token *token)
{
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;

    if (!mark)
        return;
    doc->line = (uint32_t)mark->line + 1 + r->lines_before;
    doc->column = (uint32_t)mark->column + 1;
}

/* ---- scalars ---- */

static void type_plain(const reader *r, sc_doc *doc)
{
    if (r->is_kubernetes)
        sc_yaml_type_kubernetes(doc, r->mem);
    else
        sc_yaml_type_plain(doc);
}

static sc_doc *convert_scalar(reader *r, struct fy_node *node)
{
    size_t len = 0;
    const char *text = fy_node_get_scalar(node, &len);
    sc_doc *doc = sc_doc_new_string(r->mem, sc_arena_str(r->mem, sc_str_of(text ? text : "", len)));
    const char *tag = fy_node_get_tag(node, &len);

    place(r, doc, fy_node_get_scalar_token(node));
    if (fy_node_get_style(node) == FYNS_PLAIN &&
        !(tag && len > 4 && memcmp(tag + len - 4, ":str", 4) == 0))
        type_plain(r, doc);
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
        place(r, &place_of_key, key ? fy_node_get_scalar_token(key) : NULL);
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
    return sc_fail(r->err, SC_INVALID, "%s:%u:%d: %s", r->name,
                   (uint32_t)first->line + r->lines_before, first->column, first->msg);
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
static sc_code check_text(sc_str text, const reader *r)
{
    uint32_t line = r->lines_before + 1;

    for (sc_str rest = text; rest.at; line++) {
        if (!is_text(sc_str_cut(&rest, '\n')))
            return sc_fail(r->err, SC_INVALID, "%s:%u:1: the line is no text in UTF-8", r->name,
                           line);
    }
    return SC_OK;
}

static sc_code parse(sc_str text, reader *r, sc_doc **out)
{
    struct fy_diag_cfg quiet;
    struct fy_diag *diag;
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG |
                                        (r->is_kubernetes ? FYPCF_ALLOW_DUPLICATE_KEYS : 0)};
    struct fy_parser *parser;
    sc_code code;

    if (text.len > SC_YAML_MAX_LEN)
        return sc_fail(r->err, SC_EXHAUSTED, "%s: %zu bytes are more than the limit of %u", r->name,
                       text.len, SC_YAML_MAX_LEN);
    if (check_text(text, r) != SC_OK)
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
    text = sc_arena_str(r->mem, text); /* libfyaml reads numbers up to the NUL behind them */
    if (!parser || fy_parser_set_string(parser, text.at, text.len) != 0)
        sc_out_of_memory("yaml");
    code = read_all(parser, diag, r, out);
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    return code;
}

sc_code sc_yaml_parse(sc_str text, const char *name, sc_arena *mem, sc_doc **out, sc_error *err)
{
    reader r = {.name = name, .mem = mem, .err = err};

    return parse(text, &r, out);
}

/* ---- one resource of several ---- */

sc_str sc_yaml_cut_document(sc_str *rest, uint32_t *lines)
{
    sc_str all = *rest;
    size_t at = 0;

    *lines = 0;
    while (at < all.len) {
        size_t end = at + sc_str_find(sc_str_sub(all, at, all.len), '\n');
        sc_str line = sc_str_sub(all, at, end);

        (*lines)++;
        if (at > 0 && sc_str_starts(line, SC_STR("---")) &&
            (line.len == 3 || memchr(" \t\r#", line.at[3], 4))) {
            *rest = sc_str_sub(all, end + (end < all.len), all.len);
            return sc_str_sub(all, 0, at);
        }
        at = end + 1;
    }
    *rest = SC_STR_NONE;
    return all;
}

sc_code sc_yaml_parse_resource(sc_str text, const char *name, uint32_t lines_before, sc_arena *mem,
                               sc_doc **out, sc_error *err)
{
    reader r = {
        .name = name, .mem = mem, .err = err, .lines_before = lines_before, .is_kubernetes = true};

    return parse(text, &r, out);
}

/* ---- rest ---- */

/* Drops the pages of the segments that nobody writes to: they are those of the file. */
static int drop_code(struct dl_phdr_info *object, size_t size, void *loaded_at)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    (void)size;
    if (object->dlpi_addr != *(const ElfW(Addr) *)loaded_at)
        return 0;
    for (ElfW(Half) i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        uintptr_t from = (object->dlpi_addr + segment->p_vaddr) / page * page;
        uintptr_t to = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;

        if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
            (void)madvise((void *)from, to - from, MADV_DONTNEED);
    }
    return 1;
}

void sc_yaml_rest(void)
{
    void *parser = dlsym(RTLD_DEFAULT, "fy_parser_create");
    struct link_map *library = NULL;
    Dl_info info;

    if (parser && dladdr1(parser, &info, (void **)&library, RTLD_DL_LINKMAP) && library &&
        library->l_name[0] != '\0') /* not linked into this program */
        (void)dl_iterate_phdr(drop_code, &library->l_addr);
}
