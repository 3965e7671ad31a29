/* SPDX-License-Identifier: MIT
 *
 * Flags as Go's pflag reads them, with daprd's pre-pass: one dash is as good as two.
 */
#include "sidecar/options.h"

#include <stdio.h>
#include <stdlib.h>

#include "component/field.h"

typedef enum flag_kind { TEXT, BOOL, LATER, LATER_BOOL } flag_kind;

typedef struct flag {
    sc_str name;
    flag_kind kind;
    const char *help;
} flag;

static const flag flags[] = {
#define SC_FLAG(name, kind, help) {SC_STR_INIT(name), kind, help},
#include "sidecar/flags.def"
#undef SC_FLAG
};

static sc_str from_env(const char *name)
{
    const char *value = getenv(name);

    return value ? sc_str_from(value) : SC_STR_NONE;
}

static void set_defaults(sc_options *options)
{
    *options = (sc_options){.app_protocol = SC_STR("http"),
                            .app_host = SC_STR("127.0.0.1"),
                            .app_max_concurrency = -1,
                            .http_port = 3500,
                            .health_path = SC_STR("/healthz"),
                            .health_interval_s = 5,
                            .health_timeout_ms = 500,
                            .health_threshold = 3,
                            .grpc_port = 50001,
                            .max_body_len = 4194304,
                            .read_buffer_len = 4096,
                            .serves_metrics = true,
                            .metrics_port_text = SC_STR("9090"),
                            .metrics_host = SC_STR("0.0.0.0"),
                            .graceful_shutdown_s = 5,
                            .log_level = SC_LOG_INFO,
                            .log_level_text = SC_STR("info"),
                            .api_token = from_env("DAPR_API_TOKEN"),
                            .app_api_token = from_env("APP_API_TOKEN"),
                            .namespace_ = from_env("NAMESPACE")};
    options->plain_namespace = options->namespace_;
    if (options->namespace_.len == 0)
        options->namespace_ = SC_STR("default");
}

/* ---- values ---- */

static sc_code bad_number(const char *name, sc_str value, sc_error *err)
{
    return sc_fail(err, SC_INVALID,
                   "invalid argument \"%.*s\" for \"--%s\" flag: strconv.ParseInt: parsing "
                   "\"%.*s\": invalid syntax",
                   SC_FMT(value), name, SC_FMT(value));
}

static sc_code read_port(const char *name, sc_str value, uint16_t *port, sc_error *err)
{
    uint64_t n = 0;

    if (value.len > 0 && (!sc_str_to_u64(value, &n) || n > UINT16_MAX))
        return bad_number(name, value, err);
    *port = (uint16_t)n;
    return SC_OK;
}

static sc_code read_i64(const char *name, sc_str value, int64_t *out, sc_error *err)
{
    return sc_str_to_i64(value, out) ? SC_OK : bad_number(name, value, err);
}

/* A Kubernetes quantity; -1 is the default. */
static sc_code read_size(const char *name, sc_str value, uint64_t initial, uint64_t *out,
                         sc_error *err)
{
    struct {
        uint64_t size;
    } conf;
    sc_field fields[] = {{.name = "size", .kind = SC_KIND_SIZE}, SC_FIELD_END};
    sc_pair pair = {SC_STR("size"), value};
    sc_pairs one = {&pair, 1, 1};

    if (sc_str_eq(value, SC_STR("-1"))) {
        *out = initial;
        return SC_OK;
    }
    conf.size = 0;
    if (value.len == 0 || sc_fields_decode(fields, &one, NULL, NULL, &conf, NULL, NULL) != SC_OK)
        return sc_fail(err, SC_INVALID,
                       "invalid value for '%s' option: '%.*s' is not a size like 4Mi", name,
                       SC_FMT(value));
    *out = conf.size;
    return SC_OK;
}

