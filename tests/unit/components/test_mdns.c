/* SPDX-License-Identifier: MIT
 *
 * nameresolution.mdns without a network: what it says of itself, and what it takes of others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "components/nameresolution/mdns_internal.h"

static sc_buf packet; /* the last message that was written */
static unsigned found;

static sc_dns_name name_of(const char *text)
{
    sc_dns_name name;
    sc_error err;

    assert_int_equal(sc_dns_name_from(sc_str_from(text), &name, &err), SC_OK);
    return name;
}

static sc_dns_message opened(void)
{
    sc_dns_message message;
    sc_error err;

    assert_int_equal(sc_dns_open(sc_buf_str(&packet), &message, &err), SC_OK);
    return message;
}

static mdns_service service_at(const char *address)
{
    mdns_service service;
    sc_error err;

    assert_int_equal(mdns_service_init(&service, SC_STR("orders"), SC_STR("host"), 7,
                                       sc_str_from(address), 50002, &err),
                     SC_OK);
    return service;
}

static sc_dns_message message_of(const mdns_service *service, unsigned kind)
{
    sc_buf_clear(&packet);
    mdns_service_write(service, kind, 0, &packet);
    return opened();
}

/* ---- this sidecar ---- */

typedef struct expected {
    sc_dns_section section;
    uint16_t type;
    const char *name;
    bool is_flush;
    uint32_t ttl_s;
} expected;

static void assert_records(const mdns_service *service, unsigned kind, const expected *rows,
                           size_t count)
{
    sc_dns_message message = message_of(service, kind);
    sc_dns_walk walk = {0};
    sc_dns_record record;

    for (size_t i = 0; i < count; i++) {
        sc_dns_name name = name_of(rows[i].name);

        assert_true(sc_dns_next_record(&message, &walk, &record));
        assert_int_equal(record.section, rows[i].section);
        assert_int_equal(record.type, rows[i].type);
        assert_int_equal(record.class_, 1);
        assert_int_equal(record.is_flush, rows[i].is_flush);
        assert_int_equal(record.ttl_s, rows[i].ttl_s);
        assert_true(sc_dns_name_eq(&record.name, &name));
    }
    assert_false(sc_dns_next_record(&message, &walk, &record));
}

#define INSTANCE "host:7.orders.local"
#define TYPES    "_services._dns-sd._udp.local"

static void messages_have_dapr_s_records(void **state)
{
    static const expected answer[] = {
        {SC_DNS_ANSWER, SC_DNS_PTR, "orders.local", false, 3200},
        {SC_DNS_ADDITIONAL, SC_DNS_SRV, INSTANCE, false, 3200},
        {SC_DNS_ADDITIONAL, SC_DNS_TXT, INSTANCE, false, 3200},
        {SC_DNS_ADDITIONAL, SC_DNS_A, "host.local", false, 120},
    };
    static const expected announcement[] = {
        {SC_DNS_ANSWER, SC_DNS_SRV, INSTANCE, true, 3200},
        {SC_DNS_ANSWER, SC_DNS_TXT, INSTANCE, true, 3200},
        {SC_DNS_ANSWER, SC_DNS_PTR, "orders.local", false, 3200},
        {SC_DNS_ANSWER, SC_DNS_PTR, TYPES, false, 3200},
        {SC_DNS_ANSWER, SC_DNS_A, "host.local", true, 120},
    };
    static const expected instance[] = {
        {SC_DNS_ANSWER, SC_DNS_SRV, INSTANCE, true, 3200},
        {SC_DNS_ANSWER, SC_DNS_TXT, INSTANCE, true, 3200},
        {SC_DNS_ANSWER, SC_DNS_PTR, "orders.local", false, 3200},
        {SC_DNS_ANSWER, SC_DNS_PTR, TYPES, false, 3200},
        {SC_DNS_ANSWER, SC_DNS_A, "host.local", false, 120},
    };
    static const expected goodbye[] = {
        {SC_DNS_ANSWER, SC_DNS_SRV, INSTANCE, true, 0},
        {SC_DNS_ANSWER, SC_DNS_TXT, INSTANCE, true, 0},
        {SC_DNS_ANSWER, SC_DNS_PTR, "orders.local", false, 0},
        {SC_DNS_ANSWER, SC_DNS_A, "host.local", false, 120},
    };
    static const expected probe[] = {
        {SC_DNS_AUTHORITY, SC_DNS_SRV, INSTANCE, false, 3200},
        {SC_DNS_AUTHORITY, SC_DNS_TXT, INSTANCE, false, 3200},
    };
    static const expected types[] = {{SC_DNS_ANSWER, SC_DNS_PTR, TYPES, false, 3200}};
    mdns_service service = service_at("10.0.0.1");

    (void)state;
    assert_records(&service, MDNS_SERVICE, answer, SC_ARRAY_LEN(answer));
    assert_records(&service, MDNS_ANNOUNCEMENT, announcement, SC_ARRAY_LEN(announcement));
    assert_records(&service, MDNS_INSTANCE, instance, SC_ARRAY_LEN(instance));
    assert_records(&service, MDNS_GOODBYE, goodbye, SC_ARRAY_LEN(goodbye));
    assert_records(&service, MDNS_PROBE, probe, SC_ARRAY_LEN(probe));
    assert_records(&service, MDNS_TYPES, types, SC_ARRAY_LEN(types));
    assert_true(message_of(&service, MDNS_SERVICE).flags == 0x8400);
    assert_true(message_of(&service, MDNS_PROBE).flags == 0);
}

