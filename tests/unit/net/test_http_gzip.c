/* SPDX-License-Identifier: MIT
 *
 * Packed answers, over HTTP/1.1 and HTTP/2: who asks for them, what is handed on, what a broken one
 * is, and that one which unpacks to far more than it is long waits for its reader.
 */
#include "http_pair.h"

#include "wire/gzip.h"

#define LONG_BODY (64u * 1024u * 1024u) /* packed: about 64 KiB */
#define PART_MAX  (16u * 1024u)

typedef struct fixture {
    http_pair pair;
    char asked[64]; /* Accept-Encoding of the last request; "-": none */
    sc_buf body;    /* of every answer, as it stands */
    const char *encoding;
    bool is_whole; /* the answer tells its length */
    bool is_early; /* it does not wait for the request's body */
} fixture;

typedef struct call {
    sc_http_call_op op; /* first */
    sc_arena mem;
    fixture *f;
    sc_buf got; /* the first of it */
    size_t got_len;
    unsigned parts;
    bool pauses;  /* at every part */
    bool cancels; /* at the first part */
    bool is_paused;
    bool is_done;
} call;

/* ---- the server ---- */

static void answer(fixture *f, sc_http_exchange *ex)
{
    const sc_str *asked = sc_pairs_get(&ex->req.headers, SC_STR("accept-encoding"));
    sc_pairs headers = {0};

    (void)snprintf(f->asked, sizeof(f->asked), "%.*s", asked ? (int)asked->len : 1,
                   asked ? asked->at : "-");
    sc_pairs_add(&headers, &ex->call->mem, SC_STR("x-app"), SC_STR("one"));
    if (f->encoding)
        sc_pairs_add(&headers, &ex->call->mem, SC_STR("content-encoding"),
                     sc_str_from(f->encoding));
    if (f->is_whole) {
        sc_http_respond(ex, 200, &headers, sc_buf_str(&f->body));
        return;
    }
    sc_http_respond_start(ex, 200, &headers, SC_HTTP_LEN_UNKNOWN);
    for (size_t i = 0; i < sc_buf_len(&f->body); i += 1000) /* the decoder meets many edges */
        sc_http_respond_write(ex, sc_buf_at(&f->body) + i,
                              sc_buf_len(&f->body) - i < 1000 ? sc_buf_len(&f->body) - i : 1000);
    sc_http_respond_end(ex);
}

static void ignore_data(sc_http_exchange *ex, const char *at, size_t len)
{
    (void)ex;
    (void)at;
    (void)len;
}

static const sc_http_body_ops ignore = {.on_data = ignore_data};

static void on_head(void *self, sc_http_exchange *ex)
{
    fixture *f = self;

    if (!f->is_early)
        return;
    ex->body_ops = &ignore;
    answer(f, ex);
}

static void on_request(void *self, sc_http_exchange *ex)
{
    answer(self, ex);
}

static const sc_http_handler handler = {.on_head = on_head, .on_request = on_request};

static int setup(void **state, sc_http_version version)
{
    fixture *f = sc_new(fixture);

    f->encoding = "gzip";
    open_pair(&f->pair, &handler, f, version, 1);
    *state = f;
    return 0;
}

static int setup_h1(void **state)
{
    return setup(state, SC_HTTP_1_1);
}

static int setup_h2(void **state)
{
    return setup(state, SC_HTTP_2);
}

static int teardown(void **state)
{
    fixture *f = *state;

    close_pair(&f->pair);
    sc_buf_deinit(&f->body);
    free(f);
    return 0;
}

/* What the server says from now on: `plain`, packed. */
static void pack(fixture *f, sc_str plain)
{
    sc_error err;

    sc_buf_clear(&f->body);
    assert_int_equal(sc_gzip_encode(plain, &f->body, &err), SC_OK);
}

static void pack_zeros(fixture *f, size_t len)
{
    char *zeros = sc_alloc_zero(len);

    pack(f, sc_str_of(zeros, len));
    free(zeros);
}

