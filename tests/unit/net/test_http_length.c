/* SPDX-License-Identifier: MIT
 *
 * Streamed answers that announce their length, over HTTP/1.1 and HTTP/2: they are as long as they
 * say, or they end their connection or stream, so that nothing is taken for the next answer.
 */
#include "http_pair.h"

#define ANNOUNCED 6u
#define HEARD_MAX 4096u

typedef struct fixture {
    http_pair pair;
    sc_http_exchange *held;
    int finished;
} fixture;

/* ---- the server: announces six bytes and writes the pieces that the query names ---- */

static void announce(sc_http_exchange *ex, int status)
{
    sc_str rest = ex->req.query;

    sc_http_respond_start(ex, status, NULL, ANNOUNCED);
    while (rest.len > 0) {
        sc_str piece = sc_str_cut(&rest, '&');

        sc_http_respond_write(ex, piece.at, piece.len);
    }
    sc_http_respond_end(ex);
}

static void on_request(void *self, sc_http_exchange *ex)
{
    if (sc_str_eq(ex->req.path, SC_STR("/hold")))
        ((fixture *)self)->held = ex;
    else
        announce(ex, sc_str_eq(ex->req.path, SC_STR("/304")) ? 304 : 200);
}

static void on_finished(void *self, sc_http_exchange *ex)
{
    (void)ex;
    ((fixture *)self)->finished++;
}

static const sc_http_handler handler = {.on_request = on_request, .on_finished = on_finished};

static int setup(void **state, sc_http_version version)
{
    fixture *f = sc_new(fixture);

    open_pair(&f->pair, &handler, f, version, 2);
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
    free(f);
    return 0;
}

/* ---- both versions, as a client sees it ---- */

typedef struct call {
    sc_http_call_op op; /* first */
    sc_arena mem;
    bool is_done;
} call;

static void on_done(sc_op *op)
{
    ((call *)op)->is_done = true;
}

static sc_code ask(fixture *f, call *c, const char *method, const char *target)
{
    *c = (call){0};
    sc_arena_init(&c->mem, NULL);
    sc_op_init(&c->op.op, sc_loop_ops(f->pair.loop), &c->mem, on_done);
    c->op.method = sc_str_from(method);
    c->op.target = sc_str_from(target);
    sc_http_client_send(f->pair.client, &c->op);
    turn_until(f->pair.loop, &c->is_done);
    return c->op.op.err.code;
}

static void end(call *c)
{
    sc_arena_deinit(&c->mem);
}

static void assert_length(const call *c, const char *want)
{
    const sc_str *got = sc_pairs_get(&c->op.answer_headers, SC_STR("content-length"));

    assert_null(sc_pairs_get(&c->op.answer_headers, SC_STR("transfer-encoding")));
    if (!want) {
        assert_null(got);
        return;
    }
    assert_non_null(got);
    assert_true(sc_str_eq(*got, sc_str_from(want)));
}

static void an_announced_length_is_told(void **state)
{
    fixture *f = *state;
    call c;

    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(f, &c, "GET", "/?abc&de&f"), SC_OK);
        assert_length(&c, "6");
        assert_true(sc_str_eq(c.op.answer_body, SC_STR("abcdef")));
        end(&c);
        assert_int_equal(ask(f, &c, "HEAD", "/?abc"), SC_OK);
        assert_length(&c, "6");
        end(&c);
        assert_int_equal(ask(f, &c, "GET", "/304?abc"), SC_OK);
        assert_length(&c, NULL);
        assert_int_equal(c.op.answer_body.len, 0);
        end(&c);
    }
    assert_int_equal(sc_http_server_connections(f->pair.server), 1);
}

static void another_length_is_a_failure(void **state)
{
    static const char *const wrong[] = {"/", "/?abc", "/?abcdefg", "/?abc&defg", "/?abc&defg&h"};
    fixture *f = *state;
    call c;

    for (size_t i = 0; i < SC_ARRAY_LEN(wrong); i++) {
        assert_int_equal(ask(f, &c, "GET", wrong[i]), SC_UNAVAILABLE);
        assert_in_range(c.op.received_len, 0, 3);
        end(&c);
    }
    assert_int_equal(ask(f, &c, "GET", "/?abcdef"), SC_OK);
    end(&c);
    turn_for(f->pair.loop, 10);
    assert_int_equal(f->finished, SC_ARRAY_LEN(wrong) + 1);
}

/* ---- HTTP/1, as it looks on the wire ---- */

#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"

