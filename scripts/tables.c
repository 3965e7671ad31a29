/* SPDX-License-Identifier: MIT
 *
 * Prints a table of the sources as Markdown, for scripts/docs.py: tables NAME.
 */
#include <stdio.h>
#include <string.h>

#include "api/tables.h"
#include "block/problem.h"
#include "component/component.h"
#include "observe/metric.h"

/* In a cell: '|' and line ends would end it. */
static void print_cell(const char *text)
{
    for (; text && *text; text++) {
        if (*text == '|')
            (void)putchar('\\');
        (void)putchar(*text == '\n' ? ' ' : *text);
    }
}

/* `text`, in backquotes */
static void print_name(const char *text)
{
    (void)putchar('`');
    print_cell(text);
    (void)putchar('`');
}

/* ---- the API ---- */

static void print_http(void)
{
    sc_api_row row;

    (void)printf("| method | path | |\n|---|---|---|\n");
    for (size_t i = 0; sc_http_api_row(i, &row); i++)
        (void)printf("| %s | `%s` | %s |\n", row.verbs, row.name,
                     row.is_there ? "done" : "not yet");
}

static void print_grpc_rows(bool is_there)
{
    const char *between = "";
    sc_api_row row;

    for (size_t i = 0; sc_grpc_api_row(i, &row); i++) {
        if (row.is_there != is_there)
            continue;
        (void)printf("%s`%s`", between, row.name);
        between = ", ";
    }
}

static void print_grpc(void)
{
    (void)printf("| `dapr.proto.runtime.v1.Dapr` | |\n|---|---|\n| done | ");
    print_grpc_rows(true);
    (void)printf(" |\n| not yet (`UNIMPLEMENTED`) | ");
    print_grpc_rows(false);
    (void)printf(" |\n");
}

static void print_errors(void)
{
    static const char *const names[] = {
#define SC_REASON(name, ...) #name,
#include "block/reason.def"
#undef SC_REASON
    };

    (void)printf("| error code | HTTP status | gRPC | ErrorInfo reason |\n|---|---|---|---|\n");
    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        const sc_reason_row *row = sc_reason_of((sc_reason)(i + 1));

        if (row->error_code[0])
            (void)printf("| `%s` | %d | %s | %s |\n", row->error_code, row->http_status,
                         sc_code_name(row->code), row->info_reason);
    }
}

/* ---- flags, metrics ---- */

static void print_flags(bool is_there)
{
    static const struct {
        const char *name;
        const char *initial;
        const char *help;
        bool is_there;
        bool is_old;
    } flags[] = {
#define SC_FLAG(name, kind, member, initial, help)       {(name), (initial), (help), true, false},
#define SC_FLAG_LATER(name, kind, member, initial, help) {(name), (initial), (help), false, false},
#define SC_FLAG_OLD(name, kind, member, initial, hint)   {(name), "", (hint), true, true},
#include "sidecar/flags.def"
#undef SC_FLAG
#undef SC_FLAG_LATER
#undef SC_FLAG_OLD
    };

    (void)printf("| flag | default | |\n|---|---|---|\n");
    for (size_t i = 0; i < SC_ARRAY_LEN(flags); i++) {
        if (flags[i].is_there != is_there)
            continue;
        (void)printf("| `--%s` | %s | %s", flags[i].name, flags[i].initial,
                     flags[i].is_old ? "deprecated: " : "");
        print_cell(flags[i].help);
        (void)printf(" |\n");
    }
}

static void print_metrics(void)
{
    (void)printf("| metric | kind | labels | |\n|---|---|---|---|\n");
    for (unsigned i = 0; i < SC_METRIC_ROWS; i++) {
        sc_metric_row row = sc_metric_row_of((sc_metric)i);
        const char *between = "";
        sc_str rest = sc_str_from(row.labels);

        (void)printf("| `dapr_%s` | %s | ", row.name, row.kind);
        while (rest.at) {
            sc_str label = sc_str_cut(&rest, ',');

            if (label.at[0] == '$')
                label = sc_str_sub(label, 1, label.len);
            (void)printf("%s%.*s", between, SC_FMT(label));
            between = ", ";
        }
        (void)printf(" | %s |\n", row.help);
    }
}

