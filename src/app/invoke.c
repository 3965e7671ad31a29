/* SPDX-License-Identifier: MIT
 *
 * What all carriers share: which headers travel and under which names, and how a failure is told.
 */
#include "app/invoke.h"

sc_str sc_invoke_failure(const sc_invoke_op *op, sc_arena *mem)
{
    const sc_error *err = &op->op.err;

    if (!op->is_rpc_error)
        return sc_arena_str(mem, sc_str_from(err->text));
    return sc_arena_fmt(mem, "rpc error: code = %s desc = %s", sc_code_name(err->code), err->text);
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

sc_str sc_invoke_http_name(sc_str name, sc_arena *mem)
{
    if (sc_str_starts(name, SC_STR("grpc-")))
        return sc_arena_fmt(mem, "dapr-%.*s", SC_FMT(name));
    if (name.len > 1 && name.at[0] == ':')
        return sc_arena_fmt(mem, "dapr-%.*s", SC_FMT(sc_str_sub(name, 1, name.len)));
    return name;
}
