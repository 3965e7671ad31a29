/* SPDX-License-Identifier: MIT
 *
 * The client's front: settings, the list of requests under way, their time limits and the close.
 * How bytes go is the business of the two versions behind it.
 */
#include "net/http_client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/tls.h"
#include "net/http_internal.h"

static void on_time_over(sc_timer *timer);
static void on_close_done(sc_op *op);

static sc_str own(sc_str text)
{
    char *copy = sc_alloc_zero(text.len + 1);

    if (text.len > 0)
        memcpy(copy, text.at, text.len);
    return sc_str_of(copy, text.len);
}

static void disown(sc_str text)
{
    free((void *)(uintptr_t)text.at);
}

static sc_str default_authority(const sc_dial *dial)
{
    char text[300];
    int len = snprintf(text, sizeof(text), dial->is_unix ? "localhost" : "%.*s:%u",
                       SC_FMT(dial->host), dial->port);

    return own(sc_str_of(text, len > 0 && (size_t)len < sizeof(text) ? (size_t)len : 0));
}

sc_http_client *sc_http_client_open(sc_loop *loop, const sc_http_client_settings *settings)
{
    sc_http_client *client = sc_new(sc_http_client);
    sc_http_client_settings *to = &client->settings;

    client->loop = loop;
    *to = *settings;
    to->dial.host = own(settings->dial.host);
    to->dial.tls_name = own(settings->dial.tls_name);
    to->dial.tls = settings->dial.tls ? sc_tls_context_ref(settings->dial.tls) : NULL;
    to->authority =
        settings->authority.len > 0 ? own(settings->authority) : default_authority(&settings->dial);
    to->max_connections = to->max_connections ? to->max_connections : 256;
    to->max_waiting = to->max_waiting ? to->max_waiting : 10000;
    to->idle_timeout_ms = to->idle_timeout_ms ? to->idle_timeout_ms : 90000;
    to->max_head_len = to->max_head_len ? to->max_head_len : 65536;
    sc_list_init(&client->jobs);
    client->proto = settings->version == SC_HTTP_2 ? &sc_h2_client : &sc_h1_client;
    client->proto_self = client->proto->open(client);
    return client;
}

void sc_http_client_send(sc_http_client *client, sc_http_call_op *op)
{
    sc_http_job *job;

    op->op.home = sc_loop_ops(client->loop);
    op->started_ms = sc_loop_now_ms(client->loop);
    if (client->is_closing) {
        sc_op_fail(&op->op, SC_CANCELLED, "the client is closed");
        return;
    }
    job = sc_arena_new(op->op.mem, sc_http_job);
    job->client = client;
    job->op = op;
    job->max_body_len = op->max_body_len ? op->max_body_len : 4u * 1024u * 1024u;
    for (size_t i = 0; i < op->body_part_count; i++)
        job->body_len += op->body_parts[i].len;
    op->sent_len = job->body_len;
    op->received_len = 0;
    job->is_body_whole = !op->is_body_open;
    if (op->is_body_open) {
        job->body_left = op->body_len - job->body_len;
        job->body_len = op->body_len;
    }
    sc_http_job_ask_for_gzip(job);
    sc_list_init(&job->link);
    sc_list_init(&job->wait);
    sc_list_add(&client->jobs, &job->link);
    sc_timer_init(&job->timer, client->loop, on_time_over);
    if (op->timeout_ms > 0)
        sc_timer_start(&job->timer, op->timeout_ms);
    op->connection = job;
    client->proto->start(client->proto_self, job);
}

static void maybe_close(sc_http_client *client)
{
    if (!client->is_closing || !sc_list_is_empty(&client->jobs) || client->proto_self == NULL)
        return;
    client->proto->close(client->proto_self);
    client->proto_self = NULL;
    sc_op_init(&client->closing, sc_loop_ops(client->loop), NULL, on_close_done);
    sc_op_finish(&client->closing);
}

void sc_http_job_finish(sc_http_job *job)
{
    if (job->is_over)
        return;
    job->is_over = true;
    job->where = NULL;
    sc_buf_deinit(&job->held);
    sc_http_job_forget_answer(job);
    sc_timer_stop(&job->timer);
    sc_list_remove(&job->link);
    sc_list_remove(&job->wait);
    job->op->connection = NULL;
    sc_op_finish(&job->op->op);
    maybe_close(job->client);
}

void sc_http_job_fail(sc_http_job *job, sc_code code, const char *fmt, ...)
{
    va_list args;

    if (job->is_over)
        return;
    va_start(args, fmt);
    (void)sc_fail_list(&job->op->op.err, code, fmt, args);
    va_end(args);
    sc_http_job_finish(job);
}