/* ---- the client ---- */

static void on_call_data(sc_http_call_op *op, const char *at, size_t len)
{
    call *c = (call *)op;

    assert_false(c->is_done);
    assert_false(c->is_paused);
    assert_in_range(len, 1, 65536);
    if (sc_buf_len(&c->got) < 100)
        sc_buf_add(&c->got, at, len);
    c->got_len += len;
    c->parts++;
    if (c->cancels) {
        sc_http_client_cancel(c->f->pair.client, op);
    } else if (c->pauses) {
        c->is_paused = true;
        sc_http_client_pause(op);
    }
}

static const sc_http_call_events events = {.on_data = on_call_data};

static void on_done(sc_op *op)
{
    ((call *)op)->is_done = true;
}

static void start(fixture *f, call *c)
{
    sc_arena_init(&c->mem, NULL);
    sc_op_init(&c->op.op, sc_loop_ops(f->pair.loop), &c->mem, on_done);
    c->f = f;
    if (c->op.method.len == 0)
        c->op.method = SC_STR("GET");
    c->op.target = SC_STR("/");
    c->op.accepts_gzip = true;
    sc_http_client_send(f->pair.client, &c->op);
}

static void finish(fixture *f, call *c)
{
    turn_until(f->pair.loop, &c->is_done);
}

static void end(call *c)
{
    sc_buf_deinit(&c->got);
    sc_arena_deinit(&c->mem);
}

static void assert_failed(fixture *f, const char *text)
{
    call parts = {.op.events = &events}, whole = {0};

    start(f, &parts);
    finish(f, &parts);
    assert_int_equal(parts.op.op.err.code, SC_INTERNAL);
    assert_string_equal(parts.op.op.err.text, text);
    start(f, &whole);
    finish(f, &whole);
    assert_int_equal(whole.op.op.err.code, SC_INTERNAL);
    assert_string_equal(whole.op.op.err.text, text);
    end(&parts);
    end(&whole);
}

/* ---- both versions ---- */

static void packed_answers_are_unpacked(void **state)
{
    fixture *f = *state;

    pack(f, SC_STR("hello, packed world"));
    for (int is_whole = 0; is_whole < 2; is_whole++) {
        call parts = {.op.events = &events}, whole = {0};

        f->is_whole = is_whole;
        start(f, &parts);
        finish(f, &parts);
        assert_int_equal(parts.op.op.err.code, SC_OK);
        assert_string_equal(f->asked, "gzip");
        assert_true(sc_str_eq(sc_buf_str(&parts.got), SC_STR("hello, packed world")));
        assert_int_equal(parts.op.received_len, sc_buf_len(&f->body));
        assert_null(sc_pairs_get(&parts.op.answer_headers, SC_STR("content-encoding")));
        assert_null(sc_pairs_get(&parts.op.answer_headers, SC_STR("content-length")));
        assert_non_null(sc_pairs_get(&parts.op.answer_headers, SC_STR("x-app")));
        start(f, &whole);
        finish(f, &whole);
        assert_int_equal(whole.op.op.err.code, SC_OK);
        assert_true(sc_str_eq(whole.op.answer_body, SC_STR("hello, packed world")));
        end(&parts);
        end(&whole);
    }
}

static void members_behind_one_another_are_one_body(void **state)
{
    fixture *f = *state;
    call c = {0};
    sc_error err;

    pack(f, SC_STR("one, "));
    assert_int_equal(sc_gzip_encode(SC_STR("two"), &f->body, &err), SC_OK);
    start(f, &c);
    finish(f, &c);
    assert_true(sc_str_eq(c.op.answer_body, SC_STR("one, two")));
    end(&c);
}

