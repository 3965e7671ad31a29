/* SPDX-License-Identifier: MIT
 *
 * Bodies in parts, in either direction. The body of a failure is kept instead of handed on, so that
 * the call can say what went wrong.
 */
#include "client_internal.h"

static pillion_call *of(sc_http_call_op *op)
{
    return SC_CONTAINER_OF(op, pillion_call, request);
}

/* What nobody takes in parts is put together, up to the limit: of a failure as far as it goes. */
static void keep(pillion_call *call, const char *at, size_t len)
{
    size_t room = call->client->max_body_len - sc_buf_len(&call->kept);

    if (len > room && call->request.status < 400) {
        call->is_too_long = true;
        sc_http_client_cancel(call->client->http, &call->request);
        return;
    }
    sc_buf_add(&call->kept, at, len < room ? len : room);
}

static void on_data(sc_http_call_op *op, const char *at, size_t len)
{
    pillion_call *call = of(op);

    if (call->is_cancelled)
        return;
    if (call->streaming.on_part && op->status < 400)
        call->streaming.on_part(call->streaming.user, call, pillion_bytes(at, len));
    else
        keep(call, at, len);
}

static void on_drained(sc_http_call_op *op)
{
    pillion_call *call = of(op);

    loop_look(call->loop);
    if (call->streaming.on_room && !call->is_cancelled)
        call->streaming.on_room(call->streaming.user, call);
}

void call_stream(pillion_call *call, const pillion_invoke_options *options)
{
    static const sc_http_call_events events = {.on_data = on_data, .on_drained = on_drained};

    if (!options->on_part && !options->is_body_open)
        return;
    call->streaming = *options;
    call->is_streaming = true;
    call->request.events = &events;
    call->request.is_body_open = options->is_body_open;
    call->request.body_len = options->is_body_open ? SC_HTTP_LEN_UNKNOWN : 0;
    call->request.is_idempotent = call->request.is_idempotent && !options->is_body_open;
}

bool pillion_call_write(pillion_call *call, pillion_str part)
{
    if (call->is_complete || !call->streaming.is_body_open)
        return false;
    sc_http_client_write(&call->request, part.at, part.len);
    return pillion_call_is_full(call);
}

void pillion_call_write_end(pillion_call *call)
{
    if (!call->is_complete && call->streaming.is_body_open)
        sc_http_client_write_end(&call->request);
}

bool pillion_call_is_full(pillion_call *call)
{
    return !call->is_complete && call->streaming.is_body_open &&
           sc_http_client_is_congested(&call->request);
}

void pillion_call_pause(pillion_call *call)
{
    if (!call->is_complete)
        sc_http_client_pause(&call->request);
}

void pillion_call_resume(pillion_call *call)
{
    if (!call->is_complete)
        sc_http_client_resume(&call->request);
}
