/* SPDX-License-Identifier: MIT
 *
 * The curl module: libcurl's multi interface, driven by the loop. libcurl says which sockets it
 * waits for and until when; a poll handle for each socket and one timer tell it what happened.
 *
 * No answer is followed to another place, so what a header holds goes to the URL's host alone.
 */
#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "components/shared/curl_internal.h"
#include "core/module.h"

typedef struct client {
    uv_loop_t *loop;
    CURLM *multi;
    uv_timer_t timer;
    unsigned open; /* handles of the loop */
    char user_agent[64];
    void (*on_closed)(void *user); /* while closing */
    void *user;
} client;

/* A socket that libcurl waits for. */
typedef struct socket_watch {
    uv_poll_t poll;
    curl_socket_t fd;
    client *owner;
} socket_watch;

/* transfer->internal */
typedef struct exchange {
    CURL *easy;
    struct curl_slist *headers;
    sc_curl_transfer *transfer;
    char text[CURL_ERROR_SIZE];
} exchange;

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *at);
static int on_timeout(CURLM *multi, long timeout_ms, void *user);
static void finish_done(client *self);

static void fail(sc_error *err, sc_code code, const char *fmt, ...) SC_PRINTF(3, 4);
static void fail(sc_error *err, sc_code code, const char *fmt, ...)
{
    va_list args;

    err->code = code;
    va_start(args, fmt);
    (void)vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
}

/* ---- the client ---- */

static void *client_new(struct uv_loop_s *loop, const char *user_agent, sc_error *err)
{
    client *self = calloc(1, sizeof(*self));
    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);

    if (code != CURLE_OK || !self || !(self->multi = curl_multi_init())) {
        fail(err, SC_UNAVAILABLE, "libcurl cannot be used: %s",
             code != CURLE_OK ? curl_easy_strerror(code) : "out of memory");
        free(self);
        return NULL;
    }
    self->loop = loop;
    (void)snprintf(self->user_agent, sizeof(self->user_agent), "%s", user_agent);
    (void)curl_multi_setopt(self->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(self->multi, CURLMOPT_SOCKETDATA, self);
    (void)curl_multi_setopt(self->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    (void)curl_multi_setopt(self->multi, CURLMOPT_TIMERDATA, self);
    (void)uv_timer_init(loop, &self->timer);
    self->timer.data = self;
    self->open = 1;
    return self;
}

static void on_handle_closed(client *self)
{
    void (*tell)(void *user) = self->on_closed;
    void *user = self->user;

    if (--self->open > 0 || !tell)
        return;
    free(self);
    curl_global_cleanup();
    tell(user);
}

static void on_timer_closed(uv_handle_t *handle)
{
    on_handle_closed(handle->data);
}

static void on_poll_closed(uv_handle_t *handle)
{
    socket_watch *watch = handle->data;
    client *self = watch->owner;

    free(watch);
    on_handle_closed(self);
}

static void client_close(void *at, void (*on_closed)(void *user), void *user)
{
    client *self = at;

    self->on_closed = on_closed;
    self->user = user;
    (void)curl_multi_cleanup(self->multi); /* closes idle connections, and so their watches */
    self->multi = NULL;
    uv_close((uv_handle_t *)&self->timer, on_timer_closed);
}

/* ---- libcurl asks, the loop answers ---- */

static void on_ready(uv_poll_t *poll, int status, int events)
{
    socket_watch *watch = poll->data;
    client *self = watch->owner;
    int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
                (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0) | (status < 0 ? CURL_CSELECT_ERR : 0);
    int running;

    (void)curl_multi_socket_action(self->multi, watch->fd, flags, &running);
    finish_done(self);
}

static socket_watch *watch_socket(client *self, curl_socket_t fd)
{
    socket_watch *watch = calloc(1, sizeof(*watch));

    if (!watch || uv_poll_init_socket(self->loop, &watch->poll, fd) != 0) {
        free(watch);
        return NULL;
    }
    watch->poll.data = watch;
    watch->fd = fd;
    watch->owner = self;
    self->open++;
    (void)curl_multi_assign(self->multi, fd, watch);
    return watch;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *at)
{
    client *self = user;
    socket_watch *watch = at;
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

    (void)easy;
    if (what != CURL_POLL_REMOVE) {
        if (!watch && !(watch = watch_socket(self, fd)))
            return -1;
        return uv_poll_start(&watch->poll, events, on_ready) == 0 ? 0 : -1;
    }
    if (watch) {
        (void)curl_multi_assign(self->multi, fd, NULL);
        (void)uv_poll_stop(&watch->poll);
        uv_close((uv_handle_t *)&watch->poll, on_poll_closed);
    }
    return 0;
}

static void on_due(uv_timer_t *timer)
{
    client *self = timer->data;
    int running;

    (void)curl_multi_socket_action(self->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    finish_done(self);
}

/* Called inside libcurl, which must not be entered again: also 0 waits for the next turn. */
static int on_timeout(CURLM *multi, long timeout_ms, void *user)
{
    client *self = user;

    (void)multi;
    if (timeout_ms < 0)
        (void)uv_timer_stop(&self->timer);
    else
        (void)uv_timer_start(&self->timer, on_due, (uint64_t)timeout_ms, 0);
    return 0;
}

/* ---- transfers ---- */

static size_t on_body(char *at, size_t size, size_t count, void *user)
{
    exchange *one = user;

    return one->transfer->on_data(one->transfer, at, size * count) ? size * count : 0;
}

static void free_exchange(client *self, exchange *one)
{
    (void)curl_multi_remove_handle(self->multi, one->easy);
    curl_easy_cleanup(one->easy);
    curl_slist_free_all(one->headers);
    one->transfer->internal = NULL;
    free(one);
}

static bool add_headers(exchange *one, const char *const *headers)
{
    for (; *headers; headers++) {
        struct curl_slist *longer = curl_slist_append(one->headers, *headers);

        if (!longer)
            return false;
        one->headers = longer;
    }
    return true;
}

static void set_options(client *self, exchange *one)
{
    const sc_curl_transfer *transfer = one->transfer;
    const char *authorities = getenv("SSL_CERT_FILE");
    CURL *easy = one->easy;

    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, one);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, one->text);
    (void)curl_easy_setopt(easy, CURLOPT_URL, transfer->url);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, transfer->method);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, one->headers);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, self->user_agent);
    (void)curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)transfer->timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)transfer->connect_timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, one);
    if (transfer->body) {
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->body);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body_len);
    }
    if (authorities && authorities[0])
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, authorities);
}