static void who_names_an_encoding_gets_it_packed(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {"Accept-Encoding", "Range"};

    pack(f, SC_STR("hello"));
    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        call c = {0};
        sc_arena mem;
        sc_pairs headers = {0};

        sc_arena_init(&mem, NULL);
        sc_pairs_add(&headers, &mem, sc_str_from(names[i]), SC_STR("br"));
        c.op.headers = &headers;
        start(f, &c);
        finish(f, &c);
        assert_string_equal(f->asked, i == 0 ? "br" : "-");
        assert_true(sc_str_eq(c.op.answer_body, sc_buf_str(&f->body)));
        assert_non_null(sc_pairs_get(&c.op.answer_headers, SC_STR("content-encoding")));
        end(&c);
        sc_arena_deinit(&mem);
    }
}

static void plain_empty_and_bodiless_answers_stay_as_they_are(void **state)
{
    fixture *f = *state;
    call head = {.op.method = SC_STR("HEAD")}, empty = {.op.events = &events}, plain = {0};

    pack(f, SC_STR("hello"));
    f->is_whole = true;
    start(f, &head);
    finish(f, &head);
    assert_int_equal(head.op.op.err.code, SC_OK);
    assert_string_equal(f->asked, "-");
    assert_non_null(sc_pairs_get(&head.op.answer_headers, SC_STR("content-encoding")));
    f->is_whole = false;
    sc_buf_clear(&f->body);
    start(f, &empty);
    finish(f, &empty);
    assert_int_equal(empty.op.op.err.code, SC_OK);
    assert_int_equal(empty.got_len, 0);
    f->encoding = "identity";
    sc_buf_add_str(&f->body, SC_STR("as it is"));
    start(f, &plain);
    finish(f, &plain);
    assert_true(sc_str_eq(plain.op.answer_body, SC_STR("as it is")));
    assert_non_null(sc_pairs_get(&plain.op.answer_headers, SC_STR("content-encoding")));
    end(&head);
    end(&empty);
    end(&plain);
}

static void broken_ones_fail(void **state)
{
    fixture *f = *state;
    size_t len;

    pack(f, SC_STR("hello, packed world"));
    len = sc_buf_len(&f->body);
    f->body.to -= 1; /* the last byte of the length is missing */
    assert_failed(f, "gzip: unexpected EOF");
    f->body.to -= len - 5;
    assert_failed(f, "gzip: unexpected EOF");
    pack(f, SC_STR("hello, packed world"));
    f->body.mem[f->body.to - 8] ^= 1;
    assert_failed(f, "gzip: incorrect data check");
    sc_buf_clear(&f->body);
    sc_buf_add_str(&f->body, SC_STR("{\"json\": \"and no gzip\"}"));
    assert_failed(f, "gzip: incorrect header check");
    pack(f, SC_STR("hello"));
    sc_buf_add_str(&f->body, SC_STR("garbage behind it"));
    assert_failed(f, "gzip: incorrect header check");
    pack(f, SC_STR("and again"));
    packed_answers_are_unpacked(state); /* the client is none the worse for it */
}

static void a_buffered_answer_has_its_limit_unpacked(void **state)
{
    fixture *f = *state;
    call c = {.op.max_body_len = 1u << 20};

    pack_zeros(f, LONG_BODY);
    start(f, &c);
    finish(f, &c);
    assert_int_equal(c.op.op.err.code, SC_EXHAUSTED);
    assert_string_equal(c.op.op.err.text, "the answer is longer than 1048576 bytes");
    end(&c);
}

/* One part for each resume, and nothing in between, to the end. */
static void a_short_answer_that_is_long_unpacked_waits_for_its_reader(void **state)
{
    fixture *f = *state;
    call c = {.op.events = &events, .pauses = true};

    pack_zeros(f, LONG_BODY);
    assert_in_range(sc_buf_len(&f->body), 1, LONG_BODY / 200);
    start(f, &c);
    for (unsigned parts = 1; !c.is_done; parts++) {
        for (int i = 0; i < 20000 && c.parts < parts && !c.is_done; i++)
            sc_loop_turn(f->pair.loop, parts == 1);
        if (parts < 10)
            turn_for(f->pair.loop, 5); /* on_call_data fails the test when there is more */
        c.is_paused = false;
        sc_http_client_resume(&c.op);
    }
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_int_equal(c.got_len, LONG_BODY);
    assert_in_range(c.parts, LONG_BODY / PART_MAX, LONG_BODY / PART_MAX + 200);
    end(&c);
}

