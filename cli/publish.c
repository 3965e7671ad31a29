/* SPDX-License-Identifier: MIT
 *
 * `publish`: one event through the sidecar of a running application.
 */
#include "cli/commands.h"
#include "cli/instances.h"
#include "cli/payload.h"
#include "cli/print.h"
#include "core/doc.h"
#include "wire/json.h"

typedef struct publish_options {
    sc_str app_id;
    sc_str pubsub;
    sc_str topic;
    sc_str data;
    sc_str data_file;
    sc_str metadata;
    sc_str socket_folder;
} publish_options;

static const cli_flag flags[] = {
    CLI_TEXT(publish_options, app_id, .name = "publish-app-id", .letter = 'i', .value = "ID",
             .choices = "@app",
             .help = "Whose sidecar publishes (default: one that has the component)"),
    CLI_TEXT(publish_options, pubsub, .name = "pubsub", .letter = 'p', .value = "NAME",
             .is_required = true, .help = "Name of the pub/sub component"),
    CLI_TEXT(publish_options, topic, .name = "topic", .letter = 't', .value = "TOPIC",
             .is_required = true, .help = "Topic to publish to"),
    CLI_TEXT(publish_options, data, .name = "data", .letter = 'd', .value = "JSON",
             .help = "The event's data, or a whole CloudEvent"),
    CLI_TEXT(publish_options, data_file, .name = "data-file", .letter = 'f', .value = "FILE",
             .choices = "@file", .help = "File with the data; - for standard input"),
    CLI_TEXT(publish_options, metadata, .name = "metadata", .letter = 'm', .value = "JSON",
             .help = "Metadata of the publish, as a JSON object: {\"ttlInSeconds\": \"60\"}"),
    CLI_TEXT(publish_options, socket_folder, .name = "unix-domain-socket", .letter = 'u',
             .value = "DIR", .choices = "@dir",
             .help = "Folder of the sidecar's Unix sockets (default: as it was started)"),
    CLI_FLAGS_END,
};

/* True for an object with the attributes that every CloudEvent has, and data. */
static bool is_cloud_event(cli *c, sc_str data)
{
    static const char *const names[] = {"id", "source", "specversion", "type", "data"};
    sc_doc *doc = NULL;
    sc_error err;

    if (sc_json_parse(data, &c->mem, &doc, NULL, &err) != SC_OK || doc->kind != SC_DOC_OBJECT)
        return false;
    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        if (!sc_doc_get(doc, sc_str_from(names[i])))
            return false;
    }
    return true;
}

/* "?metadata.key=value&...", or empty. */
static bool query_of(cli *c, sc_str metadata, sc_str *out)
{
    sc_doc *doc = NULL;
    sc_error err = {.text = "it is not an object"};
    sc_str query = SC_STR("");

    if (metadata.len > 0 && (sc_json_parse(metadata, &c->mem, &doc, NULL, &err) != SC_OK ||
                             doc->kind != SC_DOC_OBJECT)) {
        return cli_refuse(c, "Error parsing metadata as JSON. Error: %s", err.text);
    }
    for (const sc_doc *it = doc ? doc->first : NULL; it; it = it->next) {
        sc_str value =
            it->kind == SC_DOC_BOOL ? sc_str_from(it->truth ? "true" : "false") : it->text;

        query =
            sc_arena_fmt(&c->mem, "%.*s%cmetadata.%.*s=%.*s", SC_FMT(query), query.len ? '&' : '?',
                         SC_FMT(cli_url_escape(c, it->key)), SC_FMT(cli_url_escape(c, value)));
    }
    *out = query;
    return true;
}

