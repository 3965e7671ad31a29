/* links: wire */
/* SPDX-License-Identifier: MIT
 *
 * Envelopes: whatever is published, what is stored must be one JSON object.
 */
#include <stdlib.h>

#include "wire/cloudevent.h"
#include "wire/json.h"

static void check(sc_buf *out)
{
    sc_cloudevent event;
    sc_error err;

    if (sc_cloudevent_parse(sc_buf_str(out), &event, &err) != SC_OK)
        abort();
    sc_buf_clear(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    sc_str text = sc_str_of(data, len);
    sc_envelope envelope = {
        .data = text, .topic = text, .id = SC_STR("i"), .content_type = SC_STR("application/json")};
    sc_pairs extra = {0};
    sc_arena mem;
    sc_buf out = {0};
    sc_cloudevent event;
    sc_error err;

    sc_arena_init(&mem, NULL);
    sc_envelope_build(&envelope, &out);
    check(&out);
    if (sc_envelope_patch(text, &envelope, &mem, &out, &err) == SC_OK)
        check(&out);
    sc_buf_clear(&out);
    sc_pairs_add(&extra, &mem, SC_STR("id"), text);
    if (sc_cloudevent_extend(text, &extra, SC_STR("expiration"), &mem, &out))
        check(&out);
    if (sc_cloudevent_parse(text, &event, &err) == SC_OK) {
        (void)sc_cloudevent_text(event.id, &mem);
        (void)sc_cloudevent_is_expired(&event, 0, &mem);
    }
    sc_buf_deinit(&out);
    sc_arena_deinit(&mem);
    return 0;
}