/* What one question is owed, when the asker has a PTR record to `known` for `ttl_s` already. */
static unsigned owed(const mdns_service *service, const char *text, const char *known,
                     uint32_t ttl_s)
{
    sc_dns_name name = name_of(text);
    sc_dns_walk walk = {0};
    sc_dns_question question;
    sc_dns_message message;
    sc_dns_writer writer;

    sc_buf_clear(&packet);
    sc_dns_begin(&writer, &packet, 0, 0);
    sc_dns_add_question(&writer, &name, SC_DNS_PTR);
    if (known) {
        sc_dns_name target = name_of(known);
        sc_dns_head head = {.section = SC_DNS_ANSWER, .name = &name, .ttl_s = ttl_s};

        sc_dns_add_ptr(&writer, &head, &target);
    }
    message = opened();
    assert_true(sc_dns_next_question(&message, &walk, &question));
    return mdns_service_owes(service, &message, &question);
}

static void questions_are_for_exact_names(void **state)
{
    mdns_service service = service_at("10.0.0.1");

    (void)state;
    assert_int_equal(owed(&service, "orders.local", NULL, 0), MDNS_SERVICE);
    assert_int_equal(owed(&service, INSTANCE, NULL, 0), MDNS_INSTANCE);
    assert_int_equal(owed(&service, TYPES, NULL, 0), MDNS_TYPES);
    assert_int_equal(owed(&service, "Orders.local", NULL, 0), 0);
    assert_int_equal(owed(&service, "xorders.local", NULL, 0), 0);
    assert_int_equal(owed(&service, "x.orders.local", NULL, 0), 0);
    assert_int_equal(owed(&service, "local", NULL, 0), 0);
}

static void a_known_answer_is_not_given(void **state)
{
    mdns_service service = service_at("10.0.0.1");

    (void)state;
    assert_int_equal(owed(&service, "orders.local", INSTANCE, 1600), 0);
    assert_int_equal(owed(&service, "orders.local", INSTANCE, 1599), MDNS_SERVICE);
    assert_int_equal(owed(&service, "orders.local", "host:8.orders.local", 3200), MDNS_SERVICE);
    assert_int_equal(owed(&service, TYPES, "orders.local", 3200), 0);
    assert_int_equal(owed(&service, INSTANCE, INSTANCE, 3200), MDNS_INSTANCE);
}

static void what_cannot_be_announced_is_named(void **state)
{
    mdns_service service;
    sc_error err;
    char long_id[70];

    (void)state;
    assert_int_equal(mdns_service_init(&service, SC_STR("orders"), SC_STR("host"), 7,
                                       SC_STR("localhost"), 1, &err),
                     SC_INVALID);
    assert_non_null(strstr(err.text, "'localhost' is none: set DAPR_HOST_IP"));
    memset(long_id, 'a', sizeof(long_id));
    assert_int_equal(mdns_service_init(&service, sc_str_of(long_id, 64), SC_STR("host"), 7,
                                       SC_STR("10.0.0.1"), 1, &err),
                     SC_INVALID);
    assert_non_null(strstr(err.text, "the app id cannot be announced by mDNS"));
    assert_int_equal(
        mdns_service_init(&service, SC_STR("orders"), SC_STR(""), 7, SC_STR("10.0.0.1"), 1, &err),
        SC_INVALID);
    assert_non_null(strstr(err.text, "the host name"));
}

