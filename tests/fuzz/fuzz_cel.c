/* links: block */
/* SPDX-License-Identifier: MIT
 *
 * Any text as an expression, over a fixed event: it is refused or it ends.
 */
#include <stdint.h>

#include "expr/cel.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char text[] = "{\"id\":\"1\",\"data\":{\"n\":5,\"s\":\"hello\",\"l\":[1,2,3],"
                               "\"m\":{\"a\":{\"b\":1}},\"d\":\"2024-01-01T01:00:00Z\"}}";
    sc_arena mem;
    sc_cel *program;
    sc_doc *event;
    sc_error err;

    sc_arena_init(&mem, NULL);
    if (sc_json_parse(sc_str_from(text), &mem, &event, NULL, &err) == SC_OK &&
        sc_cel_compile(sc_str_of(data, len), &mem, &program, &err) == SC_OK)
        (void)sc_cel_show(program, event, &mem);
    sc_arena_deinit(&mem);
    return 0;
}
