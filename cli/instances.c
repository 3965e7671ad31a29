/* SPDX-License-Identifier: MIT
 *
 * /proc and the metadata API, put together.
 */
#include "cli/instances.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/files.h"
#include "core/clock.h"
#include "core/quantity.h"
#include "io/process.h"
#include "wire/json.h"

#define ASK_LIMIT_MS     2000u
#define REQUEST_LIMIT_MS 10000u

/* ---- processes ---- */

/* Reads a file of /proc, which has no size. */
static bool read_proc(cli *c, int pid, const char *file, sc_str *out)
{
    sc_error err;

    return cli_file_read(c, sc_arena_fmt(&c->mem, "/proc/%d/%s", pid, file), out, &err) == SC_OK;
}

/* The next argument of a command line; its words end with NUL. */
static sc_str next_word(sc_str *rest)
{
    sc_str word = sc_str_cut(rest, '\0');

    if (rest->len == 0)
        *rest = SC_STR_NONE;
    return word;
}

static void set_port(uint16_t *port, sc_str text)
{
    uint64_t n;

    if (sc_str_to_u64(text, &n) && n <= UINT16_MAX)
        *port = (uint16_t)n;
}

/* A size as our flags take it; -1 is the default. */
static void set_size(int64_t *size, sc_str text)
{
    int64_t n;

    if (sc_quantity_parse(text, &n) && n >= 0)
        *size = n;
}

static void set_flag(cli_instance *to, sc_str name, sc_str value)
{
    if (sc_str_eq(name, SC_STR("app-id")))
        to->app_id = value;
    else if (sc_str_eq(name, SC_STR("dapr-http-port")))
        set_port(&to->http_port, value);
    else if (sc_str_eq(name, SC_STR("dapr-grpc-port")))
        set_port(&to->grpc_port, value);
    else if (sc_str_eq(name, SC_STR("app-port")))
        set_port(&to->app_port, value);
    else if (sc_str_eq(name, SC_STR("unix-domain-socket")))
        to->socket_folder = value;
    else if (sc_str_eq(name, SC_STR("max-body-size")))
        set_size(&to->max_body_size, value);
    else if (sc_str_eq(name, SC_STR("read-buffer-size")))
        set_size(&to->read_buffer_size, value);
    else if (sc_str_eq(name, SC_STR("enable-metrics")))
        to->has_metrics = !sc_str_eq(value, SC_STR("false"));
}

/* daprd's flags: one dash or two, "=" or the next word. */
static void read_flags(cli_instance *to, sc_str line)
{
    while (line.at) {
        sc_str word = next_word(&line);
        sc_str value;

        if (!sc_str_starts(word, SC_STR("-")))
            continue;
        value = sc_str_sub(word, sc_str_starts(word, SC_STR("--")) ? 2 : 1, word.len);
        word = sc_str_cut(&value, '=');
        if (!value.at && !sc_str_starts(line, SC_STR("-")))
            value = sc_str_sub(line, 0, sc_str_find(line, '\0'));
        set_flag(to, word, value);
    }
}

static int64_t start_time(const sc_process_facts *facts)
{
    int64_t tick = sysconf(_SC_CLK_TCK);
    struct timespec since;

    (void)clock_gettime(CLOCK_BOOTTIME, &since);
    return sc_clock_wall_ms() / 1000 - since.tv_sec + (int64_t)facts->started_tick / tick;
}

/* True when this process is a sidecar with an app id. */
static bool read_process(cli *c, int pid, cli_instance *out)
{
    sc_process_facts facts;
    sc_str name;
    sc_str line;

    if (!read_proc(c, pid, "comm", &name) ||
        !sc_str_eq_nocase(sc_str_trim(name), SC_STR("daprd")) || !sc_process_look(pid, &facts) ||
        facts.is_dead || !read_proc(c, pid, "cmdline", &line))
        return false;
    *out = (cli_instance){.http_port = 3500,
                          .grpc_port = 50001,
                          .has_metrics = true,
                          .max_body_size = 4194304,
                          .read_buffer_size = 4096,
                          .sidecar_pid = pid,
                          .sidecar_parent = facts.parent,
                          .started_s = start_time(&facts),
                          .status = "Not responding"};
    read_flags(out, line);
    return out->app_id.len > 0;
}

static void add(cli *c, cli_instances *to, const cli_instance *one)
{
    cli_instance *grown = sc_arena_alloc(&c->mem, (to->count + 1) * sizeof(*grown));

    if (to->count > 0)
        memcpy(grown, to->at, to->count * sizeof(*grown));
    grown[to->count++] = *one;
    to->at = grown;
}

/* ---- metadata ---- */

