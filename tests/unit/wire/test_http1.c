/* SPDX-License-Identifier: MIT
 *
 * HTTP/1.1 messages, whole and a byte at a time: the same events either way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/buf.h"
#include "wire/http1.h"

static sc_arena arena;
static sc_buf seen; /* a line for each event */
static bool pauses;

static sc_arena *on_begin(void *self)
{
    (void)self;
    sc_buf_add_str(&seen, SC_STR("begin|"));
    return &arena;
}
static bool on_head(void *self, const sc_http1_head *head)
{
    (void)self;
    sc_buf_add_fmt(&seen, "%.*s %.*s %d len=%lld keep=%d expect=%d|", SC_FMT(head->method),
                   SC_FMT(head->target), head->status, (long long)head->body_len, head->keep_alive,
                   head->expects_continue);
    for (uint32_t i = 0; i < head->headers.count; i++)
        sc_buf_add_fmt(&seen, "%.*s=%.*s|", SC_FMT(head->headers.at[i].name),
                       SC_FMT(head->headers.at[i].value));
    return true;
}
static bool on_body(void *self, const char *at, size_t len)
{
    (void)self;
    sc_buf_add(&seen, at, len);
    return true;
}
static bool on_message(void *self)
{
    (void)self;
    sc_buf_add_str(&seen, SC_STR("|end|"));
    return !pauses;
}
static const sc_http1_events events = {on_begin, on_head, on_body, on_message};
static const sc_http1_limits limits = {.max_head_len = 1000, .max_headers = 10};

static sc_code feed(bool is_request, const char *text, size_t step, sc_error *err)
{
    sc_http1 *codec = sc_http1_new(is_request, &limits, &events, NULL);
    size_t len = strlen(text);
    sc_code code = SC_OK;

    sc_buf_clear(&seen);
    for (size_t at = 0; at < len && code == SC_OK;) {
        size_t taken;
        size_t piece = len - at < step ? len - at : step;

        code = sc_http1_feed(codec, text + at, piece, &taken, err);
        at += taken;
    }
    sc_http1_free(codec);
    return code;
}

static void expect(bool is_request, const char *text, const char *events_seen)
{
    sc_error err = {0};
    size_t steps[] = {1000, 1, 7};

    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(feed(is_request, text, steps[i], &err), SC_OK);
        sc_buf_add_byte(&seen, '\0');
        assert_string_equal(sc_buf_at(&seen), events_seen);
    }
}

static void requests_come_out_the_same_however_they_are_cut(void **state)
{
    (void)state;
    expect(true,
           "POST /v1.0/publish/a/b?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nX-A:  b c "
           "\r\n\r\nhello"
           "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
           "begin|POST /v1.0/publish/a/b?x=1 0 len=5 keep=1 expect=0|host=h|content-length=5|x-a=b "
           "c|hello|end|begin|GET / 0 len=0 keep=0 expect=0|host=h|connection=close||end|");
    expect(
        true,
        "PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
        "3\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n",
        "begin|PUT /c 0 len=-1 keep=1 expect=1|host=h|transfer-encoding=chunked|"
        "expect=100-continue|abcde|end|");
}

static void responses_without_a_length_last_until_the_end(void **state)
{
    sc_error err;
    size_t taken;
    sc_http1 *codec = sc_http1_new(false, &limits, &events, NULL);
    const char *text = "HTTP/1.1 200 OK\r\n\r\nabc";

    (void)state;
    sc_buf_clear(&seen);
    assert_int_equal(sc_http1_feed(codec, text, strlen(text), &taken, &err), SC_OK);
    assert_true(sc_http1_is_inside(codec));
    assert_int_equal(sc_http1_end(codec, &err), SC_OK);
    assert_true(sc_str_ends(sc_buf_str(&seen), SC_STR("abc|end|")));
    sc_http1_free(codec);
    expect(false, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
           "begin|  100 len=0 keep=1 expect=0||end|begin|  204 len=0 keep=1 expect=0||end|");
}

static void what_could_be_read_in_two_ways_is_refused(void **state)
{
    static const char *const bad[] = {
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST / HTTP/1.1\r\nHost : h\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\x01z\r\n\r\n",
        "POST /\x80 HTTX\r\n\r\n",
        "\x16\x03\x01\x02garbage",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    };
    sc_error err;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        if (feed(true, bad[i], 1000, &err) != SC_INVALID)
            fail_msg("accepted: %s", bad[i]);
        assert_int_equal(feed(true, bad[i], 1, &err), SC_INVALID);
    }
    assert_int_equal(feed(true, "GET / HTTP/3.0\r\n\r\n", 1, &err), SC_UNIMPLEMENTED);
}

static void limits_hold(void **state)
{
    sc_buf text = {0};
    sc_error err;

    (void)state;
    sc_buf_add_str(&text, SC_STR("GET / HTTP/1.1\r\n"));
    for (int i = 0; i < 11; i++)
        sc_buf_add_fmt(&text, "a%d: b\r\n", i);
    sc_buf_add(&text, "\r\n", 3);
    assert_int_equal(feed(true, sc_buf_at(&text), 1000, &err), SC_EXHAUSTED);
    sc_buf_clear(&text);
    sc_buf_add_str(&text, SC_STR("GET / HTTP/1.1\r\na: "));
    for (int i = 0; i < 1000; i++)
        sc_buf_add_byte(&text, 'x');
    sc_buf_add(&text, "\r\n\r\n", 5);
    assert_int_equal(feed(true, sc_buf_at(&text), 3, &err), SC_EXHAUSTED);
    sc_buf_deinit(&text);
}

static void a_pause_leaves_the_next_message_alone(void **state)
{
    const char *text = "GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 1\r\n\r\nxGET "
                       "/3 HTTP/1.1\r\n\r\n";
    sc_http1 *codec = sc_http1_new(true, &limits, &events, NULL);
    size_t at = 0;
    size_t taken;
    int messages = 0;
    sc_error err;

    (void)state;
    pauses = true;
    while (at < strlen(text)) {
        assert_int_equal(sc_http1_feed(codec, text + at, strlen(text) - at, &taken, &err),
                         SC_PENDING);
        at += taken;
        messages++;
        assert_true(at == strlen(text) || text[at] == 'P' || text[at] == 'G');
    }
    assert_int_equal(messages, 3);
    pauses = false;
    sc_http1_free(codec);
}

static int set_up(void **state)
{
    (void)state;
    sc_arena_init(&arena, NULL);
    return 0;
}
static int tear_down(void **state)
{
    (void)state;
    sc_arena_deinit(&arena);
    sc_buf_deinit(&seen);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_come_out_the_same_however_they_are_cut),
        cmocka_unit_test(responses_without_a_length_last_until_the_end),
        cmocka_unit_test(what_could_be_read_in_two_ways_is_refused),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(a_pause_leaves_the_next_message_alone),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
