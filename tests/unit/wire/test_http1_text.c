/* SPDX-License-Identifier: MIT
 *
 * What the HTTP/1.1 codec takes for a message and what it refuses, rule by rule of RFC 9112 and
 * with the tricks that smuggle one request inside another. Each text is cut at every place.
 */
#include "http1_script.h"

typedef struct taken {
    const char *text;
    const char *seen;
} taken;

typedef struct refused {
    const char *why;
    const char *text;
} refused;

static void expect_taken(bool is_request, const taken *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t cut = 0; cut <= strlen(all[i].text); cut++) {
            script s = {0};
            sc_error err = {0};
            sc_code code = script_run(&s, is_request, sc_str_from(all[i].text), cut, &err);

            if (code != SC_OK || strcmp(sc_buf_at(&s.seen), all[i].seen) != 0)
                fail_msg("%s, cut at %zu: %s: %s", all[i].text, cut, err.text, sc_buf_at(&s.seen));
            script_close(&s);
        }
    }
}

static void expect_refused(bool is_request, const refused *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t cut = 0; cut <= strlen(all[i].text); cut++) {
            script s = {0};
            sc_error err = {0};
            size_t used;
            sc_code code = script_run(&s, is_request, sc_str_from(all[i].text), cut, &err);

            if (code != SC_INVALID || strcmp(err.text, all[i].why) != 0)
                fail_msg("%s, cut at %zu: %d %s", all[i].text, cut, (int)code, err.text);
            err = (sc_error){0}; /* and it stays of no use */
            assert_int_equal(sc_http1_feed(s.codec, "x", 1, &used, &err), SC_INVALID);
            assert_string_equal(err.text, all[i].why);
            script_close(&s);
        }
    }
}

#define TAKEN(is_request, all)   expect_taken(is_request, all, SC_ARRAY_LEN(all))
#define REFUSED(is_request, all) expect_refused(is_request, all, SC_ARRAY_LEN(all))
#define POST                     "POST / HTTP/1.1\r\n"
#define CHUNKED                  POST "Transfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_SEEN             "begin|POST / 0 1.1 len=-1 keep|transfer-encoding=chunked|"

static void request_lines_are_taken(void **state)
{
    static const taken all[] = {
        {"\r\n\n\r\nGET / HTTP/1.1\r\n\r\n\r\n", "begin|GET / 0 1.1 len=0 keep||end|"},
        {"GET / HTTP/1.1\n\n", "begin|GET / 0 1.1 len=0 keep||end|"},
        {"GET / HTTP/1.9\r\n\r\n", "begin|GET / 0 1.9 len=0 keep||end|"},
        {"M-SEARCH /a#b?c#d HTTP/1.1\r\n\r\n", "begin|M-SEARCH /a#b?c#d 0 1.1 len=0 keep||end|"},
        {"brew!#$%&'*+-.^_`|~9 /\xc3\xa4\"<>\\^{} HTTP/1.1\r\n\r\n",
         "begin|brew!#$%&'*+-.^_`|~9 /\xc3\xa4\"<>\\^{} 0 1.1 len=0 keep||end|"},
        {"OPTIONS * HTTP/1.1\r\n\r\n", "begin|OPTIONS * 0 1.1 len=0 keep||end|"},
        {"GET http://h:80/p?q HTTP/1.1\r\n\r\n",
         "begin|GET http://h:80/p?q 0 1.1 len=0 keep||end|"},
        {"GET https://[::1]?q HTTP/1.1\r\n\r\n",
         "begin|GET https://[::1]?q 0 1.1 len=0 keep||end|"},
        {"GET HTTP://h HTTP/1.1\r\n\r\n", "begin|GET HTTP://h 0 1.1 len=0 keep||end|"},
        {"CONNECT h:443 HTTP/1.1\r\n\r\n", "begin|CONNECT h:443 0 1.1 len=0 keep||end|"},
    };
    (void)state;
    TAKEN(true, all);
}

