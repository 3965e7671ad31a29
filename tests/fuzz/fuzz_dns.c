/* links: components */
/* SPDX-License-Identifier: MIT
 *
 * Packets from anybody on the network: what is well-formed is read without harm, questions are
 * answered with messages that are well-formed, and what is learned of others stays in bounds.
 */
#include <stdlib.h>

#include "components/nameresolution/mdns_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t sum; /* what was read is used: a byte too far is found */

static void on_found(void *user, mdns_app *app)
{
    (void)user;
    for (uint32_t i = 0; i < app->count; i++)
        sum += app->addresses[i].len;
}

static void use(sc_str bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        sum += (unsigned char)bytes.at[i];
}

static void answer(const mdns_service *service, const sc_dns_message *message,
                   const sc_dns_question *question)
{
    unsigned kind = mdns_service_owes(service, message, question);
    sc_dns_message own;
    sc_buf buf = {0};
    sc_error err;

    if (kind == 0)
        return;
    mdns_service_write(service, kind, message->id, &buf);
    if (sc_dns_open(sc_buf_str(&buf), &own, &err) != SC_OK)
        abort();
    sc_buf_deinit(&buf);
}

static void learn(const sc_dns_message *message)
{
    sc_dns_name name;
    mdns_cache cache;
    mdns_app *app;
    sc_error err;

    mdns_cache_init(&cache, on_found, NULL);
    if (sc_dns_name_from(SC_STR("orders.local"), &name, &err) != SC_OK)
        abort();
    app = mdns_cache_add(&cache, &name, SC_STR("orders"));
    mdns_cache_learn(&cache, message, "eth0", 0);
    mdns_cache_learn(&cache, message, "eth0", 30000);
    mdns_app_expire(app, 60000);
    while (app->count > 0) {
        if (!mdns_app_drop(app, app->addresses[app->count - 1]))
            abort();
    }
    mdns_cache_deinit(&cache);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    sc_dns_walk walk = {0};
    sc_dns_question question;
    sc_dns_message message;
    sc_dns_record record;
    mdns_service service;
    sc_error err;

    if (sc_dns_open(sc_str_of(data, len), &message, &err) != SC_OK)
        return 0;
    if (mdns_service_init(&service, SC_STR("orders"), SC_STR("host"), 7, SC_STR("10.0.0.1"), 50002,
                          &err) != SC_OK)
        abort();
    while (sc_dns_next_question(&message, &walk, &question)) {
        use(sc_dns_name_bytes(&question.name));
        answer(&service, &message, &question);
    }
    while (sc_dns_next_record(&message, &walk, &record)) {
        use(sc_dns_name_bytes(&record.name));
        use(sc_dns_name_bytes(&record.target));
        use(record.data);
        if (record.type == SC_DNS_TXT)
            use(sc_dns_first_text(&record));
    }
    if (walk.done !=
        (uint32_t)message.count[0] + message.count[1] + message.count[2] + message.count[3])
        abort();
    learn(&message);
    return 0;
}
