/* SPDX-License-Identifier: MIT
 *
 * Every operation of the client against a real sidecar, one line each: what it was and how it went.
 * The test compares the lines.
 */
#include <stdio.h>
#include <stdlib.h>

#include <pillion/client.h>

#define STORE "store"

static pillion_client *client;

/* Waits for the call and says how it went. */
static pillion_call *done(const char *what, pillion_call *call)
{
    pillion_error err;
    pillion_code code = pillion_wait(call, &err);

    printf("%s: %s", what, pillion_code_name(code));
    if (code != PILLION_OK)
        printf(" %s", err.name);
    printf("\n");
    return call;
}

static void check(const char *what, pillion_call *call)
{
    pillion_call_free(done(what, call));
}

static void show_values(pillion_call *call)
{
    const pillion_state_value *value;

    for (size_t i = 0; (value = pillion_state_result(call, i)) != NULL; i++)
        printf("  %s %s %s\n", value->key, value->is_found ? value->value.at : "(none)",
               value->etag[0] ? "etag" : "-");
    pillion_call_free(call);
}

static char *append(void *user, const pillion_state_value *now)
{
    return pillion_json_format("[%-s,%-s]", now->is_found ? now->value.at : "0",
                               (const char *)user);
}

static void state(void)
{
    const char *const keys[] = {"a", "b/c", "none"};
    pillion_state_change changes[] = {
        {.key = "x", .value = {"1", 1}},
        {.key = "y", .value = {"{\"z\":[]}", 8}, .ttl_s = 100},
    };
    pillion_state_options stale = {.etag = "999", .concurrency = PILLION_FIRST_WRITE};
    pillion_state_options first = {.concurrency = PILLION_FIRST_WRITE};
    pillion_state_options fresh = {.consistency = PILLION_STRONG};
    pillion_call *call;

    check("set a", pillion_state_set(client, STORE, "a", pillion_text("{\"n\": 1}"), NULL));
    check("set b/c", pillion_state_set(client, STORE, "b/c", pillion_text("\"text\""), NULL));
    show_values(done("get a", pillion_state_get(client, STORE, "a", &fresh)));
    show_values(done("get none", pillion_state_get(client, STORE, "none", NULL)));
    show_values(done("get bulk", pillion_state_get_bulk(client, STORE, keys, 3, NULL)));
    check("set a, stale", pillion_state_set(client, STORE, "a", pillion_text("2"), &stale));
    check("set a, first", pillion_state_set(client, STORE, "a", pillion_text("2"), &first));
    check("set n, first", pillion_state_set(client, STORE, "n", pillion_text("2"), &first));
    call = pillion_state_get(client, STORE, "a", NULL);
    (void)pillion_wait(call, NULL);
    fresh.etag = pillion_state_result(call, 0)->etag;
    check("set a, fresh", pillion_state_set(client, STORE, "a", pillion_text("3"), &fresh));
    check("delete a, stale", pillion_state_delete(client, STORE, "a", &fresh));
    pillion_call_free(call);
    check("delete a", pillion_state_delete(client, STORE, "a", NULL));
    check("set bulk", pillion_state_set_bulk(client, STORE, changes, 2, NULL));
    changes[0].verb = PILLION_DELETE;
    changes[1].etag = "999";
    check("transact, stale", pillion_state_transact(client, STORE, changes, 2, NULL));
    show_values(done("get x", pillion_state_get(client, STORE, "x", NULL)));
    changes[1].etag = NULL;
    check("transact", pillion_state_transact(client, STORE, changes, 2, NULL));
    show_values(done("get x", pillion_state_get(client, STORE, "x", NULL)));
    show_values(done("update", pillion_state_update(client, STORE, "u", append, "1", NULL)));
    show_values(done("update", pillion_state_update(client, STORE, "u", append, "2", NULL)));
    check("get of no store", pillion_state_get(client, "nowhere", "a", NULL));
    check("key with ||", pillion_state_get(client, STORE, "a||b", NULL));
    check("query", pillion_state_query(client, STORE, pillion_text("{\"filter\":{}}"), NULL));
}

static void publish(void)
{
    pillion_publish_entry entries[] = {
        {.data = {"1", 1}},
        {.data = {"\0\1\2", 3}, .content_type = "application/octet-stream"},
        {.data = {"hi", 2}, .content_type = "text/plain", .entry_id = "third"},
    };
    const pillion_pair metadata[] = {{"cloudevent.type", "mine"}, {"ttlInSeconds", "60"}};
    pillion_options options = {.metadata = metadata, .metadata_count = 2};

    check("publish", pillion_publish_json(client, "pubsub", "t", "{\"n\":%d}", 1));
    check("publish with metadata",
          pillion_publish(client, "pubsub", "t", pillion_text("x"), "text/plain", &options));
    check("publish bulk", pillion_publish_bulk(client, "pubsub", "t", entries, 3, NULL));
    check("publish to nobody", pillion_publish_json(client, "nobody", "t", "1"));
}

static void rest(void)
{
    pillion_call *call;

    call = done("secret", pillion_secret_get(client, "secrets", "password", NULL));
    printf("  %s\n", pillion_secret_value(call, NULL));
    pillion_call_free(call);
    check("secret of no name", pillion_secret_get(client, "secrets", "nothing", NULL));
    check("secret of no store", pillion_secret_get(client, "nowhere", "password", NULL));
    call = done("all secrets", pillion_secret_get_all(client, "secrets", NULL));
    printf("  %s\n",
           pillion_json_string(pillion_json_find(pillion_call_json(call), "/password/password"),
                               "(none)"));
    pillion_call_free(call);
    check("set metadata", pillion_metadata_set(client, "my key", "value", NULL));
    call = done("metadata", pillion_metadata_get(client, NULL));
    printf("  %s %s\n", pillion_json_string(pillion_json_find(pillion_call_json(call), "/id"), ""),
           pillion_json_string(pillion_json_find(pillion_call_json(call), "/extended/my key"), ""));
    pillion_call_free(call);
    check("health", pillion_health(client, PILLION_HEALTH_FULL, NULL));
    check("invoke nobody", pillion_invoke(client, "nobody", "GET", "/x", pillion_text(""), NULL));
    check("api", pillion_api(client, "POST", "/v1.0-alpha2/conversation/echo/converse",
                             pillion_text("{\"inputs\":[{\"messages\":[{\"ofUser\":{\"content\":"
                                          "[{\"text\":\"hi\"}]}}]}]}"),
                             NULL));
    check("shutdown", pillion_shutdown(client));
}

int main(void)
{
    client = pillion_client_new(NULL);
    check("wait", pillion_health_wait(client, PILLION_HEALTH_OUTBOUND, 0));
    state();
    publish();
    rest();
    pillion_client_free(client);
    return 0;
}