static void request_lines_are_refused(void **state)
{
    static const char method[] = "malformed HTTP: invalid HTTP method";
    static const char target[] = "malformed HTTP: invalid URL";
    static const char version[] = "malformed HTTP: invalid HTTP version";
    static const char lf[] = "malformed HTTP: LF character expected";
    static const refused all[] = {
        {method, "\x16\x03\x01\x02garbage"}, /* at once: there may never be a line end */
        {method, " "},                       /* as above */
        {method, " GET / HTTP/1.1\r\n\r\n"},
        {method, "G(T / HTTP/1.1\r\n\r\n"},
        {method, "GET\t/ HTTP/1.1\r\n\r\n"},
        {method, "GARBAGE\r\n\r\n"},
        {method, "G\xc3\xa4T / HTTP/1.1\r\n\r\n"},
        {target, "GET  / HTTP/1.1\r\n\r\n"}, /* two spaces */
        {target, "GET /a\tb HTTP/1.1\r\n\r\n"},
        {target, "GET /a\x7f HTTP/1.1\r\n\r\n"},
        {target, "GET /a\x01 HTTP/1.1\r\n\r\n"},
        {target, "GET index.html HTTP/1.1\r\n\r\n"},
        {target, "GET * HTTP/1.1\r\n\r\n"},
        {target, "OPTIONS *a HTTP/1.1\r\n\r\n"},
        {target, "GET ?a HTTP/1.1\r\n\r\n"},
        {target, "GET http:/h HTTP/1.1\r\n\r\n"},
        {target, "GET http:///p HTTP/1.1\r\n\r\n"},
        {target, "GET ://h HTTP/1.1\r\n\r\n"},
        {target, "GET http://user@h/ HTTP/1.1\r\n\r\n"},
        {target, "GET http://h#f HTTP/1.1\r\n\r\n"},
        {target, "CONNECT / HTTP/1.1\r\n\r\n"},
        {target, "CONNECT h HTTP/1.1\r\n\r\n"},
        {target, "CONNECT :80 HTTP/1.1\r\n\r\n"},
        {target, "CONNECT u@h:80 HTTP/1.1\r\n\r\n"},
        {version, "GET /\r\n\r\n"}, /* HTTP/0.9 */
        {version, "GET / \r\n\r\n"},
        {version, "GET /  HTTP/1.1\r\n\r\n"},
        {version, "GET / HTTP/1.1 \r\n\r\n"},
        {version, "GET / HTTP/1\r\n\r\n"},
        {version, "GET / HTTP/1.11\r\n\r\n"},
        {version, "GET / http/1.1\r\n\r\n"},
        {version, "GET / HTTX/1.1\r\n\r\n"},
        {version, "GET /a b HTTP/1.1\r\n\r\n"},
        {lf, "GET / HTTP/1.1\r\r\n\r\n"},
        {lf, "GET / HTTP/1.1\rA: b\r\n\r\n"},
        {lf, "\rGET / HTTP/1.1\r\n\r\n"},
        {lf, "GET / HTTP/1.1\r\n\rX\r\n"},
    };
    (void)state;
    REFUSED(true, all);
}

static void other_versions_are_told_apart_from_nonsense(void **state)
{
    static const char *const other[] = {"GET / HTTP/3.1\r\n\r\n", "GET / HTTP/0.9\r\n\r\n"};
    sc_error err;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(other); i++) {
        for (size_t cut = 0; cut <= strlen(other[i]); cut++) {
            script s = {0};

            assert_int_equal(script_run(&s, true, sc_str_from(other[i]), cut, &err),
                             SC_UNIMPLEMENTED);
            assert_string_equal(err.text, "unsupported protocol version");
            script_close(&s);
        }
    }
}

static void headers_are_taken(void **state)
{
    static const taken all[] = {
        {"GET / HTTP/1.1\r\nHost:h\r\nA: \t b\tc \t \r\nX-Y_Z!#$%&'*+-.^_`|~09:\r\nA:d\n\r\n",
         "begin|GET / 0 1.1 len=0 keep|host=h|a=b\tc|x-y_z!#$%&'*+-.^_`|~09=|a=d||end|"},
        {"GET / HTTP/1.1\r\nABCDEFGHIJKLMNOPQRSTUVWXYZ: \xc3\xa4:\"@[`{\r\n\r\n",
         "begin|GET / 0 1.1 len=0 keep|abcdefghijklmnopqrstuvwxyz=\xc3\xa4:\"@[`{||end|"},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "begin|GET / 0 1.1 len=0 keep|host=||end|"},
        {"GET / HTTP/1.1\r\nHost: a_b.c-d~e:80\r\n\r\n",
         "begin|GET / 0 1.1 len=0 keep|host=a_b.c-d~e:80||end|"},
        {"POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 002\r\n\r\nab",
         "begin|POST / 0 1.1 len=2 keep continue|expect=100-Continue|content-length=002|ab|end|"},
        {"POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
         "begin|POST / 0 1.0 len=0|expect=100-continue||end|"},
        {"POST / HTTP/1.1\r\nContent-Length: 9223372036854775807\r\n\r\n",
         "begin|POST / 0 1.1 len=9223372036854775807 keep|content-length=9223372036854775807|"},
    };
    (void)state;
    TAKEN(true, all);
}

