/* SPDX-License-Identifier: MIT
 *
 * Tokens of CEL (language definition, "Lexis").
 */
#include <errno.h>
#include <stdlib.h>

#include "expr/cel_internal.h"

static sc_code fail(const cel_lexer *lexer, const char *what, sc_error *err)
{
    return sc_fail(err, SC_INVALID, "at character %zu of '%.*s': %s", lexer->at + 1,
                   SC_FMT(sc_str_sub(lexer->text, 0, 200)), what);
}

static char peek(const cel_lexer *lexer, size_t ahead)
{
    return lexer->at + ahead < lexer->text.len ? lexer->text.at[lexer->at + ahead] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static void skip_space(cel_lexer *lexer)
{
    for (;;) {
        char c = peek(lexer, 0);

        if (c == '/' && peek(lexer, 1) == '/') {
            while (lexer->at < lexer->text.len && peek(lexer, 0) != '\n')
                lexer->at++;
        } else if (lexer->at < lexer->text.len &&
                   (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f')) {
            lexer->at++;
        } else {
            return;
        }
    }
}

/* ---- numbers ---- */

static sc_code lex_integer(cel_lexer *lexer, cel_token *token, sc_str digits, int base,
                           sc_error *err)
{
    char *text = sc_arena_alloc(lexer->mem, digits.len + 1);

    memcpy(text, digits.at, digits.len);
    text[digits.len] = '\0';
    errno = 0;
    token->u = strtoull(text, NULL, base);
    token->kind = CEL_T_INT;
    if (peek(lexer, 0) == 'u' || peek(lexer, 0) == 'U') {
        token->kind = CEL_T_UINT;
        lexer->at++;
    }
    if (errno == ERANGE || (token->kind == CEL_T_INT && token->u > (uint64_t)INT64_MAX + 1))
        return fail(lexer, "this integer does not fit 64 bits", err);
    return SC_OK;
}

static sc_code lex_number(cel_lexer *lexer, cel_token *token, sc_error *err)
{
    size_t start = lexer->at;
    bool is_double = false;
    sc_str text;
    char *copy;

    if (peek(lexer, 0) == '0' && (peek(lexer, 1) == 'x' || peek(lexer, 1) == 'X') &&
        is_hex(peek(lexer, 2))) {
        lexer->at += 2;
        while (is_hex(peek(lexer, 0)))
            lexer->at++;
        return lex_integer(lexer, token, sc_str_sub(lexer->text, start + 2, lexer->at), 16, err);
    }
    while (is_digit(peek(lexer, 0)))
        lexer->at++;
    if (peek(lexer, 0) == '.' && is_digit(peek(lexer, 1))) {
        is_double = true;
        lexer->at++;
        while (is_digit(peek(lexer, 0)))
            lexer->at++;
    }
    if (peek(lexer, 0) == 'e' || peek(lexer, 0) == 'E') {
        size_t sign = peek(lexer, 1) == '+' || peek(lexer, 1) == '-' ? 1 : 0;

        if (!is_digit(peek(lexer, 1 + sign)))
            return fail(lexer, "an exponent needs digits", err);
        is_double = true;
        lexer->at += 1 + sign;
        while (is_digit(peek(lexer, 0)))
            lexer->at++;
    }
    text = sc_str_sub(lexer->text, start, lexer->at);
    if (!is_double)
        return lex_integer(lexer, token, text, 10, err);
    copy = sc_arena_alloc(lexer->mem, text.len + 1);
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    token->kind = CEL_T_DOUBLE;
    token->d = strtod(copy, NULL);
    return SC_OK;
}

/* ---- strings ---- */

static void put_utf8(char *to, size_t *len, uint32_t c)
{
    if (c < 0x80) {
        to[(*len)++] = (char)c;
    } else if (c < 0x800) {
        to[(*len)++] = (char)(0xc0 | (c >> 6));
        to[(*len)++] = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        to[(*len)++] = (char)(0xe0 | (c >> 12));
        to[(*len)++] = (char)(0x80 | ((c >> 6) & 0x3f));
        to[(*len)++] = (char)(0x80 | (c & 0x3f));
    } else {
        to[(*len)++] = (char)(0xf0 | (c >> 18));
        to[(*len)++] = (char)(0x80 | ((c >> 12) & 0x3f));
        to[(*len)++] = (char)(0x80 | ((c >> 6) & 0x3f));
        to[(*len)++] = (char)(0x80 | (c & 0x3f));
    }
}

/* `count` digits of `base` at the front; -1 when they are not there. */
static long take_digits(cel_lexer *lexer, size_t count, int base)
{
    long value = 0;

    for (size_t i = 0; i < count; i++) {
        char c = peek(lexer, 0);
        int digit = is_digit(c) ? c - '0' : is_hex(c) ? (c | 0x20) - 'a' + 10 : 99;

        if (digit >= base)
            return -1;
        value = value * base + digit;
        lexer->at++;
    }
    return value;
}

static bool lex_escape(cel_lexer *lexer, bool is_bytes, char *to, size_t *len)
{
    static const char plain[] = "a\ab\bf\fn\nr\rt\tv\v\\\\??\"\"''``";
    char c = peek(lexer, 0);
    long value;

    for (size_t i = 0; i + 1 < sizeof(plain); i += 2) {
        if (c == plain[i]) {
            to[(*len)++] = plain[i + 1];
            lexer->at++;
            return true;
        }
    }
    if (c >= '0' && c <= '3') {
        value = take_digits(lexer, 3, 8);
    } else {
        lexer->at++;
        if (c == 'x' || c == 'X')
            value = take_digits(lexer, 2, 16);
        else if ((c == 'u' || c == 'U') && !is_bytes)
            value = take_digits(lexer, c == 'u' ? 4 : 8, 16);
        else
            return false;
    }
    if (value < 0 || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
        return false;
    if (is_bytes)
        to[(*len)++] = (char)value;
    else
        put_utf8(to, len, (uint32_t)value);
    return true;
}

static sc_code lex_string(cel_lexer *lexer, cel_token *token, bool is_raw, bool is_bytes,
                          sc_error *err)
{
    char quote = peek(lexer, 0);
    bool is_long = peek(lexer, 1) == quote && peek(lexer, 2) == quote;
    char *to = sc_arena_alloc(lexer->mem, lexer->text.len - lexer->at + 4);
    size_t len = 0;

    lexer->at += is_long ? 3 : 1;
    for (;;) {
        char c = peek(lexer, 0);

        if (lexer->at >= lexer->text.len || (!is_long && (c == '\n' || c == '\r')))
            return fail(lexer, "this string does not end", err);
        if (c == quote && (!is_long || (peek(lexer, 1) == quote && peek(lexer, 2) == quote)))
            break;
        lexer->at++;
        if (c == '\\' && !is_raw) {
            if (!lex_escape(lexer, is_bytes, to, &len))
                return fail(lexer, "unknown escape in a string", err);
        } else {
            to[len++] = c;
        }
    }
    lexer->at += is_long ? 3 : 1;
    token->kind = is_bytes ? CEL_T_BYTES : CEL_T_STRING;
    token->text = sc_str_of(to, len);
    return SC_OK;
}

/* r"", b"", rb"" and br"" in either case. */
static bool is_string_start(const cel_lexer *lexer, bool *is_raw, bool *is_bytes, size_t *prefix)
{
    *is_raw = *is_bytes = false;
    for (*prefix = 0; *prefix < 2; (*prefix)++) {
        char c = (char)(peek(lexer, *prefix) | 0x20);

        if (c == 'r' && !*is_raw)
            *is_raw = true;
        else if (c == 'b' && !*is_bytes)
            *is_bytes = true;
        else
            break;
    }
    return peek(lexer, *prefix) == '"' || peek(lexer, *prefix) == '\'';
}

/* ---- all ---- */

static bool lex_sign(cel_lexer *lexer, cel_token *token)
{
    static const char *const signs[] = {"==", "!=", "<=", ">=", "&&", "||", "<", ">",
                                        "!",  "+",  "-",  "*",  "/",  "%",  "(", ")",
                                        "[",  "]",  "{",  "}",  ",",  ":",  "?", "."};

    for (size_t i = 0; i < SC_ARRAY_LEN(signs); i++) {
        sc_str sign = sc_str_from(signs[i]);

        if (sc_str_starts(sc_str_sub(lexer->text, lexer->at, lexer->text.len), sign)) {
            token->kind = CEL_T_SIGN;
            token->text = sign;
            lexer->at += sign.len;
            return true;
        }
    }
    return false;
}

sc_code cel_next_token(cel_lexer *lexer, cel_token *token, sc_error *err)
{
    bool is_raw;
    bool is_bytes;
    size_t prefix;
    size_t start;
    char c;

    skip_space(lexer);
    start = lexer->at;
    *token = (cel_token){.kind = CEL_T_END, .offset = start};
    if (start >= lexer->text.len)
        return SC_OK;
    c = peek(lexer, 0);
    if (is_digit(c) || (c == '.' && is_digit(peek(lexer, 1))))
        return lex_number(lexer, token, err);
    if (is_string_start(lexer, &is_raw, &is_bytes, &prefix)) {
        lexer->at += prefix;
        return lex_string(lexer, token, is_raw, is_bytes, err);
    }
    if (is_name_start(c)) {
        while (is_name_start(peek(lexer, 0)) || is_digit(peek(lexer, 0)))
            lexer->at++;
        token->kind = CEL_T_NAME;
        token->text = sc_str_sub(lexer->text, start, lexer->at);
        return SC_OK;
    }
    if (lex_sign(lexer, token))
        return SC_OK;
    return fail(lexer, "no token of CEL starts like this", err);
}
