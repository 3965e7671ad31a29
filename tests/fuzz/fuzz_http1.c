/* links: wire */
/* SPDX-License-Identifier: MIT
 *
 * HTTP/1.1 messages in pieces whose sizes the first byte chooses.
 */
#include "wire/http1.h"

static sc_arena mem;

static sc_arena *on_begin(void *self)
{
    (void)self;
    return &mem;
}
static bool on_head(void *self, const sc_http1_head *head)
{
    (void)self;
    for (uint32_t i = 0; i < head->headers.count; i++)
        (void)sc_str_hash(head->headers.at[i].value);
    return true;
}
static bool on_body(void *self, const char *at, size_t len)
{
    (void)self;
    (void)sc_str_hash(sc_str_of(at, len));
    return true;
}
static bool on_message(void *self)
{
    (void)self;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const sc_http1_events events = {on_begin, on_head, on_body, on_message};
    static const sc_http1_limits limits = {.max_head_len = 4096, .max_headers = 32};
    size_t step = len > 0 ? (size_t)(data[0] % 16) + 1 : 1;
    sc_error err;

    for (int is_request = 0; is_request < 2; is_request++) {
        sc_http1 *codec = sc_http1_new(is_request != 0, &limits, &events, NULL);
        sc_code code = SC_OK;

        sc_arena_init(&mem, NULL);
        for (size_t at = 0; at < len && code == SC_OK; at += step) {
            size_t taken;

            code = sc_http1_feed(codec, (const char *)data + at, len - at < step ? len - at : step,
                                 &taken, &err);
        }
        if (code == SC_OK)
            code = sc_http1_end(codec, &err);
        sc_http1_free(codec);
        sc_arena_deinit(&mem);
    }
    return 0;
}
