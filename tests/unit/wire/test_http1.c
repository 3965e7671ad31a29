/* SPDX-License-Identifier: MIT
 *
 * The HTTP/1.1 codec: its events, pauses, stops and limits, wherever the bytes are cut.
 */
#include "http1_script.h"

#define TWO                                                                                        \
    "POST /v1.0/publish/a/b?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nX-A:  b c \r\n\r\n"    \
    "hello"                                                                                        \
    "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
#define TWO_SEEN                                                                                   \
    "begin|POST /v1.0/publish/a/b?x=1 0 1.1 len=5 keep|host=h|content-length=5|x-a=b c|hello|end|" \
    "begin|GET / 0 1.1 len=0|host=h|connection=close||end|"
#define CHUNKED                                                                                    \
    "PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"     \
    "3\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n"
#define CHUNKED_SEEN                                                                               \
    "begin|PUT /c 0 1.1 len=-1 keep continue|host=h|transfer-encoding=chunked|"                    \
    "expect=100-continue|abcde|end|"

static void expect(bool is_request, const char *text, const char *events)
{
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        for (int pauses = 0; pauses < 2; pauses++) {
            script s = {.pauses = pauses == 1};
            sc_error err = {0};

            assert_int_equal(script_run(&s, is_request, sc_str_from(text), cut, &err), SC_OK);
            assert_string_equal(sc_buf_at(&s.seen), events);
            script_close(&s);
        }
    }
}

static void events_are_the_same_however_the_bytes_are_cut(void **state)
{
    (void)state;
    expect(true, TWO, TWO_SEEN);
    expect(true, CHUNKED, CHUNKED_SEEN);
    expect(true, CHUNKED TWO, CHUNKED_SEEN TWO_SEEN);
    expect(false, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
           "begin|  100 1.1 len=0 keep||end|begin|  204 1.1 len=0 keep||end|");
}

static void responses_without_a_length_last_until_the_end(void **state)
{
    for (int pauses = 0; pauses < 2; pauses++) {
        script s = {.pauses = pauses == 1};
        sc_error err = {0};

        (void)state;
        assert_int_equal(script_run(&s, false, SC_STR("HTTP/1.1 200 OK\r\n\r\nabc"), 20, &err),
                         SC_OK);
        assert_true(sc_http1_is_inside(s.codec));
        assert_int_equal(sc_http1_end(s.codec, &err), pauses ? SC_PENDING : SC_OK);
        assert_false(sc_http1_is_inside(s.codec));
        assert_true(sc_str_ends(sc_buf_str(&s.seen), SC_STR("abc\0|end|")));
        assert_int_equal(sc_http1_end(s.codec, &err), SC_OK); /* nothing is under way */
        script_close(&s);
    }
}

static void an_end_within_a_message_is_none(void **state)
{
    static const sc_str cut[] = {
        SC_STR_INIT("G"),
        SC_STR_INIT("GET / HTTP/1.1\r\nA: b\r\n"),
        SC_STR_INIT("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nx"),
        SC_STR_INIT("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"),
        SC_STR_INIT("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n"),
    };
    sc_error err;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cut); i++) {
        script s = {0};

        assert_int_equal(script_run(&s, true, cut[i], cut[i].len, &err), SC_OK);
        assert_int_equal(sc_http1_end(s.codec, &err), SC_INVALID);
        assert_string_equal(err.text, "malformed HTTP: stream ended at an unexpected time");
        script_close(&s);
    }
}

static void a_pause_leaves_the_next_message_alone(void **state)
{
    const char *text = "GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 1\r\n\r\nxGET "
                       "/3 HTTP/1.1\r\n\r\n";
    script s = {.pauses = true};
    size_t taken;
    sc_error err;

    (void)state;
    script_open(&s, true);
    assert_int_equal(sc_http1_feed(s.codec, text, strlen(text), &taken, &err), SC_PENDING);
    assert_int_equal(taken, 19);
    assert_int_equal(sc_http1_feed(s.codec, text + 19, 0, &taken, &err), SC_OK);
    assert_int_equal(sc_http1_feed(s.codec, text + 19, strlen(text) - 19, &taken, &err),
                     SC_PENDING);
    assert_memory_equal(text + 19 + taken, "GET /3", 6);
    script_close(&s);
}

