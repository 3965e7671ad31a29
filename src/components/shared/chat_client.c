/* SPDX-License-Identifier: MIT
 *
 * Chat completions: request out, answer in, with a cache before. The key goes into one header; a
 * server that repeats it in a refusal does not get it into our texts.
 */
#include "components/shared/chat_client.h"

#include <stdlib.h>

#include "components/shared/chat_cache.h"
#include "components/shared/chat_wire.h"
#include "components/shared/curl_client.h"
#include "core/env.h"

#define MAX_ANSWER_LEN (16u * 1024u * 1024u)

struct sc_chat_client {
    sc_chat_server server;
    sc_loop *loop;
    sc_curl_client *curl;
    sc_chat_cache cache;
    sc_pairs headers;
    sc_arena mem;
    void (*on_closed)(void *user);
    void *user;
};

/* op->work, in op.mem */
typedef struct exchange {
    sc_curl_op http; /* first: on_answered gets it back by a cast */
    sc_chat_client *client;
    sc_converse_op *op;
} exchange;

static void on_answered(sc_op *op);

sc_str sc_chat_model(const char *variable, sc_str set, const char *initial)
{
    sc_str from_env = sc_env_get(variable);

    if (from_env.len > 0)
        return from_env;
    return set.len > 0 ? set : sc_str_from(initial);
}

sc_str sc_chat_base_url(sc_str url)
{
    while (sc_str_ends(url, SC_STR("/")))
        url.len--;
    return url;
}

/* ---- the client ---- */

static bool is_printable(sc_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.at[i] <= ' ' || text.at[i] == 0x7f)
            return false;
    }
    return true;
}

static sc_code check(const sc_chat_server *server, sc_error *err)
{
    if (!sc_str_starts_nocase(server->endpoint, SC_STR("http://")) &&
        !sc_str_starts_nocase(server->endpoint, SC_STR("https://")))
        return sc_fail(err, SC_INVALID,
                       "metadata 'endpoint': '%.*s' does not begin with http:// or https://",
                       SC_FMT(sc_str_sub(server->endpoint, 0, 100)));
    if (server->timeout_ms < 0 || server->cache_ttl_ms < 0)
        return sc_fail(err, SC_INVALID, "metadata '%s' is negative",
                       server->timeout_ms < 0 ? "timeout" : "responseCacheTTL");
    if (!is_printable(server->url))
        return sc_fail(err, SC_INVALID, "metadata 'endpoint' and 'model': a URL has no spaces");
    if (!is_printable(server->key))
        return sc_fail(err, SC_INVALID,
                       "the value of metadata 'key' has a space or a control character in it");
    return SC_OK;
}

static sc_chat_server copy_server(const sc_chat_server *server, sc_arena *mem)
{
    sc_chat_server copy = *server;

    copy.endpoint = sc_arena_str(mem, server->endpoint);
    copy.url = sc_arena_str(mem, server->url);
    copy.model = sc_arena_str(mem, server->model);
    copy.key = sc_arena_str(mem, server->key);
    return copy;
}

sc_code sc_chat_client_open(const sc_chat_server *server, sc_loop *loop, sc_chat_client **out,
                            sc_error *err)
{
    sc_chat_client *client;
    sc_curl_client *curl;
    sc_str parts[] = {server->key_prefix, server->key};

    if (check(server, err) != SC_OK || sc_curl_client_open(loop, &curl, err) != SC_OK)
        return err->code;
    client = sc_new(sc_chat_client);
    sc_arena_init(&client->mem, NULL);
    client->server = copy_server(server, &client->mem);
    client->loop = loop;
    client->curl = curl;
    sc_chat_cache_init(&client->cache, (uint64_t)server->cache_ttl_ms);
    sc_pairs_add(&client->headers, &client->mem, SC_STR("Content-Type"),
                 SC_STR("application/json"));
    if (server->key.len > 0)
        sc_pairs_add(&client->headers, &client->mem, server->key_header,
                     sc_arena_join(&client->mem, parts, 2));
    *out = client;
    return SC_OK;
}

static void on_curl_closed(void *at)
{
    sc_chat_client *client = at;
    void (*tell)(void *user) = client->on_closed;
    void *user = client->user;

    sc_chat_cache_deinit(&client->cache);
    sc_arena_deinit(&client->mem);
    free(client);
    tell(user);
}

void sc_chat_close(void *self, uint64_t linger_ms, void (*on_closed)(void *user), void *user)
{
    sc_chat_client *client = *(sc_chat_client **)self;

    (void)linger_ms;
    client->on_closed = on_closed;
    client->user = user;
    sc_curl_client_close(client->curl, on_curl_closed, client);
}

