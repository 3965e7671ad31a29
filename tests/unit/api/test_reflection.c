/* SPDX-License-Identifier: MIT
 *
 * What reflection tells is what is there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/grpc/descriptors.h"
#include "api/tables.h"

#define DAPR SC_STR("dapr.proto.runtime.v1.Dapr")

static bool is_described(const char *method)
{
    sc_str name;

    for (uint32_t i = 0; sc_descriptor_method(DAPR, i, &name); i++) {
        if (sc_str_eq(name, sc_str_from(method)))
            return true;
    }
    return false;
}

static bool is_there(sc_str method)
{
    sc_api_row row;

    for (size_t i = 0; sc_grpc_api_row(i, &row); i++) {
        if (sc_str_eq(method, sc_str_from(row.name)))
            return row.is_there;
    }
    return false;
}

static void rpcs_that_work_are_described_and_no_others(void **state)
{
    sc_api_row row;
    sc_str name;

    (void)state;
    for (size_t i = 0; sc_grpc_api_row(i, &row); i++) {
        if (row.is_there && !is_described(row.name))
            fail_msg("rpc %s is missing in proto/dapr/proto/runtime/v1/dapr.proto: add it there",
                     row.name);
    }
    for (uint32_t i = 0; sc_descriptor_method(DAPR, i, &name); i++) {
        if (!is_there(name))
            fail_msg("rpc %.*s of proto/dapr/proto/runtime/v1/dapr.proto has no handler in "
                     "api/grpc/service.c",
                     SC_FMT(name));
    }
}

static void files_are_found_by_name_and_by_symbol(void **state)
{
    static const struct {
        const char *symbol;
        const char *file; /* NULL: no such thing */
    } rows[] = {
        {"dapr.proto.runtime.v1.Dapr", "dapr/proto/runtime/v1/dapr.proto"},
        {"dapr.proto.runtime.v1.Dapr.PublishEvent", "dapr/proto/runtime/v1/dapr.proto"},
        {"dapr.proto.runtime.v1.PublishEventRequest", "dapr/proto/runtime/v1/pubsub.proto"},
        {"dapr.proto.runtime.v1.TopicEventResponse.TopicEventResponseStatus",
         "dapr/proto/runtime/v1/appcallback.proto"},
        {"grpc.reflection.v1alpha.ServerReflection", "grpc/reflection/v1alpha/reflection.proto"},
        {"google.protobuf.Empty", "google/protobuf/empty.proto"},
        {"dapr.proto.runtime.v1.Dap", NULL},
        {"dapr.proto.runtime.v1.Dapr.", NULL},
        {"dapr.proto.runtime.v1.Dapr.NoSuch", NULL},
        {"dapr.proto.runtime.v1", NULL},
        {"Dapr", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        int at = sc_descriptor_of_symbol(sc_str_from(rows[i].symbol));
        int wanted = rows[i].file ? sc_descriptor_find(sc_str_from(rows[i].file)) : -1;

        if (at != wanted || (rows[i].file && at < 0))
            fail_msg("%s: file %d instead of %d", rows[i].symbol, at, wanted);
    }
    assert_int_equal(sc_descriptor_find(SC_STR("no/such.proto")), -1);
}

static void a_file_comes_with_all_it_imports(void **state)
{
    int dapr = sc_descriptor_find(SC_STR("dapr/proto/runtime/v1/dapr.proto"));
    uint64_t all = sc_descriptor_with_imports((uint32_t)dapr);
    static const char *const wanted[] = {
        "google/protobuf/empty.proto", "google/protobuf/struct.proto",
        "dapr/proto/common/v1/state.proto", "dapr/proto/runtime/v1/dapr.proto"};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(wanted); i++)
        assert_true(all & (UINT64_C(1) << sc_descriptor_find(sc_str_from(wanted[i]))));
    assert_false(
        all & (UINT64_C(1) << sc_descriptor_find(SC_STR("grpc/reflection/v1/reflection.proto"))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rpcs_that_work_are_described_and_no_others),
        cmocka_unit_test(files_are_found_by_name_and_by_symbol),
        cmocka_unit_test(a_file_comes_with_all_it_imports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
