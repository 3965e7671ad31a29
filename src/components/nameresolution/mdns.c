/* SPDX-License-Identifier: MIT
 *
 * nameresolution.mdns: the sidecars of a local network, found by multicast DNS (RFC 6762) in the
 * form of Dapr's runtime, so that both find each other.
 *
 * This sidecar probes, announces itself and answers questions. Others are looked for when somebody
 * asks for their app id; from then on they are heard: announcements and goodbyes count at once, and
 * the network is asked anew every REFRESH_MS, until nobody has wanted the app for FORGET_MS. A
 * sidecar that nobody asks for anything sends nothing and has no timer.
 *
 * Answers owed to the network leave at the end of the turn, so a flood of one question is answered
 * once.
 */
#include <stdio.h>
#include <unistd.h>

#include "component/nameresolution.h"
#include "components/nameresolution/mdns_internal.h"
#include "core/random.h"
#include "io/multicast.h"

#define BROWSE_MS     1000u /* how long a first question waits for an answer */
#define REFRESH_MS    30000u
#define FORGET_MS     300000u /* an app that nobody asked for is not asked about any more */
#define APPS_MAX      1000u   /* more push out the one that was not asked for the longest */
#define PROBE_WAIT_MS 250u    /* at most, behind each of two probes */
#define SECOND_MS     1000u   /* from the first announcement to the second */
#define COMPLAIN_MS   60000

typedef struct mdns {
    const sc_component_env *env;
    sc_multicast *network;
    mdns_service service; /* while is_announced */
    bool is_announced;
    uint32_t step; /* of the announcement: two probes, two announcements */
    sc_timer announce_timer;
    sc_timer refresh_timer; /* runs while there are apps */
    sc_turn_hook answers;
    mdns_cache cache;
    sc_buf packet; /* reused */
    sc_random random;
    sc_log_gate deaf;
    sc_op closing;
    void (*on_closed)(void *user);
    void *user;
} mdns;

static void on_packet(void *at, const sc_multicast_packet *packet);
static void on_announce_due(sc_timer *timer);
static void on_refresh_due(sc_timer *timer);
static void on_browse_due(sc_timer *timer);
static void send_answers(sc_turn_hook *hook);
static void on_found(void *at, mdns_app *app);

/* There is nothing to set. */
static const sc_field fields[] = {
    SC_FIELD_END,
};

static sc_code mdns_open(void *at, const void *conf, const sc_component_env *env, sc_error *err)
{
    mdns *self = at;
    sc_multicast_settings settings = {
        .v4 = "224.0.0.251", .v6 = "ff02::fb", .port = 5353, .on_packet = on_packet, .self = self};

    (void)conf;
    self->env = env;
    if (sc_multicast_open(env->loop, &settings, &self->network, err) != SC_OK)
        return err->code;
    mdns_cache_init(&self->cache, on_found, self);
    sc_timer_init(&self->announce_timer, env->loop, on_announce_due);
    sc_timer_init(&self->refresh_timer, env->loop, on_refresh_due);
    self->answers.run = send_answers;
    sc_random_init(&self->random);
    return SC_OK;
}

static void send_all(mdns *self)
{
    if (sc_multicast_send_all(self->network, sc_buf_str(&self->packet)) == 0 &&
        sc_log_gate_pass(&self->deaf, COMPLAIN_MS))
        sc_log_warn(self->env->log,
                    "no network interface takes packets to 224.0.0.251 or ff02::fb: "
                    "other sidecars are not found, and do not find this one");
}

/* ---- this sidecar ---- */

static void send_own(mdns *self, unsigned kind)
{
    sc_buf_clear(&self->packet);
    mdns_service_write(&self->service, kind, 0, &self->packet);
    send_all(self);
}

