/* SPDX-License-Identifier: MIT
 *
 * The API log (observability: API logging): a line for each call of the HTTP and gRPC APIs.
 */
#ifndef SC_OBSERVE_API_LOG_H
#define SC_OBSERVE_API_LOG_H

#include "core/log.h"
#include "net/grpc_server.h"
#include "net/http_server.h"
#include "observe/settings.h"

typedef struct sc_api_log {
    sc_log http; /* dapr.runtime.http-info */
    sc_log grpc; /* dapr.runtime.grpc.api-info */
    bool is_on;
    bool obfuscates_urls;
    bool omits_health_checks;
} sc_api_log;

/* `flag`: --enable-api-logging, which wins over the settings; NULL: not given. */
void sc_api_log_init(sc_api_log *log, const sc_api_log_settings *settings, const bool *flag,
                     sc_log_sink *sink);

/* An exchange that ended at `now_ms` (loop clock). `name`: the endpoint's, to write instead of the
 * URL where that is asked for. */
void sc_api_log_http(const sc_api_log *log, const sc_http_exchange *ex, sc_str name,
                     uint64_t now_ms);
void sc_api_log_grpc(const sc_api_log *log, const sc_grpc_stream *stream, uint64_t now_ms);

#endif
