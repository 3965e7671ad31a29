/* links: block */
/* SPDX-License-Identifier: MIT
 *
 * Texts of users, looked through for personal data.
 */
#include <stdint.h>

#include "block/pii.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    sc_arena mem;

    sc_arena_init(&mem, NULL);
    (void)sc_pii_scrub(sc_str_of(data, len), &mem);
    sc_arena_deinit(&mem);
    return 0;
}
