/* SPDX-License-Identifier: MIT
 *
 * Walks the fields of descriptor.proto that matter here. The set is ours, made by protoc at build
 * time, so what does not fit ends a walk and is no error.
 */
#include "api/grpc/descriptors.h"

extern const unsigned char sc_descriptor_set[];
extern const size_t sc_descriptor_set_len;

/* Field numbers of descriptor.proto. */
enum {
    SET_FILE = 1,
    FILE_NAME = 1,
    FILE_PACKAGE = 2,
    FILE_IMPORT = 3,
    FILE_MESSAGE = 4,
    FILE_ENUM = 5,
    FILE_SERVICE = 6,
    ANY_NAME = 1, /* of messages, enums, services and methods */
    MESSAGE_NESTED = 3,
    MESSAGE_ENUM = 4,
    SERVICE_METHOD = 2,
};

static bool read_varint(sc_str *rest, uint64_t *n)
{
    *n = 0;
    for (unsigned shift = 0; shift < 64 && rest->len > 0; shift += 7) {
        uint8_t byte = (uint8_t)rest->at[0];

        *rest = sc_str_sub(*rest, 1, rest->len);
        *n |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* The next field of a message. `value` is empty unless the field is length-delimited. */
static bool next_field(sc_str *rest, uint32_t *number, sc_str *value)
{
    uint64_t tag;
    uint64_t n;

    *value = SC_STR_NONE;
    if (!read_varint(rest, &tag))
        return false;
    *number = (uint32_t)(tag >> 3);
    if ((tag & 7) == 0)
        return read_varint(rest, &n);
    if ((tag & 7) != 2 || !read_varint(rest, &n) || n > rest->len)
        return false;
    *value = sc_str_sub(*rest, 0, (size_t)n);
    *rest = sc_str_sub(*rest, (size_t)n, rest->len);
    return true;
}

/* The `index`-th field of this number; empty when there is none. */
static sc_str field(sc_str message, uint32_t wanted, uint32_t index)
{
    uint32_t number;
    sc_str value;

    while (next_field(&message, &number, &value)) {
        if (number == wanted && index-- == 0)
            return value;
    }
    return SC_STR_NONE;
}

bool sc_descriptor_at(uint32_t index, sc_str *file)
{
    *file = field(sc_str_of(sc_descriptor_set, sc_descriptor_set_len), SET_FILE, index);
    return file->at != NULL;
}

int sc_descriptor_find(sc_str name)
{
    sc_str file;

    for (uint32_t i = 0; sc_descriptor_at(i, &file); i++) {
        if (sc_str_eq(field(file, FILE_NAME, 0), name))
            return (int)i;
    }
    return -1;
}

uint64_t sc_descriptor_with_imports(uint32_t index)
{
    uint64_t all = UINT64_C(1) << index;
    sc_str file;
    sc_str import;

    if (index >= SC_DESCRIPTOR_FILES || !sc_descriptor_at(index, &file))
        return 0;
    for (uint32_t i = 0; (import = field(file, FILE_IMPORT, i)).at; i++) {
        int at = sc_descriptor_find(import);

        if (at >= 0)
            all |= sc_descriptor_with_imports((uint32_t)at);
    }
    return all;
}

/* ---- symbols ---- */

/* True when `symbol` is `name`, or leads into it: then `*inner` is what follows the dot. */
static bool leads_into(sc_str name, sc_str symbol, sc_str *inner)
{
    *inner = SC_STR_NONE;
    if (!sc_str_starts(symbol, name))
        return false;
    if (symbol.len == name.len)
        return true;
    *inner = sc_str_sub(symbol, name.len + 1, symbol.len);
    return symbol.at[name.len] == '.';
}

static bool defines(sc_str parent, uint32_t number, sc_str symbol);

/* `one`: a message, enum or service (`kind`: the number it has in a file). */
static bool is_or_holds(sc_str one, uint32_t kind, sc_str symbol)
{
    sc_str inner;

    if (!leads_into(field(one, ANY_NAME, 0), symbol, &inner))
        return false;
    if (!inner.at)
        return true;
    if (kind == FILE_SERVICE)
        return defines(one, SERVICE_METHOD, inner);
    return kind == FILE_MESSAGE &&
           (defines(one, MESSAGE_NESTED, inner) || defines(one, MESSAGE_ENUM, inner));
}

/* Whether one of the fields `number` of `parent` is `symbol`, or holds it. */
static bool defines(sc_str parent, uint32_t number, sc_str symbol)
{
    uint32_t kind = number == MESSAGE_NESTED ? FILE_MESSAGE : number;
    sc_str one;

    for (uint32_t i = 0; (one = field(parent, number, i)).at; i++) {
        if (is_or_holds(one, kind, symbol))
            return true;
    }
    return false;
}

static bool file_defines(sc_str file, sc_str symbol)
{
    sc_str inner = symbol;
    sc_str package = field(file, FILE_PACKAGE, 0);

    if (package.len > 0 && (!leads_into(package, symbol, &inner) || !inner.at))
        return false;
    return defines(file, FILE_MESSAGE, inner) || defines(file, FILE_ENUM, inner) ||
           defines(file, FILE_SERVICE, inner);
}

int sc_descriptor_of_symbol(sc_str symbol)
{
    sc_str file;

    for (uint32_t i = 0; sc_descriptor_at(i, &file); i++) {
        if (file_defines(file, symbol))
            return (int)i;
    }
    return -1;
}

bool sc_descriptor_method(sc_str service, uint32_t index, sc_str *name)
{
    int at = sc_descriptor_of_symbol(service);
    sc_str package;
    sc_str file;
    sc_str one;
    sc_str inner;

    if (at < 0 || !sc_descriptor_at((uint32_t)at, &file))
        return false;
    package = field(file, FILE_PACKAGE, 0);
    for (uint32_t i = 0; (one = field(file, FILE_SERVICE, i)).at; i++) {
        if (!leads_into(package, service, &inner) || !sc_str_eq(field(one, ANY_NAME, 0), inner))
            continue;
        *name = field(field(one, SERVICE_METHOD, index), ANY_NAME, 0);
        return name->at != NULL;
    }
    return false;
}
