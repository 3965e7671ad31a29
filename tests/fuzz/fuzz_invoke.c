/* links: wire
 * SPDX-License-Identifier: MIT
 *
 * The messages between sidecars: any bytes either make a message or are refused, and what they make
 * survives being packed again.
 */
#include <stdlib.h>

#include "wire/invoke.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_request(sc_str bytes, sc_arena *mem)
{
    sc_invoke_request first, again;
    sc_error err;

    if (sc_invoke_request_unpack(bytes, mem, &first, &err) != SC_OK)
        return;
    if (sc_invoke_request_unpack(sc_invoke_request_pack(&first, mem), mem, &again, &err) != SC_OK ||
        again.metadata.count != first.metadata.count || !sc_str_eq(again.method, first.method) ||
        !sc_str_eq(again.data, first.data) || again.version != first.version)
        abort();
}

static void check_response(sc_str bytes, sc_arena *mem)
{
    sc_invoke_response first, again;
    sc_error err;

    if (sc_invoke_response_unpack(bytes, mem, &first, &err) != SC_OK)
        return;
    if (sc_invoke_response_unpack(sc_invoke_response_pack(&first, mem), mem, &again, &err) !=
            SC_OK ||
        again.status != first.status || again.headers.count != first.headers.count ||
        !sc_str_eq(again.data, first.data) || again.has_body_len != first.has_body_len ||
        again.body_len != first.body_len)
        abort();
}

/* What gRPC clients and applications send. */
static void check_messages(sc_str bytes, sc_arena *mem)
{
    sc_invoke_response answer = {0}, answer_again = {0};
    sc_invoke_request request;
    sc_error err;
    sc_str id;

    if (sc_invoke_service_unpack(bytes, &id, &request, &err) == SC_OK)
        (void)sc_invoke_message_pack(&request, mem);
    if (sc_invoke_answer_unpack(bytes, &answer, &err) != SC_OK)
        return;
    if (sc_invoke_answer_unpack(sc_invoke_answer_pack(&answer, mem), &answer_again, &err) !=
            SC_OK ||
        !sc_str_eq(answer.data, answer_again.data))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sc_str bytes = sc_str_of(data, size);
    sc_invoke_chunk chunk;
    sc_arena mem;
    sc_error err;

    sc_arena_init(&mem, NULL);
    check_request(bytes, &mem);
    check_response(bytes, &mem);
    check_messages(bytes, &mem);
    if (sc_invoke_chunk_unpack(bytes, &chunk, &err) == SC_OK && chunk.has_head) {
        check_request(chunk.head, &mem);
        check_response(chunk.head, &mem);
    }
    sc_arena_deinit(&mem);
    return 0;
}
