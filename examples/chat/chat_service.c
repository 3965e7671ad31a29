/* SPDX-License-Identifier: MIT
 *
 * The tutorial's chat service: answers messages through an agent that knows how many messages the
 * user has sent so far, and publishes MessageSent for each.
 *
 * A chat is a chain of calls on the loop: the count from the analytics service, the agent's answer,
 * the event; so many chats are under way at the same time.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include <pillion/client.h>

#include "shared/agent.h"
#include "shared/pages.h"
#include "shared/web.h"

static const char *const origins[] = {"http://localhost:3000"};

typedef struct service {
    pillion_client *client;
    agent agent;
} service;

typedef struct chat {
    service *service;
    pillion_request *request;
    char *user_id;
    char *text;
    char *reply;
} chat;

static char *copy(const char *text)
{
    char *copied = strdup(text);

    if (!copied)
        abort();
    return copied;
}

/* ---- the agent's tool ---- */

static char *get_current_time(const char *arguments)
{
    time_t now = time(NULL);
    struct tm utc;
    char text[64];

    (void)arguments;
    (void)gmtime_r(&now, &utc);
    (void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &utc);
    return copy(text);
}

static const agent_tool tools[] = {
    {"get_current_time", "Returns the current time in UTC.", get_current_time},
};

/* ---- small routes ---- */

static void on_root(void *user, pillion_request *request)
{
    (void)user;
    pillion_respond_json(request, 200, "{\"message\":%s}",
                         "Welcome to the DACA Chat Service! Access /docs for the API "
                         "documentation.");
}

static void on_user(void *user, pillion_request *request)
{
    const char *role = pillion_request_query(request, "role");

    (void)user;
    pillion_respond_json(request, 200, "{\"user_id\":%s,\"role\":%s}",
                         pillion_request_param(request, "user_id"),
                         role && role[0] ? role : "guest");
}

/* ---- the end of a chat ---- */

static void now_text(char *text, size_t size)
{
    struct timespec now;
    struct tm utc;
    size_t len;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    len = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(text + len, size - len, ".%06ldZ", now.tv_nsec / 1000);
}

/* A version 4 UUID. */
static void session_text(char text[37])
{
    unsigned char b[16];

    if (getrandom(b, sizeof(b), 0) != sizeof(b))
        abort();
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    (void)snprintf(text, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                   b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
                   b[13], b[14], b[15]);
}

static void end_chat(chat *self)
{
    free(self->user_id);
    free(self->text);
    free(self->reply);
    free(self);
}

static void on_published(void *user, pillion_call *call)
{
    chat *self = user;
    char timestamp[40], session[37];

    if (pillion_call_code(call) == PILLION_OK)
        printf("Published MessageSent event for user %s\n", self->user_id);
    else
        printf("Failed to publish MessageSent event: %s\n", pillion_call_error(call)->text);
    now_text(timestamp, sizeof(timestamp));
    session_text(session);
    pillion_respond_json(self->request, 200,
                         "{\"user_id\":%s,\"reply\":%s,\"metadata\":{\"timestamp\":%s,"
                         "\"session_id\":%s}}",
                         self->user_id, self->reply, timestamp, session);
    end_chat(self);
}

static void on_reply(void *user, const char *reply, const pillion_error *err)
{
    chat *self = user;

    if (!reply) {
        printf("The agent did not answer: %s\n", err->text);
        pillion_respond(self->request, 500, "text/plain; charset=utf-8",
                        pillion_text("Internal Server Error"));
        end_chat(self);
        return;
    }
    self->reply = copy(reply);
    pillion_then(pillion_publish_json(self->service->client, "pubsub", "messages",
                                      "{\"user_id\": %s, \"event_type\": \"MessageSent\"}",
                                      self->user_id),
                 on_published, self);
}

