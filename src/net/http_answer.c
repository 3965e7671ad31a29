/* SPDX-License-Identifier: MIT
 *
 * The client's answers, the same for HTTP/1.1 and HTTP/2: kept in the arena or handed on in parts,
 * and unpacked on the way when the client asked for gzip.
 *
 * Unpacking stops while the owner pauses; what is packed still waits then, so that a short answer
 * that unpacks to a long one takes no more memory than any other. Such an answer completes behind
 * its last part, which may be long after its connection has gone to another request.
 */
#include "net/http_internal.h"

#define STEP (16u * 1024u) /* of what is unpacked */

static void on_unpack(sc_turn_hook *hook);

void sc_http_job_ask_for_gzip(sc_http_job *job)
{
    const sc_http_call_op *op = job->op;
    const sc_pairs none = {0};
    const sc_pairs *headers = op->headers ? op->headers : &none;

    job->asks_for_gzip = op->accepts_gzip && !sc_str_eq(op->method, SC_STR("HEAD")) &&
                         !sc_pairs_get_nocase(headers, SC_STR("accept-encoding")) &&
                         !sc_pairs_get_nocase(headers, SC_STR("range"));
}

/* ---- the head ---- */

/* Without what told of the packed body. */
static void drop_packing_headers(sc_http_call_op *op)
{
    sc_pairs from = op->answer_headers;

    op->answer_headers = (sc_pairs){0};
    for (uint32_t i = 0; i < from.count; i++) {
        if (!sc_str_eq(from.at[i].name, SC_STR("content-encoding")) &&
            !sc_str_eq(from.at[i].name, SC_STR("content-length")))
            sc_pairs_add(&op->answer_headers, op->op.mem, from.at[i].name, from.at[i].value);
    }
}

static void expect_packed(sc_http_job *job)
{
    const sc_str *encoding = sc_pairs_get(&job->op->answer_headers, SC_STR("content-encoding"));

    if (!job->asks_for_gzip || !encoding || !sc_str_eq_nocase(*encoding, SC_STR("gzip")))
        return;
    drop_packing_headers(job->op);
    job->gunzip = sc_gunzip_new();
    job->unpack.run = on_unpack;
}

static void refuse_length(sc_http_job *job)
{
    sc_http_job_give_up(job, SC_EXHAUSTED, "the answer is longer than %llu bytes",
                        (unsigned long long)job->max_body_len);
}

/* Room in the arena for a body of a known, modest length. */
static void expect_plain(sc_http_job *job, uint64_t len)
{
    sc_http_call_op *op = job->op;

    if (len == SC_HTTP_LEN_UNKNOWN)
        return;
    if (len > job->max_body_len) {
        refuse_length(job);
    } else if (len > 0 && len <= 1048576) {
        job->body_cap = (size_t)len;
        op->answer_body.at = sc_arena_alloc(op->op.mem, job->body_cap);
    }
}

void sc_http_job_head(sc_http_job *job, int status, const sc_pairs *headers, uint64_t body_len)
{
    sc_http_call_op *op = job->op;

    op->status = status;
    op->answer_headers = *headers;
    if (body_len > 0)
        expect_packed(job);
    if (op->events && op->events->on_head)
        op->events->on_head(op);
    else if (!op->events && !job->gunzip)
        expect_plain(job, body_len);
}

/* ---- the body ---- */

/* Appends to the buffered answer. */
static void keep(sc_http_job *job, const char *at, size_t len)
{
    sc_http_call_op *op = job->op;
    size_t want = op->answer_body.len + len;

    if (want > job->max_body_len)
        refuse_length(job);
    else if (!sc_arena_append(op->op.mem, &op->answer_body, &job->body_cap, at, len))
        sc_http_job_give_up(job, SC_EXHAUSTED, "no memory for an answer of %zu bytes", want);
}

static void hand_on(sc_http_job *job, const char *at, size_t len)
{
    if (len > 0 && job->op->events)
        job->op->events->on_data(job->op, at, len);
    else if (len > 0)
        keep(job, at, len);
}

/* Hands on what is in `*packed` until the owner pauses, or the job is over. */
static void unpack(sc_http_job *job, sc_str *packed)
{
    char plain[STEP];
    sc_error err;
    sc_code code;
    size_t len;

    do {
        code = sc_gunzip_step(job->gunzip, packed, plain, sizeof(plain), &len, &err);
        job->has_more = packed->len > 0 || len == sizeof(plain);
        hand_on(job, plain, len);
        if (code != SC_OK && !job->is_over)
            sc_http_job_give_up(job, code, "%s", err.text);
    } while (job->has_more && !job->is_owner_paused && !job->is_over);
}

void sc_http_job_body(sc_http_job *job, const char *at, size_t len)
{
    sc_str packed = {at, len};

    job->op->received_len += len;
    if (!job->gunzip) {
        hand_on(job, at, len);
        return;
    }
    if (!job->has_more && !job->is_owner_paused)
        unpack(job, &packed);
    if (job->is_over)
        return;
    sc_buf_add_str(&job->packed, packed);
    job->has_more |= packed.len > 0;
    sc_http_job_update_pause(job);
}

/* ---- pauses and the end ---- */

void sc_http_job_update_pause(sc_http_job *job)
{
    bool is_paused = job->is_owner_paused || job->has_more;

    if (!job->is_owner_paused && job->has_more)
        sc_loop_at_turn_end(job->client->loop, &job->unpack);
    if (job->is_paused == is_paused)
        return;
    job->is_paused = is_paused;
    if (job->where)
        job->client->proto->update_pause(job);
}

static void end_if_whole(sc_http_job *job)
{
    if (!job->is_received || job->has_more)
        return;
    if (job->gunzip && !sc_gunzip_may_end(job->gunzip))
        sc_http_job_fail(job, SC_INTERNAL, "gzip: unexpected EOF");
    else
        sc_http_job_finish(job);
}

static void on_unpack(sc_turn_hook *hook)
{
    sc_http_job *job = SC_CONTAINER_OF(hook, sc_http_job, unpack);
    sc_str packed = sc_buf_str(&job->packed);
    size_t len = packed.len;

    if (job->is_owner_paused)
        return;
    unpack(job, &packed);
    if (job->is_over)
        return;
    sc_buf_eat(&job->packed, len - packed.len);
    sc_http_job_update_pause(job);
    end_if_whole(job);
}

void sc_http_job_end(sc_http_job *job)
{
    job->where = NULL;
    job->is_received = true;
    job->is_body_whole = true; /* nobody takes the rest of it */
    end_if_whole(job);
}

void sc_http_job_forget_answer(sc_http_job *job)
{
    sc_loop_forget_hook(&job->unpack);
    sc_buf_deinit(&job->packed);
    sc_gunzip_free(job->gunzip);
    job->gunzip = NULL;
}
