/* SPDX-License-Identifier: MIT
 *
 * Tables and documents as text.
 */
#include "cli/format.h"

#include <time.h>
#include <unistd.h>

#include "cli/print.h"
#include "core/clock.h"
#include "wire/json.h"

bool cli_format_from(cli *c, sc_str text, const char *choices, cli_format *out)
{
    static const char *const names[] = {"table", "wide", "json", "yaml"};
    sc_str rest = sc_str_from(choices);

    if (sc_str_eq(text, SC_STR("list")))
        text = SC_STR("table");
    while (rest.at) {
        if (!sc_str_eq(text, sc_str_cut(&rest, ' ')))
            continue;
        for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
            if (sc_str_eq(text, sc_str_from(names[i])))
                *out = (cli_format)i;
        }
        return true;
    }
    (void)cli_fail(c, "An invalid output format was specified: '%.*s'; use one of: %s",
                   SC_FMT(text), choices);
    return false;
}

/* ---- tables ---- */

void cli_table_init(cli_table *table, cli *c, const char *const *heads, uint32_t columns)
{
    *table = (cli_table){.c = c, .columns = columns};
    for (uint32_t i = 0; i < columns; i++)
        cli_table_add(table, sc_str_from(heads[i]));
}

void cli_table_add(cli_table *table, sc_str cell)
{
    if (table->count == table->cap) {
        uint32_t cap = table->cap ? table->cap * 2 : 64;
        sc_str *grown = sc_arena_alloc(&table->c->mem, cap * sizeof(sc_str));

        if (table->count > 0)
            memcpy(grown, table->cells, table->count * sizeof(sc_str));
        table->cells = grown;
        table->cap = cap;
    }
    table->cells[table->count++] = cell;
}

/* UTF-8 characters. */
static size_t length(sc_str text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.at[i] & 0xC0) != 0x80;
    return count;
}

static size_t column_width(const cli_table *table, uint32_t column, bool drops_empty)
{
    size_t width = 0;
    bool has_any = !drops_empty;

    for (uint32_t i = column; i < table->count; i += table->columns) {
        size_t len = length(table->cells[i]);

        width = len > width ? len : width;
        has_any = has_any || (i >= table->columns && len > 0);
    }
    return has_any ? width : 0;
}

void cli_table_put(const cli_table *table, const char *margin, bool drops_empty)
{
    size_t widths[16];
    sc_buf out = {0};

    assert(table->columns <= SC_ARRAY_LEN(widths));
    for (uint32_t i = 0; i < table->columns; i++)
        widths[i] = column_width(table, i, drops_empty);
    for (uint32_t i = 0; i < table->count; i += table->columns) {
        size_t owed = 0; /* spaces that only count when something follows */

        sc_buf_add_str(&out, sc_str_from(margin));
        for (uint32_t j = 0; j < table->columns; j++) {
            sc_str cell = table->cells[i + j];

            if (widths[j] == 0)
                continue;
            if (cell.len > 0)
                sc_buf_add_fmt(&out, "%*s%.*s", (int)owed, "", SC_FMT(cell));
            owed = (cell.len > 0 ? 0 : owed) + widths[j] - length(cell) + 2;
        }
        sc_buf_add_byte(&out, '\n');
    }
    cli_put(table->c, 1, sc_buf_str(&out));
    sc_buf_deinit(&out);
}

/* ---- documents ---- */

static void add_spaces(sc_buf *out, unsigned count)
{
    sc_buf_add_fmt(out, "%*s", (int)count, "");
}

static void add_scalar_json(sc_buf *out, const sc_doc *doc)
{
    if (doc->kind == SC_DOC_STRING)
        sc_json_add_string(out, doc->text);
    else if (doc->kind == SC_DOC_NUMBER)
        sc_buf_add_str(out, doc->text);
    else if (doc->kind == SC_DOC_BOOL)
        sc_buf_add_str(out, sc_str_from(doc->truth ? "true" : "false"));
    else
        sc_buf_add_str(out, SC_STR("null"));
}

static void add_json(sc_buf *out, const sc_doc *doc, unsigned indent)
{
    bool is_object = doc->kind == SC_DOC_OBJECT;

    if (!is_object && doc->kind != SC_DOC_ARRAY) {
        add_scalar_json(out, doc);
        return;
    }
    if (!doc->first) {
        sc_buf_add_str(out, sc_str_from(is_object ? "{}" : "[]"));
        return;
    }
    sc_buf_add_byte(out, is_object ? '{' : '[');
    SC_DOC_EACH (doc, it) {
        sc_buf_add_byte(out, '\n');
        add_spaces(out, indent + 2);
        if (is_object) {
            sc_json_add_string(out, it->key);
            sc_buf_add_str(out, SC_STR(": "));
        }
        add_json(out, it, indent + 2);
        if (it->next)
            sc_buf_add_byte(out, ',');
    }
    sc_buf_add_byte(out, '\n');
    add_spaces(out, indent);
    sc_buf_add_byte(out, is_object ? '}' : ']');
}

void cli_add_json(sc_buf *out, const sc_doc *doc)
{
    add_json(out, doc, 0);
}

