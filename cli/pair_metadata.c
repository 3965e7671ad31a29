/* SPDX-License-Identifier: MIT
 *
 * The entries of the sidecar's metadata that `list` and `stop` work with, on Dapr's command line
 * and on ours: cliPID, appPID, appCommand, and the files of a multi-app run.
 */
#include <stdlib.h>
#include <unistd.h>

#include "cli/pair_internal.h"

#define PUT_RETRIES  4u
#define PUT_PAUSE_MS 1000u
#define PUT_LIMIT_MS 5000u

typedef struct put {
    sc_http_call_op op; /* first: on_put gets it back by a cast */
    cli_pair *pair;
    sc_pair entry;
} put;

static void on_put(sc_op *op);

sc_dial cli_pair_dial(const cli_pair *pair, const char *kind)
{
    const cli_run_settings *s = pair->settings;
    sc_str list = s->listen_addresses;
    sc_str host = sc_str_trim(sc_str_cut(&list, ','));
    sc_dial to = {.timeout_ms = 2000};

    if (s->socket_folder.len > 0) {
        to.is_unix = true;
        to.host = cli_run_socket(pair->c, s, kind);
        return to;
    }
    if (sc_str_starts(host, SC_STR("[")) && sc_str_ends(host, SC_STR("]")))
        host = sc_str_sub(host, 1, host.len - 1);
    to.host = host.len == 0 || sc_str_eq(host, SC_STR("0.0.0.0")) ||
                      sc_str_eq(host, SC_STR("::")) || sc_str_eq(host, SC_STR("localhost"))
                  ? SC_STR("127.0.0.1")
                  : host;
    to.port = (uint16_t)(kind[0] == 'h' ? s->http_port : s->grpc_port);
    return to;
}

/* The entries in the order that Dapr sets them; false behind the last. */
static bool entry_at(cli_pair *pair, uint32_t index, sc_pair *out)
{
    sc_arena *mem = &pair->c->mem;
    uint32_t own = pair->app ? 3 : 1;

    if (index == 0)
        *out = (sc_pair){SC_STR("cliPID"), sc_arena_fmt(mem, "%ld", (long)getpid())};
    else if (pair->app && index == 1)
        *out = (sc_pair){SC_STR("appPID"), sc_arena_fmt(mem, "%d", sc_process_pid(pair->app))};
    else if (pair->app && index == 2)
        *out = (sc_pair){SC_STR("appCommand"), cli_run_command_text(pair->c, pair->settings)};
    else if (index - own < pair->metadata.count)
        *out = pair->metadata.at[index - own];
    else
        return false;
    return true;
}

static void announce(cli_pair *pair, const sc_pair *entry)
{
    if (sc_str_eq(entry->name, SC_STR("appPID")))
        cli_pair_say(pair, CLI_INFO, "Updating metadata for appPID: %.*s", SC_FMT(entry->value));
    else if (sc_str_eq(entry->name, SC_STR("appCommand")))
        cli_pair_say(pair, CLI_INFO, "Updating metadata for app command: %.*s",
                     SC_FMT(entry->value));
    else if (pair->output.is_quiet && sc_str_eq(entry->name, SC_STR("cliPID")))
        cli_pair_say(pair, CLI_INFO, "Updating metadata for cliPID: %.*s", SC_FMT(entry->value));
}

static void send(cli_pair *pair, const sc_pair *entry)
{
    const char *token = getenv("DAPR_API_TOKEN");
    put *one = sc_call_make(pair->call, put);
    sc_pairs *headers = sc_call_make(pair->call, sc_pairs);
    sc_arena *mem = &pair->call->mem;

    one->pair = pair;
    one->entry = *entry;
    sc_pairs_add(headers, mem, SC_STR("Content-Type"), SC_STR("text/plain"));
    if (token && token[0])
        sc_pairs_add(headers, mem, SC_STR("dapr-api-token"), sc_str_from(token));
    sc_op_init(&one->op.op, sc_loop_ops(pair->loop), mem, on_put);
    one->op.method = SC_STR("PUT");
    one->op.target = sc_arena_fmt(mem, "/v1.0/metadata/%.*s", SC_FMT(entry->name));
    one->op.headers = headers;
    one->op.body_parts = &one->entry.value;
    one->op.body_part_count = 1;
    one->op.is_idempotent = true;
    one->op.timeout_ms = PUT_LIMIT_MS;
    sc_http_client_send(pair->client, &one->op);
}

static void finish(cli_pair *pair)
{
    cli_pair_drop_metadata(pair);
    if (pair->output.is_quiet || !pair->app)
        cli_pair_say(pair, CLI_SUCCESS, "You're up and running! Dapr logs will appear here.\n");
    else
        cli_pair_say(pair, CLI_SUCCESS,
                     "You're up and running! Both Dapr and your app logs will appear here.\n");
    pair->is_up = true;
    pair->ops->on_up(pair);
}

void cli_pair_put_metadata(cli_pair *pair)
{
    sc_http_client_settings settings = {.dial = cli_pair_dial(pair, "http"),
                                        .authority = SC_STR("localhost")};
    sc_pair entry;

    if (!pair->client) {
        pair->call = sc_loop_call(pair->loop);
        pair->client = sc_http_client_open(pair->loop, &settings);
    }
    if (!entry_at(pair, pair->next_put, &entry)) {
        finish(pair);
        return;
    }
    if (pair->put_failures == 0)
        announce(pair, &entry);
    send(pair, &entry);
}

static void on_put(sc_op *op)
{
    put *one = (put *)op;
    cli_pair *pair = one->pair;
    bool is_done = op->err.code == SC_OK && one->op.status < 300;

    if (!pair->client || op->err.code == SC_CANCELLED) /* the pair is stopping */
        return;
    if (!is_done && pair->put_failures++ < PUT_RETRIES) {
        sc_timer_start(&pair->timer, PUT_PAUSE_MS);
        return;
    }
    if (!is_done && op->err.code != SC_OK)
        cli_pair_say(pair, CLI_WARNING, "Could not update sidecar metadata for %.*s: %s",
                     SC_FMT(one->entry.name), op->err.text);
    else if (!is_done)
        cli_pair_say(pair, CLI_WARNING, "Could not update sidecar metadata for %.*s: status %d",
                     SC_FMT(one->entry.name), one->op.status);
    pair->put_failures = 0;
    pair->next_put++;
    cli_pair_put_metadata(pair);
}

static void on_client_closed(void *self)
{
    sc_call_unref(self);
}

/* Ops under way complete as cancelled before the memory goes. */
void cli_pair_drop_metadata(cli_pair *pair)
{
    if (!pair->client)
        return;
    sc_http_client_close(pair->client, on_client_closed, pair->call);
    pair->client = NULL;
    pair->call = NULL;
}
