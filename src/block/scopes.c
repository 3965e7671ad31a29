/* SPDX-License-Identifier: MIT
 *
 * Topic scoping. The lists are short and read once, so a walk decides.
 */
#include "block/scopes.h"

static sc_str setting(const sc_pairs *settings, sc_str name)
{
    const sc_str *found = sc_pairs_get_nocase(settings, name);

    return found ? *found : SC_STR_NONE;
}

static void add_list(sc_pairs *topics, sc_str list, sc_arena *mem)
{
    while (list.at) {
        sc_str topic = sc_str_trim(sc_str_cut(&list, ','));

        if (topic.len > 0)
            sc_pairs_set(topics, mem, topic, SC_STR_NONE);
    }
}

static sc_str without_spaces(sc_str text, sc_arena *mem)
{
    char *to = sc_arena_alloc(mem, text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] != ' ')
            to[len++] = text.at[i];
    }
    to[len] = '\0';
    return sc_str_of(to, len);
}

/* "app1=t1,t2;app2=t3": the union of what `app_id` is given. */
static sc_topic_scope read_scope(sc_str text, sc_str app_id, sc_arena *mem)
{
    sc_topic_scope scope = {0};
    sc_str rest = without_spaces(text, mem);

    while (rest.at && rest.len > 0) {
        sc_str part = sc_str_cut(&rest, ';');
        sc_str app = sc_str_cut(&part, '=');

        if (!part.at || !sc_str_eq(app, app_id))
            continue;
        scope.has_entry = true;
        add_list(&scope.topics, sc_str_cut(&part, '='), mem);
    }
    return scope;
}

sc_topic_rules sc_topic_rules_read(const sc_pairs *settings, sc_str app_id, sc_arena *mem)
{
    sc_topic_rules rules = {0};

    rules.publishing = read_scope(setting(settings, SC_STR("publishingScopes")), app_id, mem);
    rules.subscribing = read_scope(setting(settings, SC_STR("subscriptionScopes")), app_id, mem);
    add_list(&rules.allowed, setting(settings, SC_STR("allowedTopics")), mem);
    add_list(&rules.protected_, setting(settings, SC_STR("protectedTopics")), mem);
    return rules;
}

bool sc_topic_rules_allow(const sc_topic_rules *rules, const sc_topic_scope *side, sc_str topic)
{
    bool is_listed = sc_pairs_get(&side->topics, topic) != NULL;

    if (rules->allowed.count > 0 && !sc_pairs_get(&rules->allowed, topic))
        return false;
    if (sc_pairs_get(&rules->protected_, topic))
        return is_listed;
    return !side->has_entry || is_listed;
}
