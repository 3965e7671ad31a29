/* SPDX-License-Identifier: MIT
 *
 * Evaluates trees. Errors are values: && and || drop one when the other side decides (CEL language
 * definition, "Logical operators").
 */
#include "expr/cel_internal.h"

static cel_value eval(cel_run *run, const cel_node *node, const cel_scope *scope);

static cel_value eval_name(cel_run *run, const cel_node *node, const cel_scope *scope)
{
    static const struct {
        const char *name;
        cel_kind kind;
    } types[] = {{"int", CEL_INT},   {"uint", CEL_UINT},     {"double", CEL_DOUBLE},
                 {"bool", CEL_BOOL}, {"string", CEL_STRING}, {"bytes", CEL_BYTES},
                 {"list", CEL_LIST}, {"map", CEL_MAP},       {"null_type", CEL_NULL},
                 {"type", CEL_TYPE}};

    for (; scope && !node->is_global; scope = scope->outer) {
        if (sc_str_eq(scope->name, node->name))
            return scope->value;
    }
    if (sc_str_eq(node->name, SC_STR("event")) && run->event)
        return cel_from_doc(run->event, run->mem);
    for (size_t i = 0; i < SC_ARRAY_LEN(types); i++) {
        if (sc_str_eq(node->name, sc_str_from(types[i].name)))
            return (cel_value){.kind = CEL_TYPE, .s = cel_kind_name(types[i].kind)};
    }
    return cel_error(run, "no such attribute(s): %.*s", SC_FMT(sc_str_sub(node->name, 0, 100)));
}

/* google.protobuf.Timestamp and Duration as names of types. */
static bool is_type_name(const cel_node *node, cel_value *type)
{
    cel_kind kind = sc_str_eq(node->name, SC_STR("Timestamp")) ? CEL_TIMESTAMP : CEL_DURATION;
    const cel_node *package = node->args[0];

    if (!sc_str_eq(node->name, SC_STR("Timestamp")) && !sc_str_eq(node->name, SC_STR("Duration")))
        return false;
    *type = (cel_value){.kind = CEL_TYPE, .s = cel_kind_name(kind)};
    return package->op == CEL_OP_SELECT && sc_str_eq(package->name, SC_STR("protobuf")) &&
           package->args[0]->op == CEL_OP_NAME &&
           sc_str_eq(package->args[0]->name, SC_STR("google"));
}

static cel_value eval_select(cel_run *run, const cel_node *node, const cel_scope *scope)
{
    cel_value key = cel_string(node->name);
    const cel_value *found;
    cel_value of;

    if (is_type_name(node, &of))
        return of;
    of = eval(run, node->args[0], scope);
    if (of.kind == CEL_ERROR)
        return of;
    if (of.kind != CEL_MAP)
        return cel_error(run, node->op == CEL_OP_HAS ? "does not support field selection"
                                                     : "no such overload");
    found = cel_find(run, &of, &key);
    if (node->op == CEL_OP_HAS)
        return cel_bool(found != NULL);
    return found ? *found
                 : cel_error(run, "no such key: %.*s", SC_FMT(sc_str_sub(node->name, 0, 100)));
}

static cel_value eval_index(cel_run *run, const cel_node *node, const cel_scope *scope)
{
    cel_value of = eval(run, node->args[0], scope);
    cel_value key = eval(run, node->args[1], scope);
    const cel_value *found;
    int64_t at = -1;

    if (of.kind == CEL_ERROR || key.kind == CEL_ERROR)
        return of.kind == CEL_ERROR ? of : key;
    if (of.kind == CEL_MAP) {
        found = cel_find(run, &of, &key);
        if (found)
            return *found;
        return key.kind == CEL_STRING
                   ? cel_error(run, "no such key: %.*s", SC_FMT(sc_str_sub(key.s, 0, 100)))
                   : cel_error(run, "no such key");
    }
    if (of.kind != CEL_LIST)
        return cel_error(run, "no such overload");
    if (key.kind == CEL_INT)
        at = key.i;
    else if (key.kind == CEL_UINT && key.u <= INT32_MAX)
        at = (int64_t)key.u;
    else if (key.kind == CEL_DOUBLE && key.d >= 0 && key.d <= INT32_MAX &&
             key.d == (double)(int64_t)key.d)
        at = (int64_t)key.d;
    else if (key.kind != CEL_DOUBLE && key.kind != CEL_UINT)
        return cel_error(run, "unsupported index type '%.*s' in list",
                         SC_FMT(cel_kind_name(key.kind)));
    if (at < 0 || (uint64_t)at >= of.count)
        return cel_error(run, "index out of bounds: %lld", (long long)at);
    cel_open(run, &of);
    return of.items[at];
}

