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
    sc_turn_hook assigning;
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
    bool has_head;
    bool is_interim; /* a 1xx head: its end is not the answer's */
    bool is_paused;
    bool keeps;
    bool is_closed;
    sc_turn_hook freeing;
} h1_link;

static void on_connected(void *self);
static void on_data(void *self, const char *at, size_t len);
static void on_end(void *self);
static void on_lost(void *self, const sc_error *why);
static void on_drained(void *self);
static void assign(h1_pool *pool);
static void close_link(h1_link *link);
static void on_age(sc_timer *timer);

static const sc_stream_ops stream_ops = {.on_connected = on_connected,
                                         .on_data = on_data,
                                         .on_end = on_end,
                                         .on_lost = on_lost,
                                         .on_drained = on_drained};

/* ---- the answer ---- */

static sc_arena *on_begin(void *self)
{
    h1_link *link = self;

    return link->job ? link->job->op->op.mem : NULL;
}

static bool on_head(void *self, const sc_http1_head *head)
{
    h1_link *link = self;

    if (head->status == 101) { /* never asked for; what follows would not be HTTP */
        (void)sc_fail(&link->job->op->op.err, SC_INTERNAL,
                      "unexpected answer 101 Switching Protocols");
        return false;
    }
    link->is_interim = head->status / 100 == 1;
    if (link->is_interim)
        return true;
    link->keeps = head->keep_alive;
    link->has_head = true;
    sc_http_job_head(link->job, head->status, &head->headers, head->body_len);
    return !link->is_closed;
}

static bool on_body(void *self, const char *at, size_t len)
{
    h1_link *link = self;

    sc_http_job_body(link->job, at, len);
    return !link->is_closed;
}

static bool on_message(void *self)
{
    h1_link *link = self;
    sc_http_job *job = link->job;

    if (link->is_interim)
        return true;
    link->job = NULL;
    link->served++;
    if (job && !job->is_body_whole)
        link->keeps = false; /* answered early: the server would take the next head for body */
    if (job)
        sc_http_job_end(job);
    return false; /* anything behind it is unasked for */
}

static const sc_http1_events events = {on_begin, on_head, on_body, on_message};

/* ---- the request ---- */

/* RFC 9110 section 8.6: a method that usually has a body says so when there is none. */
static bool tells_empty_body(sc_str method)
{
    static const sc_str without[] = {SC_STR_INIT("GET"), SC_STR_INIT("HEAD"), SC_STR_INIT("DELETE"),
                                     SC_STR_INIT("OPTIONS"), SC_STR_INIT("TRACE")};

    for (size_t i = 0; i < SC_ARRAY_LEN(without); i++) {
        if (sc_str_eq(method, without[i]))
            return false;
    }
    return true;
}

static void put_framing(const sc_http_job *job, sc_buf *out)
{
    if (job->body_len == SC_HTTP_LEN_UNKNOWN) {
        sc_buf_add_str(out, SC_STR("Transfer-Encoding: chunked\r\n"));
    } else if (job->body_len > 0 || tells_empty_body(job->op->method)) {
        sc_buf_add_str(out, SC_STR("Content-Length: "));
        sc_buf_add_u64(out, job->body_len);
        sc_buf_add_str(out, SC_STR("\r\n"));
    }
}

static void write_part(sc_http_job *job, const void *at, size_t len)
{
    sc_buf *out = sc_stream_out(((h1_link *)job->where)->stream);
    bool is_chunked = job->body_len == SC_HTTP_LEN_UNKNOWN;

    if (is_chunked)
        sc_http_put_chunk_len(out, len);
    sc_buf_add(out, at, len);
    if (is_chunked)
        sc_buf_add_str(out, SC_STR("\r\n"));
}

static void write_end(sc_http_job *job)
{
    if (job->body_len == SC_HTTP_LEN_UNKNOWN)
        sc_buf_add_str(sc_stream_out(((h1_link *)job->where)->stream), SC_STR("0\r\n\r\n"));
}

static void write_request(h1_link *link)
{
    sc_http_job *job = link->job;
    sc_http_call_op *op = job->op;
    sc_buf *out = sc_stream_out(link->stream);

    sc_buf_add_str(out, op->method);
    sc_buf_add_byte(out, ' ');
    sc_buf_add_str(out, op->target);
    sc_buf_add_str(out, SC_STR(" HTTP/1.1\r\n"));
    sc_http_put_header(out, SC_STR("Host"), link->pool->client->settings.authority);
    for (uint32_t i = 0; op->headers && i < op->headers->count; i++)
        sc_http_put_header(out, op->headers->at[i].name, op->headers->at[i].value);
    if (job->asks_for_gzip)
        sc_http_put_header(out, SC_STR("Accept-Encoding"), SC_STR("gzip"));
    put_framing(job, out);
    sc_buf_add_str(out, SC_STR("\r\n"));
    for (size_t i = 0; i < op->body_part_count; i++) {
        if (op->is_body_open && op->body_parts[i].len > 0)
            write_part(job, op->body_parts[i].at, op->body_parts[i].len);
        else
            sc_buf_add_str(out, op->body_parts[i]);
    }
    if (sc_str_eq(op->method, SC_STR("HEAD")))
        sc_http1_expect_no_body(link->codec);
    link->is_written = true;
    if (op->is_body_open)
        sc_http_job_takes_body(job);
}

