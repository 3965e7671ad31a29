/* SPDX-License-Identifier: MIT
 *
 * What the command line means: checks in the order of daprd's, warnings for what has no effect.
 */
#include <stdlib.h>

#include "core/duration.h"
#include "core/env.h"
#include "core/quantity.h"
#include "sidecar/options_internal.h"

#define MAX_READ_BUFFER (64 * 1048576)

/* ---- before the log ---- */

static sc_code read_size(const char *name, sc_str text, int64_t max, int64_t fallback, uint64_t *to,
                         sc_error *err)
{
    int64_t n;

    if (!sc_quantity_parse(text, &n))
        return sc_fail(err, SC_INVALID,
                       "Failed to parse flags: invalid value for '%s' option: '%.*s' is not a "
                       "number of bytes like 4194304 or 4Mi",
                       name, SC_FMT(sc_str_sub(text, 0, 100)));
    if (n > max)
        return sc_fail(err, SC_INVALID,
                       "Failed to parse flags: invalid value for '%s' option: '%.*s' is above the "
                       "limit of %lld bytes",
                       name, SC_FMT(text), (long long)max);
    *to = (uint64_t)(n < 0 ? fallback : n);
    return SC_OK;
}

/* The older flag counts unless the newer one is given. */
static void use_old_size(const sc_options *options, const char *newer, int64_t value,
                         unsigned shift, uint64_t *to)
{
    if (!sc_options_has(options, newer) && value > 0 && value <= INT32_MAX)
        *to = (uint64_t)value << shift;
}

sc_code sc_options_read_early(sc_options *options, sc_error *err)
{
    if (!sc_log_level_from(options->log_level_text, &options->log_level))
        return sc_fail(err, SC_INVALID,
                       "invalid value for --log-level: %.*s; use debug, info, warn, error or fatal",
                       SC_FMT(options->log_level_text));
    if (read_size("max-body-size", options->max_body_text, INT64_MAX, 4194304,
                  &options->max_body_len, err) != SC_OK ||
        read_size("read-buffer-size", options->read_buffer_text, MAX_READ_BUFFER, 4096,
                  &options->read_buffer_len, err) != SC_OK)
        return err->code;
    if (options->read_buffer_len == 0)
        options->read_buffer_len = 4096;
    use_old_size(options, "max-body-size", options->old_max_body_mb, 20, &options->max_body_len);
    use_old_size(options, "read-buffer-size", options->old_read_buffer_kb, 10,
                 &options->read_buffer_len);
    if (options->read_buffer_len > MAX_READ_BUFFER)
        options->read_buffer_len = MAX_READ_BUFFER;
    if (options->disseminate_ns <= 0) {
        char text[SC_DURATION_TEXT_MAX];

        return sc_fail(err, SC_INVALID,
                       "Failed to parse flags: invalid value for 'actors-disseminate-timeout' "
                       "option: must be positive, got %.*s",
                       SC_FMT(sc_duration_format(options->disseminate_ns, text)));
    }
    return SC_OK;
}

/* ---- warnings ---- */

/* A switch that is off and an empty text ask for nothing. */
static bool asks_for_something(const sc_options *options, const sc_flag *flag)
{
    const void *at = (const char *)options + flag->offset;

    if (flag->kind == FLAG_BOOL)
        return *(const bool *)at;
    return flag->kind != FLAG_TEXT || ((const sc_str *)at)->len > 0;
}

static void warn_later(const sc_options *options, const sc_log *log)
{
    for (size_t i = 0; i < sc_flag_count; i++) {
        const sc_flag *flag = &sc_flags[i];

        if (flag->state != FLAG_LATER || !options->is_given[i] ||
            !asks_for_something(options, flag))
            continue;
        sc_log_warn(log, "flag --%.*s is not implemented yet and has no effect",
                    SC_FMT(flag->name));
    }
}

static void warn_environment(const sc_log *log)
{
    static const char *const names[] = {
        "DAPR_COMPONENTS_SOCKETS_FOLDER",
        "DAPR_SCHEDULER_HOST_ADDRESS_DNS_A",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        if (sc_env_get(names[i]).len > 0)
            sc_log_warn(log,
                        "environment variable %s is set; it is not implemented yet and has no "
                        "effect",
                        names[i]);
    }
}

/* As daprd, but not in silence. */
static void correct(const char *name, int64_t *value, int64_t min, int64_t fallback,
                    const sc_log *log)
{
    if (*value >= min && *value <= INT32_MAX)
        return;
    sc_log_warn(log, "--%s %lld is not in %lld..%d; %lld is used", name, (long long)*value,
                (long long)min, INT32_MAX, (long long)fallback);
    *value = fallback;
}

void sc_options_warn(sc_options *options, const sc_log *log)
{
    int64_t n;

    warn_later(options, log);
    warn_environment(log);
    correct("app-health-probe-interval", &options->health_interval_s, 1, 5, log);
    correct("app-health-probe-timeout", &options->health_timeout_ms, 1, 500, log);
    correct("app-health-threshold", &options->health_threshold, 1, 3, log);
    correct("dapr-graceful-shutdown-seconds", &options->graceful_shutdown_s, 0, 5, log);
    correct("app-max-concurrency", &options->app_max_concurrency, -1, -1, log);
    if (sc_quantity_parse(options->max_body_text, &n) && n < -1)
        sc_log_warn(log, "--max-body-size %.*s is below 0; 4Mi is used",
                    SC_FMT(options->max_body_text));
    if (sc_quantity_parse(options->read_buffer_text, &n) && (n < -1 || n == 0))
        sc_log_warn(log, "--read-buffer-size %.*s is not above 0; 4Ki is used",
                    SC_FMT(options->read_buffer_text));
    if (options->graceful_shutdown_s == 0)
        sc_log_warn(log, "Graceful shutdown timeout is infinite, will wait indefinitely to "
                         "shutdown");
}

