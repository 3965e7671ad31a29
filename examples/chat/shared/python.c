/* SPDX-License-Identifier: MIT */
#include "python.h"

#include <stdlib.h>

static void print_text(FILE *to, const char *text)
{
    char quote = strchr(text, '\'') && !strchr(text, '"') ? '"' : '\'';

    (void)fputc(quote, to);
    for (const char *p = text; *p; p++) {
        if (*p == quote || *p == '\\')
            (void)fprintf(to, "\\%c", *p);
        else if (*p == '\n')
            (void)fputs("\\n", to);
        else if ((unsigned char)*p < ' ')
            (void)fprintf(to, "\\x%02x", (unsigned)*p);
        else
            (void)fputc(*p, to);
    }
    (void)fputc(quote, to);
}

static void print_members(FILE *to, const pillion_json *value, bool has_names)
{
    for (const pillion_json *it = pillion_json_first(value); it; it = pillion_json_next(it)) {
        if (it != pillion_json_first(value))
            (void)fputs(", ", to);
        if (has_names) {
            print_text(to, pillion_json_name(it));
            (void)fputs(": ", to);
        }
        python_print(to, it);
    }
}

void python_print(FILE *to, const pillion_json *value)
{
    char *number;

    switch (pillion_json_kind_of(value)) {
    case PILLION_JSON_OBJECT:
        (void)fputc('{', to);
        print_members(to, value, true);
        (void)fputc('}', to);
        break;
    case PILLION_JSON_ARRAY:
        (void)fputc('[', to);
        print_members(to, value, false);
        (void)fputc(']', to);
        break;
    case PILLION_JSON_STRING:
        print_text(to, pillion_json_string(value, ""));
        break;
    case PILLION_JSON_BOOL:
        (void)fputs(pillion_json_bool(value, false) ? "True" : "False", to);
        break;
    case PILLION_JSON_NUMBER:
        number = pillion_json_print(value);
        (void)fputs(number, to);
        free(number);
        break;
    case PILLION_JSON_NULL:
    case PILLION_JSON_MISSING:
        (void)fputs("None", to);
        break;
    }
}
