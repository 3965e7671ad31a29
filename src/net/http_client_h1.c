/* SPDX-License-Identifier: MIT
 *
 * The HTTP/1.1 client: a pool of kept connections, one request at a time on each. The one used last
 * is used first, so that idle ones can age out.
 */
#include <stdlib.h>

#include "net/http_internal.h"
#include "wire/http1.h"

typedef struct h1_pool {
    sc_http_client *client;
    sc_list idle; /* most recently used first */
    sc_list busy;
    sc_list waiting; /* jobs without a connection */
    uint32_t conn_count;
    uint32_t waiting_count;
    sc_timer age; /* closes idle connections */
    sc_turn_hook freeing;
    bool is_closing;
} h1_pool;

typedef struct h1_link {
    sc_list link; /* in idle or busy */
    h1_pool *pool;
    sc_stream *stream;
    sc_http1 *codec;
    sc_http_job *job; /* NULL: idle, or what it did was given up */
    uint64_t idle_since_ms;
    uint32_t served; /* answers received */
    bool is_connected;
    bool is_written; /* the request left for the stream */
    bool has_answer; /* a first byte of the answer came */
    bool is_interim; /* a 1xx head: its end is not the answer's */
    bool keeps;
    bool is_closed;
    size_t body_cap;
    sc_turn_hook freeing;
} h1_link;

static void on_connected(void *self);
static void on_data(void *self, const char *at, size_t len);
static void on_lost(void *self, const sc_error *why);
static void assign(h1_pool *pool);
static void close_link(h1_link *link);
static void on_age(sc_timer *timer);

static const sc_stream_ops stream_ops = {
    .on_connected = on_connected, .on_data = on_data, .on_lost = on_lost};

/* ---- the answer ---- */

static sc_arena *on_begin(void *self)
{
    h1_link *link = self;

    return link->job ? link->job->op->op.mem : NULL;
}

static bool on_head(void *self, const sc_http1_head *head)
{
    h1_link *link = self;
    sc_http_call_op *op = link->job->op;

    link->is_interim = head->status / 100 == 1;
    if (link->is_interim)
        return true;
    op->status = head->status;
    op->answer_headers = head->headers;
    op->answer_body = SC_STR_NONE;
    link->keeps = head->keep_alive;
    link->body_cap = 0;
    if (head->body_len == SC_HTTP1_LEN_UNKNOWN || head->body_len <= link->job->max_body_len) {
        if (head->body_len != SC_HTTP1_LEN_UNKNOWN && head->body_len > 0 &&
            head->body_len <= 1048576) {
            link->body_cap = (size_t)head->body_len;
            op->answer_body.at = sc_arena_alloc(op->op.mem, link->body_cap);
        }
        return true;
    }
    op->op.err.code = SC_EXHAUSTED;
    return false;
}

static bool on_body(void *self, const char *at, size_t len)
{
    h1_link *link = self;
    sc_http_call_op *op = link->job->op;
    size_t want = op->answer_body.len + len;

    if (want > link->job->max_body_len) {
        op->op.err.code = SC_EXHAUSTED;
        return false;
    }
    if (want > link->body_cap) {
        size_t cap = link->body_cap * 2 > want ? link->body_cap * 2 : want;
        char *grown = sc_arena_try(op->op.mem, cap);

        if (!grown) {
            op->op.err.code = SC_EXHAUSTED;
            return false;
        }
        if (op->answer_body.len > 0)
            memcpy(grown, op->answer_body.at, op->answer_body.len);
        op->answer_body.at = grown;
        link->body_cap = cap;
    }
    memcpy((char *)(uintptr_t)op->answer_body.at + op->answer_body.len, at, len);
    op->answer_body.len = want;
    return true;
}

static bool on_message(void *self)
{
    h1_link *link = self;
    sc_http_job *job = link->job;

    if (link->is_interim)
        return true;
    link->job = NULL;
    link->served++;
    if (job)
        sc_http_job_finish(job);
    return false; /* anything behind it is unasked for */
}

static const sc_http1_events events = {on_begin, on_head, on_body, on_message};

/* ---- the request ---- */

static void add_header(sc_buf *out, sc_str name, sc_str value)
{
    sc_buf_add_str(out, name);
    sc_buf_add_str(out, SC_STR(": "));
    sc_buf_add_str(out, value);
    sc_buf_add_str(out, SC_STR("\r\n"));
}

