/* SPDX-License-Identifier: MIT
 *
 * error_code_total: what the API answered, by its error code and the part of Dapr it belongs to.
 */
#include "api/api.h"

/* The first that the code begins with. */
static const struct {
    const char *prefix;
    const char *category;
} categories[] = {
    {"ERR_PUBSUB_", "pubsub"},
    {"ERR_TOPIC_", "pubsub"},
    {"ERR_STATE_", "state"},
    {"ERR_NOT_SUPPORTED_STATE_", "state"},
    {"ERR_DIRECT_INVOKE", "service-invocation"},
    {"ERR_SECRET_", "secret"},
    {"ERR_PERMISSION_DENIED", "secret"},
    {"ERR_INVOKE_OUTPUT_BINDING", "binding"},
    {"ERR_ACTOR_", "actor"},
    {"ERR_CONFIGURATION_", "configuration"},
    {"ERR_CRYPTO", "crypto"},
    {"ERR_LOCK_", "lock"},
    {"ERR_TRY_LOCK", "lock"},
    {"ERR_UNLOCK", "lock"},
    {"ERR_CONVERSATION", "conversation"},
    {"ERR_WORKFLOW", "workflow"},
    {"ERR_GET_WORKFLOW", "workflow"},
    {"ERR_START_WORKFLOW", "workflow"},
    {"ERR_HEALTH_", "health"},
    {"ERR_OUTBOUND_HEALTH_", "health"},
    {"", "common"},
};

void sc_api_count_error(const sc_api *api, const char *error_code)
{
    sc_str code = sc_str_from(error_code);
    size_t i = 0;

    if (!api->observe->counts_error_codes || code.len == 0)
        return;
    while (!sc_str_starts(code, sc_str_from(categories[i].prefix)))
        i++;
    sc_series_add(sc_metrics_series_of(api->observe->metrics, SC_METRIC_ERROR_CODE_TOTAL,
                                       sc_str_from(categories[i].category), code));
}