static sc_code mdns_announce(void *at, const sc_announcement *what, sc_error *err)
{
    mdns *self = at;
    char host[256] = "";

    (void)gethostname(host, sizeof(host) - 1);
    if (mdns_service_init(&self->service, what->app_id, sc_str_from(host), (long)getpid(),
                          what->host, what->port, err) != SC_OK)
        return err->code;
    self->is_announced = true;
    self->step = 0;
    on_announce_due(&self->announce_timer);
    sc_log_info(self->env->log, "local service entry announced: %.*s -> %.*s:%u",
                SC_FMT(what->app_id), SC_FMT(what->host), what->port);
    return SC_OK;
}

static void on_announce_due(sc_timer *timer)
{
    mdns *self = SC_CONTAINER_OF(timer, mdns, announce_timer);

    switch (self->step++) {
    case 0:
    case 1:
        send_own(self, MDNS_PROBE);
        sc_timer_start(timer, sc_random_below(&self->random, PROBE_WAIT_MS));
        break;
    case 2:
        send_own(self, MDNS_ANNOUNCEMENT);
        sc_timer_start(timer, SECOND_MS);
        break;
    default:
        send_own(self, MDNS_ANNOUNCEMENT);
    }
}

static void mdns_withdraw(void *at)
{
    mdns *self = at;

    if (!self->is_announced)
        return;
    self->is_announced = false;
    sc_timer_stop(&self->announce_timer);
    sc_loop_forget_hook(&self->answers);
    send_own(self, MDNS_GOODBYE);
}

/* ---- what others ask ---- */

static void answer_alone(mdns *self, const sc_multicast_packet *packet, uint16_t id, unsigned kind)
{
    sc_buf_clear(&self->packet);
    mdns_service_write(&self->service, kind, id, &self->packet);
    (void)sc_multicast_answer(packet, sc_buf_str(&self->packet));
}

/* Probes, which have records in the authority section, are no questions: nobody else has our name.
 */
static void read_questions(mdns *self, const sc_multicast_packet *packet,
                           const sc_dns_message *message)
{
    sc_dns_walk walk = {0};
    sc_dns_question question;

    if (!self->is_announced || message->count[SC_DNS_AUTHORITY] > 0)
        return;
    while (sc_dns_next_question(message, &walk, &question)) {
        unsigned kind = mdns_service_owes(&self->service, message, &question);

        if (kind == 0)
            continue;
        if (question.wants_unicast) {
            answer_alone(self, packet, message->id, kind);
            continue;
        }
        packet->link->mark |= kind;
        sc_loop_at_turn_end(self->env->loop, &self->answers);
    }
}

static void send_answers(sc_turn_hook *hook)
{
    mdns *self = SC_CONTAINER_OF(hook, mdns, answers);

    SC_LIST_EACH (sc_multicast_links(self->network), it) {
        sc_multicast_link *link = SC_CONTAINER_OF(it, sc_multicast_link, link);

        for (unsigned kind = 1; kind <= link->mark; kind <<= 1) {
            if (!(link->mark & kind))
                continue;
            sc_buf_clear(&self->packet);
            mdns_service_write(&self->service, kind, 0, &self->packet);
            (void)sc_multicast_send(link, sc_buf_str(&self->packet));
        }
        link->mark = 0;
    }
}

static void on_packet(void *at, const sc_multicast_packet *packet)
{
    mdns *self = at;
    sc_dns_message message;
    sc_error err;

    if (sc_dns_open(packet->bytes, &message, &err) != SC_OK ||
        (message.flags & SC_DNS_OPCODE_AND_RCODE) != 0)
        return;
    if (message.flags & SC_DNS_RESPONSE)
        mdns_cache_learn(&self->cache, &message, packet->link->interface,
                         sc_loop_now_ms(self->env->loop));
    else
        read_questions(self, packet, &message);
}

/* ---- asking ---- */

