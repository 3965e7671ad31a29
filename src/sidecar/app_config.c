/* SPDX-License-Identifier: MIT
 *
 * GET /dapr/config: what the application says about itself, asked once, before its subscriptions.
 * All of it is about actors, so all there is to do is to say that they are not there yet.
 */
#include "sidecar/runtime_internal.h"
#include "wire/json.h"

#define LIMIT_MS                                                                                   \
    30000u /* an application that never answers must not keep its subscriptions away               \
            */

static void on_answered(sc_op *op);

void sc_app_config_ask(sc_runtime *rt)
{
    sc_app_start *start = &rt->start;

    rt->has_asked_config = true;
    if (rt->options.skips_config) {
        sc_log_warn(&rt->log, "Skipping programmatic dapr configuration loading (see "
                              "'disable-init-endpoints' flag/annotation)");
        sc_app_start_ask_subscriptions(rt);
        return;
    }
    start->ask = (sc_http_call_op){.method = SC_STR("GET"),
                                   .target = SC_STR("/dapr/config"),
                                   .headers = sc_app_start_headers(rt),
                                   .is_idempotent = true,
                                   .accepts_gzip = true,
                                   .timeout_ms = LIMIT_MS};
    sc_op_init(&start->ask.op, sc_loop_ops(rt->loop), &start->mem, on_answered);
    sc_http_client_send(sc_app_http_client(rt->app), &start->ask);
}

static void warn_actors(sc_runtime *rt, const sc_doc *config)
{
    const sc_doc *entities = sc_doc_get_nocase(config, SC_STR("entities"));
    sc_log log = sc_runtime_log(rt, "dapr.runtime.actor");
    sc_buf names = {0};

    if (!sc_doc_is(entities, SC_DOC_ARRAY))
        return;
    SC_DOC_EACH (entities, it)
        sc_buf_add_fmt(&names, "%s%.*s", sc_buf_len(&names) ? ", " : "", SC_FMT(it->text));
    if (sc_buf_len(&names) > 0)
        sc_log_warn(&log,
                    "the application hosts actors (%.*s, in its answer to GET /dapr/config); "
                    "actors are not implemented yet: nothing will call them",
                    SC_FMT(sc_buf_str(&names)));
    sc_buf_deinit(&names);
}

/* As in Dapr every status but 200 counts as an answer, and a 200 without a mapping as none. */
static void read_answer(sc_runtime *rt)
{
    const sc_http_call_op *answer = &rt->start.ask;
    sc_doc *config = NULL;
    sc_error err;

    if (answer->status == 200) {
        if (sc_json_parse(sc_arena_str(&rt->start.mem, answer->answer_body), &rt->start.mem,
                          &config, NULL, &err) != SC_OK ||
            config->kind != SC_DOC_OBJECT) {
            sc_log_debug(&rt->log, "the answer to GET /dapr/config is no JSON object");
            return;
        }
        warn_actors(rt, config);
    }
    sc_log_info(&rt->log, "Application configuration loaded");
}

static void on_answered(sc_op *op)
{
    sc_runtime *rt = SC_CONTAINER_OF(op, sc_runtime, start.ask.op);

    sc_app_http_count(rt->app, &rt->start.ask, rt->start.ask.target);
    if (op->err.code == SC_OK)
        read_answer(rt);
    else
        sc_log_warn(&rt->log, "GET /dapr/config of the application: %s", op->err.text);
    sc_app_start_ask_subscriptions(rt);
}
