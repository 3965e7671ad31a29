/* SPDX-License-Identifier: MIT
 *
 * The settings table of a component: one line a setting. The table parses and checks the YAML
 * metadata, produces docs/components.md and says which values must never be printed.
 *
 * Names match without regard to ASCII case, as in Dapr. A setting that no line names is kept for
 * the component's warning list and logged once; it is no failure (Dapr ignores it too).
 */
#ifndef SC_COMPONENT_FIELD_H
#define SC_COMPONENT_FIELD_H

#include "core/arena.h"
#include "core/error.h"
#include "core/pairs.h"

typedef enum sc_field_kind {
    SC_KIND_END,
    SC_KIND_STR,  /* sc_str */
    SC_KIND_BOOL, /* bool; Go's ParseBool texts, also y, yes, on / n, no, off as Dapr's IsTruthy */
    SC_KIND_U64,  /* uint64_t, decimal */
    SC_KIND_I64,  /* int64_t, decimal */
    SC_KIND_DURATION, /* int64_t milliseconds; a Go duration, or a plain number in `plain_unit_ms`
                       */
    SC_KIND_SIZE,     /* uint64_t bytes; a Kubernetes quantity: 1000, 4Mi, 1.5G */
    SC_KIND_CHOICE,   /* sc_str, one of `choices` ("a|b|c"), stored as written in the table */
} sc_field_kind;

enum {
    SC_FIELD_REQUIRED = 1u << 0,
    SC_FIELD_SECRET = 1u << 1,     /* its value is never printed */
    SC_FIELD_DEPRECATED = 1u << 2, /* still read; a warning says what replaces it (in `help`) */
};

typedef struct sc_field {
    const char *name;    /* as documented, e.g. "redisHost" */
    const char *aliases; /* further names, '|' between; NULL: none */
    sc_field_kind kind;
    uint32_t flags;
    size_t offset;       /* into the conf struct */
    const char *initial; /* text of the default; NULL: zero / empty */
    const char *choices; /* SC_KIND_CHOICE */
    int64_t
        plain_unit_ms; /* SC_KIND_DURATION: what a bare number counts; 0: bare numbers refused */
    const char *help;  /* one sentence for the reference */
} sc_field;

#define SC_FIELD(conf, member, kind_, name_, ...)                                                  \
    {                                                                                              \
        .name = (name_), .kind = SC_KIND_##kind_, .offset = offsetof(conf, member), __VA_ARGS__    \
    }
#define SC_FIELD_END                                                                               \
    {                                                                                              \
        .name = NULL, .kind = SC_KIND_END                                                          \
    }

/* Fills the zeroed `conf` from `settings`: defaults first, then what the YAML says. Strings live in
 * `mem`. Settings that no line names are added to `unknown` (may be NULL).
 * Fails with SC_INVALID naming the setting, the value (unless the field is secret or `hidden`,
 * which may be NULL, has its name) and what would be right. */
sc_code sc_fields_decode(const sc_field *fields, const sc_pairs *settings, const sc_pairs *hidden,
                         sc_arena *mem, void *conf, sc_pairs *unknown, sc_error *err) SC_MUST_CHECK;

/* The line that `name` means, or NULL. */
const sc_field *sc_field_find(const sc_field *fields, sc_str name);

/* The texts that Dapr's IsTruthy takes for true: y yes true t on 1, in any case. */
bool sc_str_is_truthy(sc_str text);

#endif