/* Adds the parts of a comma-separated value to those of earlier flags of this name. */
static sc_code add_texts(const char *name, sc_str list, sc_str *to, uint32_t *count, uint32_t max,
                         sc_error *err)
{
    while (list.at) {
        sc_str one = sc_str_cut(&list, ',');

        if (one.len == 0)
            continue;
        if (*count == max)
            return sc_fail(err, SC_INVALID, "--%s is given more than %u times", name, max);
        to[(*count)++] = one;
    }
    return SC_OK;
}

static sc_code read_init_endpoints(sc_options *to, sc_str list, sc_error *err)
{
    while (list.at) {
        sc_str one = sc_str_trim(sc_str_cut(&list, ','));

        if (sc_str_eq_nocase(one, SC_STR("subscribe")))
            to->skips_subscribe = true;
        else if (!sc_str_eq_nocase(one, SC_STR("config")))
            return sc_fail(err, SC_INVALID, "invalid value for 'disable-init-endpoints': %.*s",
                           SC_FMT(one));
    }
    return SC_OK;
}

static sc_str lower(sc_str text, sc_arena *mem)
{
    sc_str copy = sc_arena_str(mem, text);

    for (size_t i = 0; i < copy.len; i++) {
        if (copy.at[i] >= 'A' && copy.at[i] <= 'Z')
            ((char *)(uintptr_t)copy.at)[i] = (char)(copy.at[i] | 0x20);
    }
    return copy;
}

/* As daprd: what is not above zero (or no 32-bit number) is the default. */
static sc_code read_positive(const char *name, sc_str value, int64_t fallback, int64_t *to,
                             sc_error *err)
{
    if (read_i64(name, value, to, err) != SC_OK)
        return err->code;
    if (*to < 1 || *to > INT32_MAX)
        *to = fallback;
    return SC_OK;
}

/* The older flags: a number of MiB (`shift` 20) or KiB (10); what is not above zero changes
 * nothing. */
static sc_code read_old_size(const char *name, sc_str value, unsigned shift, uint64_t *to,
                             sc_error *err)
{
    int64_t n;

    if (read_i64(name, value, &n, err) != SC_OK)
        return err->code;
    if (n > 0 && n <= INT32_MAX)
        *to = (uint64_t)n << shift;
    return SC_OK;
}

typedef struct text_target {
    const char *name;
    size_t offset;
} text_target;

static bool set_text(sc_options *to, sc_str name, sc_str value)
{
    static const text_target targets[] = {
        {"app-id", offsetof(sc_options, app_id)},
        {"app-channel-address", offsetof(sc_options, app_host)},
        {"allowed-origins", offsetof(sc_options, allowed_origins)},
        {"dapr-listen-addresses", offsetof(sc_options, listen_addresses)},
        {"unix-domain-socket", offsetof(sc_options, unix_socket_folder)},
        {"metrics-port", offsetof(sc_options, metrics_port_text)},
        {"metrics-listen-address", offsetof(sc_options, metrics_host)},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(targets); i++) {
        if (sc_str_eq(name, sc_str_from(targets[i].name))) {
            *(sc_str *)(void *)((char *)to + targets[i].offset) = value;
            return true;
        }
    }
    return false;
}