static void write_request(h1_link *link)
{
    sc_http_call_op *op = link->job->op;
    sc_buf *out = sc_stream_out(link->stream);

    sc_buf_add_str(out, op->method);
    sc_buf_add_byte(out, ' ');
    sc_buf_add_str(out, op->target);
    sc_buf_add_str(out, SC_STR(" HTTP/1.1\r\n"));
    add_header(out, SC_STR("Host"), link->pool->client->settings.authority);
    for (uint32_t i = 0; op->headers && i < op->headers->count; i++)
        add_header(out, op->headers->at[i].name, op->headers->at[i].value);
    if (link->job->body_len > 0 || !sc_str_eq(op->method, SC_STR("GET"))) {
        sc_buf_add_str(out, SC_STR("Content-Length: "));
        sc_buf_add_u64(out, link->job->body_len);
        sc_buf_add_str(out, SC_STR("\r\n"));
    }
    sc_buf_add_str(out, SC_STR("\r\n"));
    for (size_t i = 0; i < op->body_part_count; i++)
        sc_buf_add_str(out, op->body_parts[i]);
    if (sc_str_eq(op->method, SC_STR("HEAD")))
        sc_http1_expect_no_body(link->codec);
    link->is_written = true;
}

static void give(h1_link *link, sc_http_job *job)
{
    link->job = job;
    job->where = link;
    link->is_written = link->has_answer = false;
    sc_list_remove(&link->link);
    sc_list_add(&link->pool->busy, &link->link);
    if (link->is_connected)
        write_request(link);
}

static h1_link *new_link(h1_pool *pool)
{
    h1_link *link = sc_new(h1_link);
    sc_http1_limits limits = {.max_head_len = pool->client->settings.max_head_len,
                              .max_headers = 1000};

    link->pool = pool;
    link->codec = sc_http1_new(false, &limits, &events, link);
    sc_list_init(&link->link);
    pool->conn_count++;
    link->stream =
        sc_stream_connect(pool->client->loop, &pool->client->settings.dial, &stream_ops, link);
    return link;
}

/* Gives connections to jobs that wait, as far as there are any. */
static void assign(h1_pool *pool)
{
    while (!sc_list_is_empty(&pool->waiting)) {
        sc_http_job *job = SC_CONTAINER_OF(pool->waiting.next, sc_http_job, wait);
        h1_link *link;

        if (!sc_list_is_empty(&pool->idle))
            link = SC_CONTAINER_OF(pool->idle.next, h1_link, link);
        else if (pool->conn_count < pool->client->settings.max_connections)
            link = new_link(pool);
        else
            return;
        sc_list_remove(&job->wait);
        pool->waiting_count--;
        give(link, job);
    }
}

static void start(void *self, sc_http_job *job)
{
    h1_pool *pool = self;

    if (pool->waiting_count >= pool->client->settings.max_waiting) {
        sc_http_job_fail(job, SC_EXHAUSTED, "%u requests wait for a connection already",
                         pool->waiting_count);
        return;
    }
    sc_list_add(&pool->waiting, &job->wait);
    pool->waiting_count++;
    assign(pool);
}

/* ---- connections ---- */

static void on_connected(void *self)
{
    h1_link *link = self;

    link->is_connected = true;
    if (link->job)
        write_request(link);
    else
        close_link(link);
}

static void on_freeing(sc_turn_hook *hook)
{
    h1_link *link = SC_CONTAINER_OF(hook, h1_link, freeing);

    sc_http1_free(link->codec);
    free(link);
}

static void close_link(h1_link *link)
{
    if (link->is_closed)
        return;
    link->is_closed = true;
    sc_list_remove(&link->link);
    link->pool->conn_count--;
    sc_stream_close(link->stream);
    link->freeing.run = on_freeing;
    sc_loop_at_turn_end(link->pool->client->loop, &link->freeing);
}

static void rest(h1_link *link)
{
    h1_pool *pool = link->pool;

    link->idle_since_ms = sc_loop_now_ms(pool->client->loop);
    sc_list_remove(&link->link);
    sc_list_add_first(&pool->idle, &link->link);
    if (!sc_timer_is_running(&pool->age))
        sc_timer_start(&pool->age, pool->client->settings.idle_timeout_ms);
    assign(pool);
}