static void every_event_may_stop_the_feed_or_free_the_codec(void **state)
{
    static const sc_str text = SC_STR_INIT(TWO CHUNKED);
    static const char *const last[] = {"begin|", "content-length=5|x-a=b c|", "h", "|end|"};
    sc_error err;

    (void)state;
    for (size_t cut = 1; cut <= text.len; cut += 7) {
        for (size_t i = 0; i < 4; i++) {
            script stopped = {.stops_in = "bhdm"[i]};
            script freed = {.frees_in = "bhdm"[i]};
            size_t taken;

            if (i < 3) { /* the end of a message pauses instead */
                assert_int_equal(script_run(&stopped, true, text, cut, &err), SC_CANCELLED);
                assert_non_null(strstr(sc_buf_at(&stopped.seen), last[i]));
                assert_int_equal(sc_http1_feed(stopped.codec, "x", 1, &taken, &err), SC_CANCELLED);
                script_close(&stopped);
            }
            assert_int_equal(script_run(&freed, true, text, cut, &err), SC_CANCELLED);
            assert_true(freed.is_freed);
            script_close(&freed);
        }
    }
}

static void a_codec_may_be_freed_by_the_end(void **state)
{
    script s = {.frees_in = 'm'};
    sc_error err;

    (void)state;
    assert_int_equal(script_run(&s, false, SC_STR("HTTP/1.1 200 OK\r\n\r\nabc"), 0, &err), SC_OK);
    assert_int_equal(sc_http1_end(s.codec, &err), SC_CANCELLED);
    assert_true(s.is_freed);
    script_close(&s);
}

static void answers_to_head_have_no_body(void **state)
{
    const char *text = "HTTP/1.1 103 Early Hints\r\n\r\n"
                       "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
                       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "HTTP/1.1 200 OK\r\n\r\n";
    const char *asked_once = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
                             "1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
    sc_error err;

    (void)state;
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        script s = {.is_head_asked = true};

        assert_int_equal(script_run(&s, false, sc_str_from(text), cut, &err), SC_OK);
        assert_string_equal(
            sc_buf_at(&s.seen),
            "begin|  103 1.1 len=0 keep||end|begin|  200 1.1 len=0 keep|content-length=9||end|"
            "begin|  200 1.1 len=0 keep|transfer-encoding=chunked||end|begin|  200 1.1 len=0 "
            "keep||end|");
        script_close(&s);
    }
    {
        script s = {0};

        script_open(&s, false);
        sc_http1_expect_no_body(s.codec);
        assert_int_equal(script_feed(&s, asked_once, strlen(asked_once), &err), SC_OK);
        assert_true(
            sc_str_ends(sc_buf_str(&s.seen), SC_STR("content-length=1||end|begin|  200 1.1 len=1 "
                                                    "keep|content-length=1|x|end|")));
        script_close(&s);
    }
}

/* What a run comes to, at every cut. */
static void expect_code(bool is_request, sc_str text, sc_code code, const char *why)
{
    for (size_t cut = 0; cut <= text.len; cut += cut < 40 ? 1 : 13) {
        script s = {0};
        sc_error err = {0};
        sc_code got = script_run(&s, is_request, text, cut, &err);

        if (got != code || strcmp(err.text, why) != 0)
            fail_msg("cut at %zu: %d %s", cut, (int)got, err.text);
        script_close(&s);
    }
}

static void put_head(sc_buf *text, const char *start, size_t len, int headers)
{
    sc_buf_clear(text);
    sc_buf_add(text, start, strlen(start));
    for (int i = 1; i < headers; i++)
        sc_buf_add_fmt(text, "a%d: b\r\n", i);
    sc_buf_add_str(text, SC_STR("a: "));
    while (sc_buf_len(text) + 4 < len)
        sc_buf_add_byte(text, 'x');
    sc_buf_add_str(text, SC_STR("\r\n\r\n"));
}

