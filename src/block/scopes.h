/* SPDX-License-Identifier: MIT
 *
 * Which topics an application may use (Dapr: pub/sub topic scoping): publishingScopes,
 * subscriptionScopes, allowedTopics and protectedTopics of the component's metadata.
 */
#ifndef SC_BLOCK_SCOPES_H
#define SC_BLOCK_SCOPES_H

#include "core/pairs.h"

/* One side of one component, for one application. Slices live in the arena given to the reader. */
typedef struct sc_topic_scope {
    bool has_entry;  /* the application is named in the scopes of this side */
    sc_pairs topics; /* names it lists; values unused */
} sc_topic_scope;

typedef struct sc_topic_rules {
    sc_topic_scope publishing;
    sc_topic_scope subscribing;
    sc_pairs allowed; /* empty: every topic */
    sc_pairs protected_;
} sc_topic_rules;

/* Reads the four settings (names in any case) for `app_id`. Malformed parts are left out, as in
 * Dapr. */
sc_topic_rules sc_topic_rules_read(const sc_pairs *settings, sc_str app_id, sc_arena *mem);
bool sc_topic_rules_allow(const sc_topic_rules *rules, const sc_topic_scope *side, sc_str topic);

#endif
