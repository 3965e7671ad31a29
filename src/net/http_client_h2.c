/* SPDX-License-Identifier: MIT
 *
 * The HTTP/2 side of the HTTP client: all jobs multiplexed on one connection, opened when first
 * needed and again after a loss. A connection that got GOAWAY finishes its jobs while a new one
 * takes over.
 */
#include <stdio.h>
#include <stdlib.h>

#include "net/h2_session.h"
#include "net/http_internal.h"

typedef struct h2_client h2_client;

typedef struct h2_link {
    h2_client *client;
    sc_h2_session *session;
    bool was_ready;
} h2_link;

struct h2_client {
    sc_http_client *http;
    sc_h2_pool pool;
    h2_link *link; /* for new jobs; NULL: none */
    uint32_t link_count;
    sc_list waiting; /* sc_http_job.wait */
    uint32_t waiting_count;
    bool is_closing;
};

/* One job on a stream; lives in the op's memory, found through job->where. */
typedef struct h2_job {
    sc_h2_stream h2;
    sc_http_job *job;
    h2_client *client;
    sc_buf paused; /* answer bytes that came while it was paused */
    sc_turn_hook resume;
    bool is_over; /* the answer is complete */
} h2_job;

static void on_head(sc_h2_stream *h2);
static void on_data(sc_h2_stream *h2, const char *at, size_t len);
static void on_end(sc_h2_stream *h2);
static void on_closed(sc_h2_stream *h2, const sc_h2_end *end);
static void on_drained(sc_h2_stream *h2);
static void on_resume(sc_turn_hook *hook);
static void on_room(void *self);
static void on_going(void *self);
static void on_gone(void *self, const sc_error *why);

static const sc_h2_ops h2_ops = {
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_closed = on_closed,
    .on_drained = on_drained,
    .on_room = on_room,
    .on_going = on_going,
    .on_gone = on_gone,
};

static void *h2_open(sc_http_client *http)
{
    h2_client *client = sc_new(h2_client);

    client->http = http;
    sc_list_init(&client->waiting);
    return client;
}

static void connect_link(h2_client *client)
{
    const sc_http_client_settings *set = &client->http->settings;
    h2_link *link = sc_new(h2_link);
    sc_h2_settings settings = {
        .pool = &client->pool,
        .max_head_len = set->max_head_len,
        .idle_ms = set->idle_timeout_ms,
    };

    link->client = client;
    client->link = link;
    client->link_count++;
    link->session = sc_h2_connect(client->http->loop, &set->dial, &settings, &h2_ops, link);
}

/* ---- jobs ---- */

static void put_headers(const sc_http_job *job, sc_pairs *to)
{
    sc_arena *mem = job->op->op.mem;
    const sc_pairs *from = job->op->headers;

    for (uint32_t i = 0; from && i < from->count; i++)
        if (!sc_h2_is_connection_header(from->at[i].name))
            sc_pairs_add(to, mem, from->at[i].name, from->at[i].value);
    if (job->asks_for_gzip)
        sc_pairs_add(to, mem, SC_STR("accept-encoding"), SC_STR("gzip"));
    if (job->body_len != SC_HTTP_LEN_UNKNOWN && (job->op->body_part_count || job->body_len))
        sc_pairs_add(to, mem, SC_STR("content-length"),
                     sc_arena_fmt(mem, "%llu", (unsigned long long)job->body_len));
}

static bool send_job(h2_client *client, sc_http_job *job)
{
    const sc_http_client_settings *set = &client->http->settings;
    sc_http_call_op *op = job->op;
    h2_job *on = sc_arena_new(op->op.mem, h2_job);
    sc_pairs headers = {0};
    sc_h2_request_head head = {
        .method = op->method,
        .scheme = set->dial.tls ? SC_STR("https") : SC_STR("http"),
        .authority = set->authority,
        .path = op->target,
        .headers = &headers,
    };
    sc_buf *out = sc_h2_out(client->link->session, &on->h2);

    on->h2.mem = op->op.mem;
    on->job = job;
    on->client = client;
    on->resume.run = on_resume;
    put_headers(job, &headers);
    for (size_t i = 0; i < op->body_part_count; i++)
        sc_buf_add_str(out, op->body_parts[i]);
    if (!op->is_body_open)
        sc_h2_finish(&on->h2, NULL);
    job->where = on;
    if (!sc_h2_request(client->link->session, &on->h2, &head)) {
        job->where = NULL;
        sc_buf_deinit(&on->h2.out);
        return false;
    }
    if (op->is_body_open)
        sc_http_job_takes_body(job);
    return true;
}

