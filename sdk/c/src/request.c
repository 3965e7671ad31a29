/* SPDX-License-Identifier: MIT
 *
 * A request as its handler sees it, and its answer. It lives in the exchange's call and holds one
 * reference to it until it is answered.
 */
#include "app_internal.h"
#include "wire/json.h"
#include "wire/url.h"

static sc_arena *mem_of(const pillion_request *request)
{
    return &request->ex->call->mem;
}

static void on_gone(sc_http_exchange *ex)
{
    pillion_request *request = ex->user;

    request->is_gone = true;
}

pillion_request *request_new(pillion_app *app, sc_http_exchange *ex)
{
    pillion_request *request = sc_arena_new(&ex->call->mem, pillion_request);

    request->app = app;
    request->ex = ex;
    request->method = copy_text(&ex->call->mem, ex->req.method);
    request->path = copy_text(&ex->call->mem, ex->req.path);
    request->body = pillion_text("");
    ex->user = request;
    ex->on_gone = on_gone;
    (void)sc_call_ref(ex->call);
    sc_list_add(&app->requests, &request->link);
    return request;
}

void request_drop(pillion_request *request)
{
    sc_http_exchange *ex = request->ex;
    pillion_app *app = request->app;

    sc_list_remove(&request->link);
    ex->on_gone = NULL;
    ex->user = NULL;
    sc_call_unref(ex->call); /* the request lives in it */
    app_maybe_go(app);
}

sc_str request_header(const pillion_request *request, sc_str name)
{
    const sc_str *value = sc_pairs_get(&request->ex->req.headers, name);

    return value ? *value : SC_STR_NONE;
}

/* ---- the request ---- */

const char *pillion_request_method(const pillion_request *request)
{
    return request->method;
}

const char *pillion_request_path(const pillion_request *request)
{
    return request->path;
}

const char *pillion_request_param(const pillion_request *request, const char *name)
{
    const sc_str *value = sc_pairs_get(&request->params, sc_str_from(name));

    return value ? value->at : NULL;
}

const char *pillion_request_query(const pillion_request *request, const char *name)
{
    sc_str rest = request->ex->req.query;
    sc_str found, value;

    while (sc_url_next_param(&rest, mem_of(request), &found, &value))
        if (sc_str_eq(found, sc_str_from(name)))
            return copy_text(mem_of(request), value);
    return NULL;
}

const char *pillion_request_header(const pillion_request *request, const char *name)
{
    const sc_str *value = sc_pairs_get_nocase(&request->ex->req.headers, sc_str_from(name));

    return value ? copy_text(mem_of(request), *value) : NULL;
}

pillion_str pillion_request_body(const pillion_request *request)
{
    pillion_request *self = request->ex->user;

    if (self && self->body.len == 0 && request->ex->req.body.len > 0)
        self->body = str_out(sc_arena_str(mem_of(request), request->ex->req.body));
    return request->body;
}

const pillion_json *pillion_request_json(pillion_request *request, pillion_error *err)
{
    sc_error why;

    error_clear(err);
    if (!request->json_was_read) {
        request->json_was_read = true;
        request->json = json_read(mem_of(request), request->ex->req.body, &why);
    }
    if (!request->json) { /* read again for its story: this is no hot path */
        (void)json_read(mem_of(request), request->ex->req.body, &why);
        (void)error_take(err, &why);
    }
    return json_of(request->json);
}

pillion_event *pillion_request_event(pillion_request *request, pillion_error *err)
{
    sc_error why;
    sdk_event *event;

    error_clear(err);
    if (request->event)
        return &request->event->pub;
    event = sc_arena_new(mem_of(request), sdk_event);
    if (event_read(mem_of(request), &request->ex->req.headers, request->ex->req.body, event,
                   &why) != SC_OK) {
        (void)error_take(err, &why);
        return NULL;
    }
    request->event = event;
    return &event->pub;
}

/* In a time that does not tell how much of a token was right. */
static bool is_same_secret(sc_str a, sc_str b)
{
    unsigned differs = a.len != b.len;

    for (size_t i = 0; i < a.len && i < b.len; i++)
        differs |= (unsigned)(unsigned char)(a.at[i] ^ b.at[i]);
    return !differs;
}

bool pillion_request_has_token(const pillion_request *request)
{
    sc_str token = request->app->api_token;

    return token.len == 0 ||
           is_same_secret(token, request_header(request, SC_STR("dapr-api-token")));
}

bool pillion_request_is_gone(const pillion_request *request)
{
    return request->is_gone;
}

int pillion_request_status(const pillion_request *request)
{
    return request->status;
}

pillion_app *pillion_request_app(const pillion_request *request)
{
    return request->app;
}

/* ---- the answer ---- */

void pillion_respond_header(pillion_request *request, const char *name, const char *value)
{
    sc_arena *mem = mem_of(request);

    sc_pairs_add(&request->answer_headers, mem, sc_arena_str(mem, sc_str_from(name)),
                 sc_arena_str(mem, sc_str_from(value)));
}

void pillion_respond(pillion_request *request, int status, const char *content_type,
                     pillion_str body)
{
    if (content_type)
        pillion_respond_header(request, "Content-Type", content_type);
    sc_http_respond(request->ex, status, &request->answer_headers, str_in(body));
    request_drop(request);
}

void pillion_respond_json(pillion_request *request, int status, const char *format, ...)
{
    sc_buf text = {0};
    va_list args;
    bool is_good;

    va_start(args, format);
    is_good = json_add_format(&text, format, args) && sc_json_is_valid(sc_buf_str(&text));
    va_end(args);
    if (!is_good) {
        status = 500;
        sc_buf_clear(&text);
        sc_buf_add_str(&text,
                       SC_STR("{\"error\":\"the format of the answer does not make JSON\"}"));
    }
    pillion_respond(request, status, "application/json", str_out(sc_buf_str(&text)));
    sc_buf_deinit(&text);
}

void pillion_respond_start(pillion_request *request, int status, const char *content_type)
{
    if (content_type)
        pillion_respond_header(request, "Content-Type", content_type);
    request->is_streaming = true;
    sc_http_respond_start(request->ex, status, &request->answer_headers, SC_HTTP_LEN_UNKNOWN);
}

bool pillion_respond_write(pillion_request *request, pillion_str part)
{
    assert(request->is_streaming);
    sc_http_respond_write(request->ex, part.at, part.len);
    return sc_http_respond_is_congested(request->ex);
}

void pillion_respond_end(pillion_request *request)
{
    assert(request->is_streaming);
    sc_http_respond_end(request->ex);
    request_drop(request);
}
