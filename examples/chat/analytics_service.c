/* SPDX-License-Identifier: MIT
 *
 * The tutorial's analytics service: counts the messages of each user in the state store, as
 * MessageSent events say, and tells the counts. Increments carry the ETag of what they read, so
 * that events handled at the same time are all counted.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <pillion/client.h>

#include "shared/pages.h"
#include "shared/python.h"
#include "shared/web.h"

#define STORE "statestore"

static const char *const origins[] = {"http://localhost:3000", "http://localhost:8000"};

static void on_root(void *user, pillion_request *request)
{
    (void)user;
    pillion_respond_json(request, 200, "{\"message\":%s}",
                         "Welcome to the DACA Analytics Service! Access /docs for the API "
                         "documentation.");
}

/* {"message_count": n} */
static int64_t count_in(const pillion_state_value *value)
{
    pillion_json *state = value->is_found ? pillion_json_parse(value->value, NULL) : NULL;
    int64_t count = pillion_json_int(pillion_json_get(state, "message_count"), 0);

    pillion_json_free(state);
    return count;
}

/* ---- reading ---- */

static bool is_known(const char *user_id)
{
    return strcmp(user_id, "alice") == 0 || strcmp(user_id, "bob") == 0;
}

static void on_state(void *user, pillion_call *call)
{
    pillion_request *request = user;
    const char *user_id = pillion_request_param(request, "user_id");
    const pillion_state_value *value = pillion_state_result(call, 0);

    if (!value)
        printf("Failed to retrieve state for %s: %s\n", user_id, pillion_call_error(call)->text);
    if ((!value || !value->is_found) && !is_known(user_id))
        web_detail(request, 404, "User not found");
    else
        pillion_respond_json(request, 200, "{\"message_count\":%" PRId64 "}",
                             value ? count_in(value) : 0);
}

static void on_analytics(void *user, pillion_request *request)
{
    pillion_client *client = user;

    pillion_then(pillion_state_get(client, STORE, pillion_request_param(request, "user_id"), NULL),
                 on_state, request);
}

/* ---- initialize ---- */

/* pydantic's idea of an integer in a query: "5", "+5", "5.0". */
static bool read_count(const char *text, int64_t *count)
{
    char *end;
    long long number = strtoll(text, &end, 10);

    if (end == text)
        return false;
    if (*end == '.')
        end += 1 + strspn(end + 1, "0");
    *count = number;
    return *end == '\0';
}

/* The count from the query, as the tutorial's service declares it, or from the JSON body, as its
 * own command sends it. */
static void find_count(pillion_request *request, int64_t *count, web_problems *problems)
{
    const char *text = pillion_request_query(request, "message_count");
    const pillion_json *body, *value;

    if (text) {
        char *input = pillion_json_format("%s", text);

        if (!read_count(text, count))
            web_problem_text(problems, "int_parsing", "\"query\",\"message_count\"",
                             "Input should be a valid integer, unable to parse string as an "
                             "integer",
                             input, NULL);
        free(input);
        return;
    }
    body = pillion_request_body(request).len > 0 ? web_body(request, problems) : NULL;
    value = pillion_json_get(body, "message_count");
    *count = pillion_json_int(value, INT64_MIN);
    if (!value && !problems->list)
        web_problem(problems, "missing", "\"query\",\"message_count\"", "Field required", NULL);
    else if (value && *count == INT64_MIN)
        web_problem(problems, "int_type", "\"body\",\"message_count\"",
                    "Input should be a valid integer", value);
}

typedef struct initialization {
    pillion_request *request;
    int64_t count;
} initialization;

static void on_initialized(void *user, pillion_call *call)
{
    initialization *self = user;
    const char *user_id = pillion_request_param(self->request, "user_id");

    if (pillion_call_code(call) == PILLION_OK) {
        printf("Set message count for %s: %" PRId64 "\n", user_id, self->count);
        pillion_respond_json(self->request, 200,
                             "{\"status\":\"success\",\"user_id\":%s,\"message_count\":%" PRId64
                             "}",
                             user_id, self->count);
    } else {
        printf("Failed to set state for %s: %s\n", user_id, pillion_call_error(call)->text);
        web_detail(self->request, 503, "The state store does not answer");
    }
    free(self);
}

static void on_initialize(void *user, pillion_request *request)
{
    pillion_client *client = user;
    initialization *self;
    web_problems problems = {0};
    int64_t count = 0;
    char *value;

    find_count(request, &count, &problems);
    if (web_answer_problems(request, &problems))
        return;
    self = malloc(sizeof(*self));
    if (!self)
        abort();
    *self = (initialization){.request = request, .count = count};
    value = pillion_json_format("{\"message_count\":%" PRId64 "}", count);
    pillion_then(pillion_state_set(client, STORE, pillion_request_param(request, "user_id"),
                                   pillion_text(value), NULL),
                 on_initialized, self);
    free(value);
}

