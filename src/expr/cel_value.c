/* SPDX-License-Identifier: MIT
 *
 * CEL values: making, comparing, looking into. Numbers of different kinds compare by their value
 * (language definition, "Equality" and "Ordering").
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "expr/cel_internal.h"

cel_value cel_error(cel_run *run, const char *fmt, ...)
{
    char text[200];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return (cel_value){.kind = CEL_ERROR, .s = sc_arena_str(run->mem, sc_str_from(text))};
}

cel_value cel_bool(bool truth)
{
    return (cel_value){.kind = CEL_BOOL, .truth = truth};
}

cel_value cel_int(int64_t i)
{
    return (cel_value){.kind = CEL_INT, .i = i};
}

cel_value cel_uint(uint64_t u)
{
    return (cel_value){.kind = CEL_UINT, .u = u};
}

cel_value cel_double(double d)
{
    return (cel_value){.kind = CEL_DOUBLE, .d = d};
}

cel_value cel_string(sc_str s)
{
    return (cel_value){.kind = CEL_STRING, .s = s};
}

cel_value cel_from_doc(const sc_doc *doc, sc_arena *mem)
{
    switch (doc->kind) {
    case SC_DOC_NULL:
        break;
    case SC_DOC_BOOL:
        return cel_bool(doc->truth);
    case SC_DOC_NUMBER: { /* plain JSON decoding: every number is a double */
        sc_str text = sc_arena_str(mem, doc->text);

        return cel_double(strtod(text.at, NULL));
    }
    case SC_DOC_STRING:
        return cel_string(doc->text);
    case SC_DOC_ARRAY:
        return (cel_value){.kind = CEL_LIST, .doc = doc, .count = doc->count};
    case SC_DOC_OBJECT:
        return (cel_value){.kind = CEL_MAP, .doc = doc, .count = doc->count};
    }
    return (cel_value){.kind = CEL_NULL};
}

void cel_open(cel_run *run, cel_value *value)
{
    size_t width = value->kind == CEL_MAP ? 2 : 1;
    size_t at = 0;

    if (!value->doc)
        return;
    value->items = sc_arena_zero(run->mem, (value->count * width + 1) * sizeof(cel_value));
    SC_DOC_EACH (value->doc, it) {
        if (width == 2)
            value->items[at++] = cel_string(it->key);
        value->items[at++] = cel_from_doc(it, run->mem);
    }
    value->doc = NULL;
}

sc_str cel_kind_name(cel_kind kind)
{
    static const char *const names[] = {"error",
                                        "dyn",
                                        "null_type",
                                        "bool",
                                        "int",
                                        "uint",
                                        "double",
                                        "string",
                                        "bytes",
                                        "list",
                                        "map",
                                        "google.protobuf.Timestamp",
                                        "google.protobuf.Duration",
                                        "type"};

    return sc_str_from(names[kind]);
}

/* ---- comparing ---- */

static bool is_number(cel_kind kind)
{
    return kind == CEL_INT || kind == CEL_UINT || kind == CEL_DOUBLE;
}

static int sign_of(bool less, bool more)
{
    return less ? -1 : more ? 1 : 0;
}

/* As cel-go: inside the range of the whole number it is compared as a double, however much that
 * rounds. */
static bool order_int_double(int64_t i, double d, int *order)
{
    if (isnan(d))
        return false;
    if (d < -9223372036854775808.0 || d > 9223372036854775808.0)
        *order = d < 0 ? 1 : -1;
    else
        *order = sign_of((double)i<d, (double)i> d);
    return true;
}

static bool order_uint_double(uint64_t u, double d, int *order)
{
    if (isnan(d))
        return false;
    if (d < 0 || d > 18446744073709551616.0)
        *order = d < 0 ? 1 : -1;
    else
        *order = sign_of((double)u<d, (double)u> d);
    return true;
}