static void ask(mdns *self, mdns_app *app)
{
    sc_dns_writer writer;

    app->browsed_ms = sc_loop_now_ms(self->env->loop);
    sc_buf_clear(&self->packet);
    sc_dns_begin(&writer, &self->packet, 0, 0);
    sc_dns_add_question(&writer, &app->service, SC_DNS_PTR);
    send_all(self);
}

/* Interfaces that came since the start count from the next question on. */
static void browse(mdns *self, mdns_app *app)
{
    sc_multicast_update(self->network);
    ask(self, app);
    sc_timer_start(&app->browse, BROWSE_MS);
}

static void answer_waiting(mdns_app *app)
{
    while (!sc_list_is_empty(&app->waiting)) {
        sc_resolve_op *op = SC_CONTAINER_OF(app->waiting.next, sc_resolve_op, link);
        sc_str *addresses = sc_arena_alloc(op->op.mem, app->count * sizeof(addresses[0]));

        sc_list_remove(&op->link);
        for (uint32_t i = 0; i < app->count; i++)
            addresses[i] = sc_arena_str(op->op.mem, app->addresses[i]);
        op->addresses = addresses;
        op->count = app->count;
        sc_op_finish(&op->op);
    }
}

static void on_found(void *at, mdns_app *app)
{
    mdns *self = at;

    sc_log_debug(self->env->log, "found %s at %s", app->app_id,
                 app->instances[app->count - 1].address);
    answer_waiting(app);
    if (!sc_timer_is_running(&self->refresh_timer))
        sc_timer_start(&self->refresh_timer, REFRESH_MS);
}

static void fail_waiting(mdns_app *app)
{
    while (!sc_list_is_empty(&app->waiting)) {
        sc_resolve_op *op = SC_CONTAINER_OF(app->waiting.next, sc_resolve_op, link);

        sc_list_remove(&op->link);
        sc_op_fail(&op->op, SC_NOT_FOUND, "couldn't find service: %s", app->app_id);
    }
}

static void forget(mdns *self, mdns_app *app)
{
    fail_waiting(app);
    sc_timer_stop(&app->browse);
    mdns_cache_remove(&self->cache, app);
}

/* A second after a question: nobody is there, or there may be more whose answer got lost. */
static void on_browse_due(sc_timer *timer)
{
    mdns_app *app = SC_CONTAINER_OF(timer, mdns_app, browse);

    if (app->count == 0)
        forget(app->owner, app);
    else
        ask(app->owner, app);
}

static void forget_unwanted(mdns *self, uint64_t now_ms)
{
    size_t walk = 0;
    void *value;
    sc_str key;

    while (sc_map_next(&self->cache.apps, &walk, &key, &value)) {
        mdns_app *app = value;

        if (now_ms - app->wanted_ms < FORGET_MS || !sc_list_is_empty(&app->waiting))
            continue;
        forget(self, app);
        walk = 0; /* the map has changed */
    }
}

static void on_refresh_due(sc_timer *timer)
{
    mdns *self = SC_CONTAINER_OF(timer, mdns, refresh_timer);
    uint64_t now_ms = sc_loop_now_ms(self->env->loop);
    size_t walk = 0;
    void *value;
    sc_str key;

    forget_unwanted(self, now_ms);
    if (self->cache.apps.count == 0)
        return;
    sc_multicast_update(self->network);
    while (sc_map_next(&self->cache.apps, &walk, &key, &value)) {
        mdns_app_expire(value, now_ms);
        ask(self, value);
    }
    sc_timer_start(timer, REFRESH_MS);
}

/* ---- resolving ---- */

static void make_room(mdns *self)
{
    mdns_app *oldest = NULL;
    size_t walk = 0;
    void *value;
    sc_str key;

    while (sc_map_next(&self->cache.apps, &walk, &key, &value)) {
        mdns_app *app = value;

        if (!oldest || app->wanted_ms < oldest->wanted_ms)
            oldest = app;
    }
    if (oldest)
        forget(self, oldest);
}