static void headers_are_refused(void **state)
{
    static const char name[] = "malformed HTTP: invalid character in header";
    static const char space[] = "a header name holds a space";
    static const char value[] = "a header value holds a control character";
    static const refused all[] = {
        {space, "POST / HTTP/1.1\r\nHost : h\r\n\r\n"},
        {space, "POST / HTTP/1.1\r\nHo st: h\r\n\r\n"},
        {space, "POST / HTTP/1.1\r\n A: h\r\n\r\n"},
        {space, "POST / HTTP/1.1\r\n\tA: h\r\n\r\n"},
        {name, "POST / HTTP/1.1\r\n: h\r\n\r\n"},
        {name, "POST / HTTP/1.1\r\nHost\r\n\r\n"},
        {name, "POST / HTTP/1.1\r\nHost\t: h\r\n\r\n"},
        {name, "POST / HTTP/1.1\r\nA(b): h\r\n\r\n"},
        {name, "POST / HTTP/1.1\r\nA\x80: h\r\n\r\n"},
        {value, "POST / HTTP/1.1\r\nHost: a\x01z\r\n\r\n"},
        {value, "POST / HTTP/1.1\r\nHost: a\x7fz\r\n\r\n"},
        {"malformed HTTP: LF character expected", "POST / HTTP/1.1\r\nA: a\rB: b\r\n\r\n"},
        {"a header goes on in a second line", "POST / HTTP/1.1\r\nA: a\r\n b\r\n\r\n"},
        {"too many Host headers", "POST / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"},
        {"malformed Host header", "POST / HTTP/1.1\r\nHost: h/a\r\n\r\n"},
        {"malformed Host header", "POST / HTTP/1.1\r\nHost: a b\r\n\r\n"},
        {"malformed Host header", "POST / HTTP/1.1\r\nHost: u@h\r\n\r\n"},
        {"malformed Host header", "POST / HTTP/1.1\r\nHost: a,b\x80\r\n\r\n"},
    };
    sc_error err = {0};
    script s = {0};

    (void)state;
    REFUSED(true, all);
    script_open(&s, true);
    assert_int_equal(script_feed(&s, "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n", 26, &err), SC_INVALID);
    assert_string_equal(err.text, value);
    script_close(&s);
}