static void fail_answer(h1_link *link, const sc_error *why)
{
    sc_http_job *job = link->job;
    h1_pool *pool = link->pool;

    link->job = NULL;
    close_link(link);
    if (job && job->op->op.err.code == SC_EXHAUSTED)
        sc_http_job_fail(job, SC_EXHAUSTED, "the answer is longer than %llu bytes",
                         (unsigned long long)job->max_body_len);
    else if (job)
        sc_http_job_fail(job, SC_INTERNAL, "not an HTTP answer: %s", why->text);
    assign(pool);
}

static void on_data(void *self, const char *at, size_t len)
{
    h1_link *link = self;
    sc_error why = {0};
    size_t taken;
    sc_code code;

    if (!link->job) { /* bytes nobody asked for */
        close_link(link);
        return;
    }
    link->has_answer = true;
    code = sc_http1_feed(link->codec, at, len, &taken, &why);
    if (link->is_closed)
        return;
    if (code == SC_PENDING && link->keeps && taken == len) {
        rest(link);
    } else if (code == SC_PENDING) {
        h1_pool *pool = link->pool;

        close_link(link);
        assign(pool);
    } else if (code != SC_OK) {
        fail_answer(link, &why);
    }
}

static void resend(h1_pool *pool, sc_http_job *job)
{
    job->is_resent = true;
    job->where = NULL;
    sc_list_add_first(&pool->waiting, &job->wait);
    pool->waiting_count++;
}

static void on_lost(void *self, const sc_error *why)
{
    h1_link *link = self;
    h1_pool *pool = link->pool;
    sc_http_job *job = link->job;
    sc_error unused;
    bool is_kept_one = link->served > 0;

    if (job && link->has_answer && sc_http1_end(link->codec, &unused) == SC_PENDING)
        job = NULL; /* the close was the end of the answer */
    link->job = NULL;
    close_link(link);
    if (!job) {
        assign(pool);
        return;
    }
    if (is_kept_one && !link->has_answer && !job->is_resent &&
        (!link->is_written || job->op->is_idempotent))
        resend(pool, job);
    else
        sc_http_job_fail(job, SC_UNAVAILABLE, "%s", why->text);
    assign(pool);
}

static void drop(void *self, sc_http_job *job)
{
    h1_pool *pool = self;
    h1_link *link = job->where;

    if (link) {
        link->job = NULL;
        close_link(link);
    } else if (!sc_list_is_empty(&job->wait)) {
        sc_list_remove(&job->wait);
        pool->waiting_count--;
    }
}

/* Closes what has been idle for long; the oldest stand last. */
static void on_age(sc_timer *timer)
{
    h1_pool *pool = SC_CONTAINER_OF(timer, h1_pool, age);
    uint64_t now = sc_loop_now_ms(pool->client->loop);
    uint64_t max = pool->client->settings.idle_timeout_ms;

    while (!sc_list_is_empty(&pool->idle)) {
        h1_link *link = SC_CONTAINER_OF(pool->idle.prev, h1_link, link);

        if (now - link->idle_since_ms < max) {
            sc_timer_start(&pool->age, max - (now - link->idle_since_ms));
            return;
        }
        close_link(link);
    }
}

static void *open_pool(sc_http_client *client)
{
    h1_pool *pool = sc_new(h1_pool);

    pool->client = client;
    sc_list_init(&pool->idle);
    sc_list_init(&pool->busy);
    sc_list_init(&pool->waiting);
    sc_timer_init(&pool->age, client->loop, on_age);
    return pool;
}

static void on_pool_freeing(sc_turn_hook *hook)
{
    free(SC_CONTAINER_OF(hook, h1_pool, freeing));
}

static void close_pool(void *self)
{
    h1_pool *pool = self;

    while (!sc_list_is_empty(&pool->idle))
        close_link(SC_CONTAINER_OF(pool->idle.next, h1_link, link));
    while (!sc_list_is_empty(&pool->busy))
        close_link(SC_CONTAINER_OF(pool->busy.next, h1_link, link));
    sc_timer_stop(&pool->age);
    pool->freeing.run = on_pool_freeing;
    sc_loop_at_turn_end(pool->client->loop, &pool->freeing); /* behind its links */
}

const sc_http_client_proto sc_h1_client = {open_pool, start, drop, close_pool};