/* The connection is free for the next request meanwhile. */
static void an_answer_that_waits_holds_nobody_up(void **state)
{
    fixture *f = *state;
    call slow = {.op.events = &events, .pauses = true}, next = {0};

    pack_zeros(f, 100000);
    start(f, &slow);
    while (slow.parts == 0)
        sc_loop_turn(f->pair.loop, true);
    pack(f, SC_STR("next"));
    start(f, &next);
    finish(f, &next);
    assert_true(sc_str_eq(next.op.answer_body, SC_STR("next")));
    assert_false(slow.is_done);
    slow.pauses = slow.is_paused = false;
    sc_http_client_resume(&slow.op);
    finish(f, &slow);
    assert_int_equal(slow.op.op.err.code, SC_OK);
    assert_int_equal(slow.got_len, 100000);
    end(&slow);
    end(&next);
}

static void it_may_be_given_up_while_it_waits(void **state)
{
    fixture *f = *state;
    call waits = {.op.events = &events, .pauses = true};
    call inside = {.op.events = &events, .cancels = true};

    pack_zeros(f, 1000000);
    start(f, &waits);
    while (waits.parts == 0)
        sc_loop_turn(f->pair.loop, true);
    turn_for(f->pair.loop, 20); /* all of it is here */
    sc_http_client_resume(&waits.op);
    sc_http_client_cancel(f->pair.client, &waits.op);
    finish(f, &waits);
    assert_int_equal(waits.op.op.err.code, SC_CANCELLED);
    assert_int_equal(waits.parts, 1);
    start(f, &inside);
    finish(f, &inside);
    assert_int_equal(inside.op.op.err.code, SC_CANCELLED);
    assert_int_equal(inside.parts, 1);
    end(&waits);
    end(&inside);
}

/* The server has answered, the reader is slow, and more of the request is written. */
static void a_request_may_go_on_while_its_answer_waits(void **state)
{
    fixture *f = *state;
    call c = {.op.events = &events, .op.method = SC_STR("POST"), .pauses = true};

    f->is_early = true;
    pack_zeros(f, 100000);
    c.op.is_body_open = true;
    c.op.body_len = SC_HTTP_LEN_UNKNOWN;
    start(f, &c);
    sc_http_client_write(&c.op, "some", 4);
    while (c.parts == 0)
        sc_loop_turn(f->pair.loop, true);
    turn_for(f->pair.loop, 20);
    sc_http_client_write(&c.op, "more", 4);
    assert_false(sc_http_client_is_congested(&c.op));
    sc_http_client_write_end(&c.op);
    c.pauses = c.is_paused = false;
    sc_http_client_resume(&c.op);
    finish(f, &c);
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_int_equal(c.got_len, 100000);
    end(&c);
}

#define BOTH(name)                                                                                 \
    {#name " (HTTP/1.1)", name, setup_h1, teardown, NULL},                                         \
    {                                                                                              \
#name " (HTTP/2)", name, setup_h2, teardown, NULL                                          \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(packed_answers_are_unpacked),
        BOTH(members_behind_one_another_are_one_body),
        BOTH(who_names_an_encoding_gets_it_packed),
        BOTH(plain_empty_and_bodiless_answers_stay_as_they_are),
        BOTH(broken_ones_fail),
        BOTH(a_buffered_answer_has_its_limit_unpacked),
        BOTH(a_short_answer_that_is_long_unpacked_waits_for_its_reader),
        BOTH(an_answer_that_waits_holds_nobody_up),
        BOTH(it_may_be_given_up_while_it_waits),
        BOTH(a_request_may_go_on_while_its_answer_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