static bool order_numbers(const cel_value *a, const cel_value *b, int *order)
{
    bool ok;

    if (a->kind == b->kind) {
        if (a->kind == CEL_INT)
            *order = sign_of(a->i<b->i, a->i> b->i);
        else if (a->kind == CEL_UINT)
            *order = sign_of(a->u<b->u, a->u> b->u);
        else
            *order = sign_of(a->d<b->d, a->d> b->d);
        return a->kind != CEL_DOUBLE || (!isnan(a->d) && !isnan(b->d));
    }
    if (a->kind > b->kind) { /* each mixed pair once: int < uint < double */
        ok = order_numbers(b, a, order);
        *order = -*order;
        return ok;
    }
    if (b->kind == CEL_DOUBLE)
        return a->kind == CEL_INT ? order_int_double(a->i, b->d, order)
                                  : order_uint_double(a->u, b->d, order);
    *order = a->i < 0 ? -1 : sign_of((uint64_t)a->i<b->u, (uint64_t)a->i> b->u);
    return true;
}

bool cel_order(const cel_value *a, const cel_value *b, int *order)
{
    *order = 0;
    if (is_number(a->kind) && is_number(b->kind))
        return order_numbers(a, b, order);
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case CEL_BOOL:
        *order = sign_of(a->truth<b->truth, a->truth> b->truth);
        return true;
    case CEL_STRING:
    case CEL_BYTES:
        *order = sc_str_cmp(a->s, b->s);
        *order = sign_of(*order<0, *order> 0);
        return true;
    case CEL_TIMESTAMP:
        *order = a->i != b->i ? sign_of(a->i < b->i, true) : sign_of(a->ns<b->ns, a->ns> b->ns);
        return true;
    case CEL_DURATION:
        *order = sign_of(a->i<b->i, a->i> b->i);
        return true;
    default:
        return false;
    }
}

static bool is_same_list(cel_run *run, cel_value a, cel_value b)
{
    if (a.count != b.count)
        return false;
    cel_open(run, &a);
    cel_open(run, &b);
    for (size_t i = 0; i < a.count; i++) {
        if (!cel_is_equal(run, &a.items[i], &b.items[i]))
            return false;
    }
    return true;
}

static bool is_same_map(cel_run *run, cel_value a, cel_value b)
{
    cel_open(run, &a);
    cel_open(run, &b);
    if (a.count != b.count)
        return false;
    for (size_t i = 0; i < a.count; i++) {
        const cel_value *other = cel_find(run, &b, &a.items[2 * i]);

        if (!other || !cel_is_equal(run, &a.items[2 * i + 1], other))
            return false;
    }
    return true;
}

bool cel_is_equal(cel_run *run, const cel_value *a, const cel_value *b)
{
    int order;

    if (++run->steps > SC_CEL_MAX_STEPS)
        return false;
    if (is_number(a->kind) && is_number(b->kind))
        return order_numbers(a, b, &order) && order == 0;
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case CEL_NULL:
        return true;
    case CEL_TYPE:
        return sc_str_eq(a->s, b->s);
    case CEL_LIST:
        return is_same_list(run, *a, *b);
    case CEL_MAP:
        return is_same_map(run, *a, *b);
    default:
        return cel_order(a, b, &order) && order == 0;
    }
}

const cel_value *cel_find(cel_run *run, cel_value *map, const cel_value *key)
{
    if (map->doc && key->kind == CEL_STRING) { /* without opening the rest */
        const sc_doc *member = sc_doc_get(map->doc, key->s);
        cel_value *value;

        if (!member)
            return NULL;
        value = sc_arena_new(run->mem, cel_value);
        *value = cel_from_doc(member, run->mem);
        return value;
    }
    cel_open(run, map);
    for (size_t i = 0; i < map->count; i++) {
        if (cel_is_equal(run, &map->items[2 * i], key))
            return &map->items[2 * i + 1];
    }
    return NULL;
}