static cel_value eval_items(cel_run *run, const cel_node *node, const cel_scope *scope)
{
    bool is_map = node->op == CEL_OP_MAP;
    cel_value out = {.kind = is_map ? CEL_MAP : CEL_LIST,
                     .count = is_map ? node->count / 2 : node->count};

    out.items = sc_arena_zero(run->mem, (node->count + 1) * sizeof(cel_value));
    for (size_t i = 0; i < node->count; i++) {
        out.items[i] = eval(run, node->args[i], scope);
        if (out.items[i].kind == CEL_ERROR)
            return out.items[i];
        if (!is_map || i % 2 == 1)
            continue;
        if (out.items[i].kind < CEL_BOOL || out.items[i].kind > CEL_STRING ||
            out.items[i].kind == CEL_DOUBLE)
            return cel_error(run, "unsupported key type");
        for (size_t k = 0; k < i; k += 2) {
            if (cel_is_equal(run, &out.items[k], &out.items[i]))
                return cel_error(run, "Failed with repeated key");
        }
    }
    return out;
}

/* `decided` is the value that settles it whatever the other side: false for &&, true for ||. */
static cel_value combine(cel_run *run, const cel_value *a, const cel_value *b, bool decided)
{
    if ((a->kind == CEL_BOOL && a->truth == decided) ||
        (b->kind == CEL_BOOL && b->truth == decided))
        return cel_bool(decided);
    if (a->kind == CEL_BOOL && b->kind == CEL_BOOL)
        return cel_bool(!decided);
    if (a->kind == CEL_ERROR)
        return *a;
    if (b->kind == CEL_ERROR)
        return *b;
    return cel_error(run, "no such overload: %s", decided ? "_||_" : "_&&_");
}

static cel_value eval_logic(cel_run *run, const cel_node *node, const cel_scope *scope)
{
    bool decided = node->op == CEL_OP_OR;
    cel_value a = eval(run, node->args[0], scope);
    cel_value b;

    if (a.kind == CEL_BOOL && a.truth == decided)
        return a;
    b = eval(run, node->args[1], scope);
    return combine(run, &a, &b, decided);
}

static cel_value eval_choose(cel_run *run, const cel_node *node, const cel_scope *scope)
{
    cel_value condition = eval(run, node->args[0], scope);

    if (condition.kind == CEL_ERROR)
        return condition;
    if (condition.kind != CEL_BOOL)
        return cel_error(run, "no such overload: _?_:_");
    return eval(run, node->args[condition.truth ? 1 : 2], scope);
}

static cel_value eval_in(cel_run *run, const cel_value *what, cel_value *in)
{
    if (in->kind == CEL_MAP)
        return cel_bool(cel_find(run, in, what) != NULL);
    if (in->kind != CEL_LIST)
        return cel_error(run, "no such overload: @in");
    cel_open(run, in);
    for (size_t i = 0; i < in->count; i++) {
        if (cel_is_equal(run, what, &in->items[i]))
            return cel_bool(true);
    }
    return cel_bool(false);
}

static cel_value compare(cel_run *run, cel_op op, const cel_value *a, const cel_value *b)
{
    static const char *const names[] = {"_<_", "_<=_", "_>_", "_>=_"};
    int order;

    if (!cel_order(a, b, &order)) {
        if (a->kind == CEL_DOUBLE || b->kind == CEL_DOUBLE) {
            if (a->kind >= CEL_INT && a->kind <= CEL_DOUBLE && b->kind >= CEL_INT &&
                b->kind <= CEL_DOUBLE)
                return cel_bool(false); /* NaN */
        }
        return cel_error(run, "no such overload: %s", names[op - CEL_OP_LT]);
    }
    switch (op) {
    case CEL_OP_LT:
        return cel_bool(order < 0);
    case CEL_OP_LE:
        return cel_bool(order <= 0);
    case CEL_OP_GT:
        return cel_bool(order > 0);
    default:
        return cel_bool(order >= 0);
    }
}

static cel_value eval_binary(cel_run *run, const cel_node *node, const cel_scope *scope)
{
    cel_value a = eval(run, node->args[0], scope);
    cel_value b = eval(run, node->args[1], scope);

    if (a.kind == CEL_ERROR || b.kind == CEL_ERROR)
        return a.kind == CEL_ERROR ? a : b;
    switch (node->op) {
    case CEL_OP_EQ:
        return cel_bool(cel_is_equal(run, &a, &b));
    case CEL_OP_NE:
        return cel_bool(!cel_is_equal(run, &a, &b));
    case CEL_OP_IN:
        return eval_in(run, &a, &b);
    case CEL_OP_LT:
    case CEL_OP_LE:
    case CEL_OP_GT:
    case CEL_OP_GE:
        return compare(run, node->op, &a, &b);
    default:
        return cel_compute(run, node->op, &a, &b);
    }
}

