/* SPDX-License-Identifier: MIT
 *
 * Written anew for every request, and packed when the client takes gzip (observability: endpoint).
 */
#include "observe/page.h"

#include <stdlib.h>

#include "net/http_server.h"
#include "observe/process_stats.h"
#include "wire/gzip.h"

struct sc_metrics_page {
    sc_http_server *server;
    const sc_metrics *metrics;
    void (*on_closed)(void *user);
    void *user;
};

/* Whether "gzip" is in the list without ";q=0" behind it. */
static bool takes_gzip(const sc_http_exchange *ex)
{
    const sc_str *accepted = sc_pairs_get(&ex->req.headers, SC_STR("accept-encoding"));
    sc_str rest = accepted ? *accepted : SC_STR_NONE;

    while (rest.at) {
        sc_str one = sc_str_cut(&rest, ',');
        sc_str name = sc_str_trim(sc_str_cut(&one, ';'));

        if (sc_str_eq_nocase(name, SC_STR("gzip")))
            return !sc_str_eq(sc_str_trim(one), SC_STR("q=0"));
    }
    return false;
}

static void answer(void *self, sc_http_exchange *ex)
{
    sc_metrics_page *page = self;
    sc_arena *mem = &ex->call->mem;
    sc_pairs headers = {0};
    sc_buf text = {0};
    sc_buf packed = {0};
    sc_error err;

    sc_metrics_write(page->metrics, &text);
    sc_process_stats_write(&text);
    sc_pairs_add(&headers, mem, SC_STR("content-type"),
                 SC_STR("text/plain; version=0.0.4; charset=utf-8; escaping=underscores"));
    if (takes_gzip(ex) && sc_gzip_encode(sc_buf_str(&text), &packed, &err) == SC_OK) {
        sc_pairs_add(&headers, mem, SC_STR("content-encoding"), SC_STR("gzip"));
        sc_http_respond(ex, 200, &headers, sc_buf_str(&packed));
    } else {
        sc_http_respond(ex, 200, &headers, sc_buf_str(&text));
    }
    sc_buf_deinit(&packed);
    sc_buf_deinit(&text);
}

sc_code sc_metrics_page_open(sc_loop *loop, const sc_listen *at, const sc_metrics *metrics,
                             sc_metrics_page **out, sc_error *err)
{
    static const sc_http_handler handler = {.on_request = answer};
    sc_http_limits limits = sc_http_default_limits();
    sc_metrics_page *page = sc_new(sc_metrics_page);

    limits.body_timeout_ms = 10000;
    limits.max_body_len = 65536;
    limits.max_connections = 64;
    page->metrics = metrics;
    if (sc_http_server_open(loop, at, &limits, &handler, page, &page->server, err) != SC_OK) {
        free(page);
        return err->code;
    }
    *out = page;
    return SC_OK;
}

sc_str sc_metrics_page_name(const sc_metrics_page *page)
{
    return sc_listener_name(sc_http_server_listener(page->server));
}

static void on_server_closed(void *self)
{
    sc_metrics_page *page = self;
    void (*on_closed)(void *user) = page->on_closed;
    void *user = page->user;

    free(page);
    on_closed(user);
}

void sc_metrics_page_close(sc_metrics_page *page, uint64_t linger_ms, void (*on_closed)(void *user),
                           void *user)
{
    page->on_closed = on_closed;
    page->user = user;
    sc_http_server_close(page->server, linger_ms, on_server_closed, page);
}
