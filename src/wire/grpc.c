/* SPDX-License-Identifier: MIT
 *
 * The texts that gRPC puts in HTTP/2 headers and trailers.
 */
#include "wire/grpc.h"

#include "wire/base64.h"

typedef struct timeout_unit {
    char letter;
    uint64_t ns;
} timeout_unit;

static const timeout_unit units[] = {
    {'n', 1},          {'u', 1000},        {'m', 1000000},
    {'S', 1000000000}, {'M', 60000000000}, {'H', 3600000000000},
};

sc_code sc_grpc_timeout_parse(sc_str text, uint64_t *timeout_ns, sc_error *err)
{
    uint64_t count = 0;

    if (text.len < 2 || text.len > 9 || !sc_str_to_u64(sc_str_sub(text, 0, text.len - 1), &count))
        return sc_fail(err, SC_INVALID, "timeout \"%.*s\" is not 1 to 8 digits and a unit",
                       SC_FMT(sc_str_sub(text, 0, 40)));
    for (size_t i = 0; i < SC_ARRAY_LEN(units); i++) {
        if (units[i].letter != text.at[text.len - 1])
            continue;
        *timeout_ns = count > UINT64_MAX / units[i].ns ? UINT64_MAX : count * units[i].ns;
        return SC_OK;
    }
    return sc_fail(err, SC_INVALID, "timeout unit is not recognized: \"%.*s\"", SC_FMT(text));
}

sc_str sc_grpc_timeout_format(uint64_t timeout_ns, sc_arena *mem)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(units); i++) {
        uint64_t count = timeout_ns / units[i].ns + (timeout_ns % units[i].ns != 0);

        if (count <= 99999999 || i + 1 == SC_ARRAY_LEN(units))
            return sc_arena_fmt(mem, "%llu%c",
                                (unsigned long long)(count > 99999999 ? 99999999 : count),
                                units[i].letter);
    }
    return SC_STR("99999999H");
}

/* Spaces at the ends are allowed, but HTTP/2 wants none around a value (RFC 9113, 8.2.1). */
static bool is_plain(sc_str text, size_t at)
{
    char c = text.at[at];

    return c >= ' ' && c <= '~' && c != '%' && (c != ' ' || (at > 0 && at + 1 < text.len));
}

sc_str sc_grpc_message_encode(sc_str text, sc_arena *mem)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t plain = 0;
    size_t len = 0;
    char *to;

    while (plain < text.len && is_plain(text, plain))
        plain++;
    if (plain == text.len)
        return sc_arena_str(mem, text);
    to = sc_arena_alloc(mem, text.len * 3 + 1);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if (is_plain(text, i)) {
            to[len++] = text.at[i];
            continue;
        }
        to[len++] = '%';
        to[len++] = hex[c >> 4];
        to[len++] = hex[c & 15];
    }
    return sc_str_of(to, len);
}

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

sc_str sc_grpc_message_decode(sc_str text, sc_arena *mem)
{
    char *to = sc_arena_alloc(mem, text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        bool is_escape = text.at[i] == '%' && i + 2 < text.len && hex_of(text.at[i + 1]) >= 0 &&
                         hex_of(text.at[i + 2]) >= 0;

        if (is_escape)
            to[len++] = (char)(hex_of(text.at[i + 1]) * 16 + hex_of(text.at[i + 2]));
        else
            to[len++] = text.at[i];
        i += is_escape ? 2 : 0;
    }
    to[len] = '\0';
    return sc_str_of(to, len);
}

static const char *const numbers[] = {"0", "1",  "2",  "3",  "4",  "5",  "6",  "7", "8",
                                      "9", "10", "11", "12", "13", "14", "15", "16"};

sc_code sc_grpc_status_from(sc_str text)
{
    uint64_t number;

    if (!sc_str_to_u64(text, &number) || number >= SC_ARRAY_LEN(numbers))
        return SC_UNKNOWN;
    return (sc_code)number;
}

sc_str sc_grpc_status_number(sc_code code)
{
    return sc_str_from((size_t)code < SC_ARRAY_LEN(numbers) ? numbers[code] : "2");
}

sc_code sc_grpc_code_of_http(int status)
{
    switch (status) {
    case 400:
        return SC_INTERNAL;
    case 401:
        return SC_UNAUTHENTICATED;
    case 403:
        return SC_PERMISSION_DENIED;
    case 404:
        return SC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return SC_UNAVAILABLE;
    default:
        return SC_UNKNOWN;
    }
}

sc_str sc_grpc_bin_encode(sc_str bytes, sc_arena *mem)
{
    return sc_base64_encode(bytes, false, mem);
}

bool sc_grpc_bin_decode(sc_str text, sc_arena *mem, sc_str *bytes)
{
    return sc_base64_decode(text, mem, bytes);
}
