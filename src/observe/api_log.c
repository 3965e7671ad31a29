/* SPDX-License-Identifier: MIT
 *
 * Written at info whatever the log level, as in Dapr. The query is never in it.
 */
#include "observe/api_log.h"

void sc_api_log_init(sc_api_log *log, const sc_api_log_settings *settings, const bool *flag,
                     sc_log_sink *sink)
{
    *log = (sc_api_log){.http = {.sink = sink, .scope = "dapr.runtime.http-info"},
                        .grpc = {.sink = sink, .scope = "dapr.runtime.grpc.api-info"},
                        .is_on = flag ? *flag : settings->is_enabled,
                        .obfuscates_urls = settings->obfuscates_urls,
                        .omits_health_checks = settings->omits_health_checks};
}

static sc_log_field number(const char *name, uint64_t value)
{
    return (sc_log_field){.name = name, .number = (int64_t)value, .is_number = true};
}

static size_t add_user_agent(const sc_pairs *headers, sc_log_field *to)
{
    const sc_str *agent = sc_pairs_get(headers, SC_STR("user-agent"));

    if (!agent)
        return 0;
    *to = (sc_log_field){.name = "useragent", .text = *agent};
    return 1;
}

static bool is_health_check(sc_str path)
{
    return sc_str_find_str(path, SC_STR("/healthz")) < path.len;
}

void sc_api_log_http(const sc_api_log *log, const sc_http_exchange *ex, sc_str name,
                     uint64_t now_ms)
{
    sc_log_field fields[5];
    size_t count = 0;

    if (!log->is_on || ex->req.path.len == 0 ||
        (log->omits_health_checks && is_health_check(ex->req.path)))
        return;
    fields[count++] = (sc_log_field){
        .name = "method",
        .text = log->obfuscates_urls ? name
                                     : sc_arena_fmt(&ex->call->mem, "%.*s %.*s",
                                                    SC_FMT(ex->req.method), SC_FMT(ex->req.path))};
    fields[count++] = number("code", (uint64_t)ex->status);
    fields[count++] = number("duration", now_ms - ex->started_ms);
    fields[count++] = number("size", ex->sent_len);
    count += add_user_agent(&ex->req.headers, &fields[count]);
    sc_log_write_fields(&log->http, SC_LOG_INFO, SC_STR("HTTP API Called"), fields, count);
}

void sc_api_log_grpc(const sc_api_log *log, const sc_grpc_stream *stream, uint64_t now_ms)
{
    sc_log_field fields[4];
    size_t count = 0;

    if (!log->is_on)
        return;
    fields[count++] = (sc_log_field){.name = "method", .text = stream->path};
    fields[count++] = number("code", (uint64_t)stream->status);
    fields[count++] = number("duration", now_ms - stream->started_ms);
    count += add_user_agent(&stream->metadata, &fields[count]);
    sc_log_write_fields(&log->grpc, SC_LOG_INFO, SC_STR("gRPC API Called"), fields, count);
}
