/* SPDX-License-Identifier: MIT
 *
 * Expressions to trees (CEL language definition, "Syntax"), macros included, and the little type
 * checking that tells a wrong rule when it is read and not when the first event comes.
 */
#include "expr/cel_internal.h"

typedef struct parser {
    cel_lexer lexer;
    cel_token token; /* the next one */
    sc_arena *mem;
    sc_error *err;
    uint32_t depth;
} parser;

static cel_node *expression(parser *p);

/* ---- helpers; NULL everywhere means: failed, p->err says why ---- */

static cel_node *fail(parser *p, const char *what)
{
    if (p->err->code == SC_OK)
        (void)sc_fail(p->err, SC_INVALID, "at character %zu of '%.*s': %s", p->token.offset + 1,
                      SC_FMT(sc_str_sub(p->lexer.text, 0, 200)), what);
    return NULL;
}

static bool advance(parser *p)
{
    return cel_next_token(&p->lexer, &p->token, p->err) == SC_OK;
}

static bool is_sign(const parser *p, const char *sign)
{
    return p->token.kind == CEL_T_SIGN && sc_str_eq(p->token.text, sc_str_from(sign));
}

/* Takes the sign when it is next. */
static bool take(parser *p, const char *sign)
{
    return is_sign(p, sign) && advance(p);
}

static bool expect(parser *p, const char *sign)
{
    if (take(p, sign))
        return true;
    (void)fail(p, sc_arena_fmt(p->mem, "'%s' is expected here", sign).at);
    return false;
}

static cel_node *new_node(parser *p, cel_op op, cel_kind type, size_t max_args)
{
    cel_node *node = sc_arena_new(p->mem, cel_node);

    node->op = op;
    node->type = type;
    node->args = sc_arena_zero(p->mem, (max_args + 1) * sizeof(node->args[0]));
    return node;
}

static cel_node *literal(parser *p, cel_value value)
{
    cel_node *node = new_node(p, CEL_OP_LITERAL, value.kind, 0);

    node->literal = value;
    return node;
}

/* A growing list of arguments. */
static void add_arg(parser *p, cel_node *node, cel_node *arg)
{
    if ((node->count & (node->count + 1)) ==
        0) { /* 0, 1, 3, 7...: room for the next power of two */
        cel_node **wider = sc_arena_zero(p->mem, (node->count + 1) * 2 * sizeof(wider[0]));

        if (node->count > 0)
            memcpy(wider, node->args, node->count * sizeof(wider[0]));
        node->args = wider;
    }
    node->args[node->count++] = arg;
}

/* ---- types ---- */

static bool is_scalar(cel_kind type)
{
    return type >= CEL_BOOL && type <= CEL_BYTES;
}

static bool may_be(const cel_node *node, cel_kind type)
{
    return node->type == CEL_DYN || node->type == type;
}

static cel_node *binary(parser *p, cel_op op, cel_node *a, cel_node *b, cel_kind type)
{
    bool differ;
    cel_node *node;

    if (!a || !b)
        return NULL;
    differ = is_scalar(a->type) && is_scalar(b->type) && a->type != b->type;
    if (differ && op >= CEL_OP_EQ && op <= CEL_OP_MOD)
        return fail(p, sc_arena_fmt(p->mem,
                                    "found no matching overload: %.*s on one side, %.*s on the "
                                    "other",
                                    SC_FMT(cel_kind_name(a->type)), SC_FMT(cel_kind_name(b->type)))
                           .at);
    if ((op == CEL_OP_AND || op == CEL_OP_OR) && !(may_be(a, CEL_BOOL) && may_be(b, CEL_BOOL)))
        return fail(p, "found no matching overload: && and || take booleans");
    node = new_node(p, op, type, 2);
    node->args[0] = a;
    node->args[1] = b;
    node->count = 2;
    if (type == CEL_ERROR) /* arithmetic: as its sides where both are known */
        node->type = a->type == b->type && is_scalar(a->type) ? a->type : CEL_DYN;
    return node;
}

/* ---- primaries ---- */

static bool is_reserved(sc_str name)
{
    static const char *const words[] = {
        "as",  "break", "const",   "continue",  "else",   "for", "function", "if",    "import",
        "let", "loop",  "package", "namespace", "return", "var", "void",     "while", "in"};

    for (size_t i = 0; i < SC_ARRAY_LEN(words); i++) {
        if (sc_str_eq(name, sc_str_from(words[i])))
            return true;
    }
    return false;
}

