/* SPDX-License-Identifier: MIT
 *
 * Reads a component's settings through its table.
 */
#include "component/field.h"

#include "core/duration.h"
#include "core/quantity.h"

static sc_code decode_one(const sc_field *field, sc_str value, sc_arena *mem, void *conf,
                          sc_error *err);

bool sc_str_is_truthy(sc_str text)
{
    static const char *const words[] = {"y", "yes", "true", "t", "on", "1"};

    for (size_t i = 0; i < SC_ARRAY_LEN(words); i++) {
        if (sc_str_eq_nocase(text, sc_str_from(words[i])))
            return true;
    }
    return false;
}

static bool is_named(const sc_field *field, sc_str name)
{
    sc_str aliases = sc_str_from(field->aliases);

    if (sc_str_eq_nocase(sc_str_from(field->name), name))
        return true;
    while (aliases.at) {
        if (sc_str_eq_nocase(sc_str_cut(&aliases, '|'), name))
            return true;
    }
    return false;
}

const sc_field *sc_field_find(const sc_field *fields, sc_str name)
{
    for (const sc_field *field = fields; field->name; field++) {
        if (is_named(field, name))
            return field;
    }
    return NULL;
}

/* ---- values ---- */

static sc_code bad_value(const sc_field *field, sc_str value, const char *wanted, sc_error *err)
{
    if (field->flags & SC_FIELD_SECRET)
        return sc_fail(err, SC_INVALID, "the value of metadata '%s' is not %s", field->name,
                       wanted);
    return sc_fail(err, SC_INVALID, "metadata '%s': '%.*s' is not %s", field->name,
                   SC_FMT(sc_str_sub(value, 0, 100)), wanted);
}

static bool parse_bool(sc_str value, bool *out)
{
    static const char *const no[] = {"n", "no", "off"};

    if (sc_str_is_truthy(value)) {
        *out = true;
        return true;
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(no); i++) {
        if (sc_str_eq_nocase(value, sc_str_from(no[i]))) {
            *out = false;
            return true;
        }
    }
    return sc_str_to_bool(value, out);
}

static bool parse_duration(const sc_field *field, sc_str value, int64_t *ms)
{
    int64_t n;

    if (sc_str_to_i64(value, &n)) {
        if (n == 0) {
            *ms = 0;
            return true;
        }
        return field->plain_unit_ms != 0 && !__builtin_mul_overflow(n, field->plain_unit_ms, ms);
    }
    if (!sc_duration_parse(value, &n))
        return false;
    *ms = n / 1000000;
    if (*ms == 0 && n > 0)
        *ms = 1; /* something, however short, is not nothing */
    return true;
}

static bool parse_size(sc_str value, uint64_t *bytes)
{
    int64_t n;

    if (!sc_quantity_parse(value, &n) || n < 0)
        return false;
    *bytes = (uint64_t)n;
    return true;
}

static bool pick_choice(const sc_field *field, sc_str value, sc_str *out)
{
    sc_str choices = sc_str_from(field->choices);

    while (choices.at) {
        sc_str choice = sc_str_cut(&choices, '|');

        if (sc_str_eq_nocase(choice, value)) {
            *out = choice;
            return true;
        }
    }
    return false;
}

static sc_code decode_one(const sc_field *field, sc_str value, sc_arena *mem, void *conf,
                          sc_error *err)
{
    void *to = (char *)conf + field->offset;

    switch (field->kind) {
    case SC_KIND_STR:
        *(sc_str *)to = sc_arena_str(mem, value);
        return SC_OK;
    case SC_KIND_BOOL:
        return parse_bool(value, to) ? SC_OK : bad_value(field, value, "true or false", err);
    case SC_KIND_U64:
        return sc_str_to_u64(value, to) ? SC_OK
                                        : bad_value(field, value, "a whole number from 0", err);
    case SC_KIND_I64:
        return sc_str_to_i64(value, to) ? SC_OK : bad_value(field, value, "a whole number", err);
    case SC_KIND_DURATION:
        return parse_duration(field, value, to)
                   ? SC_OK
                   : bad_value(field, value, "a duration like 500ms, 10s or 1h30m", err);
    case SC_KIND_SIZE:
        return parse_size(value, to) ? SC_OK
                                     : bad_value(field, value, "a size like 1048576 or 1Mi", err);
    case SC_KIND_CHOICE:
        if (pick_choice(field, value, to))
            return SC_OK;
        return bad_value(field, value, sc_arena_fmt(mem, "one of %s", field->choices).at, err);
    case SC_KIND_END:
        break;
    }
    return sc_fail(err, SC_INTERNAL, "metadata '%s' has no kind", field->name);
}

static bool is_given(const sc_field *field, const sc_pairs *settings)
{
    for (uint32_t i = 0; i < settings->count; i++) {
        if (is_named(field, settings->at[i].name) && settings->at[i].value.len > 0)
            return true;
    }
    return false;
}

static sc_code set_defaults(const sc_field *fields, const sc_pairs *settings, sc_arena *mem,
                            void *conf, sc_error *err)
{
    for (const sc_field *field = fields; field->name; field++) {
        if ((field->flags & SC_FIELD_REQUIRED) && !is_given(field, settings))
            return sc_fail(err, SC_INVALID, "missing metadata '%s': %s", field->name, field->help);
        if (!field->initial)
            continue;
        if (decode_one(field, sc_str_from(field->initial), mem, conf, err) != SC_OK)
            return err->code;
    }
    return SC_OK;
}

/* The line as one whose value is never printed. */
static sc_field hide(const sc_field *field)
{
    sc_field hidden = *field;

    hidden.flags |= SC_FIELD_SECRET;
    return hidden;
}

sc_code sc_fields_decode(const sc_field *fields, const sc_pairs *settings, const sc_pairs *hidden,
                         sc_arena *mem, void *conf, sc_pairs *unknown, sc_error *err)
{
    if (set_defaults(fields, settings, mem, conf, err) != SC_OK)
        return err->code;
    for (uint32_t i = 0; i < settings->count; i++) {
        const sc_pair *pair = &settings->at[i];
        const sc_field *field = sc_field_find(fields, pair->name);
        sc_field secret;

        if (!field) {
            if (unknown)
                sc_pairs_add(unknown, mem, sc_arena_str(mem, pair->name), SC_STR_NONE);
            continue;
        }
        if (pair->value.len == 0 && field->kind != SC_KIND_STR)
            continue; /* an empty text is "not set" */
        if (hidden && sc_pairs_get(hidden, pair->name)) {
            secret = hide(field);
            field = &secret;
        }
        if (decode_one(field, pair->value, mem, conf, err) != SC_OK)
            return err->code;
    }
    return SC_OK;
}
