/* links: api */
/* SPDX-License-Identifier: MIT
 *
 * Bytes of peers as the JSON of protobuf messages, and as their binary form: refused, or read and
 * written again without harm.
 */
#include <stdint.h>
#include <stdlib.h>

#include "api/conversation.h"
#include "wire/proto_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Once read and written, the text stays: only bytes that are no UTF-8 change on the first way. */
static void go_around(const ProtobufCMessage *message, sc_arena *mem)
{
    sc_buf text[3] = {{0}};

    for (int i = 0; i < 3 && message; i++) {
        sc_proto_to_json(message, sc_api_any_types, &text[i], mem);
        message = sc_proto_from_json(message->descriptor, sc_buf_str(&text[i]), sc_api_any_types,
                                     mem, NULL);
    }
    if (message && !sc_str_eq(sc_buf_str(&text[1]), sc_buf_str(&text[2])))
        abort();
    for (int i = 0; i < 3; i++)
        sc_buf_deinit(&text[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const sc_conversation_version *versions[] = {&sc_conversation_alpha1, &sc_conversation_alpha2};

    for (size_t i = 0; i < 2; i++) {
        sc_str text = sc_str_of(data, len);
        ProtobufCMessage *message;
        sc_arena mem;

        sc_arena_init(&mem, NULL);
        message = sc_proto_from_json(versions[i]->request, text, sc_api_any_types, &mem, NULL);
        if (message)
            go_around(message, &mem);
        message = sc_proto_unpack(versions[i]->request, text, &mem);
        if (message)
            go_around(message, &mem);
        sc_arena_deinit(&mem);
    }
    return 0;
}
