/* SPDX-License-Identifier: MIT
 *
 * `invoke`: calls a method of a running application through its own sidecar.
 */
#include "cli/commands.h"
#include "cli/instances.h"
#include "cli/payload.h"
#include "cli/print.h"
#include "net/http.h"

#define INVOKE_LIMIT_MS 60000u

typedef struct invoke_options {
    sc_str app_id;
    sc_str method;
    sc_str data;
    sc_str data_file;
    sc_str verb;
    sc_str socket_folder;
} invoke_options;

static const cli_flag flags[] = {
    CLI_TEXT(invoke_options, app_id, .name = "app-id", .letter = 'a', .value = "ID",
             .is_required = true, .choices = "@app", .help = "Application to call"),
    CLI_TEXT(invoke_options, method, .name = "method", .letter = 'm', .value = "METHOD",
             .is_required = true, .help = "Method: the path behind the application's address"),
    CLI_TEXT(invoke_options, data, .name = "data", .letter = 'd', .value = "JSON",
             .help = "Body to send"),
    CLI_TEXT(invoke_options, data_file, .name = "data-file", .letter = 'f', .value = "FILE",
             .choices = "@file", .help = "File with the body; - for standard input"),
    CLI_TEXT(invoke_options, verb, .name = "verb", .letter = 'v', .value = "VERB",
             .initial = "POST", .choices = "GET POST PUT PATCH DELETE HEAD OPTIONS",
             .help = "HTTP verb"),
    CLI_TEXT(invoke_options, socket_folder, .name = "unix-domain-socket", .letter = 'u',
             .value = "DIR", .choices = "@dir",
             .help = "Folder of the sidecar's Unix sockets (default: as it was started)"),
    CLI_FLAGS_END,
};

static int send(cli *c, const invoke_options *o, const cli_instance *through, sc_str body)
{
    sc_str method = o->method;
    cli_request request;
    const char *text;

    while (sc_str_starts(method, SC_STR("/")))
        method = sc_str_sub(method, 1, method.len);
    request =
        cli_instance_request(c, through, sc_arena_str(&c->mem, o->verb).at,
                             sc_arena_fmt(&c->mem, "/v1.0/invoke/%.*s/method/%.*s",
                                          SC_FMT(cli_url_escape(c, o->app_id)), SC_FMT(method)),
                             INVOKE_LIMIT_MS);
    request.body = body;
    sc_pairs_add(&request.headers, &c->mem, SC_STR("Content-Type"), SC_STR("application/json"));
    cli_http_all(c, &request, 1);
    if (request.err.code != SC_OK)
        return cli_fail(c, "error invoking app %.*s: %s", SC_FMT(o->app_id), request.err.text);
    text = sc_http_status_text(request.status);
    if (request.status < 200 || request.status > 399)
        return cli_fail(c, "error invoking app %.*s: %d %s%.*s", SC_FMT(o->app_id), request.status,
                        text, SC_FMT(cli_problem_text(c, request.answer)));
    if (request.answer.len > 0)
        cli_putf(c, 1, "%.*s\n", SC_FMT(request.answer));
    cli_say(c, CLI_SUCCESS, "App invoked successfully");
    return 0;
}

static int run_invoke(cli *c, void *self, const cli_args *args)
{
    const invoke_options *o = self;
    cli_instance direct = {.app_id = o->app_id, .socket_folder = o->socket_folder};
    const cli_instance *through = &direct;
    cli_instances all;
    sc_str body;

    if (!cli_payload(c, "invoke", o->data, cli_args_has(&cli_invoke, args, "data"), o->data_file,
                     &body))
        return 1;
    if (o->socket_folder.len == 0) {
        all = cli_instances_find(c);
        through = cli_instances_get(&all, o->app_id);
        if (!through)
            return cli_fail(c, "error invoking app %.*s: app ID %.*s not found; running: %.*s",
                            SC_FMT(o->app_id), SC_FMT(o->app_id),
                            SC_FMT(cli_instances_names(c, &all)));
    }
    return send(c, o, through, body);
}

const cli_command cli_invoke = {
    .name = "invoke",
    .summary = "Call a method of a running application",
    .examples = "dapr invoke --app-id orders --method total --verb GET\n"
                "dapr invoke -a orders -m add -d '{\"id\": 1}'\n",
    .flags = flags,
    .options_size = sizeof(invoke_options),
    .run = run_invoke,
};