static cel_value eval_unary(cel_run *run, const cel_node *node, const cel_scope *scope)
{
    cel_value a = eval(run, node->args[0], scope);

    if (a.kind == CEL_ERROR)
        return a;
    if (node->op == CEL_OP_NEGATE)
        return cel_negate(run, &a);
    return a.kind == CEL_BOOL ? cel_bool(!a.truth) : cel_error(run, "no such overload: !_");
}

static cel_value eval_call(cel_run *run, const cel_node *node, const cel_scope *scope)
{
    cel_value args[4];

    for (size_t i = 0; i < node->count; i++) {
        args[i] = eval(run, node->args[i], scope);
        if (args[i].kind == CEL_ERROR)
            return args[i];
    }
    return node->function->call(run, args, node->count);
}

/* ---- macros ---- */

typedef struct walk {
    const cel_node *node;
    cel_value out; /* of all and exists; the list of map and filter */
    size_t hits;
} walk;

/* One element; false: the macro is decided. */
static bool step(cel_run *run, walk *state, const cel_scope *scope)
{
    const cel_node *node = state->node;
    const cel_node *test =
        node->op == CEL_OP_MAP_MACRO ? (node->count == 3 ? node->args[2] : NULL) : node->args[1];
    cel_value verdict = test ? eval(run, test, scope) : cel_bool(true);
    bool is_quantifier = node->op == CEL_OP_ALL || node->op == CEL_OP_EXISTS;

    if (is_quantifier) {
        bool decided = node->op == CEL_OP_EXISTS;

        state->out = combine(run, &state->out, &verdict, decided);
        return !(state->out.kind == CEL_BOOL && state->out.truth == decided);
    }
    if (verdict.kind != CEL_BOOL) {
        state->out = verdict.kind == CEL_ERROR ? verdict : cel_error(run, "no such overload");
        return false;
    }
    if (!verdict.truth)
        return true;
    state->hits++;
    if (node->op == CEL_OP_FILTER)
        state->out.items[state->out.count++] = scope->value;
    if (node->op == CEL_OP_MAP_MACRO) {
        cel_value made = eval(run, node->args[1], scope);

        if (made.kind == CEL_ERROR) {
            state->out = made;
            return false;
        }
        state->out.items[state->out.count++] = made;
    }
    return true;
}

static cel_value eval_macro(cel_run *run, const cel_node *node, const cel_scope *scope)
{
    cel_value range = eval(run, node->args[0], scope);
    walk state = {.node = node};
    bool is_list = node->op == CEL_OP_FILTER || node->op == CEL_OP_MAP_MACRO;

    if (range.kind == CEL_ERROR)
        return range;
    if (range.kind != CEL_LIST && range.kind != CEL_MAP)
        return cel_error(run, "no such overload");
    cel_open(run, &range);
    state.out = is_list ? (cel_value){.kind = CEL_LIST} : cel_bool(node->op == CEL_OP_ALL);
    if (is_list)
        state.out.items = sc_arena_zero(run->mem, (range.count + 1) * sizeof(cel_value));
    for (size_t i = 0; i < range.count; i++) {
        cel_scope inner = {.outer = scope,
                           .name = node->name,
                           .value = range.items[range.kind == CEL_MAP ? 2 * i : i]};

        if (!step(run, &state, &inner))
            break;
    }
    if (node->op == CEL_OP_EXISTS_ONE && state.out.kind != CEL_ERROR)
        return cel_bool(state.hits == 1);
    return state.out;
}

static cel_value eval(cel_run *run, const cel_node *node, const cel_scope *scope)
{
    if (++run->steps > SC_CEL_MAX_STEPS)
        return cel_error(run, "the expression takes more than %u steps", SC_CEL_MAX_STEPS);
    switch (node->op) {
    case CEL_OP_LITERAL:
        return node->literal;
    case CEL_OP_NAME:
        return eval_name(run, node, scope);
    case CEL_OP_SELECT:
    case CEL_OP_HAS:
        return eval_select(run, node, scope);
    case CEL_OP_INDEX:
        return eval_index(run, node, scope);
    case CEL_OP_CALL:
        return eval_call(run, node, scope);
    case CEL_OP_LIST:
    case CEL_OP_MAP:
        return eval_items(run, node, scope);
    case CEL_OP_AND:
    case CEL_OP_OR:
        return eval_logic(run, node, scope);
    case CEL_OP_NOT:
    case CEL_OP_NEGATE:
        return eval_unary(run, node, scope);
    case CEL_OP_CHOOSE:
        return eval_choose(run, node, scope);
    case CEL_OP_ALL:
    case CEL_OP_EXISTS:
    case CEL_OP_EXISTS_ONE:
    case CEL_OP_MAP_MACRO:
    case CEL_OP_FILTER:
        return eval_macro(run, node, scope);
    default:
        return eval_binary(run, node, scope);
    }
}