static void h2_write(sc_http_job *job, const void *at, size_t len)
{
    h2_job *on = job->where;

    if (!on->h2.session)
        return;
    sc_buf_add(sc_h2_out(on->h2.session, &on->h2), at, len);
    sc_h2_flush(&on->h2);
}

static void h2_write_end(sc_http_job *job)
{
    sc_h2_finish(&((h2_job *)job->where)->h2, NULL);
}

static bool h2_is_congested(sc_http_job *job)
{
    return sc_h2_is_congested(&((h2_job *)job->where)->h2);
}

static void h2_update_pause(sc_http_job *job)
{
    h2_job *on = job->where;

    if (!job->is_paused)
        sc_loop_at_turn_end(job->client->loop, &on->resume);
}

static void h2_start(void *self, sc_http_job *job)
{
    h2_client *client = self;

    if (client->link && sc_list_is_empty(&client->waiting) &&
        sc_h2_can_request(client->link->session) && send_job(client, job))
        return;
    if (client->waiting_count >= client->http->settings.max_waiting) {
        sc_http_job_fail(job, SC_EXHAUSTED, "%u requests wait for a connection already",
                         client->waiting_count);
        return;
    }
    sc_list_add(&client->waiting, &job->wait);
    client->waiting_count++;
    if (!client->link)
        connect_link(client);
}

static void forget_paused(h2_job *on)
{
    sc_loop_forget_hook(&on->resume);
    sc_buf_deinit(&on->paused);
}

/* The stream is reset; nothing comes from it any more. */
static void leave(h2_job *on, sc_h2_code code)
{
    forget_paused(on);
    sc_h2_reset(&on->h2, code);
}

static void unwait(h2_client *client, sc_http_job *job)
{
    sc_list_remove(&job->wait);
    client->waiting_count--;
}

static void h2_drop(void *self, sc_http_job *job)
{
    h2_job *on = job->where;

    if (on)
        leave(on, SC_H2_CANCEL);
    else if (!sc_list_is_empty(&job->wait))
        unwait(self, job);
    job->where = NULL;
}

/* ---- links ---- */

static void on_room(void *self)
{
    h2_link *link = self;
    h2_client *client = link->client;

    if (sc_h2_is_ready(link->session))
        link->was_ready = true;
    while (client->link == link && !sc_list_is_empty(&client->waiting) &&
           sc_h2_can_request(link->session)) {
        sc_http_job *job = SC_CONTAINER_OF(client->waiting.next, sc_http_job, wait);

        unwait(client, job);
        if (!send_job(client, job))
            h2_start(client, job);
    }
}

static void on_going(void *self)
{
    h2_link *link = self;
    h2_client *client = link->client;

    if (client->link != link)
        return;
    client->link = NULL;
    sc_h2_session_finish(link->session);
    if (!sc_list_is_empty(&client->waiting))
        connect_link(client);
}

static void free_when_idle(h2_client *client)
{
    if (!client->is_closing || client->link_count)
        return;
    sc_h2_pool_deinit(&client->pool);
    free(client);
}

static void on_gone(void *self, const sc_error *why)
{
    h2_link *link = self;
    h2_client *client = link->client;
    bool was_ready = link->was_ready;
    bool was_current = client->link == link;

    if (was_current)
        client->link = NULL;
    client->link_count--;
    free(link);
    while (was_current && !was_ready && !sc_list_is_empty(&client->waiting)) {
        sc_http_job *job = SC_CONTAINER_OF(client->waiting.next, sc_http_job, wait);

        unwait(client, job);
        sc_http_job_fail(job, SC_UNAVAILABLE, "%s", why->text);
    }
    if (!client->link && !client->is_closing && !sc_list_is_empty(&client->waiting))
        connect_link(client);
    free_when_idle(client);
}

