/* SPDX-License-Identifier: MIT
 *
 * Field by field (Trace Context, section 3.2.2).
 */
#include "wire/traceparent.h"

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Lower-case digits into `to`; false when one is none. */
static bool read_hex(const char *at, uint8_t *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int high = nibble(at[i * 2]);
        int low = nibble(at[i * 2 + 1]);

        if (high < 0 || low < 0)
            return false;
        to[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool is_zero(const uint8_t *at, size_t count)
{
    uint8_t all = 0;

    for (size_t i = 0; i < count; i++)
        all |= at[i];
    return all == 0;
}

static bool has_ids(const sc_trace_context *context)
{
    return !is_zero(context->trace_id, sizeof(context->trace_id)) &&
           !is_zero(context->span_id, sizeof(context->span_id));
}

bool sc_traceparent_parse(sc_str text, sc_trace_context *context)
{
    uint8_t version;
    uint8_t flags;

    if (text.len < SC_TRACEPARENT_LEN || text.at[2] != '-' || text.at[35] != '-' ||
        text.at[52] != '-' || !read_hex(text.at, &version, 1) || version == 0xff ||
        !read_hex(text.at + 3, context->trace_id, sizeof(context->trace_id)) ||
        !read_hex(text.at + 36, context->span_id, sizeof(context->span_id)) ||
        !read_hex(text.at + 53, &flags, 1) || !has_ids(context))
        return false;
    context->is_sampled = flags & 1;
    return text.len == SC_TRACEPARENT_LEN || (version > 0 && text.at[SC_TRACEPARENT_LEN] == '-');
}

bool sc_traceparent_is_valid(sc_str text)
{
    sc_trace_context unused;

    return sc_traceparent_parse(text, &unused);
}

static char *write_hex(char *to, const uint8_t *at, size_t count)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < count; i++) {
        *to++ = digits[at[i] >> 4];
        *to++ = digits[at[i] & 15];
    }
    *to++ = '-';
    return to;
}

sc_str sc_traceparent_format(const sc_trace_context *context, char text[SC_TRACEPARENT_LEN])
{
    char *to = text;

    memcpy(to, "00-", 3);
    to = write_hex(to + 3, context->trace_id, sizeof(context->trace_id));
    to = write_hex(to, context->span_id, sizeof(context->span_id));
    to[0] = '0';
    to[1] = context->is_sampled ? '1' : '0';
    return sc_str_of(text, SC_TRACEPARENT_LEN);
}

/* ---- binary: version 0, then each field behind its number ---- */

enum { TRACE_ID = 1, SPAN_ID = 18, FLAGS = 27 }; /* where the numbers 0, 1 and 2 stand */

bool sc_trace_bin_parse(sc_str bytes, sc_trace_context *context)
{
    const uint8_t *at = (const uint8_t *)bytes.at;

    if (bytes.len < SC_TRACE_BIN_LEN || at[0] != 0 || at[TRACE_ID] != 0 || at[SPAN_ID] != 1 ||
        at[FLAGS] != 2)
        return false;
    memcpy(context->trace_id, at + TRACE_ID + 1, sizeof(context->trace_id));
    memcpy(context->span_id, at + SPAN_ID + 1, sizeof(context->span_id));
    context->is_sampled = at[FLAGS + 1] & 1;
    return has_ids(context);
}

sc_str sc_trace_bin_format(const sc_trace_context *context, char bytes[SC_TRACE_BIN_LEN])
{
    memset(bytes, 0, SC_TRACE_BIN_LEN);
    memcpy(bytes + TRACE_ID + 1, context->trace_id, sizeof(context->trace_id));
    bytes[SPAN_ID] = 1;
    memcpy(bytes + SPAN_ID + 1, context->span_id, sizeof(context->span_id));
    bytes[FLAGS] = 2;
    bytes[FLAGS + 1] = context->is_sampled;
    return sc_str_of(bytes, SC_TRACE_BIN_LEN);
}