/* ---- events ---- */

/* An event may come from the sidecar, in an envelope or bare (contentMode: binary), or straight
 * from somebody who posts the bare body. The sidecar reads SUCCESS and RETRY; people read the
 * tutorial's words. */
static void answer_event(pillion_request *request, const char *to_sidecar, const char *to_people)
{
    bool is_sidecar = pillion_request_header(request, "pubsubname") != NULL;

    pillion_respond_json(request, 200, "{\"status\":%s}", is_sidecar ? to_sidecar : to_people);
}

static const char *event_text(pillion_request *request, const char *name)
{
    pillion_event *event = pillion_request_event(request, NULL);

    return pillion_json_string(pillion_json_get(pillion_event_json(event), name), "");
}

static void on_changed(void *user, pillion_call *call)
{
    pillion_request *request = user;
    const pillion_state_value *value = pillion_state_result(call, 0);
    const char *user_id = event_text(request, "user_id");

    if (value) {
        printf("Set message count for %s: %" PRId64 "\n", user_id, count_in(value));
        answer_event(request, "SUCCESS", "success");
    } else {
        printf("Failed to set state for %s: %s\n", user_id, pillion_call_error(call)->text);
        answer_event(request, "RETRY", "failed");
    }
}

static char *increment(void *user, const pillion_state_value *now)
{
    (void)user;
    return pillion_json_format("{\"message_count\":%" PRId64 "}", count_in(now) + 1);
}

/* A registration that comes twice must not take counts away. */
static char *begin_at_zero(void *user, const pillion_state_value *now)
{
    (void)user;
    return now->is_found ? NULL : pillion_json_format("{\"message_count\":0}");
}

/* The event's data; NULL when the request was answered because there is none to work with. What the
 * sidecar brings is never refused, for it would come again and again. */
static const pillion_json *take_event(pillion_request *request)
{
    pillion_event *event = pillion_request_event(request, NULL);
    const pillion_json *data = event ? pillion_event_json(event) : NULL;
    web_problems problems = {0};
    const pillion_json *body;

    if (pillion_json_kind_of(data) == PILLION_JSON_OBJECT)
        return data;
    if (pillion_request_header(request, "pubsubname")) {
        answer_event(request, "SUCCESS", "ignored");
        return NULL;
    }
    body = web_body(request, &problems);
    if (body)
        web_problem(&problems, "dict_type", "\"body\"", "Input should be a valid dictionary", body);
    (void)web_answer_problems(request, &problems);
    return NULL;
}

/* Shows the event as Python would, and changes the user's count when it is of this type. */
static void handle_event(pillion_client *client, pillion_request *request, const char *type,
                         pillion_state_changer change)
{
    const pillion_json *data = take_event(request);
    const char *user_id;

    if (!data)
        return;
    printf("Received event: ");
    python_print(stdout, data);
    printf("\n");
    user_id = event_text(request, "user_id");
    if (strcmp(event_text(request, "event_type"), type) != 0 || !user_id[0])
        answer_event(request, "SUCCESS", "ignored");
    else
        pillion_then(pillion_state_update(client, STORE, user_id, change, NULL, NULL), on_changed,
                     request);
}

static void on_message(void *user, pillion_request *request)
{
    handle_event(user, request, "MessageSent", increment);
}

static void on_user_registered(void *user, pillion_request *request)
{
    handle_event(user, request, "UserRegistered", begin_at_zero);
}

int main(void)
{
    pillion_app_settings app_settings = {.port = getenv("APP_PORT") ? 0 : 8001};
    pillion_app *app = pillion_app_new(&app_settings);
    pillion_client_settings client_settings = {.loop = pillion_app_loop(app)};
    pillion_client *client = pillion_client_new(&client_settings);
    pillion_str openapi = pillion_bytes(analytics_openapi_json, analytics_openapi_json_len);
    pillion_error err;

    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    web_setup(app, origins, 2, &openapi);
    pillion_app_route(app, "GET", "/", on_root, NULL);
    pillion_app_route(app, "GET", "/analytics/{user_id}", on_analytics, client);
    pillion_app_route(app, "POST", "/analytics/{user_id}/initialize", on_initialize, client);
    pillion_app_route(app, "POST", "/messages", on_message, client);
    pillion_app_route(app, "POST", "/users", on_user_registered, client);
    if (pillion_app_run(app, &err))
        (void)fprintf(stderr, "%s\n", err.text);
    pillion_client_free(client);
    pillion_app_free(app);
    return err.code == PILLION_OK ? 0 : 1;
}