/* Sessions may outlive the HTTP client by the turn in which they say goodbye. */
static void h2_close(void *self)
{
    h2_client *client = self;

    client->is_closing = true;
    if (client->link)
        sc_h2_session_finish(client->link->session);
    free_when_idle(client);
}

const sc_http_client_proto sc_h2_client = {
    .open = h2_open,
    .start = h2_start,
    .drop = h2_drop,
    .write = h2_write,
    .write_end = h2_write_end,
    .is_congested = h2_is_congested,
    .update_pause = h2_update_pause,
    .close = h2_close,
};

/* ---- answers ---- */

static h2_job *job_of(sc_h2_stream *h2)
{
    return SC_CONTAINER_OF(h2, h2_job, h2);
}

static void on_head(sc_h2_stream *h2)
{
    sc_http_job *job = job_of(h2)->job;
    const sc_str *len = sc_pairs_get(&h2->headers, SC_STR("content-length"));
    uint64_t body_len;

    if (h2->is_head_too_long) {
        sc_http_job_give_up(job, SC_EXHAUSTED, "the answer's headers are too long");
        return;
    }
    if (h2->is_remote_done) /* the answer to HEAD tells a length, and has no body either */
        body_len = 0;
    else if (!len || !sc_str_to_u64(*len, &body_len))
        body_len = SC_HTTP_LEN_UNKNOWN;
    sc_http_job_head(job, h2->status, &h2->headers, body_len);
}

static void on_data(sc_h2_stream *h2, const char *at, size_t len)
{
    h2_job *on = job_of(h2);

    if (on->job->is_paused || sc_buf_len(&on->paused)) {
        sc_buf_add(&on->paused, at, len); /* at most the stream's window */
        return;
    }
    sc_h2_consumed(h2, len);
    sc_http_job_body(on->job, at, len);
}

static void complete(h2_job *on)
{
    forget_paused(on);
    sc_http_job_end(on->job);
}

/* The answer is whole and handed on. */
static void end_answer(h2_job *on)
{
    if (on->h2.session)
        leave(on, SC_H2_NO_ERROR); /* answered before the request was whole, or read late */
    complete(on);
}

static void on_end(sc_h2_stream *h2)
{
    h2_job *on = job_of(h2);

    on->is_over = true;
    if (sc_buf_len(&on->paused))
        return; /* on_resume ends it */
    if (h2->is_local_done)
        return; /* on_closed follows at once */
    end_answer(on);
}

/* What came during the pause, then what it kept from being said. */
static void on_resume(sc_turn_hook *hook)
{
    h2_job *on = SC_CONTAINER_OF(hook, h2_job, resume);
    sc_http_job *job = on->job;
    sc_buf paused = on->paused;

    if (job->is_paused)
        return;
    sc_buf_init(&on->paused);
    sc_h2_consumed(&on->h2, sc_buf_len(&paused));
    if (sc_buf_len(&paused))
        sc_http_job_body(job, sc_buf_at(&paused), sc_buf_len(&paused));
    sc_buf_deinit(&paused);
    if (on->is_over && !job->is_over && !job->is_paused)
        end_answer(on);
}

static void on_drained(sc_h2_stream *h2)
{
    sc_http_job_drained(job_of(h2)->job);
}

static void on_closed(sc_h2_stream *h2, const sc_h2_end *end)
{
    h2_job *on = job_of(h2);
    sc_http_job *job = on->job;

    if (on->is_over && sc_buf_len(&on->paused))
        return; /* whole, but not handed on yet */
    if (on->is_over) {
        complete(on);
        return;
    }
    forget_paused(on);
    job->where = NULL;
    if (!job->op->is_body_open && (end->is_unprocessed || (end->lost && job->op->is_idempotent)) &&
        !job->is_resent && !h2->has_head && !on->client->is_closing) {
        job->is_resent = true;
        h2_start(on->client, job);
    } else if (end->lost) {
        sc_http_job_fail(job, SC_UNAVAILABLE, "%s", end->lost->text);
    } else {
        sc_http_job_fail(job, SC_UNAVAILABLE, "stream error: stream ID %d; %s", h2->id,
                         sc_h2_code_name(end->code));
    }
}