static void what_could_be_read_in_two_ways_is_refused(void **state)
{
    static const char length[] = "malformed HTTP: invalid character in content-length header";
    static const char twice[] = "malformed HTTP: unexpected content-length header";
    static const char coding[] = "the transfer coding is not chunked";
    static const refused all[] = {
        {twice, POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {twice, POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"},
        {twice, POST "Transfer-Encoding: Chunked\r\nCONTENT-LENGTH: 0\r\n\r\n0\r\n\r\n"},
        {twice, POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"},
        {twice, POST "Content-Length: 5\r\ncontent-length: 5\r\n\r\nhello"},
        {length, POST "Content-Length: 5, 5\r\n\r\nhello"},
        {length, POST "Content-Length: 5 5\r\n\r\nhello"},
        {length, POST "Content-Length: -1\r\n\r\n"},
        {length, POST "Content-Length: +1\r\n\r\nx"},
        {length, POST "Content-Length: 0x1\r\n\r\nx"},
        {length, POST "Content-Length: 1.0\r\n\r\nx"},
        {length, POST "Content-Length: \"1\"\r\n\r\nx"},
        {length, POST "Content-Length:\r\n\r\n"},
        {length, POST "Content-Length: 9223372036854775808\r\n\r\n"},
        {length, POST "Content-Length: 18446744073709551615\r\n\r\n"},
        {length, POST "Content-Length: 18446744073709551617\r\n\r\n"},
        {length, POST "Content-Length: 99999999999999999999999\r\n\r\n"},
        {coding, POST "Transfer-Encoding: gzip\r\n\r\n"},
        {coding, POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
        {coding, POST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"},
        {coding, POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"},
        {coding, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {coding, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"},
        {coding, POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
        {coding, POST "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"},
        {coding, POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"},
        {coding, POST "Transfer-Encoding: identity\r\n\r\n"},
        {coding, POST "Transfer-Encoding:\r\n\r\n"},
        {"a header name holds a space", POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"},
        {"a header name holds a space", POST "Content-Length : 5\r\n\r\nhello"},
        {"a header value holds a control character",
         POST "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n"},
        {"a header goes on in a second line",
         POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"},
        {"a header goes on in a second line", POST "X: a\r\n Content-Length: 5\r\n\r\nhello"},
        {"malformed HTTP: LF character expected",
         POST "X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {"HTTP/1.0 has no transfer coding",
         "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    };
    (void)state;
    REFUSED(true, all);
}

static void chunks_are_taken(void **state)
{
    static const taken all[] = {
        {CHUNKED "0\r\n\r\n", CHUNKED_SEEN "|end|"},
        {CHUNKED "a\r\n0123456789\r\nA\r\n0123456789\r\n00\r\n\r\n",
         CHUNKED_SEEN "01234567890123456789|end|"},
        {CHUNKED "000000000000000000000001\r\nx\r\n0\r\n\r\n", CHUNKED_SEEN "x|end|"},
        {CHUNKED "1;a\r\nx\r\n1 ;b=c;d=\"e f\"\r\ny\r\n1   \r\nz\r\n0;\r\n\r\n",
         CHUNKED_SEEN "xyz|end|"},
        {CHUNKED "2\r\n\r\n\r\n0\r\n\r\n", CHUNKED_SEEN "\r\n|end|"},
        {CHUNKED "0\r\nA: b\r\nContent-Length: 7\r\nHost: a b\r\n\r\nGET / HTTP/1.1\r\n\r\n",
         CHUNKED_SEEN "|end|begin|GET / 0 1.1 len=0 keep||end|"},
        {POST "Transfer-Encoding: CHUNKED \r\n\r\n1\r\nx\r\n0\r\n\r\n",
         "begin|POST / 0 1.1 len=-1 keep|transfer-encoding=CHUNKED|x|end|"},
        {CHUNKED "7fffffffffffffff\r\nx", CHUNKED_SEEN "x"},
    };
    (void)state;
    TAKEN(true, all);
}

static void chunks_are_refused(void **state)
{
    static const char size[] = "malformed HTTP: invalid character in chunk size header";
    static const char lf[] = "malformed HTTP: LF character expected";
    static const char extension[] = "malformed HTTP: a chunk extension holds a control character";
    static const char data[] = "malformed HTTP: a chunk is longer than its size";
    static const refused all[] = {
        {size, CHUNKED "\r\n\r\n"},
        {size, CHUNKED "zz\r\n"},
        {size, CHUNKED "-1\r\n"},
        {size, CHUNKED "0x1\r\n"},
        {size, CHUNKED " 1\r\n"},
        {size, CHUNKED ";a\r\n"},
        {size, CHUNKED "1\r\nx\r\n\r\n"},
        {size, CHUNKED "1 x\r\n"},
        {size, CHUNKED "1\t\r\n"},
        {size, CHUNKED "1\n"}, /* a line feed alone: here it would be smuggling */
        {size, CHUNKED "8000000000000000\r\n"},
        {size, CHUNKED "ffffffffffffffffff\r\n"},
        {size, CHUNKED "10000000000000001\r\n"},
        {extension, CHUNKED "1;a\nx\r\n"},
        {extension, CHUNKED "1;a\x01\r\n"},
        {lf, CHUNKED "1\rx\r\n"},
        {lf, CHUNKED "1;a\rx\r\n"},
        {data, CHUNKED "1\r\nxy\r\n"},
        {data, CHUNKED "1\r\nx\n0\r\n\r\n"},
        {lf, CHUNKED "1\r\nx\rX0\r\n\r\n"},
        {"malformed HTTP: invalid character in header", CHUNKED "0\r\nA\r\n\r\n"},
        {"a header goes on in a second line", CHUNKED "0\r\nA: b\r\n c\r\n\r\n"},
    };
    (void)state;
    REFUSED(true, all);
}

static void connections_stay_or_end_as_the_rfc_says(void **state)
{
    static const taken requests[] = {
        {"GET / HTTP/1.0\r\n\r\n", "begin|GET / 0 1.0 len=0||end|"},
        {"GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n",
         "begin|GET / 0 1.0 len=0 keep|connection=x, Keep-Alive||end|"},
        {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
         "begin|GET / 0 1.0 len=0|connection=keep-alive, close||end|"},
        {"GET / HTTP/1.1\r\nConnection: a ,\t,CLOSE\t,b\r\n\r\n",
         "begin|GET / 0 1.1 len=0|connection=a ,\t,CLOSE\t,b||end|"},
        {"GET / HTTP/1.1\r\nConnection: a\r\nConnection: close\r\n\r\n",
         "begin|GET / 0 1.1 len=0|connection=a|connection=close||end|"},
        {"GET / HTTP/1.1\r\nConnection: closed\r\nProxy-Connection: close\r\n\r\n",
         "begin|GET / 0 1.1 len=0 keep|connection=closed|proxy-connection=close||end|"},
        {"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
         "begin|GET / 0 1.1 len=0 keep upgrade|connection=Upgrade|upgrade=websocket||end|"},
        {"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
         "begin|GET / 0 1.1 len=0 keep|upgrade=websocket||end|"},
        {"GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
         "begin|GET / 0 1.0 len=0|connection=Upgrade|upgrade=websocket||end|"},
    };
    static const taken answers[] = {
        {"HTTP/1.1 200 OK\r\n\r\nabc", "begin|  200 1.1 len=-1|abc"},
        {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nabc",
         "begin|  200 1.0 len=-1|connection=keep-alive|abc"},
        {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na",
         "begin|  200 1.0 len=1 keep|connection=keep-alive|content-length=1|a|end|"},
        {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
         "1\r\na\r\n0\r\n\r\n",
         "begin|  200 1.0 len=-1|connection=keep-alive|transfer-encoding=chunked|a|end|"},
    };
    (void)state;
    TAKEN(true, requests);
    TAKEN(false, answers);
}

static void answers_are_taken(void **state)
{
    static const taken all[] = {
        {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
         "begin|  200 1.1 len=0 keep|content-length=0||end|"},
        {"HTTP/1.1 999 \t\xc3\xa4 (~)\nContent-Length: 0\n\n",
         "begin|  999 1.1 len=0 keep|content-length=0||end|"},
        {"HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\nHTTP/1.1 304 \r\nContent-Length: 3\r\n\r\n",
         "begin|  204 1.1 len=0 keep|content-length=3||end|"
         "begin|  304 1.1 len=0 keep|content-length=3||end|"},
        {"HTTP/1.1 103 Hints\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
         "begin|  103 1.1 len=0 keep|transfer-encoding=chunked||end|begin|  204 1.1 len=0 "
         "keep||end|"},
        {"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
         "begin|  101 1.1 len=0 keep upgrade|connection=upgrade|upgrade=x||end|"},
        {"HTTP/1.1 204 No\r\nHost: a b\r\nHost: c\r\n\r\n",
         "begin|  204 1.1 len=0 keep|host=a b|host=c||end|"},
        {"HTTP/1.1 204 No\r\nA: b\r\n  c \r\n\td\r\nB:\r\n e\r\nC: \r\n\r\n",
         "begin|  204 1.1 len=0 keep|a=b    c   \td|b=e|c=||end|"},
        {"HTTP/1.1 200 OK\r\nContent-Length:\r\n 2\r\n\r\nok",
         "begin|  200 1.1 len=2 keep|content-length=2|ok|end|"},
    };
    (void)state;
    TAKEN(false, all);
}

static void answers_are_refused(void **state)
{
    static const char version[] = "malformed HTTP: invalid HTTP version";
    static const char status[] = "malformed HTTP: invalid HTTP status code";
    static const refused all[] = {
        {version, "garbage"}, /* at once */
        {version, "HTTX"},
        {version, "HTTP/1.x 200 OK\r\n\r\n"},
        {version, "ICY 200 OK\r\n\r\n"},
        {status, "HTTP/1.1\r\n\r\n"},
        {status, "HTTP/1.1  200 OK\r\n\r\n"},
        {status, "HTTP/1.1 20 OK\r\n\r\n"},
        {status, "HTTP/1.1 2000 OK\r\n\r\n"},
        {status, "HTTP/1.1 099 OK\r\n\r\n"},
        {status, "HTTP/1.1 200\tOK\r\n\r\n"},
        {status, "HTTP/1.1 200 O\x01K\r\n\r\n"},
        {status, "HTTP/1.1 +20 OK\r\n\r\n"},
        {"the transfer coding is not chunked",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
        {"malformed HTTP: unexpected content-length header",
         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {"malformed HTTP: invalid character in content-length header",
         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n 2\r\n\r\nx"},
        {"a header name holds a space", "HTTP/1.1 200 OK\r\n fold: x\r\n\r\n"},
    };
    (void)state;
    REFUSED(false, all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_lines_are_taken),
        cmocka_unit_test(request_lines_are_refused),
        cmocka_unit_test(other_versions_are_told_apart_from_nonsense),
        cmocka_unit_test(headers_are_taken),
        cmocka_unit_test(headers_are_refused),
        cmocka_unit_test(what_could_be_read_in_two_ways_is_refused),
        cmocka_unit_test(chunks_are_taken),
        cmocka_unit_test(chunks_are_refused),
        cmocka_unit_test(connections_stay_or_end_as_the_rfc_says),
        cmocka_unit_test(answers_are_taken),
        cmocka_unit_test(answers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