/* The sidecar to publish through, or NULL and why not. */
static const cli_instance *choose(cli *c, const publish_options *o, const cli_instances *all,
                                  sc_str *why)
{
    const cli_instance *one = cli_instances_get(all, o->app_id);

    *why = SC_STR("couldn't find a running Dapr instance");
    if (o->app_id.len > 0 && !one)
        *why = sc_arena_fmt(&c->mem, "%.*s of app id %.*s; running: %.*s", SC_FMT(*why),
                            SC_FMT(o->app_id), SC_FMT(cli_instances_names(c, all)));
    if (o->app_id.len > 0)
        return one;
    for (uint32_t i = 0; i < all->count; i++) {
        if (cli_instance_has_component(&all->at[i], o->pubsub))
            return &all->at[i];
    }
    if (all->count > 0)
        *why = sc_arena_fmt(&c->mem, "%.*s with a component named %.*s; running: %.*s",
                            SC_FMT(*why), SC_FMT(o->pubsub), SC_FMT(cli_instances_names(c, all)));
    return NULL;
}

/* With a folder of sockets and an id, there is no need to look for the process. */
static cli_instance by_socket(const publish_options *o)
{
    return (cli_instance){.app_id = o->app_id, .socket_folder = o->socket_folder};
}

static int send(cli *c, const publish_options *o, const cli_instance *through, sc_str data,
                sc_str query)
{
    sc_str target =
        sc_arena_fmt(&c->mem, "/v1.0/publish/%.*s/%.*s%.*s", SC_FMT(cli_url_escape(c, o->pubsub)),
                     SC_FMT(cli_url_escape(c, o->topic)), SC_FMT(query));
    cli_request request = cli_instance_request(c, through, "POST", target, 0);

    request.body = data;
    sc_pairs_add(&request.headers, &c->mem, SC_STR("Content-Type"),
                 is_cloud_event(c, data) ? SC_STR("application/cloudevents+json")
                                         : SC_STR("application/json"));
    cli_http_all(c, &request, 1);
    if (request.err.code != SC_OK)
        return cli_fail(c, "Error publishing topic %.*s: %s", SC_FMT(o->topic), request.err.text);
    if (request.status < 200 || request.status > 299)
        return cli_fail(c,
                        "Error publishing topic %.*s: unexpected status code %d on publishing to "
                        "%.*s in %.*s%.*s",
                        SC_FMT(o->topic), request.status, SC_FMT(o->topic), SC_FMT(o->pubsub),
                        SC_FMT(cli_problem_text(c, request.answer)));
    cli_say(c, CLI_SUCCESS, "Event published successfully");
    return 0;
}

static int run_publish(cli *c, void *self, const cli_args *args)
{
    const publish_options *o = self;
    cli_instance direct = by_socket(o);
    const cli_instance *through = &direct;
    cli_instances all;
    sc_str data = SC_STR_NONE;
    sc_str query = SC_STR_NONE;
    sc_str why = SC_STR_NONE;

    if (!cli_payload(c, "publish", o->data, cli_args_has(&cli_publish, args, "data"), o->data_file,
                     &data) ||
        !query_of(c, o->metadata, &query))
        return 1;
    if (o->socket_folder.len == 0 || o->app_id.len == 0) {
        all = cli_instances_find(c);
        through = choose(c, o, &all, &why);
    }
    if (!through)
        return cli_fail(c, "Error publishing topic %.*s: %.*s", SC_FMT(o->topic), SC_FMT(why));
    return send(c, o, through, data, query);
}

const cli_command cli_publish = {
    .name = "publish",
    .summary = "Publish an event",
    .about =
        "The event goes through the sidecar of a running application. Without --publish-app-id "
        "any that has the component will do.",
    .examples =
        "dapr publish --pubsub pubsub --topic orders --data '{\"id\": 1}'\n"
        "dapr publish -i shop -p pubsub -t orders -f order.json\n"
        "dapr publish -p pubsub -t orders -d '{\"id\": 1}' -m '{\"ttlInSeconds\": \"60\"}'\n",
    .flags = flags,
    .options_size = sizeof(publish_options),
    .run = run_publish,
};