static void on_count(void *user, pillion_call *call)
{
    chat *self = user;
    int64_t count = 0;
    char instructions[400];

    if (pillion_call_code(call) == PILLION_OK)
        count = pillion_json_int(pillion_json_get(pillion_call_json(call), "message_count"), 0);
    else
        printf("Failed to fetch analytics via Dapr: %s\n", pillion_call_error(call)->text);
    (void)snprintf(instructions, sizeof(instructions),
                   "You are a helpful chatbot. Respond to user messages in a friendly and "
                   "informative way. If the user asks for the time, use the get_current_time tool. "
                   "The user has sent %lld messages so far, so personalize your response "
                   "accordingly.",
                   (long long)count);
    agent_run(&self->service->agent, instructions, self->text, on_reply, self);
}

/* ---- a message comes in ---- */

static bool is_blank(const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    return *text == '\0';
}

/* A date, or a date with a time (RFC 3339; the zone may be missing). */
static const char *why_no_time(const char *text)
{
    struct tm tm;
    const char *rest = strptime(text, "%Y-%m-%d", &tm);

    if (strlen(text) < 10)
        return "input is too short";
    if (!rest)
        return "invalid character in year";
    if (*rest != '\0' && (!strchr("Tt_ ", *rest) || !strptime(rest + 1, "%H:%M", &tm)))
        return "unexpected extra characters at the end of the input";
    return NULL;
}

static void check_metadata(const pillion_json *metadata, web_problems *problems)
{
    const pillion_json *timestamp = pillion_json_get(metadata, "timestamp");
    const pillion_json *session = pillion_json_get(metadata, "session_id");
    const char *text = pillion_json_string(timestamp, NULL);
    const char *why = text ? why_no_time(text) : NULL;

    if (why) {
        char *input = pillion_json_print(timestamp);
        char message[160];

        (void)snprintf(message, sizeof(message), "Input should be a valid datetime or date, %s",
                       why);
        web_problem_text(problems, "datetime_from_date_parsing",
                         "\"body\",\"metadata\",\"timestamp\"", message, input, why);
        free(input);
    } else if (timestamp && !text && pillion_json_kind_of(timestamp) != PILLION_JSON_NUMBER) {
        web_problem(problems, "datetime_type", "\"body\",\"metadata\",\"timestamp\"",
                    "Input should be a valid datetime", timestamp);
    }
    if (session && !pillion_json_string(session, NULL))
        web_problem(problems, "string_type", "\"body\",\"metadata\",\"session_id\"",
                    "Input should be a valid string", session);
}

static void check_tags(const pillion_json *tags, web_problems *problems)
{
    size_t at = 0;

    for (const pillion_json *it = pillion_json_first(tags); it; it = pillion_json_next(it), at++) {
        char loc[64];

        (void)snprintf(loc, sizeof(loc), "\"body\",\"tags\",%zu", at);
        if (!pillion_json_string(it, NULL))
            web_problem(problems, "string_type", loc, "Input should be a valid string", it);
    }
}

static bool is_null(const pillion_json *value)
{
    return !value || pillion_json_kind_of(value) == PILLION_JSON_NULL;
}

/* The tutorial's Message: user_id, text, and the optional metadata and tags. */
static void check_message(const pillion_json *body, web_problems *problems)
{
    const pillion_json *metadata = pillion_json_get(body, "metadata");
    const pillion_json *tags = pillion_json_get(body, "tags");

    (void)web_string(body, "user_id", true, problems);
    (void)web_string(body, "text", true, problems);
    if (pillion_json_kind_of(metadata) == PILLION_JSON_OBJECT)
        check_metadata(metadata, problems);
    else if (!is_null(metadata))
        web_problem(problems, "model_attributes_type", "\"body\",\"metadata\"",
                    "Input should be a valid dictionary or object to extract fields from",
                    metadata);
    if (pillion_json_kind_of(tags) == PILLION_JSON_ARRAY)
        check_tags(tags, problems);
    else if (!is_null(tags))
        web_problem(problems, "list_type", "\"body\",\"tags\"", "Input should be a valid list",
                    tags);
}