static sc_code set_value(sc_options *to, sc_str name, sc_str value, sc_arena *mem, sc_error *err)
{
    if (set_text(to, name, value))
        return SC_OK;
    if (sc_str_eq(name, SC_STR("app-port")))
        return read_port("app-port", value, &to->app_port, err);
    if (sc_str_eq(name, SC_STR("dapr-http-port")))
        return read_port("dapr-http-port", value, &to->http_port, err);
    if (sc_str_eq(name, SC_STR("dapr-grpc-port")))
        return read_port("dapr-grpc-port", value, &to->grpc_port, err);
    if (sc_str_eq(name, SC_STR("app-max-concurrency")))
        return read_i64("app-max-concurrency", value, &to->app_max_concurrency, err);
    if (sc_str_eq(name, SC_STR("dapr-graceful-shutdown-seconds")))
        return read_i64("dapr-graceful-shutdown-seconds", value, &to->graceful_shutdown_s, err);
    if (sc_str_eq(name, SC_STR("app-health-check-path"))) {
        to->health_path =
            sc_str_starts(value, SC_STR("/")) ? value : sc_arena_fmt(mem, "/%.*s", SC_FMT(value));
        return SC_OK;
    }
    if (sc_str_eq(name, SC_STR("app-health-probe-interval")))
        return read_positive("app-health-probe-interval", value, 5, &to->health_interval_s, err);
    if (sc_str_eq(name, SC_STR("app-health-probe-timeout")))
        return read_positive("app-health-probe-timeout", value, 500, &to->health_timeout_ms, err);
    if (sc_str_eq(name, SC_STR("app-health-threshold")))
        return read_positive("app-health-threshold", value, 3, &to->health_threshold, err);
    if (sc_str_eq(name, SC_STR("dapr-http-max-request-size")))
        return to->has_max_body_size
                   ? SC_OK
                   : read_old_size("dapr-http-max-request-size", value, 20, &to->max_body_len, err);
    if (sc_str_eq(name, SC_STR("dapr-http-read-buffer-size")))
        return to->has_read_buffer_size ? SC_OK
                                        : read_old_size("dapr-http-read-buffer-size", value, 10,
                                                        &to->read_buffer_len, err);
    to->has_max_body_size |= sc_str_eq(name, SC_STR("max-body-size"));
    to->has_read_buffer_size |= sc_str_eq(name, SC_STR("read-buffer-size"));
    if (sc_str_eq(name, SC_STR("max-body-size")))
        return read_size("max-body-size", value, 4194304, &to->max_body_len, err);
    if (sc_str_eq(name, SC_STR("read-buffer-size")))
        return read_size("read-buffer-size", value, 4096, &to->read_buffer_len, err);
    if (sc_str_eq(name, SC_STR("resources-path")) || sc_str_eq(name, SC_STR("components-path")))
        return add_texts("resources-path", value, to->resource_folders, &to->resource_folder_count,
                         SC_MAX_FOLDERS, err);
    if (sc_str_eq(name, SC_STR("config")))
        return add_texts("config", value, to->configs, &to->config_count, SC_MAX_CONFIGS, err);
    if (sc_str_eq(name, SC_STR("disable-init-endpoints")))
        return read_init_endpoints(to, value, err);
    if (sc_str_eq(name, SC_STR("app-protocol"))) {
        to->app_protocol = value.len ? lower(value, mem) : SC_STR("http");
        return SC_OK;
    }
    if (sc_str_eq(name, SC_STR("log-level"))) {
        to->log_level_text = value;
        return sc_log_level_from(value, &to->log_level)
                   ? SC_OK
                   : sc_fail(err, SC_INVALID, "invalid value for --log-level: %.*s", SC_FMT(value));
    }
    return sc_str_eq(value, SC_STR("standalone"))
               ? SC_OK
               : sc_fail(err, SC_INVALID, "invalid mode: %.*s", SC_FMT(value));
}

static void set_switch(sc_options *to, sc_str name, bool on)
{
    if (sc_str_eq(name, SC_STR("log-as-json")))
        to->log_as_json = on;
    else if (sc_str_eq(name, SC_STR("enable-app-health-check")))
        to->checks_health = on;
    else if (sc_str_eq(name, SC_STR("app-ssl")))
        to->app_ssl = on;
    else if (sc_str_eq(name, SC_STR("enable-metrics")))
        to->serves_metrics = on;
    else if (sc_str_eq(name, SC_STR("version")))
        to->wants_version = on;
    else
        to->wants_help = on;
}

/* ---- arguments ---- */

static const flag *find(sc_str name)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(flags); i++) {
        if (sc_str_eq(flags[i].name, name))
            return &flags[i];
    }
    return NULL;
}

static void note_later(sc_options *to, sc_str name)
{
    if (to->ignored_count < SC_ARRAY_LEN(to->ignored))
        to->ignored[to->ignored_count++] = name;
}