/* Up to and with the closing sign. */
static bool arguments(parser *p, cel_node *into, const char *close)
{
    if (take(p, close))
        return true;
    do {
        cel_node *arg;

        if (is_sign(p, close) && close[0] != ')')
            break; /* a trailing comma in a list or map */
        arg = expression(p);
        if (!arg)
            return false;
        add_arg(p, into, arg);
    } while (take(p, ","));
    return p->err->code == SC_OK && expect(p, close);
}

static cel_node *map_literal(parser *p)
{
    cel_node *node = new_node(p, CEL_OP_MAP, CEL_MAP, 0);

    if (take(p, "}"))
        return node;
    do {
        cel_node *key;
        cel_node *value;

        if (is_sign(p, "}"))
            break;
        key = expression(p);
        if (!key || !expect(p, ":"))
            return NULL;
        value = expression(p);
        if (!value)
            return NULL;
        add_arg(p, node, key);
        add_arg(p, node, value);
    } while (take(p, ","));
    return p->err->code == SC_OK && expect(p, "}") ? node : NULL;
}

static cel_node *has_macro(parser *p, const cel_node *args)
{
    cel_node *node;

    if (args->count != 1 || args->args[0]->op != CEL_OP_SELECT)
        return fail(p, "has() takes one field selection, like has(event.subject)");
    node = args->args[0];
    node->op = CEL_OP_HAS;
    node->type = CEL_BOOL;
    return node;
}

static cel_node *call(parser *p, sc_str name, bool is_method, cel_node *args)
{
    if (!is_method && sc_str_eq(name, SC_STR("has")))
        return has_macro(p, args);
    args->op = CEL_OP_CALL;
    args->name = name;
    args->function = cel_find_function(name, is_method, args->count);
    if (!args->function)
        return fail(p, sc_arena_fmt(p->mem,
                                    "undeclared reference to function '%.*s' with %zu "
                                    "argument%s",
                                    SC_FMT(name), args->count - (is_method ? 1 : 0),
                                    args->count - (is_method ? 1 : 0) == 1 ? "" : "s")
                           .at);
    args->type = args->function->result;
    return args;
}

static cel_node *name_or_call(parser *p)
{
    sc_str name = p->token.text;
    cel_node *node;

    if (sc_str_eq(name, SC_STR("true")) || sc_str_eq(name, SC_STR("false"))) {
        node = literal(p, cel_bool(name.at[0] == 't'));
        return advance(p) ? node : NULL;
    }
    if (sc_str_eq(name, SC_STR("null"))) {
        node = literal(p, (cel_value){.kind = CEL_NULL});
        return advance(p) ? node : NULL;
    }
    if (is_reserved(name))
        return fail(p, "a reserved word");
    if (!advance(p))
        return NULL;
    if (take(p, "(")) {
        node = new_node(p, CEL_OP_CALL, CEL_DYN, 0);
        return arguments(p, node, ")") ? call(p, name, false, node) : NULL;
    }
    node = new_node(p, CEL_OP_NAME, CEL_DYN, 0);
    node->name = name;
    return node;
}

static cel_node *integer(parser *p, bool is_negative)
{
    uint64_t u = p->token.u;

    if (!is_negative && u > (uint64_t)INT64_MAX)
        return fail(p, "this integer does not fit 64 bits");
    if (!advance(p))
        return NULL;
    return literal(p, cel_int(is_negative ? (int64_t)(0 - u) : (int64_t)u));
}

/* Behind a '.' in front of everything. */
static cel_node *global_name(parser *p)
{
    cel_node *node = name_or_call(p);

    if (node && node->op == CEL_OP_NAME)
        node->is_global = true;
    return node;
}