static void limits_hold_to_the_byte(void **state)
{
    static const char *const starts[] = {"GET / HTTP/1.1\r\n", "HTTP/1.1 204 No\r\n"};
    const char *too_long = "the head is longer than the limit";
    sc_buf text = {0};

    (void)state;
    for (int i = 0; i < 2; i++) {
        put_head(&text, starts[i], SCRIPT_HEAD_LEN, 3);
        expect_code(i == 0, sc_buf_str(&text), SC_OK, "");
        put_head(&text, starts[i], SCRIPT_HEAD_LEN + 1, 3);
        expect_code(i == 0, sc_buf_str(&text), SC_EXHAUSTED, too_long);
        put_head(&text, starts[i], SCRIPT_HEAD_LEN * 5, 3);
        expect_code(i == 0, sc_buf_str(&text), SC_EXHAUSTED, too_long);
        put_head(&text, starts[i], 0, SCRIPT_HEADERS);
        expect_code(i == 0, sc_buf_str(&text), SC_OK, "");
        put_head(&text, starts[i], 0, SCRIPT_HEADERS + 1);
        expect_code(i == 0, sc_buf_str(&text), SC_EXHAUSTED,
                    "there are more headers than the limit");
    }
    sc_buf_clear(&text);
    sc_buf_add_str(&text, SC_STR("GET /"));
    while (sc_buf_len(&text) < SCRIPT_HEAD_LEN)
        sc_buf_add_byte(&text, 'x');
    expect_code(true, sc_buf_str(&text), SC_EXHAUSTED, too_long); /* without waiting for its end */
    sc_buf_deinit(&text);
}

#define CHUNKED_HEAD "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"

static void trailers_and_lines_of_chunks_are_bounded(void **state)
{
    sc_buf text = {0};

    (void)state;
    put_head(&text, CHUNKED_HEAD "0\r\n", sizeof(CHUNKED_HEAD "0\r\n") - 1 + SCRIPT_HEAD_LEN, 1);
    expect_code(true, sc_buf_str(&text), SC_OK, "");
    put_head(&text, CHUNKED_HEAD "0\r\n", sizeof(CHUNKED_HEAD "0\r\n") + SCRIPT_HEAD_LEN, 1);
    expect_code(true, sc_buf_str(&text), SC_EXHAUSTED, "the head is longer than the limit");
    put_head(&text, CHUNKED_HEAD "0\r\n", 0, SCRIPT_HEADERS + 1);
    expect_code(true, sc_buf_str(&text), SC_EXHAUSTED, "there are more headers than the limit");
    sc_buf_clear(&text);
    sc_buf_add_str(&text, SC_STR(CHUNKED_HEAD));
    for (int i = 0; i < 3; i++)
        sc_buf_add_fmt(&text, "1;%04000d\r\nx\r\n", i);
    expect_code(true, sc_buf_str(&text), SC_OK, ""); /* each line of a chunk for itself */
    for (int i = 0; i < 3; i++) {                    /* zeros, spaces, an extension */
        static const char *const begin[] = {CHUNKED_HEAD "0", CHUNKED_HEAD "1", CHUNKED_HEAD "1;"};

        sc_buf_clear(&text);
        sc_buf_add(&text, begin[i], strlen(begin[i]));
        while (sc_buf_len(&text) < 5000)
            sc_buf_add_byte(&text, "0 x"[i]);
        expect_code(true, sc_buf_str(&text), SC_INVALID,
                    "malformed HTTP: the line before a chunk is too long");
    }
    sc_buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_the_same_however_the_bytes_are_cut),
        cmocka_unit_test(responses_without_a_length_last_until_the_end),
        cmocka_unit_test(an_end_within_a_message_is_none),
        cmocka_unit_test(a_pause_leaves_the_next_message_alone),
        cmocka_unit_test(every_event_may_stop_the_feed_or_free_the_codec),
        cmocka_unit_test(a_codec_may_be_freed_by_the_end),
        cmocka_unit_test(answers_to_head_have_no_body),
        cmocka_unit_test(limits_hold_to_the_byte),
        cmocka_unit_test(trailers_and_lines_of_chunks_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