/* What is said to `said`, up to the end of the connection or to `enough`. True: it was closed. */
static bool hear(fixture *f, const char *said, const char *enough, char heard[HEARD_MAX])
{
    int fd = peer_connect(f->pair.port);
    size_t len = 0;
    ssize_t n = -1;

    peer_say(f->pair.loop, fd, said, strlen(said));
    turn_for(f->pair.loop, 10);
    if (f->held) /* what stands behind it is answered already, and waits */
        sc_http_respond(f->held, 200, NULL, SC_STR("held"));
    heard[0] = '\0';
    for (int i = 0; i < 2000 && n != 0 && (!enough || !strstr(heard, enough)); i++) {
        n = recv(fd, heard + len, HEARD_MAX - 1 - len, 0);
        len += n > 0 ? (size_t)n : 0;
        heard[len] = '\0';
        turn_for(f->pair.loop, 1);
    }
    close(fd);
    return n == 0;
}

static int count(const char *in, const char *what)
{
    int found = 0;

    while ((in = strstr(in, what)) != NULL) {
        found++;
        in += strlen(what);
    }
    return found;
}

static bool ends_with(const char *text, const char *with)
{
    size_t len = strlen(text);

    return len >= strlen(with) && strcmp(text + len - strlen(with), with) == 0;
}

static void answers_of_an_announced_length_stay_in_step(void **state)
{
    fixture *f = *state;
    char heard[HEARD_MAX];

    assert_false(hear(f,
                      GET("/?abc&def") "HEAD /?abc HTTP/1.1\r\nHost: x\r\n\r\n" GET("/304?abc")
                          GET("/?ghi&jkl"),
                      "ghijkl", heard));
    assert_int_equal(count(heard, "\r\nContent-Length: 6\r\n"), 3);
    assert_int_equal(count(heard, "\r\n\r\nHTTP/1.1 304"), 1); /* nothing behind the one to HEAD */
    assert_int_equal(count(heard, "\r\n\r\nabcdefHTTP/1.1 200"), 1);
    assert_true(ends_with(heard, "\r\n\r\nghijkl"));
    assert_int_equal(count(heard, "chunked"), 0);
}

static void http_1_0_may_keep_its_connection(void **state)
{
    fixture *f = *state;
    char heard[HEARD_MAX];

    assert_true(hear(f,
                     "GET /?abc&def HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
                     "GET /?ghi&jkl HTTP/1.0\r\n\r\n",
                     NULL, heard));
    assert_int_equal(count(heard, "HTTP/1.0 200 OK\r\n"), 2);
    assert_int_equal(count(heard, "\r\nConnection: keep-alive\r\n"), 1); /* else nobody knows */
    assert_int_equal(count(heard, "\r\nConnection: close\r\n"), 1);
    assert_int_equal(count(heard, "\r\nContent-Length: 6\r\n"), 2);
    assert_true(ends_with(heard, "\r\n\r\nghijkl"));
}

/* Whatever comes behind an answer that is too long or too short, nothing is said to it. */
static void nothing_follows_an_answer_of_another_length(void **state)
{
    static const struct {
        const char *said;
        const char *end;
    } wrong[] = {
        {GET("/?abc") GET("/?abcdef"), "\r\n\r\nabc"},
        {GET("/") GET("/?abcdef"), "\r\n\r\n"},
        {GET("/?abcdefHTTP/1.1&200&OK") GET("/?abcdef"), "\r\n\r\n"},
        {GET("/?abc&defg") GET("/?abcdef"), "\r\n\r\nabc"},
        {GET("/?abc&defg&h") GET("/?abcdef"), "\r\n\r\nabc"},
        {GET("/?abc&def&ghi") GET("/?abcdef"), "\r\n\r\nabcdef"},
    };
    fixture *f = *state;
    char heard[HEARD_MAX];

    for (size_t i = 0; i < SC_ARRAY_LEN(wrong); i++) {
        assert_true(hear(f, wrong[i].said, NULL, heard));
        assert_int_equal(count(heard, "HTTP/1.1 200 OK\r\n"), 1);
        assert_int_equal(count(heard, "\r\nContent-Length: 6\r\n"), 1);
        assert_true(ends_with(heard, wrong[i].end));
    }
}

/* The same behind an answer that is still awaited. What it said so far may be lost. */
static void nothing_follows_it_when_it_had_to_wait(void **state)
{
    fixture *f = *state;
    char heard[HEARD_MAX];

    assert_true(hear(f, GET("/hold") GET("/?abc&defg") GET("/?abcdef"), NULL, heard));
    assert_int_equal(count(heard, "\r\n\r\nheld"), 1);
    assert_null(strstr(heard, "abcd"));
    assert_true(ends_with(heard, "held") || ends_with(heard, "\r\n\r\nabc"));
}

#define H1(name) cmocka_unit_test_setup_teardown(name, setup_h1, teardown)
#define H2(name) cmocka_unit_test_setup_teardown(name, setup_h2, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        H1(an_announced_length_is_told),
        H2(an_announced_length_is_told),
        H1(another_length_is_a_failure),
        H2(another_length_is_a_failure),
        H1(answers_of_an_announced_length_stay_in_step),
        H1(http_1_0_may_keep_its_connection),
        H1(nothing_follows_an_answer_of_another_length),
        H1(nothing_follows_it_when_it_had_to_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
