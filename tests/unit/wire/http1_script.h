/* SPDX-License-Identifier: MIT
 *
 * For tests of the HTTP/1.1 codec: bytes in, a line of text for each event out. Every piece is fed
 * from memory of exactly its size, which is gone before the next one, so that a sanitizer sees
 * reads behind it and slices that point into it.
 */
#ifndef TESTS_HTTP1_SCRIPT_H
#define TESTS_HTTP1_SCRIPT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/buf.h"
#include "wire/http1.h"

typedef struct script {
    sc_http1 *codec;
    sc_arena mem;
    sc_buf seen;
    sc_http1_head last; /* its slices live in `mem` */
    bool pauses;        /* behind every message */
    bool is_head_asked; /* each answer is one to HEAD */
    char stops_in;      /* first letter of the event that says stop */
    char frees_in;      /* of the event that frees the codec */
    bool is_freed;
} script;

static bool script_says(script *s, char event)
{
    if (s->frees_in == event) {
        sc_http1_free(s->codec);
        s->is_freed = true;
    }
    return s->stops_in != event;
}

static sc_arena *script_on_begin(void *self)
{
    script *s = self;

    sc_buf_add_str(&s->seen, SC_STR("begin|"));
    if (s->is_head_asked)
        sc_http1_expect_no_body(s->codec);
    return script_says(s, 'b') ? &s->mem : NULL;
}

static bool script_on_head(void *self, const sc_http1_head *head)
{
    script *s = self;

    s->last = *head;
    sc_buf_add_fmt(&s->seen, "%.*s %.*s %d 1.%d len=%lld%s%s%s|", SC_FMT(head->method),
                   SC_FMT(head->target), head->status, head->minor, (long long)head->body_len,
                   head->keep_alive ? " keep" : "", head->expects_continue ? " continue" : "",
                   head->is_upgrade ? " upgrade" : "");
    for (uint32_t i = 0; i < head->headers.count; i++)
        sc_buf_add_fmt(&s->seen, "%.*s=%.*s|", SC_FMT(head->headers.at[i].name),
                       SC_FMT(head->headers.at[i].value));
    return script_says(s, 'h');
}

static bool script_on_body(void *self, const char *at, size_t len)
{
    script *s = self;

    assert_true(len > 0);
    sc_buf_add(&s->seen, at, len);
    return script_says(s, 'd');
}

static bool script_on_message(void *self)
{
    script *s = self;

    assert_false(sc_http1_is_inside(s->codec));
    sc_buf_add_str(&s->seen, SC_STR("|end|"));
    return script_says(s, 'm') && !s->pauses;
}

#define SCRIPT_HEAD_LEN 1000u
#define SCRIPT_HEADERS  10u

static void script_open(script *s, bool is_request)
{
    static const sc_http1_events events = {script_on_begin, script_on_head, script_on_body,
                                           script_on_message};
    static const sc_http1_limits limits = {SCRIPT_HEAD_LEN, SCRIPT_HEADERS};

    sc_arena_init(&s->mem, NULL);
    s->codec = sc_http1_new(is_request, &limits, &events, s);
}

static void script_close(script *s)
{
    if (!s->is_freed)
        sc_http1_free(s->codec);
    sc_buf_deinit(&s->seen);
    sc_arena_deinit(&s->mem);
}

/* Feeds one piece until it is taken, over pauses. */
static sc_code script_feed(script *s, const char *at, size_t len, sc_error *err)
{
    char *copy = malloc(len ? len : 1);
    sc_code code = SC_OK;
    size_t taken;

    assert_non_null(copy);
    memcpy(copy, at, len);
    for (size_t from = 0; from < len && (code == SC_OK || code == SC_PENDING); from += taken) {
        code = sc_http1_feed(s->codec, copy + from, len - from, &taken, err);
        assert_true(taken <= len - from);
        assert_true(code != SC_OK || taken == len - from);
        if (s->is_freed)
            break;
    }
    free(copy);
    return code == SC_PENDING ? SC_OK : code;
}

/* The events of `text` cut at `cut` (and nowhere else), or, with a cut of 0, between all bytes. */
static sc_code script_run(script *s, bool is_request, sc_str text, size_t cut, sc_error *err)
{
    sc_code code = SC_OK;

    script_open(s, is_request);
    for (size_t at = 0; at < text.len && code == SC_OK && !s->is_freed;) {
        size_t len = cut == 0 ? 1 : at < cut && cut < text.len ? cut : text.len - at;

        code = script_feed(s, text.at + at, len, err);
        at += len;
    }
    sc_buf_add_byte(&s->seen, '\0');
    return code;
}

#endif