/* The outcome of one that could not start comes with the timer's next turn: libcurl reports it. */
static void start(void *at, sc_curl_transfer *transfer)
{
    client *self = at;
    exchange *one = calloc(1, sizeof(*one));

    if (!one || !(one->easy = curl_easy_init()) || !add_headers(one, transfer->headers))
        abort(); /* small fixed allocations do not fail */
    one->transfer = transfer;
    transfer->internal = one;
    transfer->status = 0;
    transfer->err.code = SC_OK;
    transfer->err.text[0] = '\0';
    set_options(self, one);
    (void)curl_multi_add_handle(self->multi, one->easy);
}

static void cancel(void *at, sc_curl_transfer *transfer)
{
    if (transfer->internal)
        free_exchange(at, transfer->internal);
}

static sc_code code_of(CURLcode result)
{
    switch (result) {
    case CURLE_OK:
        return SC_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return SC_DEADLINE;
    case CURLE_WRITE_ERROR:
        return SC_EXHAUSTED;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return SC_INVALID;
    default:
        return SC_UNAVAILABLE;
    }
}

static void finish(client *self, exchange *one, CURLcode result)
{
    sc_curl_transfer *transfer = one->transfer;
    long status = 0;

    (void)curl_easy_getinfo(one->easy, CURLINFO_RESPONSE_CODE, &status);
    transfer->status = (int)status;
    if (result != CURLE_OK)
        fail(&transfer->err, code_of(result), "%s",
             one->text[0] ? one->text : curl_easy_strerror(result));
    free_exchange(self, one);
    transfer->done(transfer);
}

static void finish_done(client *self)
{
    CURLMsg *message;
    int left;

    while (self->multi && (message = curl_multi_info_read(self->multi, &left)) != NULL) {
        CURLcode result = message->data.result; /* the message goes with the handle */
        char *one = NULL;

        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &one);
        if (message->msg == CURLMSG_DONE)
            finish(self, (exchange *)(void *)one, result);
    }
}

static const sc_curl_module_ops ops = {
    .client_new = client_new,
    .client_close = client_close,
    .start = start,
    .cancel = cancel,
};

SC_MODULE_EXPORT const sc_module pillion_module;
const sc_module pillion_module = {.version = PILLION_VERSION, .table = &ops};