static cel_node *primary(parser *p)
{
    cel_node *node = NULL;

    switch (p->token.kind) {
    case CEL_T_NAME:
        return name_or_call(p);
    case CEL_T_INT:
        return integer(p, false);
    case CEL_T_UINT:
        node = literal(p, cel_uint(p->token.u));
        break;
    case CEL_T_DOUBLE:
        node = literal(p, cel_double(p->token.d));
        break;
    case CEL_T_STRING:
        if (!sc_str_is_utf8(p->token.text))
            return fail(p, "a string must be UTF-8");
        node = literal(p, cel_string(p->token.text));
        break;
    case CEL_T_BYTES:
        node = literal(p, (cel_value){.kind = CEL_BYTES, .s = p->token.text});
        break;
    case CEL_T_SIGN:
        if (take(p, "(")) {
            node = expression(p);
            return node && expect(p, ")") ? node : NULL;
        }
        if (take(p, "[")) {
            node = new_node(p, CEL_OP_LIST, CEL_LIST, 0);
            return arguments(p, node, "]") ? node : NULL;
        }
        if (take(p, "{"))
            return map_literal(p);
        if (take(p, ".") && p->token.kind == CEL_T_NAME)
            return global_name(p);
        return fail(p, "an expression is expected here");
    case CEL_T_END:
        return fail(p, "the expression ends too early");
    }
    return advance(p) ? node : NULL;
}

/* ---- members and macros ---- */

static bool macro_of(sc_str name, size_t count, cel_op *op)
{
    static const struct {
        const char *name;
        cel_op op;
    } rows[] = {{"all", CEL_OP_ALL},
                {"exists", CEL_OP_EXISTS},
                {"exists_one", CEL_OP_EXISTS_ONE},
                {"filter", CEL_OP_FILTER},
                {"map", CEL_OP_MAP_MACRO}};

    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        *op = rows[i].op;
        if (sc_str_eq(name, sc_str_from(rows[i].name)))
            return count == 3 || (count == 4 && rows[i].op == CEL_OP_MAP_MACRO);
    }
    return false;
}

/* args: range, variable, body or range, variable, filter, transform. */
static cel_node *macro(parser *p, cel_op op, cel_node *args)
{
    cel_node *range = args->args[0];

    if (args->args[1]->op != CEL_OP_NAME)
        return fail(p, "the first argument of a macro is the name of its variable");
    if (range->op == CEL_OP_NAME && sc_str_eq(range->name, SC_STR("event")))
        return fail(p, "expression of type 'any' cannot be range of a comprehension (must be list, "
                       "map, or dynamic): event itself; use a field of event.data");
    if (!may_be(range, CEL_LIST) && !may_be(range, CEL_MAP))
        return fail(p, "the range of a macro is a list or map");
    args->op = op;
    args->name = args->args[1]->name;
    args->type = op == CEL_OP_FILTER || op == CEL_OP_MAP_MACRO ? CEL_LIST : CEL_BOOL;
    if (args->count == 4) {
        cel_node *filter = args->args[2];

        args->args[1] = args->args[3];
        args->args[2] = filter;
        args->count = 3;
    } else {
        args->args[1] = args->args[2];
        args->count = 2;
    }
    return args;
}

static cel_node *method_call(parser *p, cel_node *receiver, sc_str name)
{
    cel_node *node = new_node(p, CEL_OP_CALL, CEL_DYN, 0);
    cel_op op;

    add_arg(p, node, receiver);
    if (!arguments(p, node, ")"))
        return NULL;
    if (macro_of(name, node->count, &op))
        return macro(p, op, node);
    return call(p, name, true, node);
}

static cel_node *member(parser *p)
{
    cel_node *node = primary(p);

    while (node && p->err->code == SC_OK) {
        if (take(p, ".")) {
            sc_str name = p->token.text;
            cel_node *of = node;

            if (p->token.kind != CEL_T_NAME || sc_str_eq(name, SC_STR("in")))
                return fail(p, "the name of a field is expected here");
            if (!advance(p))
                return NULL;
            if (take(p, "(")) {
                node = method_call(p, of, name);
                continue;
            }
            node = new_node(p, CEL_OP_SELECT, CEL_DYN, 1);
            node->args[0] = of;
            node->count = 1;
            node->name = name;
        } else if (take(p, "[")) {
            cel_node *index = expression(p);

            if (!expect(p, "]"))
                return NULL;
            node = binary(p, CEL_OP_INDEX, node, index, CEL_DYN);
        } else {
            return node;
        }
    }
    return NULL;
}

/* ---- operators ---- */