/* True when YAML would read `text` back as this very string without quotes. */
static bool is_plain_yaml(sc_str text)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no",
                                        "on",   "off",   "~",    "y",   "n"};

    if (text.len == 0 || (text.at[0] >= '0' && text.at[0] <= '9') ||
        strchr("-+.&*!|>'\"%@`#?:,[]{} =<", text.at[0]) || text.at[text.len - 1] == ' ' ||
        text.at[text.len - 1] == ':' || sc_str_find_str(text, SC_STR(": ")) < text.len ||
        sc_str_find_str(text, SC_STR(" #")) < text.len)
        return false;
    for (size_t i = 0; i < SC_ARRAY_LEN(words); i++) {
        if (sc_str_eq_nocase(text, sc_str_from(words[i])))
            return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.at[i] < 0x20)
            return false;
    }
    return true;
}

static void add_yaml(sc_buf *out, const sc_doc *doc, unsigned indent, bool is_after_dash);

static void add_yaml_value(sc_buf *out, const sc_doc *doc, unsigned indent)
{
    if ((doc->kind == SC_DOC_OBJECT || doc->kind == SC_DOC_ARRAY) && doc->first) {
        sc_buf_add_byte(out, '\n');
        add_yaml(out, doc, indent, false);
        return;
    }
    sc_buf_add_byte(out, ' ');
    add_yaml(out, doc, indent, false);
}

static void add_yaml(sc_buf *out, const sc_doc *doc, unsigned indent, bool is_after_dash)
{
    if (!doc->first) {
        if (doc->kind == SC_DOC_OBJECT || doc->kind == SC_DOC_ARRAY)
            sc_buf_add_str(out, sc_str_from(doc->kind == SC_DOC_OBJECT ? "{}" : "[]"));
        else if (doc->kind == SC_DOC_STRING && is_plain_yaml(doc->text))
            sc_buf_add_str(out, doc->text);
        else
            add_scalar_json(out, doc); /* a JSON string is a YAML string */
        return;
    }
    SC_DOC_EACH (doc, it) {
        if (it != doc->first)
            sc_buf_add_byte(out, '\n');
        if (it != doc->first || !is_after_dash)
            add_spaces(out, indent);
        if (doc->kind == SC_DOC_ARRAY) {
            sc_buf_add_str(out, SC_STR("- "));
            add_yaml(out, it, indent + 2, true);
            continue;
        }
        sc_buf_add_fmt(out, "%.*s:", SC_FMT(it->key));
        add_yaml_value(out, it, it->kind == SC_DOC_ARRAY ? indent : indent + 2);
    }
}

void cli_add_yaml(sc_buf *out, const sc_doc *doc)
{
    add_yaml(out, doc, 0, false);
}

void cli_put_doc(cli *c, const sc_doc *doc, cli_format format)
{
    sc_buf out = {0};

    if (format == CLI_FORMAT_JSON)
        cli_add_json(&out, doc);
    else
        cli_add_yaml(&out, doc);
    if (format == CLI_FORMAT_YAML || isatty(STDOUT_FILENO))
        sc_buf_add_byte(&out, '\n');
    cli_put(c, 1, sc_buf_str(&out));
    sc_buf_deinit(&out);
}

void cli_put_list(cli *c, const cli_table *table, const sc_doc *list, cli_format format)
{
    if (format == CLI_FORMAT_JSON || format == CLI_FORMAT_YAML)
        cli_put_doc(c, list, format);
    else
        cli_table_put(table, "  ", true);
}

void cli_doc_text(cli *c, sc_doc *object, const char *key, sc_str text)
{
    sc_doc_put(object, sc_str_from(key), sc_doc_new_string(&c->mem, text));
}

void cli_doc_number(cli *c, sc_doc *object, const char *key, int64_t n)
{
    sc_doc *doc = sc_doc_new(&c->mem, SC_DOC_NUMBER);

    doc->text = sc_arena_fmt(&c->mem, "%lld", (long long)n);
    sc_doc_put(object, sc_str_from(key), doc);
}

void cli_doc_truth(cli *c, sc_doc *object, const char *key, bool truth)
{
    sc_doc *doc = sc_doc_new(&c->mem, SC_DOC_BOOL);

    doc->truth = truth;
    sc_doc_put(object, sc_str_from(key), doc);
}

sc_doc *cli_doc_copy(cli *c, const sc_doc *doc)
{
    sc_doc *copy = sc_doc_new(&c->mem, doc->kind);

    *copy = *doc; /* the members stay where they are: they are only read */
    copy->next = NULL;
    return copy;
}

/* ---- times ---- */

sc_str cli_age(cli *c, int64_t since_wall_s)
{
    int64_t s = sc_clock_wall_ms() / 1000 - since_wall_s;

    if (s < 0)
        s = 0;
    if (s <= 60)
        return sc_arena_fmt(&c->mem, "%llds", (long long)s);
    if (s <= 3600)
        return sc_arena_fmt(&c->mem, "%lldm", (long long)(s / 60));
    if (s <= 86400)
        return sc_arena_fmt(&c->mem, "%lldh", (long long)(s / 3600));
    return sc_arena_fmt(&c->mem, "%lldd", (long long)(s / 86400));
}

sc_str cli_local_time(cli *c, int64_t wall_s, const char *format)
{
    time_t at = (time_t)wall_s;
    struct tm parts;
    char text[64];

    (void)localtime_r(&at, &parts);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    text[strftime(text, sizeof(text), format, &parts)] = '\0';
#pragma GCC diagnostic pop
    return sc_arena_str(&c->mem, sc_str_from(text));
}
