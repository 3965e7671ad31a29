/* SPDX-License-Identifier: MIT
 *
 * One walk over the members of the envelope.
 */
#include "app/binary_mode.h"

#include "wire/base64.h"
#include "wire/cloudevent.h"
#include "wire/json.h"

/* Bytes outside printable ASCII, '"' and '%' are percent-encoded (section 3.1.3.2). */
static sc_str header_value(sc_str text, sc_arena *mem)
{
    static const char hex[] = "0123456789ABCDEF";
    char *to = sc_arena_alloc(mem, text.len * 3 + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if (c > ' ' && c < 0x7f && c != '"' && c != '%') {
            to[len++] = (char)c;
            continue;
        }
        to[len++] = '%';
        to[len++] = hex[c >> 4];
        to[len++] = hex[c & 15];
    }
    return sc_str_of(to, len);
}

static void add_attribute(sc_str key, sc_str value, sc_arena *mem, sc_pairs *headers)
{
    sc_str parts[] = {SC_STR("Ce-"), key};

    if (sc_str_eq(value, SC_STR("null")) || value.at[0] == '{' || value.at[0] == '[')
        return; /* no attribute has such a value */
    if (value.at[0] == '"')
        value = sc_json_unquote(value, mem);
    sc_pairs_add(headers, mem, sc_arena_join(mem, parts, 2), header_value(value, mem));
}

static bool is_json_type(sc_str type)
{
    sc_str rest = type;
    sc_str media = sc_str_trim(sc_str_cut(&rest, ';'));

    return sc_str_eq_nocase(media, SC_STR("application/json")) ||
           sc_str_ends(media, SC_STR("+json"));
}

void sc_event_to_binary_mode(sc_str envelope, sc_arena *mem, sc_pairs *headers,
                             sc_str *content_type, sc_str *body)
{
    sc_cloudevent event;
    sc_str at = envelope;
    sc_str key;
    sc_str value;
    sc_str type;

    if (sc_cloudevent_parse(envelope, &event, NULL) != SC_OK)
        return;
    type = sc_cloudevent_text(event.datacontenttype, mem);
    while (sc_json_next_member(&at, &key, &value)) {
        if (sc_str_eq(key, SC_STR("data")) || sc_str_eq(key, SC_STR("data_base64")) ||
            sc_str_eq(key, SC_STR("datacontenttype")) || memchr(key.at, '\\', key.len))
            continue;
        add_attribute(key, value, mem, headers);
    }
    *content_type = type.len > 0 ? type : SC_STR("application/json");
    *body = event.data;
    if (event.data_base64.len > 0 &&
        sc_base64_decode(sc_cloudevent_text(event.data_base64, mem), mem, body))
        return;
    if (event.data.len > 0 && event.data.at[0] == '"' && !is_json_type(*content_type))
        *body = sc_json_unquote(event.data, mem);
}
