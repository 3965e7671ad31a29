/* SPDX-License-Identifier: MIT
 *
 * Replace-all by PCRE2, bounded in steps: a value whose match takes longer stays as it is.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "observe/metric_rules.h"

#include <stdlib.h>

#define MAX_STEPS 100000u
#define MAX_VALUE 1024u

typedef struct rule {
    sc_str metric; /* '_' written as '/' */
    sc_str label;
    sc_str replacement;
    pcre2_code *pattern;
} rule;

struct sc_metric_rules {
    sc_arena mem;
    pcre2_match_context *limits;
    uint32_t count;
    rule rows[];
};

/* "dapr_http_server_latency" and "http/server/latency" are one name. */
static sc_str plain_name(sc_str name, sc_arena *mem)
{
    sc_str copy;

    if (sc_str_starts(name, SC_STR("dapr_")))
        name = sc_str_sub(name, 5, name.len);
    copy = sc_arena_str(mem, name);
    for (size_t i = 0; i < copy.len; i++) {
        if (copy.at[i] == '_')
            ((char *)(uintptr_t)copy.at)[i] = '/';
    }
    return copy;
}

static sc_code compile(sc_str metric, sc_str label, sc_str pattern, pcre2_code **out, sc_error *err)
{
    int error;
    size_t offset;
    char why[128] = "";

    *out = pcre2_compile((PCRE2_SPTR)(pattern.len ? pattern.at : ""), pattern.len,
                         PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY, &error,
                         &offset, NULL);
    if (*out)
        return SC_OK;
    (void)pcre2_get_error_message(error, (PCRE2_UCHAR *)why, sizeof(why));
    return sc_fail(err, SC_INVALID,
                   "failed to compile regex for rule %.*s/%.*s: error parsing regexp: %s: `%.*s`",
                   SC_FMT(metric), SC_FMT(label), why, SC_FMT(sc_str_sub(pattern, 0, 100)));
}

/* The expressions for one label. */
static sc_code add_rules(sc_metric_rules *to, sc_str metric, const sc_metric_label_rule *label,
                         sc_error *err)
{
    for (uint32_t i = 0; i < label->regex.count; i++) {
        const sc_pair *one = &label->regex.at[i];
        rule *row = &to->rows[to->count];

        if (compile(metric, label->name, one->value, &row->pattern, err) != SC_OK)
            return err->code;
        row->metric = plain_name(metric, &to->mem);
        row->label = sc_arena_str(&to->mem, label->name);
        row->replacement = sc_arena_str(&to->mem, one->name);
        to->count++;
    }
    return SC_OK;
}

static size_t count_rules(const sc_metric_rule *rules, uint32_t count)
{
    size_t total = 0;

    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < rules[i].labels_count; j++)
            total += rules[i].labels[j].regex.count;
    }
    return total;
}

sc_code sc_metric_rules_new(const sc_metric_rule *rules, uint32_t count, sc_metric_rules **out,
                            sc_error *err)
{
    size_t total = count_rules(rules, count);
    sc_metric_rules *made = sc_alloc_zero(sizeof(*made) + total * sizeof(made->rows[0]));
    sc_code code = SC_OK;

    sc_arena_init(&made->mem, NULL);
    made->limits = pcre2_match_context_create(NULL);
    (void)pcre2_set_match_limit(made->limits, MAX_STEPS);
    for (uint32_t i = 0; i < count && code == SC_OK; i++) {
        for (uint32_t j = 0; j < rules[i].labels_count && code == SC_OK; j++)
            code = add_rules(made, rules[i].name, &rules[i].labels[j], err);
    }
    if (code == SC_OK)
        *out = made;
    else
        sc_metric_rules_free(made);
    return code;
}

void sc_metric_rules_free(sc_metric_rules *rules)
{
    if (!rules)
        return;
    for (uint32_t i = 0; i < rules->count; i++)
        pcre2_code_free(rules->rows[i].pattern);
    pcre2_match_context_free(rules->limits);
    sc_arena_deinit(&rules->mem);
    free(rules);
}

static sc_str replace_all(const sc_metric_rules *rules, const rule *row, sc_str value,
                          sc_arena *mem)
{
    char text[MAX_VALUE];
    size_t len = sizeof(text);
    int found = pcre2_substitute(
        row->pattern, (PCRE2_SPTR)(value.len ? value.at : ""), value.len, 0,
        PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_UNSET_EMPTY | PCRE2_SUBSTITUTE_UNKNOWN_UNSET,
        NULL, rules->limits, (PCRE2_SPTR)(row->replacement.len ? row->replacement.at : ""),
        row->replacement.len, (PCRE2_UCHAR *)text, &len);

    return found > 0 ? sc_arena_str(mem, sc_str_of(text, len)) : value;
}

sc_str sc_metric_rules_apply(const sc_metric_rules *rules, const char *metric, sc_str label,
                             sc_str value, sc_arena *mem)
{
    sc_str name;

    if (!rules)
        return value;
    name = plain_name(sc_str_from(metric), mem);
    for (uint32_t i = 0; i < rules->count; i++) {
        const rule *row = &rules->rows[i];

        if (sc_str_eq(row->metric, name) && sc_str_eq(row->label, label))
            value = replace_all(rules, row, value, mem);
    }
    return value;
}