void sc_http_job_give_up(sc_http_job *job, sc_code code, const char *fmt, ...)
{
    va_list args;

    if (job->is_over)
        return;
    va_start(args, fmt);
    (void)sc_fail_list(&job->op->op.err, code, fmt, args);
    va_end(args);
    job->client->proto->drop(job->client->proto_self, job);
    sc_http_job_finish(job);
}

/* ---- bodies in parts ---- */

#define HELD_MAX (64u * 1024u)

static void wrong_length(sc_http_job *job, uint64_t len)
{
    sc_http_job_give_up(job, SC_INVALID, "http: ContentLength=%llu with Body length %llu",
                        (unsigned long long)job->body_len, (unsigned long long)len);
}

void sc_http_client_write(sc_http_call_op *op, const void *at, size_t len)
{
    sc_http_job *job = op->connection;

    if (!job || job->is_body_whole || len == 0)
        return;
    if (job->body_len != SC_HTTP_LEN_UNKNOWN) {
        if (len > job->body_left) {
            wrong_length(job, job->body_len - job->body_left + len);
            return;
        }
        job->body_left -= len;
    }
    op->sent_len += len;
    if (job->takes_body)
        job->client->proto->write(job, at, len);
    else
        sc_buf_add(&job->held, at, len);
}

void sc_http_client_write_end(sc_http_call_op *op)
{
    sc_http_job *job = op->connection;

    if (!job || job->is_body_whole)
        return;
    if (job->body_len != SC_HTTP_LEN_UNKNOWN && job->body_left > 0) {
        wrong_length(job, job->body_len - job->body_left);
        return;
    }
    job->is_body_whole = true;
    if (job->takes_body)
        job->client->proto->write_end(job);
}

void sc_http_job_takes_body(sc_http_job *job)
{
    job->takes_body = true;
    if (sc_buf_len(&job->held) > 0)
        job->client->proto->write(job, sc_buf_at(&job->held), sc_buf_len(&job->held));
    sc_buf_deinit(&job->held);
    if (job->is_body_whole)
        job->client->proto->write_end(job);
    else
        sc_http_job_drained(job);
}

bool sc_http_client_is_congested(sc_http_call_op *op)
{
    sc_http_job *job = op->connection;
    bool is_full;

    if (!job || job->is_body_whole)
        return false;
    is_full = job->takes_body ? job->client->proto->is_congested(job)
                              : sc_buf_len(&job->held) >= HELD_MAX;
    job->wants_drained = is_full;
    return is_full;
}

void sc_http_job_drained(sc_http_job *job)
{
    if (!job->wants_drained || job->is_over)
        return;
    job->wants_drained = false;
    if (job->op->events && job->op->events->on_drained)
        job->op->events->on_drained(job->op);
}

static void set_paused(sc_http_call_op *op, bool is_paused)
{
    sc_http_job *job = op->connection;

    if (!job || job->is_owner_paused == is_paused)
        return;
    job->is_owner_paused = is_paused;
    sc_http_job_update_pause(job);
}

void sc_http_client_pause(sc_http_call_op *op)
{
    set_paused(op, true);
}

void sc_http_client_resume(sc_http_call_op *op)
{
    set_paused(op, false);
}

/* ---- the end ---- */

static void on_time_over(sc_timer *timer)
{
    sc_http_job *job = SC_CONTAINER_OF(timer, sc_http_job, timer);

    sc_http_job_give_up(job, SC_DEADLINE, "no whole answer within %llu ms",
                        (unsigned long long)job->op->timeout_ms);
}

void sc_http_client_cancel(sc_http_client *client, sc_http_call_op *op)
{
    (void)client;
    if (op->connection)
        sc_http_job_give_up(op->connection, SC_CANCELLED, "context canceled");
}

void sc_http_client_close(sc_http_client *client, void (*on_closed)(void *self), void *self)
{
    client->is_closing = true;
    client->on_closed = on_closed;
    client->closed_self = self;
    while (!sc_list_is_empty(&client->jobs))
        sc_http_job_give_up(SC_CONTAINER_OF(client->jobs.next, sc_http_job, link), SC_CANCELLED,
                            "context canceled");
    maybe_close(client);
}

static void on_close_done(sc_op *op)
{
    sc_http_client *client = SC_CONTAINER_OF(op, sc_http_client, closing);

    disown(client->settings.dial.host);
    disown(client->settings.dial.tls_name);
    disown(client->settings.authority);
    sc_tls_context_unref(client->settings.dial.tls);
    if (client->on_closed)
        client->on_closed(client->closed_self);
    free(client);
}