static mdns_app *app_of(mdns *self, sc_str app_id, sc_error *err)
{
    sc_dns_name service;
    char text[SC_DNS_NAME_MAX + 8];
    mdns_app *app;

    (void)snprintf(text, sizeof(text), "%.*s.local", SC_FMT(app_id));
    if (sc_dns_name_from(sc_str_from(text), &service, err) != SC_OK)
        return NULL;
    app = mdns_cache_find(&self->cache, &service);
    if (app)
        return app;
    if (self->cache.apps.count >= APPS_MAX)
        make_room(self);
    app = mdns_cache_add(&self->cache, &service, app_id);
    app->owner = self;
    sc_timer_init(&app->browse, self->env->loop, on_browse_due);
    return app;
}

static sc_code mdns_resolve(void *at, sc_resolve_op *op)
{
    mdns *self = at;
    mdns_app *app = app_of(self, op->app_id, &op->op.err);

    if (!app)
        return sc_fail(&op->op.err, SC_NOT_FOUND, "couldn't find service: %.*s",
                       SC_FMT(op->app_id));
    app->wanted_ms = sc_loop_now_ms(self->env->loop);
    mdns_app_expire(app, app->wanted_ms);
    if (app->count > 0) {
        op->addresses = app->addresses;
        op->count = app->count;
        return SC_OK;
    }
    sc_list_add(&app->waiting, &op->link);
    if (!sc_timer_is_running(&app->browse))
        browse(self, app);
    return SC_PENDING;
}

/* The sidecar there is taken for dead. If it is not, it says so when the network is asked. */
static void mdns_doubt(void *at, sc_str address)
{
    mdns *self = at;
    uint64_t now_ms = sc_loop_now_ms(self->env->loop);
    size_t walk = 0;
    void *value;
    sc_str key;

    while (sc_map_next(&self->cache.apps, &walk, &key, &value)) {
        mdns_app *app = value;

        if (!mdns_app_drop(app, address))
            continue;
        sc_log_debug(self->env->log, "dropped %s at %.*s: no connection", app->app_id,
                     SC_FMT(address));
        if (now_ms - app->browsed_ms >= BROWSE_MS)
            ask(self, app);
        else if (!sc_timer_is_running(&app->browse))
            sc_timer_start(&app->browse, BROWSE_MS);
    }
}

/* ---- the end ---- */

static void on_close_done(sc_op *op)
{
    mdns *self = SC_CONTAINER_OF(op, mdns, closing);

    self->on_closed(self->user);
}

static void mdns_close(void *at, uint64_t linger_ms, void (*on_closed)(void *user), void *user)
{
    mdns *self = at;
    size_t walk = 0;
    void *value;
    sc_str key;

    (void)linger_ms;
    mdns_withdraw(self);
    sc_timer_stop(&self->refresh_timer);
    sc_multicast_close(self->network);
    while (sc_map_next(&self->cache.apps, &walk, &key, &value)) {
        mdns_app *app = value;

        fail_waiting(app);
        sc_timer_stop(&app->browse);
    }
    mdns_cache_deinit(&self->cache);
    sc_buf_deinit(&self->packet);
    self->on_closed = on_closed;
    self->user = user;
    sc_op_init(&self->closing, sc_loop_ops(self->env->loop), NULL, on_close_done);
    sc_op_finish(&self->closing);
}

static const sc_nameresolution_ops ops = {
    .open = mdns_open,
    .announce = mdns_announce,
    .withdraw = mdns_withdraw,
    .resolve = mdns_resolve,
    .doubt = mdns_doubt,
    .close = mdns_close,
};

extern const sc_component sc_nameresolution_mdns;
const sc_component sc_nameresolution_mdns = {
    .type = "nameresolution.mdns",
    .version = "v1",
    .title = "Multicast DNS",
    .fields = fields,
    .self_size = sizeof(mdns),
    .nameresolution = &ops,
};
