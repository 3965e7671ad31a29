/* SPDX-License-Identifier: MIT
 *
 * A call: one or more HTTP requests, one after another, and one completion on the loop.
 */
#include <stdio.h>
#include <stdlib.h>

#include "client_internal.h"
#include "wire/json.h"

static void on_answered(sc_op *op);
static void on_pause_over(sc_timer *timer);
static void on_late(sc_op *op);

/* ---- the request ---- */

pillion_call *call_new(pillion_client *client, call_finish finish, uint32_t timeout_ms)
{
    sc_loop *loop = loop_sc(client->loop);
    sc_arena mem;
    pillion_call *call;

    sc_arena_init(&mem, NULL);
    call = sc_arena_new(&mem, pillion_call);
    call->mem = mem;
    sc_arena_init(&call->attempt, NULL);
    call->loop = client->loop;
    call->client = client;
    call->finish = finish;
    call->err.code = PILLION_PENDING;
    call->body = pillion_text("");
    call->deadline_ms = sc_loop_now_ms(loop) + (timeout_ms ? timeout_ms : client->timeout_ms);
    sc_timer_init(&call->pause, loop, on_pause_over);
    sc_op_init(&call->late, sc_loop_ops(loop), &call->mem, on_late);
    sc_list_add(&client->calls, &call->link);
    return call;
}

const char *call_text(pillion_call *call, sc_str s)
{
    return copy_text(&call->mem, s);
}

void call_request(pillion_call *call, const char *method, sc_buf *target, sc_str body)
{
    static const sc_str agent = SC_STR_INIT("pillion-c/" PILLION_VERSION);
    sc_arena *mem = &call->attempt;

    sc_arena_deinit(mem);
    call->headers = (sc_pairs){0};
    call->json = NULL;
    call->json_was_read = false;
    call->body = pillion_text("");
    call->request_body = body.len > 0 ? sc_arena_str(mem, body) : SC_STR_NONE;
    call->request = (sc_http_call_op){.method = sc_arena_str(mem, sc_str_from(method)),
                                      .target = sc_arena_str(mem, sc_buf_str(target)),
                                      .headers = &call->headers,
                                      .body_parts = body.len > 0 ? &call->request_body : NULL,
                                      .body_part_count = body.len > 0 ? 1 : 0,
                                      .max_body_len = call->client->max_body_len,
                                      .is_idempotent = strcmp(method, "GET") == 0};
    sc_buf_deinit(target);
    call_header(call, SC_STR("User-Agent"), agent);
    if (call->client->api_token.len > 0)
        call_header(call, SC_STR("dapr-api-token"), sc_arena_str(mem, call->client->api_token));
}

void call_header(pillion_call *call, sc_str name, sc_str value)
{
    sc_pairs_add(&call->headers, &call->attempt, name, value);
}

void call_headers(pillion_call *call, const pillion_pair *headers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        call_header(call, sc_arena_str(&call->attempt, sc_str_from(headers[i].name)),
                    sc_arena_str(&call->attempt, sc_str_from(headers[i].value)));
}

uint32_t call_time_left_ms(const pillion_call *call)
{
    uint64_t now_ms = sc_loop_now_ms(loop_sc(call->loop));

    return call->deadline_ms > now_ms ? (uint32_t)(call->deadline_ms - now_ms) : 0;
}

/* A name or value with a line end or NUL would be another header. */
static bool are_headers_clean(const sc_pairs *headers)
{
    for (uint32_t i = 0; i < headers->count; i++) {
        const sc_pair *pair = &headers->at[i];

        if (pair->name.len == 0)
            return false;
        for (size_t j = 0; j < pair->name.len; j++)
            if (pair->name.at[j] <= ' ' || pair->name.at[j] == ':' || pair->name.at[j] == 0x7f)
                return false;
        for (size_t j = 0; j < pair->value.len; j++)
            if (pair->value.at[j] == '\r' || pair->value.at[j] == '\n')
                return false;
    }
    return true;
}

static void send_now(pillion_call *call)
{
    sc_http_client *http;
    sc_error err;

    if (!are_headers_clean(&call->headers)) {
        (void)call_fail(call, PILLION_INVALID,
                        "a header has no name, or a line end in its name or value");
        return;
    }
    http = client_http(call->client, &err);
    if (!http) {
        (void)call_fail(call, (pillion_code)err.code, "%s", err.text);
        return;
    }
    call->request.timeout_ms = call_time_left_ms(call);
    if (call->request.timeout_ms == 0)
        call->request.timeout_ms = 1;
    sc_op_init(&call->request.op, sc_loop_ops(loop_sc(call->loop)), &call->attempt, on_answered);
    sc_http_client_send(http, &call->request);
}

void call_send(pillion_call *call, uint32_t pause_ms)
{
    if (pause_ms > 0)
        sc_timer_start(&call->pause, pause_ms);
    else
        send_now(call);
}

static void on_pause_over(sc_timer *timer)
{
    send_now(SC_CONTAINER_OF(timer, pillion_call, pause));
}

