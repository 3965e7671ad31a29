/* SPDX-License-Identifier: MIT
 *
 * What the gRPC server answers to unusual heads and message bytes, seen by a plain HTTP/2 client.
 */
#include "net_fixture.h"

#include "net/grpc_server.h"
#include "net/h2_session.h"
#include "wire/gzip.h"

typedef struct fixture {
    sc_loop *loop;
    sc_grpc_server *server;
    sc_h2_pool pool;
    sc_h2_session *session;
    bool is_gone;
    int deadline_cancels;
    /* the request under way */
    sc_arena mem;
    sc_h2_stream stream;
    sc_buf body;
    sc_h2_end end;
    bool is_done;
} fixture;

static fixture *fx;

/* ---- the server ---- */

static void echo_message(sc_grpc_stream *stream, sc_str message)
{
    sc_grpc_send(stream, message);
    sc_grpc_finish(stream, SC_OK, SC_STR_NONE, SC_STR_NONE);
}

static void headers_message(sc_grpc_stream *stream, sc_str message)
{
    (void)message;
    sc_grpc_set_header(stream, SC_STR("X-Mixed-Case"), SC_STR(" a\nb "));
    sc_grpc_set_header(stream, SC_STR("bad name"), SC_STR("dropped"));
    sc_grpc_send_headers(stream);
    sc_grpc_set_header(stream, SC_STR("x-late"), SC_STR("dropped"));
    sc_grpc_finish(stream, SC_ABORTED, SC_STR("after headers"), SC_STR_NONE);
    sc_grpc_finish(stream, SC_OK, SC_STR("twice"), SC_STR_NONE);
    sc_grpc_send(stream, SC_STR("late"));
}

static void hold_message(sc_grpc_stream *stream, sc_str message)
{
    (void)stream;
    (void)message;
}

static void on_cancelled(sc_grpc_stream *stream)
{
    assert_int_equal(stream->status, SC_DEADLINE);
    fx->deadline_cancels++;
}

static const sc_grpc_handler echo = {.on_message = echo_message, .is_unary_request = true};
static const sc_grpc_handler headers = {.on_message = headers_message, .is_unary_request = true};
static const sc_grpc_handler hold = {
    .on_message = hold_message, .on_cancelled = on_cancelled, .is_unary_request = true};

static const sc_grpc_handler *find(void *self, sc_grpc_stream *stream)
{
    (void)self;
    if (sc_str_eq(stream->path, SC_STR("/t.T/Headers")))
        return &headers;
    return sc_str_eq(stream->path, SC_STR("/t.T/Hold")) ? &hold : &echo;
}

/* ---- the client ---- */

static void on_head(sc_h2_stream *stream)
{
    (void)stream;
}

static void on_data(sc_h2_stream *stream, const char *at, size_t len)
{
    sc_buf_add(&fx->body, at, len);
    sc_h2_consumed(stream, len);
}

static void on_end(sc_h2_stream *stream)
{
    (void)stream;
}

static void on_closed(sc_h2_stream *stream, const sc_h2_end *end)
{
    (void)stream;
    fx->end = *end;
    fx->is_done = true;
}

static void on_gone(void *self, const sc_error *why)
{
    (void)self;
    (void)why;
    fx->is_gone = true;
    fx->session = NULL;
}

static const sc_h2_ops client_ops = {
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_closed = on_closed,
    .on_gone = on_gone,
};

static int setup(void **state)
{
    sc_listen at = {.host = SC_STR("127.0.0.1")};
    sc_dial to = {.host = SC_STR("127.0.0.1")};
    sc_grpc_service service = {.find = find};
    sc_grpc_limits limits = {.max_message_len = 1000, .max_head_len = 2000};
    sc_h2_settings settings;
    sc_error err;

    fx = sc_new(fixture);
    fx->loop = sc_loop_new();
    assert_int_equal(sc_grpc_server_open(fx->loop, &at, &limits, &service, fx, &fx->server, &err),
                     SC_OK);
    to.port = sc_listener_port(sc_grpc_server_listener(fx->server));
    settings = (sc_h2_settings){.pool = &fx->pool};
    fx->session = sc_h2_connect(fx->loop, &to, &settings, &client_ops, fx);
    while (!sc_h2_can_request(fx->session))
        sc_loop_turn(fx->loop, true);
    sc_arena_init(&fx->mem, NULL);
    *state = fx;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    bool is_closed = false;

    if (f->session)
        sc_h2_session_finish(f->session);
    turn_until(f->loop, &f->is_gone);
    sc_grpc_server_close(f->server, 1000, set_true, &is_closed);
    turn_until(f->loop, &is_closed);
    assert_int_equal(sc_loop_close(&f->loop), 0);
    sc_arena_deinit(&f->mem);
    sc_buf_deinit(&f->body);
    sc_h2_pool_deinit(&f->pool);
    free(f);
    return 0;
}

