/* links: app */
/* SPDX-License-Identifier: MIT
 *
 * Bytes of peers as protobuf messages: refused, or read without harm. The first byte chooses the
 * message.
 */
#include <stdint.h>

#include "dapr/proto/runtime/v1/appcallback.pb-c.h"
#include "dapr/proto/runtime/v1/conversation.pb-c.h"
#include "dapr/proto/runtime/v1/metadata.pb-c.h"
#include "dapr/proto/runtime/v1/pubsub.pb-c.h"
#include "dapr/proto/runtime/v1/secret.pb-c.h"
#include "dapr/proto/runtime/v1/state.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "wire/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const ProtobufCMessageDescriptor *const types[] = {
        &dapr__proto__runtime__v1__publish_event_request__descriptor,
        &dapr__proto__runtime__v1__bulk_publish_request__descriptor,
        &dapr__proto__runtime__v1__subscribe_topic_events_request_alpha1__descriptor,
        &dapr__proto__runtime__v1__set_metadata_request__descriptor,
        &dapr__proto__runtime__v1__topic_event_response__descriptor,
        &dapr__proto__runtime__v1__topic_event_bulk_response__descriptor,
        &dapr__proto__runtime__v1__list_topic_subscriptions_response__descriptor,
        &dapr__proto__runtime__v1__get_bulk_state_request__descriptor,
        &dapr__proto__runtime__v1__save_state_request__descriptor,
        &dapr__proto__runtime__v1__execute_state_transaction_request__descriptor,
        &dapr__proto__runtime__v1__query_state_request__descriptor,
        &dapr__proto__runtime__v1__get_secret_request__descriptor,
        &dapr__proto__runtime__v1__conversation_request_alpha2__descriptor,
        &grpc__reflection__v1__server_reflection_request__descriptor};
    ProtobufCMessage *message;
    sc_arena mem;

    if (len == 0)
        return 0;
    sc_arena_init(&mem, NULL);
    message =
        sc_proto_unpack(types[data[0] % SC_ARRAY_LEN(types)], sc_str_of(data + 1, len - 1), &mem);
    if (message)
        (void)sc_proto_pack(message, &mem);
    sc_arena_deinit(&mem);
    return 0;
}
