/* SPDX-License-Identifier: MIT
 *
 * Writing by format: printf's conversions, each of which leaves a JSON value, or an escaped part of
 * a path.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "client_internal.h"
#include "wire/json.h"

/* What stands between '%' and the letter. */
typedef struct conversion {
    bool is_raw;        /* '-' */
    bool has_precision; /* ".*" */
    int length;         /* of 'h' -2 'hh', -1 'h', 0, 1 'l', 2 'll', 'z', 'j', 't' */
    char letter;
} conversion;

static conversion read_conversion(const char **at)
{
    conversion c = {0};
    const char *p = *at;

    if (*p == '-') {
        c.is_raw = true;
        p++;
    }
    if (p[0] == '.' && p[1] == '*') {
        c.has_precision = true;
        p += 2;
    }
    for (; *p == 'l' || *p == 'h' || *p == 'z' || *p == 'j' || *p == 't'; p++)
        c.length = *p == 'l' ? c.length + 1 : *p == 'h' ? c.length - 1 : *p;
    c.letter = *p;
    *at = *p ? p + 1 : p;
    return c;
}

/* Appends the text of a %s; `s.at` NULL: there is none. */
typedef void (*text_adder)(sc_buf *out, sc_str s);

static void add_json_text(sc_buf *out, sc_str s)
{
    if (s.at)
        sc_json_add_string(out, s);
    else
        sc_buf_add_str(out, SC_STR("null"));
}

static void add_text(sc_buf *out, const conversion *c, const char *text, int precision,
                     text_adder add)
{
    sc_str s = sc_str_from(text);

    if (text && c->has_precision && precision >= 0)
        s = sc_str_of(text, strnlen(text, (size_t)precision));
    if (c->is_raw)
        sc_buf_add_str(out, s);
    else
        add(out, s);
}

/* The shortest of %.15g, %.16g, %.17g that reads back as the same number, with a point whatever the
 * program's locale says. */
static void add_double(sc_buf *out, double number)
{
    char text[40];

    if (!isfinite(number)) {
        sc_buf_add_str(out, SC_STR("null"));
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    for (const char *p = text; *p; p++) {
        bool is_part = (*p >= '0' && *p <= '9') || *p == '-' || *p == '+' || *p == 'e';
        bool was_point = p > text && !((p[-1] >= '0' && p[-1] <= '9') || p[-1] == '-' ||
                                       p[-1] == '+' || p[-1] == 'e');

        if (is_part)
            sc_buf_add_byte(out, *p);
        else if (!was_point) /* a locale's point may be several bytes */
            sc_buf_add_byte(out, '.');
    }
}

static intmax_t take_signed(int length, va_list *args)
{
    switch (length) {
    case -2:
        return (signed char)va_arg(*args, int);
    case -1:
        return (short)va_arg(*args, int);
    case 0:
        return va_arg(*args, int);
    case 1:
        return va_arg(*args, long);
    case 2:
        return va_arg(*args, long long);
    case 'z':
    case 't':
        return va_arg(*args, ptrdiff_t);
    default:
        return va_arg(*args, intmax_t);
    }
}

static uintmax_t take_unsigned(int length, va_list *args)
{
    switch (length) {
    case -2:
        return (unsigned char)va_arg(*args, unsigned);
    case -1:
        return (unsigned short)va_arg(*args, unsigned);
    case 0:
        return va_arg(*args, unsigned);
    case 1:
        return va_arg(*args, unsigned long);
    case 2:
        return va_arg(*args, unsigned long long);
    case 'z':
    case 't':
        return va_arg(*args, size_t);
    default:
        return va_arg(*args, uintmax_t);
    }
}

static bool add_conversion(sc_buf *out, const conversion *c, va_list *args, text_adder add)
{
    int precision = c->has_precision ? va_arg(*args, int) : -1;

    switch (c->letter) {
    case 's':
        if (c->length != 0)
            return false;
        add_text(out, c, va_arg(*args, const char *), precision, add);
        return true;
    case 'd':
    case 'i':
        sc_buf_add_fmt(out, "%jd", take_signed(c->length, args));
        return !c->is_raw && !c->has_precision;
    case 'u':
        sc_buf_add_fmt(out, "%ju", take_unsigned(c->length, args));
        return !c->is_raw && !c->has_precision;
    case 'f':
    case 'g':
        add_double(out, va_arg(*args, double));
        return !c->is_raw && !c->has_precision && (c->length == 0 || c->length == 1);
    case '%':
        sc_buf_add_byte(out, '%');
        return true;
    default:
        return false;
    }
}

static bool add_format(sc_buf *out, const char *format, va_list list, text_adder add)
{
    va_list args;
    bool is_good = true;

    va_copy(args, list);
    while (*format && is_good) {
        size_t plain = strcspn(format, "%");

        sc_buf_add(out, format, plain);
        format += plain;
        if (*format == '%') {
            conversion c;

            format++;
            c = read_conversion(&format);
            is_good = add_conversion(out, &c, &args, add);
        }
    }
    va_end(args);
    return is_good;
}

bool json_add_format(sc_buf *out, const char *format, va_list args)
{
    return add_format(out, format, args, add_json_text);
}

static char *format_text(const char *format, va_list args, text_adder add)
{
    sc_buf out = {0};

    if (!add_format(&out, format, args, add)) {
        sc_buf_deinit(&out);
        return NULL;
    }
    sc_buf_add_byte(&out, '\0');
    return out.mem; /* nothing was eaten: it begins there */
}

char *pillion_json_format(const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = format_text(format, args, add_json_text);
    va_end(args);
    return text;
}

char *pillion_path_format(const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = format_text(format, args, path_add);
    va_end(args);
    return text;
}

bool pillion_json_append(char **text, const char *format, ...)
{
    size_t len = *text ? strlen(*text) : 0;
    sc_buf out = {0};
    va_list args;
    bool is_good;

    va_start(args, format);
    is_good = json_add_format(&out, format, args);
    va_end(args);
    if (is_good) {
        char *grown = realloc(*text, len + sc_buf_len(&out) + 1);

        if (!grown)
            sc_out_of_memory("JSON text");
        if (sc_buf_len(&out) > 0)
            memcpy(grown + len, sc_buf_at(&out), sc_buf_len(&out));
        grown[len + sc_buf_len(&out)] = '\0';
        *text = grown;
    }
    sc_buf_deinit(&out);
    return is_good;
}