/* "name: value" lines, then `body` as it is; waits for the end. */
static void ask(fixture *f, const char *method, const char *path, const char *lines, sc_str body)
{
    sc_pairs list = {0};
    sc_str rest = sc_str_from(lines);
    sc_h2_request_head head = {.method = sc_str_from(method),
                               .scheme = SC_STR("http"),
                               .authority = SC_STR("localhost"),
                               .path = sc_str_from(path),
                               .headers = &list};

    while (rest.len) {
        sc_str line = sc_str_cut(&rest, '\n');
        sc_str name = sc_str_cut(&line, ':');

        sc_pairs_add(&list, &f->mem, name, sc_str_trim(line));
    }
    f->stream = (sc_h2_stream){.mem = &f->mem};
    f->is_done = false;
    sc_buf_clear(&f->body);
    sc_buf_add_str(sc_h2_out(f->session, &f->stream), body);
    sc_h2_finish(&f->stream, NULL);
    assert_true(sc_h2_request(f->session, &f->stream, &head));
    turn_until(f->loop, &f->is_done);
}

#define GRPC  "content-type: application/grpc\nte: trailers\n"
#define HELLO SC_STR("\0\0\0\0\5hello")

/* A header of the answer, or of its trailers. */
static const char *answer(fixture *f, const char *name)
{
    const sc_str *value = sc_pairs_get(&f->stream.headers, sc_str_from(name));

    if (!value)
        value = sc_pairs_get(&f->stream.trailers, sc_str_from(name));
    return value ? value->at : "(none)";
}

static void assert_status(fixture *f, const char *status, const char *text)
{
    assert_string_equal(answer(f, "grpc-status"), status);
    assert_string_equal(answer(f, "grpc-message"), text);
}

/* ---- tests ---- */

static void subtype_of_the_content_type_is_kept(void **state)
{
    fixture *f = *state;

    ask(f, "POST", "/t.T/Echo", "content-type: application/grpc+proto\n", HELLO);
    assert_int_equal(f->stream.status, 200);
    assert_status(f, "0", "(none)");
    assert_string_equal(answer(f, "content-type"), "application/grpc+proto");
    assert_memory_equal(sc_buf_at(&f->body), HELLO.at, HELLO.len);
}

static void other_content_types_get_415(void **state)
{
    fixture *f = *state;

    ask(f, "POST", "/t.T/Echo", "content-type: application/json\n", HELLO);
    assert_int_equal(f->stream.status, 415);
    assert_status(f, "3", "invalid gRPC request content-type \"application/json\"");
    ask(f, "POST", "/t.T/Echo", "", SC_STR_NONE);
    assert_int_equal(f->stream.status, 415);
    assert_status(f, "3", "invalid gRPC request content-type \"\"");
    ask(f, "POST", "/t.T/Echo", "content-type: application/grpcweb\n", HELLO);
    assert_int_equal(f->stream.status, 415);
}

static void other_methods_get_405(void **state)
{
    fixture *f = *state;

    ask(f, "GET", "/t.T/Echo", GRPC, SC_STR_NONE);
    assert_int_equal(f->stream.status, 405);
    assert_string_equal(answer(f, "grpc-status"), "13");
}

static void malformed_timeout_is_refused(void **state)
{
    fixture *f = *state;

    ask(f, "POST", "/t.T/Echo", GRPC "grpc-timeout: 5x\n", HELLO);
    assert_int_equal(f->stream.status, 400);
    assert_string_equal(answer(f, "grpc-status"), "13");
}

static void passed_deadline_is_told_to_client_and_handler(void **state)
{
    fixture *f = *state;

    ask(f, "POST", "/t.T/Hold", GRPC "grpc-timeout: 20m\n", HELLO);
    assert_status(f, "4", "context deadline exceeded");
    assert_int_equal(f->deadline_cancels, 1);
    ask(f, "POST", "/t.T/Echo", GRPC "grpc-timeout: 99999999H\n", HELLO);
    assert_status(f, "0", "(none)");
}

static void malformed_binary_metadata_is_refused(void **state)
{
    fixture *f = *state;

    ask(f, "POST", "/t.T/Echo", GRPC "x-bin: ***\n", HELLO);
    assert_status(f, "13", "malformed binary metadata \"***\" in header \"x-bin\"");
}

static void large_head_is_exhausted_with_431(void **state)
{
    fixture *f = *state;
    char lines[4096] = GRPC "x-large: ";

    memset(lines + strlen(lines), 'x', 2500);
    ask(f, "POST", "/t.T/Echo", lines, HELLO);
    assert_int_equal(f->stream.status, 431);
    assert_string_equal(answer(f, "grpc-status"), "8");
    ask(f, "POST", "/t.T/Echo", GRPC, HELLO);
    assert_status(f, "0", "(none)");
}