/* ---- one conversation ---- */

static void finish(sc_chat_client *client, sc_converse_op *op, sc_str answer)
{
    if (sc_chat_read_answer(answer, op, &op->op.err) == SC_OK && op->model.len == 0)
        op->model = client->server.model;
    sc_op_finish(&op->op);
}

void sc_chat_converse(void *self, sc_converse_op *op)
{
    sc_chat_client *client = *(sc_chat_client **)self;
    sc_arena *mem = op->op.mem;
    exchange *one = sc_arena_new(mem, exchange);
    sc_buf body = {0};
    sc_str answer;

    sc_chat_write_request(op, client->server.model, &body);
    one->client = client;
    one->op = op;
    one->http.method = SC_STR("POST");
    one->http.url = client->server.url;
    one->http.headers = &client->headers;
    one->http.body = sc_arena_str(mem, sc_buf_str(&body));
    one->http.timeout_ms = (uint64_t)client->server.timeout_ms;
    one->http.max_answer_len = MAX_ANSWER_LEN;
    sc_buf_deinit(&body);
    if (sc_chat_cache_get(&client->cache, one->http.body, sc_loop_now_ms(client->loop), &answer)) {
        finish(client, op, sc_arena_str(mem, answer));
        return;
    }
    op->work = one;
    sc_op_init(&one->http.op, sc_loop_ops(client->loop), mem, on_answered);
    sc_curl_client_send(client->curl, &one->http);
}

/* `text` without the key. */
static sc_str hide_key(const sc_chat_client *client, sc_str text, sc_arena *mem)
{
    sc_str key = client->server.key;
    sc_buf out = {0};
    size_t found;

    if (key.len == 0 || sc_str_find_str(text, key) == text.len)
        return text;
    while ((found = sc_str_find_str(text, key)) < text.len) {
        sc_buf_add_str(&out, sc_str_sub(text, 0, found));
        sc_buf_add_str(&out, SC_STR("***"));
        text = sc_str_sub(text, found + key.len, text.len);
    }
    sc_buf_add_str(&out, text);
    text = sc_arena_str(mem, sc_buf_str(&out));
    sc_buf_deinit(&out);
    return text;
}

/* Scheme and host of the endpoint, for messages: a path may say more than it should. */
static sc_str place_of(const sc_chat_client *client)
{
    sc_str url = client->server.endpoint;
    sc_str rest = sc_str_sub(url, sc_str_find_str(url, SC_STR("//")) + 2, url.len);
    sc_str host = sc_str_sub(rest, 0, sc_str_find(rest, '/'));
    size_t at = sc_str_find(host, '@');

    return at < host.len ? sc_str_sub(host, at + 1, host.len) : host;
}

static void describe_failure(const exchange *one, sc_error *err)
{
    const sc_chat_client *client = one->client;

    if (one->http.op.err.code == SC_DEADLINE)
        (void)sc_fail(err, SC_DEADLINE, "no answer from %.*s within %lld ms (metadata 'timeout')",
                      SC_FMT(place_of(client)), (long long)client->server.timeout_ms);
    else
        (void)sc_fail(err, one->http.op.err.code, "%.*s: %s", SC_FMT(place_of(client)),
                      one->http.op.err.text);
}

static void describe_refusal(exchange *one, sc_error *err)
{
    sc_arena *mem = one->op->op.mem;
    /* Before the text is cut, so that no half of the key is left. */
    sc_str body = hide_key(one->client, one->http.answer, mem);

    (void)sc_fail(err, SC_UNKNOWN, "API returned unexpected status code: %d: %.*s",
                  one->http.status, SC_FMT(sc_chat_read_refusal(body, mem)));
}

static void on_answered(sc_op *at)
{
    exchange *one = (exchange *)at;
    sc_chat_client *client = one->client;
    sc_converse_op *op = one->op;

    op->work = NULL;
    if (at->err.code == SC_CANCELLED) {
        op->op.err = at->err;
    } else if (at->err.code != SC_OK) {
        describe_failure(one, &op->op.err);
    } else if (one->http.status < 200 || one->http.status > 299) {
        describe_refusal(one, &op->op.err);
    } else {
        finish(client, op, one->http.answer);
        if (op->op.err.code == SC_OK)
            sc_chat_cache_put(&client->cache, one->http.body, one->http.answer,
                              sc_loop_now_ms(client->loop));
        return;
    }
    sc_op_finish(&op->op);
}

void sc_chat_cancel(void *self, sc_converse_op *op)
{
    exchange *one = op->work;

    (void)self;
    if (one)
        sc_curl_client_cancel(&one->http);
}