static bool is_congested(sc_http_job *job)
{
    return sc_stream_is_congested(((h1_link *)job->where)->stream);
}

static void update_pause(sc_http_job *job)
{
    h1_link *link = job->where;

    if (!link->is_connected) /* a TLS handshake must be read */
        return;
    link->is_paused = job->is_paused;
    if (job->is_paused)
        sc_stream_pause(link->stream);
    else
        sc_stream_resume(link->stream);
}

static void begin(h1_link *link)
{
    if (link->job->is_paused)
        update_pause(link->job);
    write_request(link);
}

static void give(h1_link *link, sc_http_job *job)
{
    link->job = job;
    job->where = link;
    link->is_written = link->has_answer = link->has_head = false;
    sc_list_remove(&link->link);
    sc_list_add(&link->pool->busy, &link->link);
    if (link->is_connected)
        begin(link);
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
        begin(link);
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

    if (link->is_paused)
        sc_stream_resume(link->stream);
    link->is_paused = false;
    link->idle_since_ms = sc_loop_now_ms(pool->client->loop);
    sc_list_remove(&link->link);
    sc_list_add_first(&pool->idle, &link->link);
    if (!sc_timer_is_running(&pool->age))
        sc_timer_start(&pool->age, pool->client->settings.idle_timeout_ms);
    assign(pool);
}

/* `first` are bytes of what is no answer: its first line goes into the story, as in Go. */
static void fail_answer(h1_link *link, const sc_error *why, sc_str first)
{
    sc_http_job *job = link->job;
    h1_pool *pool = link->pool;
    sc_str line = sc_str_trim(sc_str_sub(first, 0, sc_str_find(first, '\n')));
    bool is_http = sc_str_starts(first, SC_STR("HTTP/"));

    link->job = NULL;
    close_link(link);
    if (job && job->op->op.err.code != SC_OK)
        sc_http_job_finish(job);
    else if (job && !link->has_head && !is_http && sc_str_is_utf8(line))
        sc_http_job_fail(job, SC_INTERNAL,
                         "net/http: HTTP/1.x transport connection broken: malformed HTTP response "
                         "\"%.*s\"",
                         SC_FMT(sc_str_sub(line, 0, 64)));
    else if (job)
        sc_http_job_fail(job, SC_INTERNAL,
                         "net/http: HTTP/1.x transport connection broken: not an HTTP answer: %s",
                         why->text);
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
        fail_answer(link, &why, sc_str_of(at, len));
    }
}

static void on_drained(void *self)
{
    h1_link *link = self;

    if (link->job)
        sc_http_job_drained(link->job);
}

static void resend(h1_pool *pool, sc_http_job *job)
{
    job->is_resent = true;
    job->where = NULL;
    sc_list_add_first(&pool->waiting, &job->wait);
    pool->waiting_count++;
}

/* The connection is of no more use, and the answer, if any is awaited, did not come to its end. */
static void lose(h1_link *link, const char *text)
{
    h1_pool *pool = link->pool;
    sc_http_job *job = link->job;
    bool is_kept_one = link->served > 0;

    link->job = NULL;
    close_link(link);
    if (job && is_kept_one && !link->has_answer && !job->is_resent && !job->op->is_body_open &&
        (!link->is_written || job->op->is_idempotent))
        resend(pool, job);
    else if (job)
        sc_http_job_fail(job, SC_UNAVAILABLE, "%s", text);
    assign(pool);
}

/* The server's last byte came: the end of an answer without a length. */
static void on_end(void *self)
{
    h1_link *link = self;
    sc_error unused;

    if (link->job && link->has_answer && sc_http1_end(link->codec, &unused) == SC_PENDING &&
        !link->job) {
        h1_pool *pool = link->pool;

        close_link(link);
        assign(pool);
        return;
    }
    lose(link, link->has_answer ? "unexpected EOF" : "EOF");
}

static void on_lost(void *self, const sc_error *why)
{
    lose(self, why->text);
}

static void drop(void *self, sc_http_job *job)
{
    h1_pool *pool = self;
    h1_link *link = job->where;

    if (link) {
        link->job = NULL;
        close_link(link);
        sc_loop_at_turn_end(pool->client->loop, &pool->assigning); /* there is room for another */
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

static void on_assigning(sc_turn_hook *hook)
{
    assign(SC_CONTAINER_OF(hook, h1_pool, assigning));
}

static void *open_pool(sc_http_client *client)
{
    h1_pool *pool = sc_new(h1_pool);

    pool->client = client;
    sc_list_init(&pool->idle);
    sc_list_init(&pool->busy);
    sc_list_init(&pool->waiting);
    sc_timer_init(&pool->age, client->loop, on_age);
    pool->assigning.run = on_assigning;
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
    sc_loop_forget_hook(&pool->assigning);
    pool->freeing.run = on_pool_freeing;
    sc_loop_at_turn_end(pool->client->loop, &pool->freeing); /* behind its links */
}

const sc_http_client_proto sc_h1_client = {
    .open = open_pool,
    .start = start,
    .drop = drop,
    .write = write_part,
    .write_end = write_end,
    .is_congested = is_congested,
    .update_pause = update_pause,
    .close = close_pool,
};