/* ---- checks ---- */

/* `what` as daprd names it. */
static sc_code read_port(const char *what, sc_str text, uint16_t *port, sc_error *err)
{
    uint64_t n;
    int64_t any;

    if (sc_str_to_u64(text, &n) && n <= UINT16_MAX) {
        *port = (uint16_t)n;
        return SC_OK;
    }
    if (sc_str_to_i64(text, &any))
        return sc_fail(err, SC_INVALID, "error parsing %s: '%.*s' is not a port in 0..65535", what,
                       SC_FMT(sc_str_sub(text, 0, 40)));
    return sc_fail(err, SC_INVALID,
                   "error parsing %s: strconv.Atoi: parsing \"%.*s\": invalid syntax", what,
                   SC_FMT(sc_str_sub(text, 0, 100)));
}

static sc_code read_ports(sc_options *options, sc_error *err)
{
    uint16_t unused;
    sc_str profiles = options->profile_port_text;

    if (sc_options_http_port(options, &options->http_port, err) != SC_OK ||
        read_port("dapr-grpc-port flag", options->grpc_port_text, &options->grpc_port, err) !=
            SC_OK)
        return err->code;
    if (!(sc_str_eq(profiles, SC_STR("-1")) && !options->serves_profiles) &&
        read_port("profile-port flag", profiles, &unused, err) != SC_OK)
        return err->code;
    if (options->internal_port_text.len > 0 &&
        read_port("dapr-internal-grpc-port", options->internal_port_text, &options->internal_port,
                  err) != SC_OK)
        return err->code;
    options->has_public_port = options->public_port_text.len > 0;
    if (options->has_public_port && read_port("dapr-public-port", options->public_port_text,
                                              &options->public_port, err) != SC_OK)
        return err->code;
    if (options->app_port_text.len > 0)
        return read_port("app-port", options->app_port_text, &options->app_port, err);
    return SC_OK;
}

sc_code sc_options_http_port(const sc_options *options, uint16_t *port, sc_error *err)
{
    return read_port("dapr-http-port flag", options->http_port_text, port, err);
}

static sc_code check_conflict(const sc_options *options, const char *name, uint16_t port,
                              sc_error *err)
{
    if (options->app_port == 0 || options->app_port != port)
        return SC_OK;
    return sc_fail(err, SC_INVALID, "the '%s' argument value %u conflicts with 'app-port'", name,
                   port);
}

static sc_code check_protocol(const sc_options *options, sc_error *err)
{
    static const char *const protocols[] = {"http", "https", "h2c", "grpc", "grpcs"};

    for (size_t i = 0; i < SC_ARRAY_LEN(protocols); i++) {
        if (sc_str_eq(options->app_protocol, sc_str_from(protocols[i])))
            return SC_OK;
    }
    return sc_fail(err, SC_INVALID,
                   "invalid value for 'app-protocol': %.*s; use http, https, h2c, grpc or grpcs",
                   SC_FMT(options->app_protocol));
}

static sc_code check_endpoints(sc_options *options, sc_error *err)
{
    for (uint32_t i = 0; i < options->skipped_endpoints.count; i++) {
        sc_str one = sc_str_trim(options->skipped_endpoints.at[i]);

        if (sc_str_eq_nocase(one, SC_STR("subscribe")))
            options->skips_subscribe = true;
        else if (sc_str_eq_nocase(one, SC_STR("config")))
            options->skips_config = true;
        else
            return sc_fail(err, SC_INVALID,
                           "invalid value for 'disable-init-endpoints': %.*s; use config, "
                           "subscribe or both",
                           SC_FMT(one));
    }
    return SC_OK;
}

sc_code sc_options_check(sc_options *options, sc_error *err)
{
    if (options->app_id.len == 0)
        return sc_fail(err, SC_INVALID,
                       "parameter app-id cannot be empty; give the sidecar a name with --app-id");
    if (memchr(options->app_id.at, '.', options->app_id.len))
        return sc_fail(err, SC_INVALID, "parameter app-id cannot contain dots: '%.*s'",
                       SC_FMT(options->app_id));
    if (read_ports(options, err) != SC_OK ||
        check_conflict(options, "dapr-http-port", options->http_port, err) != SC_OK ||
        check_conflict(options, "dapr-grpc-port", options->grpc_port, err) != SC_OK ||
        check_protocol(options, err) != SC_OK || check_endpoints(options, err) != SC_OK)
        return err->code;
    if (options->health_timeout_ms > options->health_interval_s * 1000)
        return sc_fail(err, SC_INVALID,
                       "value for 'health-probe-timeout' must be smaller than "
                       "'health-probe-interval': %lld ms and %lld s",
                       (long long)options->health_timeout_ms,
                       (long long)options->health_interval_s);
    return SC_OK;
}

void sc_options_export(const sc_options *options, sc_arena *mem)
{
    const struct {
        const char *name;
        sc_str value;
    } rows[] = {
        {"APP_ID", options->app_id},
        {"APP_PORT", sc_arena_fmt(mem, "%u", options->app_port)},
        {"DAPR_PORT", sc_arena_fmt(mem, "%u", options->internal_port)},
        {"DAPR_GRPC_PORT", options->grpc_port_text},
        {"DAPR_HTTP_PORT", options->http_port_text},
        {"DAPR_METRICS_PORT", options->metrics_port_text},
        {"DAPR_PROFILE_PORT", options->profile_port_text},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        if (setenv(rows[i].name, sc_arena_str(mem, rows[i].value).at, 1) != 0)
            sc_out_of_memory("environment");
    }
}
