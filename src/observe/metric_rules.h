/* SPDX-License-Identifier: MIT
 *
 * spec.metric.rules: regular expressions that rewrite label values before a series is made.
 */
#ifndef SC_OBSERVE_METRIC_RULES_H
#define SC_OBSERVE_METRIC_RULES_H

#include "core/arena.h"
#include "core/error.h"
#include "observe/settings.h"

typedef struct sc_metric_rules sc_metric_rules;

/* Fails with SC_INVALID, worded as Dapr words it, when a pattern is no regular expression. */
sc_code sc_metric_rules_new(const sc_metric_rule *rules, uint32_t count, sc_metric_rules **out,
                            sc_error *err) SC_MUST_CHECK;
void sc_metric_rules_free(sc_metric_rules *rules); /* NULL is fine */
/* `value` after every rule for `label` of `metric`, in the order they were given; in `mem` when
 * changed. `rules` may be NULL. */
sc_str sc_metric_rules_apply(const sc_metric_rules *rules, const char *metric, sc_str label,
                             sc_str value, sc_arena *mem);

#endif
