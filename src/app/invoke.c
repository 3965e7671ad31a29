/* SPDX-License-Identifier: MIT
 *
 * What all carriers share: which headers travel and under which names, and how a failure is told.
 */
#include "app/invoke.h"

#include "wire/base64.h"

sc_str sc_invoke_failure(const sc_invoke_op *op, sc_arena *mem)
{
    sc_str text = op->story.len > 0 ? op->story : sc_str_from(op->op.err.text);

    if (!op->is_rpc_error)
        return sc_arena_str(mem, text);
    return sc_arena_fmt(mem, "rpc error: code = %s desc = %.*s", sc_code_name(op->op.err.code),
                        SC_FMT(text));
}

bool sc_invoke_is_hop_header(sc_str name)
{
    switch (name.len) {
    case 2:
        return sc_str_eq(name, SC_STR("te"));
    case 7:
        return sc_str_eq(name, SC_STR("trailer")) || sc_str_eq(name, SC_STR("upgrade"));
    case 10:
        return sc_str_eq(name, SC_STR("connection")) || sc_str_eq(name, SC_STR("keep-alive"));
    case 14:
        return sc_str_eq(name, SC_STR("http2-settings"));
    case 16:
        return sc_str_eq(name, SC_STR("proxy-connection"));
    case 17:
        return sc_str_eq(name, SC_STR("transfer-encoding"));
    case 18:
        return sc_str_eq(name, SC_STR("proxy-authenticate"));
    case 19:
        return sc_str_eq(name, SC_STR("proxy-authorization"));
    default:
        return false;
    }
}

bool sc_invoke_connection_names(const sc_str *connection, sc_str name)
{
    sc_str rest = connection ? *connection : SC_STR_NONE;

    while (rest.at && rest.len > 0) {
        if (sc_str_eq_nocase(sc_str_trim(sc_str_cut(&rest, ',')), name))
            return true;
    }
    return false;
}

void sc_invoke_take_length(sc_invoke_response *answer, sc_str content_length)
{
    uint64_t len;

    answer->has_body_len = !sc_http_status_has_no_body(answer->status) &&
                           sc_str_to_u64(content_length, &len) && len <= INT64_MAX;
    answer->body_len = answer->has_body_len ? len : 0;
}

sc_str sc_invoke_http_name(sc_str name, sc_arena *mem)
{
    if (sc_str_starts(name, SC_STR("grpc-")))
        return sc_arena_fmt(mem, "dapr-%.*s", SC_FMT(name));
    if (name.len > 1 && name.at[0] == ':')
        return sc_arena_fmt(mem, "dapr-%.*s", SC_FMT(sc_str_sub(name, 1, name.len)));
    return name;
}

/* The permanent header fields of HTTP as far as Dapr renames them. */
static bool is_renamed(sc_str name)
{
    static const sc_str names[] = {
        SC_STR_INIT("accept"),
        SC_STR_INIT("accept-charset"),
        SC_STR_INIT("accept-language"),
        SC_STR_INIT("accept-ranges"),
        SC_STR_INIT("cache-control"),
        SC_STR_INIT("connection"),
        SC_STR_INIT("content-length"),
        SC_STR_INIT("content-type"),
        SC_STR_INIT("cookie"),
        SC_STR_INIT("date"),
        SC_STR_INIT("expect"),
        SC_STR_INIT("from"),
        SC_STR_INIT("host"),
        SC_STR_INIT("if-match"),
        SC_STR_INIT("if-modified-since"),
        SC_STR_INIT("if-none-match"),
        SC_STR_INIT("if-schedule-tag-match"),
        SC_STR_INIT("if-unmodified-since"),
        SC_STR_INIT("keep-alive"),
        SC_STR_INIT("max-forwards"),
        SC_STR_INIT("origin"),
        SC_STR_INIT("pragma"),
        SC_STR_INIT("proxy-connection"),
        SC_STR_INIT("referer"),
        SC_STR_INIT("transfer-encoding"),
        SC_STR_INIT("upgrade"),
        SC_STR_INIT("via"),
        SC_STR_INIT("warning"),
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        if (sc_str_eq(name, names[i]))
            return true;
    }
    return false;
}

void sc_invoke_add_grpc(sc_pairs *to, sc_arena *mem, sc_str name, sc_str value)
{
    if (is_renamed(name)) {
        sc_str parts[] = {SC_STR("dapr-"), name};

        name = sc_arena_join(mem, parts, SC_ARRAY_LEN(parts));
    }
    if (sc_str_ends(name, SC_STR("-bin")) && !sc_base64_decode(value, mem, &value))
        return; /* no bytes, and nothing else either */
    sc_pairs_add(to, mem, name, value);
}