cli_request cli_instance_request(cli *c, const cli_instance *to, const char *method, sc_str target,
                                 uint64_t timeout_ms)
{
    cli_request request = {.port = to->http_port,
                           .method = method,
                           .target = target,
                           .timeout_ms = timeout_ms ? timeout_ms : REQUEST_LIMIT_MS};

    if (to->socket_folder.len > 0)
        request.socket = sc_arena_fmt(&c->mem, "%.*s/dapr-%.*s-http.socket",
                                      SC_FMT(to->socket_folder), SC_FMT(to->app_id));
    return request;
}

static sc_str text_of(const sc_doc *extended, const char *name)
{
    return sc_doc_string(sc_doc_get(extended, sc_str_from(name)));
}

static int pid_of(const sc_doc *extended, const char *name)
{
    uint64_t n;

    return sc_str_to_u64(text_of(extended, name), &n) && n <= INT32_MAX ? (int)n : 0;
}

static void read_metadata(cli *c, cli_instance *to, const cli_request *answer)
{
    const sc_doc *extended;
    sc_doc *doc;

    to->err = answer->err;
    if (answer->err.code != SC_OK)
        return;
    to->status = "Starting";
    if (answer->status != 200) {
        (void)sc_fail(&to->err, SC_UNAVAILABLE, "its metadata API answers with status %d",
                      answer->status);
        return;
    }
    if (sc_json_parse(answer->answer, &c->mem, &doc, NULL, &to->err) != SC_OK)
        return;
    to->metadata = doc;
    extended = sc_doc_member(doc, "extended");
    to->command = text_of(extended, "appCommand");
    to->app_pid = pid_of(extended, "appPID");
    to->cli_pid = pid_of(extended, "cliPID");
    to->run_file = text_of(extended, "runTemplatePath");
    to->run_name = text_of(extended, "runTemplateName");
    to->app_log = text_of(extended, "appLogPath");
    to->sidecar_log = text_of(extended, "daprdLogPath");
}

/* Two requests each: metadata and health. */
static void ask_all(cli *c, cli_instances *all)
{
    cli_request *requests = sc_arena_zero(&c->mem, (all->count * 2 + 1) * sizeof(cli_request));

    for (uint32_t i = 0; i < all->count; i++) {
        requests[i * 2] =
            cli_instance_request(c, &all->at[i], "GET", SC_STR("/v1.0/metadata"), ASK_LIMIT_MS);
        requests[i * 2 + 1] =
            cli_instance_request(c, &all->at[i], "GET", SC_STR("/v1.0/healthz"), ASK_LIMIT_MS);
    }
    cli_http_all(c, requests, all->count * 2);
    for (uint32_t i = 0; i < all->count; i++) {
        read_metadata(c, &all->at[i], &requests[i * 2]);
        if (requests[i * 2 + 1].err.code == SC_OK && requests[i * 2 + 1].status == 204)
            all->at[i].status = "Running";
    }
}

/* ---- the list ---- */

static int by_age(const void *a, const void *b)
{
    const cli_instance *x = a;
    const cli_instance *y = b;

    if (x->started_s != y->started_s)
        return x->started_s > y->started_s ? -1 : 1;
    return (x->sidecar_pid < y->sidecar_pid) - (x->sidecar_pid > y->sidecar_pid);
}

cli_instances cli_instances_find(cli *c)
{
    cli_instances all = {0};
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    cli_instance one;

    while (dir && (entry = readdir(dir)) != NULL) {
        int pid = (int)strtol(entry->d_name, NULL, 10);

        if (pid > 0 && read_process(c, pid, &one))
            add(c, &all, &one);
    }
    if (dir)
        (void)closedir(dir);
    if (all.count == 0)
        return all;
    ask_all(c, &all);
    qsort(all.at, all.count, sizeof(all.at[0]), by_age);
    return all;
}

const cli_instance *cli_instances_get(const cli_instances *all, sc_str app_id)
{
    for (uint32_t i = 0; i < all->count; i++) {
        if (sc_str_eq(all->at[i].app_id, app_id))
            return &all->at[i];
    }
    return NULL;
}

bool cli_instance_has_component(const cli_instance *instance, sc_str name)
{
    const sc_doc *components = sc_doc_member(instance->metadata, "components");

    if (!sc_doc_is(components, SC_DOC_ARRAY))
        return false;
    SC_DOC_EACH (components, it) {
        if (sc_str_eq(sc_doc_member_text(it, "name"), name))
            return true;
    }
    return false;
}

int cli_instance_main_pid(const cli_instance *instance)
{
    return instance->cli_pid > 0 && instance->cli_pid == instance->sidecar_parent
               ? instance->cli_pid
               : instance->sidecar_pid;
}

sc_str cli_instances_names(cli *c, const cli_instances *all)
{
    sc_str text = SC_STR("");

    for (uint32_t i = 0; i < all->count; i++)
        text = sc_arena_fmt(&c->mem, "%.*s%s%.*s", SC_FMT(text), i ? ", " : "",
                            SC_FMT(all->at[i].app_id));
    return all->count ? text : SC_STR("none");
}