/* ---- the way in ---- */

sc_code sc_cel_compile(sc_str text, sc_arena *mem, sc_cel **out, sc_error *err)
{
    sc_cel *program = sc_arena_new(mem, sc_cel);

    if (cel_parse(sc_arena_str(mem, text), mem, &program->root, err) != SC_OK)
        return err->code;
    program->zones = sc_arena_new(mem, cel_zones);
    program->zones->mem = mem;
    *out = program;
    return SC_OK;
}

static cel_value run_program(const sc_cel *program, const sc_doc *event, sc_arena *mem)
{
    cel_run run = {.mem = mem, .event = event, .zones = program->zones};
    cel_value value = eval(&run, program->root, NULL);

    if (run.steps > SC_CEL_MAX_STEPS)
        return cel_error(&run, "the expression takes more than %u steps", SC_CEL_MAX_STEPS);
    return value;
}

sc_code sc_cel_eval(const sc_cel *program, const sc_doc *event, sc_arena *mem, bool *truth,
                    sc_error *err)
{
    cel_value value = run_program(program, event, mem);

    if (value.kind == CEL_ERROR)
        return sc_fail(err, SC_INVALID, "%.*s", SC_FMT(value.s));
    if (value.kind != CEL_BOOL)
        return sc_fail(err, SC_INVALID, "the result of match expression was not a boolean but %.*s",
                       SC_FMT(cel_kind_name(value.kind)));
    *truth = value.truth;
    return SC_OK;
}

static void show(cel_run *run, cel_value value, sc_buf *out);

static void show_items(cel_run *run, const cel_value *value, sc_buf *out)
{
    size_t width = value->kind == CEL_MAP ? 2 : 1;

    sc_buf_add_byte(out, value->kind == CEL_MAP ? '{' : '[');
    for (size_t i = 0; i < value->count * width; i++) {
        if (i > 0)
            sc_buf_add_str(out, width == 2 && i % 2 == 1 ? SC_STR(": ") : SC_STR(", "));
        show(run, value->items[i], out);
    }
    sc_buf_add_byte(out, value->kind == CEL_MAP ? '}' : ']');
}

static void show(cel_run *run, cel_value value, sc_buf *out)
{
    cel_open(run, &value);
    switch (value.kind) {
    case CEL_NULL:
        sc_buf_add_str(out, SC_STR("null"));
        break;
    case CEL_BOOL:
        sc_buf_add_fmt(out, "%s", value.truth ? "true" : "false");
        break;
    case CEL_INT:
        sc_buf_add_fmt(out, "%lld", (long long)value.i);
        break;
    case CEL_UINT:
        sc_buf_add_fmt(out, "%lluu", (unsigned long long)value.u);
        break;
    case CEL_DOUBLE:
        sc_buf_add_fmt(out, "double(%.17g)", value.d);
        break;
    case CEL_TIMESTAMP:
        sc_buf_add_str(out, cel_format_timestamp(&value, run->mem));
        break;
    case CEL_DURATION:
        sc_buf_add_str(out, cel_format_duration(value.i, run->mem));
        break;
    case CEL_LIST:
    case CEL_MAP:
        show_items(run, &value, out);
        break;
    case CEL_TYPE:
        sc_buf_add_fmt(out, "type(%.*s)", SC_FMT(value.s));
        break;
    default:
        sc_buf_add_str(out, value.kind == CEL_ERROR   ? SC_STR("error ")
                            : value.kind == CEL_BYTES ? SC_STR("b")
                                                      : SC_STR_NONE);
        sc_buf_add_fmt(out, "\"%.*s\"", SC_FMT(value.s));
        break;
    }
}

sc_str sc_cel_show(const sc_cel *program, const sc_doc *event, sc_arena *mem)
{
    cel_run run = {.mem = mem, .event = event, .zones = program->zones};
    sc_buf out = {0};
    sc_str text;

    show(&run, run_program(program, event, mem), &out);
    text = sc_arena_str(mem, sc_buf_str(&out));
    sc_buf_deinit(&out);
    return text;
}