static cel_node *unary(parser *p)
{
    const char *sign = is_sign(p, "!") ? "!" : "-";
    cel_node *node = NULL;
    cel_node *of;

    if (!is_sign(p, sign))
        return member(p);
    if (++p->depth > SC_CEL_MAX_DEPTH)
        return fail(p, "nested too deeply");
    if (!advance(p))
        return NULL;
    if (sign[0] == '-' && p->token.kind == CEL_T_INT) {
        of = NULL;
        node = integer(p, true);
    } else if ((of = unary(p)) != NULL) {
        if (sign[0] == '!' && !may_be(of, CEL_BOOL))
            return fail(p, "found no matching overload for '!_'");
        node = new_node(p, sign[0] == '!' ? CEL_OP_NOT : CEL_OP_NEGATE, of->type, 1);
        node->args[0] = of;
        node->count = 1;
    }
    p->depth--;
    return node;
}

typedef struct operator_row {
    const char *sign;
    cel_op op;
    int level;
    cel_kind type;
} operator_row;

static const operator_row operators[] = {
    {"||", CEL_OP_OR, 0, CEL_BOOL},  {"&&", CEL_OP_AND, 1, CEL_BOOL},
    {"==", CEL_OP_EQ, 2, CEL_BOOL},  {"!=", CEL_OP_NE, 2, CEL_BOOL},
    {"<=", CEL_OP_LE, 2, CEL_BOOL},  {">=", CEL_OP_GE, 2, CEL_BOOL},
    {"<", CEL_OP_LT, 2, CEL_BOOL},   {">", CEL_OP_GT, 2, CEL_BOOL},
    {"+", CEL_OP_ADD, 3, CEL_ERROR}, {"-", CEL_OP_SUB, 3, CEL_ERROR},
    {"*", CEL_OP_MUL, 4, CEL_ERROR}, {"/", CEL_OP_DIV, 4, CEL_ERROR},
    {"%", CEL_OP_MOD, 4, CEL_ERROR},
};

static const operator_row *operator_at(const parser *p, int level)
{
    static const operator_row in = {"in", CEL_OP_IN, 2, CEL_BOOL};

    if (level == 2 && p->token.kind == CEL_T_NAME && sc_str_eq(p->token.text, SC_STR("in")))
        return &in;
    for (size_t i = 0; i < SC_ARRAY_LEN(operators); i++) {
        if (operators[i].level == level && is_sign(p, operators[i].sign))
            return &operators[i];
    }
    return NULL;
}

#define LEVELS 5

static cel_node *chain(parser *p, int level)
{
    cel_node *left = level == LEVELS ? unary(p) : chain(p, level + 1);
    const operator_row *row;
    uint32_t length = 0;

    while (left && level < LEVELS && (row = operator_at(p, level)) != NULL) {
        if (++length > SC_CEL_MAX_DEPTH * 10)
            return fail(p, "too many operators in a row");
        if (!advance(p))
            return NULL;
        left = binary(p, row->op, left, chain(p, level + 1), row->type);
    }
    return p->err->code == SC_OK ? left : NULL;
}

static cel_node *expression(parser *p)
{
    cel_node *condition;
    cel_node *node;

    if (++p->depth > SC_CEL_MAX_DEPTH)
        return fail(p, "nested too deeply");
    condition = chain(p, 0);
    if (condition && take(p, "?")) {
        node = new_node(p, CEL_OP_CHOOSE, CEL_DYN, 3);
        node->args[0] = condition;
        node->args[1] = chain(p, 0);
        if (!node->args[1] || !expect(p, ":") || !(node->args[2] = expression(p)))
            return NULL;
        node->count = 3;
        if (!may_be(condition, CEL_BOOL))
            return fail(p, "found no matching overload for '_?_:_'");
        if (node->args[1]->type == node->args[2]->type)
            node->type = node->args[1]->type;
        condition = node;
    }
    p->depth--;
    return p->err->code == SC_OK ? condition : NULL;
}

sc_code cel_parse(sc_str text, sc_arena *mem, cel_node **root, sc_error *err)
{
    parser p = {.lexer = {.text = text, .mem = mem}, .mem = mem, .err = err};

    sc_error_clear(err);
    if (text.len > SC_CEL_MAX_LEN)
        return sc_fail(err, SC_INVALID, "the expression is longer than %u bytes", SC_CEL_MAX_LEN);
    if (!advance(&p))
        return err->code;
    *root = expression(&p);
    if (*root && p.token.kind != CEL_T_END)
        *root = fail(&p, "an operator or the end is expected here");
    if (!*root && err->code == SC_OK)
        (void)fail(&p, "cannot be read");
    return *root ? SC_OK : err->code;
}