pillion_call *call_fail(pillion_call *call, pillion_code code, const char *format, ...)
{
    sc_error story;
    va_list args;

    va_start(args, format);
    (void)sc_fail_list(&story, (sc_code)code, format, args);
    va_end(args);
    (void)error_take(&call->err, &story);
    return call_end(call);
}

pillion_call *call_end(pillion_call *call)
{
    sc_op_finish(&call->late);
    return call;
}

/* ---- the answer ---- */

static void free_call(pillion_call *call)
{
    sc_arena mem = call->mem; /* the call lives in it */

    sc_buf_deinit(&call->kept);
    sc_arena_deinit(&call->attempt);
    sc_arena_deinit(&mem);
}

static void complete(pillion_call *call)
{
    pillion_client *client = call->client;

    call->is_complete = true;
    loop_look(call->loop);
    sc_list_remove(&call->link);
    call->client = NULL;
    call->loop = NULL;
    client->closing++; /* the callback may free it */
    if (call->has_done && call->done)
        call->done(call->user, call);
    if (call->has_done || call->is_forgotten)
        free_call(call);
    client->closing--;
    client_maybe_go(client);
}

static void on_late(sc_op *op)
{
    pillion_call *call = SC_CONTAINER_OF(op, pillion_call, late);

    if (call->is_complete) { /* pillion_then came afterwards */
        if (call->done)
            call->done(call->user, call);
        free_call(call);
        return;
    }
    complete(call);
}

static void on_answered(sc_op *op)
{
    pillion_call *call = SC_CONTAINER_OF(op, pillion_call, request.op);
    sc_http_call_op *request = &call->request;

    if (op->err.code != SC_OK) {
        (void)error_take(&call->err, &op->err);
        if (call->is_cancelled)
            (void)error_set(&call->err, PILLION_CANCELLED, "cancelled");
        else if (call->is_too_long)
            (void)error_set(&call->err, PILLION_EXHAUSTED, "the answer is longer than %zu bytes",
                            call->client->max_body_len);
    } else {
        sc_str body = call->is_streaming ? sc_buf_str(&call->kept) : request->answer_body;

        error_clear(&call->err);
        call->body = str_out(sc_arena_str(&call->attempt, body));
        if (request->status >= 400)
            answer_error(&call->err, request->status, body);
    }
    call->err.status = request->status;
    if (call->is_cancelled || !call->finish || call->finish(call))
        complete(call);
}

/* ---- for users ---- */

pillion_code pillion_wait(pillion_call *call, pillion_error *err)
{
    assert(!call->has_done);
    if (!call->is_complete && loop_is_running(call->loop))
        return error_set(err, PILLION_FAILED_PRECONDITION,
                         "waiting inside a callback would stop the loop it waits for: use "
                         "pillion_then, or a client with a loop of its own");
    while (!call->is_complete)
        (void)loop_turn(call->loop, -1);
    return error_copy(err, &call->err);
}

pillion_code pillion_finish(pillion_call *call, pillion_error *err)
{
    pillion_code code = pillion_wait(call, err);

    pillion_call_free(call);
    return code;
}

void pillion_then(pillion_call *call, void (*done)(void *user, pillion_call *call), void *user)
{
    assert(!call->has_done);
    call->has_done = true;
    call->done = done;
    call->user = user;
    if (call->is_complete)
        sc_op_finish(&call->late);
}

void pillion_call_cancel(pillion_call *call)
{
    if (call->is_complete || call->is_cancelled)
        return;
    call->is_cancelled = true;
    if (sc_timer_is_running(&call->pause)) {
        sc_timer_stop(&call->pause);
        (void)call_fail(call, PILLION_CANCELLED, "cancelled");
    } else if (call->client->http && call->request.connection) {
        sc_http_client_cancel(call->client->http, &call->request);
    }
}

void pillion_call_free(pillion_call *call)
{
    if (!call)
        return;
    assert(!call->has_done);
    if (call->is_complete) {
        free_call(call);
        return;
    }
    call->is_forgotten = true;
    pillion_call_cancel(call);
}

pillion_code pillion_call_code(const pillion_call *call)
{
    return call->is_complete ? call->err.code : PILLION_PENDING;
}

const pillion_error *pillion_call_error(const pillion_call *call)
{
    return &call->err;
}

int pillion_call_status(const pillion_call *call)
{
    return call->is_complete ? call->err.status : call->request.status;
}

pillion_str pillion_call_body(const pillion_call *call)
{
    return call->body;
}

const char *pillion_call_header(const pillion_call *call, const char *name)
{
    const sc_str *value = sc_pairs_get_nocase(&call->request.answer_headers, sc_str_from(name));
    pillion_call *owner = (pillion_call *)(uintptr_t)call; /* the copy is memory of the call */

    return value ? copy_text(&owner->attempt, *value) : NULL;
}

const pillion_json *pillion_call_json(pillion_call *call)
{
    if (!call->json_was_read) {
        call->json_was_read = true;
        call->json = json_read(&call->attempt, str_in(call->body), NULL);
    }
    return json_of(call->json);
}