/* ---- others ---- */

static void on_found(void *user, mdns_app *app)
{
    (void)user;
    assert_true(app->count > 0);
    found++;
}

static mdns_app *orders_in(mdns_cache *cache)
{
    sc_dns_name service = name_of("orders.local");

    found = 0;
    mdns_cache_init(cache, on_found, NULL);
    return mdns_cache_add(cache, &service, SC_STR("orders"));
}

static void learn(mdns_cache *cache, const mdns_service *service, unsigned kind, uint64_t now_ms)
{
    sc_dns_message message = message_of(service, kind);

    mdns_cache_learn(cache, &message, "eth0", now_ms);
}

static void assert_address(const mdns_app *app, uint32_t i, const char *want)
{
    assert_true(i < app->count);
    assert_string_equal(app->instances[i].address, want);
    assert_true(sc_str_eq(app->addresses[i], sc_str_from(want)));
}

static void an_answer_is_an_address(void **state)
{
    mdns_service service = service_at("10.0.0.1");
    mdns_cache cache;
    mdns_app *app = orders_in(&cache);

    (void)state;
    learn(&cache, &service, MDNS_PROBE, 0);
    learn(&cache, &service, MDNS_TYPES, 0);
    assert_int_equal(app->count, 0);
    learn(&cache, &service, MDNS_SERVICE, 0);
    assert_address(app, 0, "10.0.0.1:50002");
    learn(&cache, &service, MDNS_ANNOUNCEMENT, 0); /* the same */
    assert_int_equal(app->count, 1);
    assert_int_equal(found, 1);
    service = service_at("10.0.0.2"); /* of the same name: not one of the two is lost */
    learn(&cache, &service, MDNS_SERVICE, 0);
    assert_address(app, 1, "10.0.0.2:50002");
    assert_int_equal(found, 2);
    mdns_cache_deinit(&cache);
}

static void ipv6_is_bracketed(void **state)
{
    mdns_service service = service_at("fd00::1");
    mdns_cache cache;
    mdns_app *app = orders_in(&cache);

    (void)state;
    learn(&cache, &service, MDNS_SERVICE, 0);
    assert_address(app, 0, "[fd00::1]:50002");
    service = service_at("fe80::1");
    learn(&cache, &service, MDNS_SERVICE, 0);
    assert_address(app, 1, "[fe80::1%eth0]:50002");
    mdns_cache_deinit(&cache);
}

static void a_goodbye_takes_one_instance_away(void **state)
{
    mdns_service one = service_at("10.0.0.1");
    mdns_service other = service_at("10.0.0.2");
    mdns_cache cache;
    mdns_app *app = orders_in(&cache);

    (void)state;
    learn(&cache, &one, MDNS_SERVICE, 0);
    learn(&cache, &other, MDNS_SERVICE, 0);
    learn(&cache, &one, MDNS_GOODBYE, 0);
    assert_int_equal(app->count, 1);
    assert_address(app, 0, "10.0.0.2:50002");
    learn(&cache, &one, MDNS_GOODBYE, 0); /* nobody */
    assert_int_equal(app->count, 1);
    mdns_cache_deinit(&cache);
}

static void an_instance_counts_for_a_minute(void **state)
{
    mdns_service one = service_at("10.0.0.1");
    mdns_service other = service_at("10.0.0.2");
    mdns_cache cache;
    mdns_app *app = orders_in(&cache);

    (void)state;
    learn(&cache, &one, MDNS_SERVICE, 1000);
    learn(&cache, &other, MDNS_SERVICE, 1000);
    learn(&cache, &other, MDNS_SERVICE, 31000);
    mdns_app_expire(app, 60999);
    assert_int_equal(app->count, 2);
    mdns_app_expire(app, 61000);
    assert_int_equal(app->count, 1);
    assert_address(app, 0, "10.0.0.2:50002");
    mdns_app_expire(app, 91000);
    assert_int_equal(app->count, 0);
    mdns_cache_deinit(&cache);
}

