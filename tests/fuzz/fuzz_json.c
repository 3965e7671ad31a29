/* links: wire */
/* SPDX-License-Identifier: MIT
 *
 * The JSON scanner: what it accepts it must also build and write, and read again.
 */
#include <stdlib.h>

#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    sc_str text = sc_str_of(data, len);
    sc_arena mem;
    sc_doc *doc;
    sc_buf out = {0};
    sc_error err;

    sc_arena_init(&mem, NULL);
    if (sc_json_parse(text, &mem, &doc, NULL, &err) == SC_OK) {
        sc_json_add_doc(&out, doc, false);
        if (!sc_json_is_valid(sc_buf_str(&out)))
            abort();
        sc_buf_clear(&out);
        sc_json_add_doc(&out, doc, true);
    }
    sc_buf_deinit(&out);
    sc_arena_deinit(&mem);
    return 0;
}