static void gzip_is_answered_with_gzip(void **state)
{
    fixture *f = *state;
    sc_buf packed = {0}, plain = {0}, message = {0};
    sc_error err;

    assert_int_equal(sc_gzip_encode(SC_STR("zipped hello"), &packed, &err), SC_OK);
    sc_buf_add(&message, "\1\0\0\0", 4);
    sc_buf_add_byte(&message, (char)sc_buf_len(&packed));
    sc_buf_add_str(&message, sc_buf_str(&packed));
    ask(f, "POST", "/t.T/Echo", GRPC "grpc-encoding: gzip\n", sc_buf_str(&message));
    assert_status(f, "0", "(none)");
    assert_string_equal(answer(f, "grpc-encoding"), "gzip");
    assert_int_equal(sc_buf_at(&f->body)[0], 1);
    sc_buf_eat(&f->body, 5);
    assert_int_equal(sc_gzip_decode(sc_buf_str(&f->body), 100, &plain, &err), SC_OK);
    assert_true(sc_str_eq(sc_buf_str(&plain), SC_STR("zipped hello")));
    sc_buf_deinit(&packed);
    sc_buf_deinit(&plain);
    sc_buf_deinit(&message);
}

static void gzip_bombs_and_broken_gzip_are_refused(void **state)
{
    fixture *f = *state;
    sc_buf packed = {0}, message = {0};
    char zeros[5000] = {0};
    sc_error err;

    assert_int_equal(sc_gzip_encode(sc_str_of(zeros, sizeof(zeros)), &packed, &err), SC_OK);
    sc_buf_add(&message, "\1\0\0\0", 4);
    sc_buf_add_byte(&message, (char)sc_buf_len(&packed));
    sc_buf_add_str(&message, sc_buf_str(&packed));
    ask(f, "POST", "/t.T/Echo", GRPC "grpc-encoding: gzip\n", sc_buf_str(&message));
    assert_status(f, "8", "grpc: received message after decompression larger than max 1000");
    ask(f, "POST", "/t.T/Echo", GRPC "grpc-encoding: gzip\n", SC_STR("\1\0\0\0\5hello"));
    assert_string_equal(answer(f, "grpc-status"), "13");
    sc_buf_deinit(&packed);
    sc_buf_deinit(&message);
}

static void other_encodings_are_unimplemented(void **state)
{
    fixture *f = *state;

    ask(f, "POST", "/t.T/Echo", GRPC "grpc-encoding: deflate\n", SC_STR("\1\0\0\0\5hello"));
    assert_status(f, "12", "grpc: Decompressor is not installed for grpc-encoding \"deflate\"");
    assert_string_equal(answer(f, "grpc-accept-encoding"), "identity,gzip");
}

static void broken_messages_end_the_call(void **state)
{
    fixture *f = *state;

    ask(f, "POST", "/t.T/Echo", GRPC, SC_STR("\1\0\0\0\5hello"));
    assert_status(f, "13", "grpc: compressed flag set with identity or empty encoding");
    ask(f, "POST", "/t.T/Echo", GRPC, SC_STR("\7\0\0\0\5hello"));
    assert_status(f, "13", "grpc: received unexpected payload format 7");
    ask(f, "POST", "/t.T/Echo", GRPC, SC_STR("\0\0\0\0\6hello"));
    assert_status(f, "13", "unexpected EOF");
    ask(f, "POST", "/t.T/Echo", GRPC, SC_STR("\0\0\0"));
    assert_status(f, "13", "unexpected EOF");
    ask(f, "POST", "/t.T/Echo", GRPC, SC_STR("\0\xff\xff\xff\xff"));
    assert_status(f, "8", "grpc: received message larger than max (4294967295 vs. 1000)");
}

static void unary_call_takes_exactly_one_message(void **state)
{
    fixture *f = *state;

    ask(f, "POST", "/t.T/Echo", GRPC, SC_STR_NONE);
    assert_string_equal(answer(f, "grpc-status"), "13");
    ask(f, "POST", "/t.T/Echo", GRPC, SC_STR("\0\0\0\0\1a\0\0\0\0\1b"));
    assert_string_equal(answer(f, "grpc-status"), "12");
}

static void headers_leave_before_the_status_and_are_made_safe(void **state)
{
    fixture *f = *state;

    ask(f, "POST", "/t.T/Headers", GRPC, HELLO);
    assert_status(f, "10", "after headers");
    assert_string_equal(sc_pairs_get(&f->stream.headers, SC_STR("x-mixed-case"))->at, "ab");
    assert_null(sc_pairs_get(&f->stream.headers, SC_STR("grpc-status")));
    assert_string_equal(answer(f, "bad name"), "(none)");
    assert_string_equal(answer(f, "x-late"), "(none)");
    assert_int_equal(sc_buf_len(&f->body), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(subtype_of_the_content_type_is_kept),
        T(other_content_types_get_415),
        T(other_methods_get_405),
        T(malformed_timeout_is_refused),
        T(passed_deadline_is_told_to_client_and_handler),
        T(malformed_binary_metadata_is_refused),
        T(large_head_is_exhausted_with_431),
        T(gzip_is_answered_with_gzip),
        T(gzip_bombs_and_broken_gzip_are_refused),
        T(other_encodings_are_unimplemented),
        T(broken_messages_end_the_call),
        T(unary_call_takes_exactly_one_message),
        T(headers_leave_before_the_status_and_are_made_safe),
    };
#undef T

    return cmocka_run_group_tests(tests, NULL, NULL);
}