/* ---- components ---- */

static const char *kind_of(sc_field_kind kind)
{
    static const char *const names[] = {
        [SC_KIND_END] = "",       [SC_KIND_STR] = "text",      [SC_KIND_BOOL] = "true or false",
        [SC_KIND_U64] = "number", [SC_KIND_I64] = "number",    [SC_KIND_DURATION] = "duration",
        [SC_KIND_SIZE] = "size",  [SC_KIND_CHOICE] = "choice",
    };

    return (size_t)kind < SC_ARRAY_LEN(names) && names[kind] ? names[kind] : "text";
}

/* "choice" is answered by the choices themselves; a duration says what a bare number counts. */
static void print_kind(const sc_field *field)
{
    if (field->kind == SC_KIND_CHOICE)
        print_cell(field->choices);
    else
        (void)printf("%s", kind_of(field->kind));
    if (field->kind == SC_KIND_DURATION && field->plain_unit_ms == 1)
        (void)printf(" (a bare number: ms)");
    else if (field->kind == SC_KIND_DURATION && field->plain_unit_ms == 1000)
        (void)printf(" (a bare number: s)");
}

static void print_field(const sc_field *field)
{
    (void)printf("| ");
    print_name(field->name);
    for (sc_str rest = sc_str_from(field->aliases); rest.len > 0;) {
        sc_str alias = sc_str_cut(&rest, '|'); /* SC_FMT evaluates its argument twice */

        (void)printf(", `%.*s`", SC_FMT(alias));
    }
    (void)printf(" | ");
    print_kind(field);
    (void)printf(" | ");
    if (field->flags & SC_FIELD_REQUIRED)
        (void)printf("required");
    else if (field->initial && field->initial[0])
        print_name(field->initial);
    (void)printf(" | ");
    if (field->flags & SC_FIELD_DEPRECATED)
        (void)printf("Deprecated. ");
    if (field->flags & SC_FIELD_SECRET)
        (void)printf("Secret. ");
    print_cell(field->help);
    (void)printf(" |\n");
}

static void print_components(void)
{
    for (size_t i = 0; sc_components[i]; i++) {
        const sc_component *component = sc_components[i];

        (void)printf("## %s\n\n%s, version `%s`.\n\n", component->type, component->title,
                     component->version);
        if (!component->fields || component->fields[0].kind == SC_KIND_END) {
            (void)printf("No settings.\n\n");
            continue;
        }
        (void)printf("| setting | value | default | |\n|---|---|---|---|\n");
        for (const sc_field *it = component->fields; it->kind != SC_KIND_END; it++)
            print_field(it);
        (void)printf("\n");
    }
}

static void print_component_list(void)
{
    (void)printf("| type | |\n|---|---|\n");
    for (size_t i = 0; sc_components[i]; i++) {
        (void)printf("| [`%s`](components.md#", sc_components[i]->type);
        for (const char *at = sc_components[i]->type; *at; at++) {
            if (*at != '.') /* as the anchors of headings are made */
                (void)putchar(*at);
        }
        (void)printf(") | %s |\n", sc_components[i]->title);
    }
}

int main(int count, char **args)
{
    const char *name = count == 2 ? args[1] : "";

    if (strcmp(name, "http") == 0)
        print_http();
    else if (strcmp(name, "grpc") == 0)
        print_grpc();
    else if (strcmp(name, "errors") == 0)
        print_errors();
    else if (strcmp(name, "flags") == 0)
        print_flags(true);
    else if (strcmp(name, "flags-later") == 0)
        print_flags(false);
    else if (strcmp(name, "metrics") == 0)
        print_metrics();
    else if (strcmp(name, "components") == 0)
        print_components();
    else if (strcmp(name, "component-list") == 0)
        print_component_list();
    else
        return 2;
    return 0;
}
