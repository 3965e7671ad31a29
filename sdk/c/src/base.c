/* SPDX-License-Identifier: MIT
 *
 * Errors and texts, to and from the layers below.
 */
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

const char *pillion_version(void)
{
    return PILLION_VERSION;
}

const char *pillion_code_name(pillion_code code)
{
    return code == PILLION_PENDING ? "Pending" : sc_code_name((sc_code)code);
}

const char *copy_text(sc_arena *mem, sc_str s)
{
    return s.len > 0 ? sc_arena_str(mem, s).at : "";
}

char *keep_text(const char *text)
{
    return text ? sc_strdup(text) : NULL;
}

sc_pairs copy_pairs(sc_arena *mem, const pillion_pair *pairs, size_t count)
{
    sc_pairs copy = {0};

    for (size_t i = 0; i < count; i++)
        sc_pairs_add(&copy, mem, sc_arena_str(mem, sc_str_from(pairs[i].name)),
                     sc_arena_str(mem, sc_str_from(pairs[i].value)));
    return copy;
}

void error_clear(pillion_error *err)
{
    if (!err)
        return;
    err->code = PILLION_OK;
    err->status = 0;
    err->name[0] = '\0';
    err->text[0] = '\0';
}

pillion_code error_set(pillion_error *err, pillion_code code, const char *format, ...)
{
    sc_error story;
    va_list args;

    if (!err)
        return code;
    va_start(args, format);
    sc_fail_list(&story, (sc_code)code, format, args);
    va_end(args);
    return error_take(err, &story);
}

pillion_code error_take(pillion_error *err, const sc_error *from)
{
    _Static_assert(sizeof(err->text) == sizeof(from->text), "a story fits");

    if (!err)
        return (pillion_code)from->code;
    error_clear(err);
    err->code = (pillion_code)from->code;
    memcpy(err->text, from->text, sizeof(err->text));
    return err->code;
}

pillion_code error_copy(pillion_error *err, const pillion_error *from)
{
    if (err)
        *err = *from;
    return from->code;
}
