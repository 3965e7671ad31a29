/* SPDX-License-Identifier: MIT
 *
 * What lists are printed as: tables, JSON and YAML.
 */
#ifndef SC_CLI_FORMAT_H
#define SC_CLI_FORMAT_H

#include "cli/command.h"
#include "core/buf.h"
#include "core/doc.h"

typedef enum cli_format {
    CLI_FORMAT_TABLE,
    CLI_FORMAT_WIDE,
    CLI_FORMAT_JSON,
    CLI_FORMAT_YAML,
} cli_format;

/* The value of --output: one of `choices` ("table json yaml"; "list" is a table too), else a
 * failure line and false. */
bool cli_format_from(cli *c, sc_str text, const char *choices, cli_format *out) SC_MUST_CHECK;

/* A table that grows row by row; the first row is the heading. Lives in c->mem. */
typedef struct cli_table {
    cli *c;
    sc_str *cells;
    uint32_t columns;
    uint32_t count; /* of cells */
    uint32_t cap;
} cli_table;

void cli_table_init(cli_table *table, cli *c, const char *const *heads, uint32_t columns);
void cli_table_add(cli_table *table, sc_str cell); /* row after row */
/* Left-aligned, two spaces between columns, none at the end of a line, `margin` before each line.
 * Cells are measured in characters. Columns with nothing below the heading are left out when
 * `drops_empty`. */
void cli_table_put(const cli_table *table, const char *margin, bool drops_empty);

/* JSON with two spaces a level, or YAML; without a line feed at the end. */
void cli_add_json(sc_buf *out, const sc_doc *doc);
void cli_add_yaml(sc_buf *out, const sc_doc *doc);
/* Prints `doc` in one of the two. As in Dapr, JSON ends without a line feed in a pipe. */
void cli_put_doc(cli *c, const sc_doc *doc, cli_format format);

/* Prints a list in any format; as a table without the columns that are empty. */
void cli_put_list(cli *c, const cli_table *table, const sc_doc *list, cli_format format);

/* Members of an object under construction. */
void cli_doc_text(cli *c, sc_doc *object, const char *key, sc_str text);
void cli_doc_number(cli *c, sc_doc *object, const char *key, int64_t n);
void cli_doc_truth(cli *c, sc_doc *object, const char *key, bool truth);

/* A copy without a parent, which another list or object may take. */
sc_doc *cli_doc_copy(cli *c, const sc_doc *doc);

/* "12s", "3m", "5h", "2d". */
sc_str cli_age(cli *c, int64_t since_wall_s);
/* Local time, strftime's format. */
sc_str cli_local_time(cli *c, int64_t wall_s, const char *format);

#endif
