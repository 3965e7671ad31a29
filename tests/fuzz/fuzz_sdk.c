/* links: sdk
 * SPDX-License-Identifier: MIT
 *
 * What the client library parses: the first byte says what the rest is.
 */
#include <stdlib.h>

#include "client_internal.h"
#include "event_bulk.h"
#include "event_proto.h"
#include "wire/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static sc_arena mem;

static void touch(pillion_event *event)
{
    size_t total = strlen(event->id) + strlen(event->source) + strlen(event->type) +
                   strlen(event->subject) + strlen(event->time) + strlen(event->content_type) +
                   strlen(event->pubsub) + strlen(event->topic) + strlen(event->traceparent);

    if (event->data.at[event->data.len] != '\0' || total == SIZE_MAX)
        abort();
    (void)pillion_event_json(event);
    (void)pillion_event_attribute(event, "id");
}

static void read_event(const char *content_type, sc_str body)
{
    sc_pairs headers = {0};
    sdk_event event;
    sc_error err;

    sc_pairs_add(&headers, &mem, SC_STR("content-type"), sc_str_from(content_type));
    sc_pairs_add(&headers, &mem, SC_STR("pubsubname"), SC_STR("ps"));
    if (event_read(&mem, &headers, body, &event, &err) == SC_OK)
        touch(&event.pub);
}

static void read_bulk(sc_str body)
{
    size_t count;
    event_entry *entries = event_bulk_read(&mem, SC_STR("application/json"), body, &count);

    for (size_t i = 0; entries && i < count; i++)
        if (entries[i].is_good)
            touch(&entries[i].event.pub);
}

static void read_message(sc_str body)
{
    Dapr__Proto__Runtime__V1__TopicEventRequest *message =
        sc_proto_unpack(&dapr__proto__runtime__v1__topic_event_request__descriptor, body, &mem);
    sdk_event event;

    if (!message)
        return;
    event_from_proto(&mem, message, &event);
    touch(&event.pub);
}

static void read_json(sc_str text)
{
    pillion_json *doc = pillion_json_parse(str_out(text), NULL);
    char *printed = pillion_json_print(doc);
    pillion_json *again = doc ? pillion_json_parse(pillion_text(printed), NULL) : NULL;

    if (doc && !again)
        abort(); /* what is printed is JSON */
    for (const pillion_json *it = pillion_json_first(doc); it; it = pillion_json_next(it)) {
        (void)pillion_json_int(it, 0);
        (void)pillion_json_double(it, 0);
        if (pillion_json_kind_of(doc) == PILLION_JSON_OBJECT)
            (void)pillion_json_find(doc, pillion_json_name(it));
    }
    pillion_json_free(again);
    pillion_json_free(doc);
    free(printed);
}

static void read_endpoint(sc_str text)
{
    endpoint at;

    if (endpoint_parse_http(text, &at, NULL) == SC_OK && at.host.len == 0)
        abort();
    if (endpoint_parse_grpc(text, &at, NULL) == SC_OK && at.host.len == 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    sc_str rest = sc_str_of(data + 1, len > 0 ? len - 1 : 0);
    pillion_error err;

    if (len == 0)
        return 0;
    sc_arena_init(&mem, NULL);
    switch (data[0]) {
    case 'c':
        read_event("application/cloudevents+json", rest);
        break;
    case 'e':
        read_event("application/json", rest);
        break;
    case 'b':
        read_bulk(rest);
        break;
    case 'm':
        read_message(rest);
        break;
    case 'j':
        read_json(rest);
        break;
    case 'u':
        read_endpoint(rest);
        break;
    case 'a':
        answer_error(&err, 500, rest);
        break;
    default:
        break;
    }
    sc_arena_deinit(&mem);
    return 0;
}
