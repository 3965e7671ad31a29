/* links: components */
/* SPDX-License-Identifier: MIT
 *
 * Answers and refusals of language models: read without harm, whatever they hold.
 */
#include <stdint.h>

#include "components/shared/chat_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    sc_converse_op op = {0};
    sc_error err;
    sc_arena mem;

    sc_arena_init(&mem, NULL);
    op.op.mem = &mem;
    (void)!sc_chat_read_answer(sc_str_of(data, len), &op, &err);
    (void)sc_chat_read_refusal(sc_str_of(data, len), &mem);
    sc_arena_deinit(&mem);
    return 0;
}