static void an_address_is_dropped(void **state)
{
    mdns_service service = service_at("10.0.0.1");
    mdns_cache cache;
    mdns_app *app = orders_in(&cache);

    (void)state;
    learn(&cache, &service, MDNS_SERVICE, 0);
    assert_false(mdns_app_drop(app, SC_STR("10.0.0.1:50003")));
    assert_true(mdns_app_drop(app, SC_STR("10.0.0.1:50002")));
    assert_int_equal(app->count, 0);
    mdns_cache_remove(&cache, app);
    assert_int_equal(cache.apps.count, 0);
    mdns_cache_deinit(&cache);
}

/* An instance of `instance`, with this text, at a host whose address is under the name `host`. */
static void learn_odd(mdns_cache *cache, const char *instance, const char *text, const char *host,
                      const char *address, uint16_t port, uint32_t ttl_s)
{
    sc_dns_name owner = name_of(instance);
    sc_dns_name target = name_of("host.local");
    sc_dns_name at = name_of(host);
    sc_dns_head head = {SC_DNS_ANSWER, &owner, true, ttl_s};
    sc_dns_writer writer;
    sc_dns_message message;

    sc_buf_clear(&packet);
    sc_dns_begin(&writer, &packet, 0, SC_DNS_RESPONSE);
    sc_dns_add_srv(&writer, &head, port, &target);
    if (text)
        sc_dns_add_txt(&writer, &head, sc_str_from(text));
    head = (sc_dns_head){SC_DNS_ADDITIONAL, &at, false, 120};
    sc_dns_add_address(&writer, &head, sc_str_of(address, 4));
    message = opened();
    mdns_cache_learn(cache, &message, "eth0", 0);
}

static void only_whole_and_fitting_answers_count(void **state)
{
    mdns_cache cache;
    mdns_app *app = orders_in(&cache);

    (void)state;
    learn_odd(&cache, "a.orders.local", "Orders", "host.local", "\x0a\0\0\1", 1, 9);
    learn_odd(&cache, "a.orders.local", "", "host.local", "\x0a\0\0\1", 1, 9);
    learn_odd(&cache, "a.orders.local", NULL, "host.local", "\x0a\0\0\1", 1, 9);
    learn_odd(&cache, "a.orders.local", "orders", "other.local", "\x0a\0\0\1", 1, 9);
    learn_odd(&cache, "a.orders.local", "orders", "host.local", "\x0a\0\0\1", 0, 9);
    learn_odd(&cache, "a.orders.local", "orders", "host.local", "\0\0\0\0", 1, 9);
    learn_odd(&cache, "a.orders.local", "orders", "host.local", "\xe0\0\0\1", 1, 9);
    learn_odd(&cache, "a.shop.local", "orders", "host.local", "\x0a\0\0\1", 1, 9);
    learn_odd(&cache, "a.myorders.local", "orders", "host.local", "\x0a\0\0\1", 1, 9);
    learn_odd(&cache, "orders.local", "orders", "host.local", "\x0a\0\0\1", 1, 9);
    assert_int_equal(app->count, 0);
    learn_odd(&cache, "host.lan:7.orders.local", "orders", "host.local", "\x0a\0\0\1", 1, 9);
    assert_address(app, 0, "10.0.0.1:1");
    mdns_app_expire(app, 9000); /* its own short life */
    assert_int_equal(app->count, 0);
    mdns_cache_deinit(&cache);
}

static void a_flood_of_instances_is_bounded(void **state)
{
    mdns_cache cache;
    mdns_app *app = orders_in(&cache);

    (void)state;
    for (uint16_t port = 1; port < 1000; port++)
        learn_odd(&cache, "a.orders.local", "orders", "host.local", "\x0a\0\0\1", port, 9);
    assert_int_equal(app->count, 256);
    mdns_cache_deinit(&cache);
}

static int free_packet(void **state)
{
    (void)state;
    sc_buf_deinit(&packet);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_have_dapr_s_records),
        cmocka_unit_test(questions_are_for_exact_names),
        cmocka_unit_test(a_known_answer_is_not_given),
        cmocka_unit_test(what_cannot_be_announced_is_named),
        cmocka_unit_test(an_answer_is_an_address),
        cmocka_unit_test(ipv6_is_bracketed),
        cmocka_unit_test(a_goodbye_takes_one_instance_away),
        cmocka_unit_test(an_instance_counts_for_a_minute),
        cmocka_unit_test(an_address_is_dropped),
        cmocka_unit_test(only_whole_and_fitting_answers_count),
        cmocka_unit_test(a_flood_of_instances_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, free_packet);
}