static sc_code take(sc_options *to, sc_str arg, int *at, int count, char **args, sc_arena *mem,
                    sc_error *err)
{
    sc_str value = sc_str_sub(arg, arg.at[1] == '-' ? 2 : 1, arg.len);
    sc_str name = sc_str_cut(&value, '=');
    const flag *found = find(sc_str_eq(name, SC_STR("h")) ? SC_STR("help") : name);
    bool on = true;

    if (!found)
        return sc_fail(err, SC_INVALID, "unknown flag: --%.*s", SC_FMT(name));
    if (found->kind == BOOL || found->kind == LATER_BOOL) {
        if (value.at && !sc_str_to_bool(value, &on))
            return sc_fail(err, SC_INVALID,
                           "invalid argument \"%.*s\" for \"--%.*s\" flag: strconv.ParseBool: "
                           "parsing \"%.*s\": "
                           "invalid syntax",
                           SC_FMT(value), SC_FMT(name), SC_FMT(value));
        if (found->kind == BOOL)
            set_switch(to, found->name, on);
        else if (on)
            note_later(to, found->name);
        return SC_OK;
    }
    if (!value.at) {
        if (*at + 1 >= count)
            return sc_fail(err, SC_INVALID, "flag needs an argument: --%.*s", SC_FMT(name));
        value = sc_str_from(args[++*at]);
    }
    if (found->kind == TEXT)
        return set_value(to, found->name, value, mem, err);
    note_later(to, found->name);
    return SC_OK;
}

/* The deprecated --app-ssl. */
static void upgrade_protocol(sc_options *to)
{
    if (sc_str_eq(to->app_protocol, SC_STR("http")))
        to->app_protocol = SC_STR("https");
    else if (sc_str_eq(to->app_protocol, SC_STR("grpc")))
        to->app_protocol = SC_STR("grpcs");
}

sc_code sc_options_parse(int count, char **args, sc_arena *mem, sc_options *out, sc_error *err)
{
    set_defaults(out);
    for (int i = 0; i < count; i++) {
        sc_str arg = sc_str_from(args[i]);

        if (arg.len < 2 || arg.at[0] != '-')
            continue; /* positional arguments are ignored, as daprd does */
        if (take(out, arg, &i, count, args, mem, err) != SC_OK)
            return err->code;
    }
    if (out->app_ssl)
        upgrade_protocol(out);
    return SC_OK;
}

sc_code sc_options_check(const sc_options *options, sc_error *err)
{
    static const char *const protocols[] = {"http", "https", "h2c", "grpc", "grpcs"};
    bool is_known = false;

    if (options->app_id.len == 0)
        return sc_fail(err, SC_INVALID, "parameter app-id cannot be empty");
    if (memchr(options->app_id.at, '.', options->app_id.len))
        return sc_fail(err, SC_INVALID, "parameter app-id cannot contain dots");
    if (options->health_timeout_ms > options->health_interval_s * 1000)
        return sc_fail(err, SC_INVALID,
                       "value for 'health-probe-timeout' must be smaller than "
                       "'health-probe-interval'");
    if (options->app_port > 0 && options->app_port == options->http_port)
        return sc_fail(err, SC_INVALID,
                       "the 'dapr-http-port' argument value %u conflicts with 'app-port'",
                       options->http_port);
    if (options->app_port > 0 && options->app_port == options->grpc_port)
        return sc_fail(err, SC_INVALID,
                       "the 'dapr-grpc-port' argument value %u conflicts with 'app-port'",
                       options->grpc_port);
    for (size_t i = 0; i < SC_ARRAY_LEN(protocols); i++)
        is_known = is_known || sc_str_eq(options->app_protocol, sc_str_from(protocols[i]));
    if (!is_known)
        return sc_fail(err, SC_INVALID, "invalid value for 'app-protocol': %.*s",
                       SC_FMT(options->app_protocol));
    return SC_OK;
}

void sc_options_print_usage(void)
{
    (void)fprintf(stderr, "Usage of daprd:\n");
    for (size_t i = 0; i < SC_ARRAY_LEN(flags); i++)
        (void)fprintf(stderr, "      --%-36.*s %s%s\n", SC_FMT(flags[i].name), flags[i].help,
                      flags[i].kind >= LATER ? " (not implemented yet)" : "");
}