static void start_chat(service *of, pillion_request *request, const pillion_json *message)
{
    chat *self = calloc(1, sizeof(*self));
    char *path;

    if (!self)
        abort();
    self->service = of;
    self->request = request;
    self->user_id = copy(pillion_json_string(pillion_json_get(message, "user_id"), ""));
    self->text = copy(pillion_json_string(pillion_json_get(message, "text"), ""));
    printf("DB Connection: Mock DB Connection\n");
    path = pillion_path_format("/analytics/%s", self->user_id);
    pillion_then(
        pillion_invoke(of->client, "analytics-service", "GET", path, pillion_text(""), NULL),
        on_count, self);
    free(path);
}

static void on_chat(void *user, pillion_request *request)
{
    web_problems problems = {0};
    const pillion_json *body = web_body(request, &problems);

    if (body && pillion_json_kind_of(body) != PILLION_JSON_OBJECT)
        web_problem(&problems, "model_attributes_type", "\"body\"",
                    "Input should be a valid dictionary or object to extract fields from", body);
    else if (body)
        check_message(body, &problems);
    if (web_answer_problems(request, &problems))
        return;
    if (is_blank(pillion_json_string(pillion_json_get(body, "text"), "")))
        web_detail(request, 400, "Message text cannot be empty");
    else
        start_chat(user, request, body);
}

/* ---- the optional exercise: UserRegistered ---- */

static void on_registered(void *user, pillion_call *call)
{
    pillion_request *request = user;
    pillion_error err;
    const char *user_id =
        pillion_json_string(pillion_json_get(pillion_request_json(request, &err), "user_id"), "");

    if (pillion_call_code(call) != PILLION_OK) {
        printf("Failed to publish UserRegistered event: %s\n", pillion_call_error(call)->text);
        web_detail(request, 503, "The registration could not be published, try again");
        return;
    }
    printf("Published UserRegistered event for user %s\n", user_id);
    pillion_respond_json(request, 201, "{\"status\":\"registered\",\"user_id\":%s}", user_id);
}

static void on_register(void *user, pillion_request *request)
{
    service *self = user;
    web_problems problems = {0};
    const pillion_json *body = web_body(request, &problems);
    const char *user_id = body ? web_string(body, "user_id", true, &problems) : NULL;

    if (web_answer_problems(request, &problems))
        return;
    pillion_then(pillion_publish_json(self->client, "pubsub", "users",
                                      "{\"user_id\": %s, \"event_type\": \"UserRegistered\"}",
                                      user_id),
                 on_registered, request);
}

/* ---- main ---- */

int main(void)
{
    pillion_app_settings app_settings = {.port = getenv("APP_PORT") ? 0 : 8000};
    pillion_app *app = pillion_app_new(&app_settings);
    pillion_client_settings client_settings = {.loop = pillion_app_loop(app)};
    const char *component = getenv("CHAT_MODEL");
    service self = {.client = pillion_client_new(&client_settings)};
    pillion_str openapi = pillion_bytes(chat_openapi_json, chat_openapi_json_len);
    pillion_error err;

    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    self.agent = (agent){.client = self.client,
                         .component = component ? component : "chat-model",
                         .tools = tools,
                         .tool_count = sizeof(tools) / sizeof(tools[0])};
    web_setup(app, origins, 1, &openapi);
    pillion_app_route(app, "GET", "/", on_root, NULL);
    pillion_app_route(app, "GET", "/users/{user_id}", on_user, NULL);
    pillion_app_route(app, "POST", "/chat/", on_chat, &self);
    pillion_app_route(app, "POST", "/users/", on_register, &self);
    if (pillion_app_run(app, &err))
        (void)fprintf(stderr, "%s\n", err.text);
    pillion_client_free(self.client);
    pillion_app_free(app);
    return err.code == PILLION_OK ? 0 : 1;
}
