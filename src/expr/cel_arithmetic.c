/* SPDX-License-Identifier: MIT
 *
 * Arithmetic with overflow as an error (CEL language definition, "Numeric values"); kinds are never
 * mixed.
 */
#include <math.h>

#include "expr/cel_internal.h"

#define MAX_TIME_S 253402300799LL /* 9999-12-31T23:59:59Z */
#define MIN_TIME_S (-62135596800LL)
#define SECOND_NS  1000000000LL

static cel_value no_overload(cel_run *run, cel_op op)
{
    static const char *const names[] = {"_+_", "_-_", "_*_", "_/_", "_%_"};

    return cel_error(run, "no such overload: %s", names[op - CEL_OP_ADD]);
}

static cel_value compute_int(cel_run *run, cel_op op, int64_t a, int64_t b)
{
    int64_t out = 0;
    bool overflows = false;

    if ((op == CEL_OP_DIV || op == CEL_OP_MOD) && b == 0)
        return cel_error(run, op == CEL_OP_DIV ? "division by zero" : "modulus by zero");
    if (op == CEL_OP_ADD)
        overflows = __builtin_add_overflow(a, b, &out);
    else if (op == CEL_OP_SUB)
        overflows = __builtin_sub_overflow(a, b, &out);
    else if (op == CEL_OP_MUL)
        overflows = __builtin_mul_overflow(a, b, &out);
    else if (a == INT64_MIN && b == -1)
        overflows = true;
    else
        out = op == CEL_OP_DIV ? a / b : a % b;
    return overflows ? cel_error(run, "integer overflow") : cel_int(out);
}

static cel_value compute_uint(cel_run *run, cel_op op, uint64_t a, uint64_t b)
{
    uint64_t out = 0;
    bool overflows = false;

    if ((op == CEL_OP_DIV || op == CEL_OP_MOD) && b == 0)
        return cel_error(run, op == CEL_OP_DIV ? "division by zero" : "modulus by zero");
    if (op == CEL_OP_ADD)
        overflows = __builtin_add_overflow(a, b, &out);
    else if (op == CEL_OP_SUB)
        overflows = __builtin_sub_overflow(a, b, &out);
    else if (op == CEL_OP_MUL)
        overflows = __builtin_mul_overflow(a, b, &out);
    else
        out = op == CEL_OP_DIV ? a / b : a % b;
    return overflows ? cel_error(run, "unsigned integer overflow") : cel_uint(out);
}

static cel_value compute_double(cel_run *run, cel_op op, double a, double b)
{
    switch (op) {
    case CEL_OP_ADD:
        return cel_double(a + b);
    case CEL_OP_SUB:
        return cel_double(a - b);
    case CEL_OP_MUL:
        return cel_double(a * b);
    case CEL_OP_DIV:
        return cel_double(a / b);
    default:
        return no_overload(run, op);
    }
}

static cel_value concat(cel_run *run, const cel_value *a, const cel_value *b)
{
    sc_str parts[] = {a->s, b->s};
    cel_value out = *a;

    out.s = sc_arena_join(run->mem, parts, 2);
    run->steps += (uint32_t)(out.s.len / 64);
    return out;
}

static cel_value concat_lists(cel_run *run, cel_value a, cel_value b)
{
    cel_value out = {.kind = CEL_LIST, .count = a.count + b.count};

    cel_open(run, &a);
    cel_open(run, &b);
    run->steps += (uint32_t)out.count;
    out.items = sc_arena_zero(run->mem, (out.count + 1) * sizeof(cel_value));
    for (size_t i = 0; i < a.count; i++)
        out.items[i] = a.items[i];
    for (size_t i = 0; i < b.count; i++)
        out.items[a.count + i] = b.items[i];
    return out;
}

static cel_value duration(cel_run *run, int64_t a, int64_t b, bool is_minus)
{
    int64_t ns;

    if (is_minus ? __builtin_sub_overflow(a, b, &ns) : __builtin_add_overflow(a, b, &ns))
        return cel_error(run, "duration overflow");
    return (cel_value){.kind = CEL_DURATION, .i = ns};
}

static cel_value move_time(cel_run *run, const cel_value *at, int64_t by_ns)
{
    int64_t s = at->i + by_ns / SECOND_NS;
    int64_t ns = at->ns + by_ns % SECOND_NS;

    if (ns < 0) {
        s--;
        ns += SECOND_NS;
    } else if (ns >= SECOND_NS) {
        s++;
        ns -= SECOND_NS;
    }
    if (s < MIN_TIME_S || s > MAX_TIME_S)
        return cel_error(run, "timestamp overflow");
    return (cel_value){.kind = CEL_TIMESTAMP, .i = s, .ns = (int32_t)ns};
}

static cel_value between(cel_run *run, const cel_value *a, const cel_value *b)
{
    int64_t ns;

    if (__builtin_mul_overflow(a->i - b->i, SECOND_NS, &ns) ||
        __builtin_add_overflow(ns, (int64_t)a->ns - b->ns, &ns))
        return cel_error(run, "duration overflow");
    return (cel_value){.kind = CEL_DURATION, .i = ns};
}

static cel_value compute_time(cel_run *run, cel_op op, const cel_value *a, const cel_value *b)
{
    bool is_minus = op == CEL_OP_SUB;

    if (op != CEL_OP_ADD && op != CEL_OP_SUB)
        return no_overload(run, op);
    if (a->kind == CEL_DURATION && b->kind == CEL_DURATION)
        return duration(run, a->i, b->i, is_minus);
    if (a->kind == CEL_TIMESTAMP && b->kind == CEL_DURATION && b->i != INT64_MIN)
        return move_time(run, a, is_minus ? -b->i : b->i);
    if (a->kind == CEL_DURATION && b->kind == CEL_TIMESTAMP && !is_minus)
        return move_time(run, b, a->i);
    if (a->kind == CEL_TIMESTAMP && b->kind == CEL_TIMESTAMP && is_minus)
        return between(run, a, b);
    return no_overload(run, op);
}

cel_value cel_compute(cel_run *run, cel_op op, const cel_value *a, const cel_value *b)
{
    if (a->kind == CEL_TIMESTAMP || a->kind == CEL_DURATION)
        return compute_time(run, op, a, b);
    if (a->kind != b->kind)
        return no_overload(run, op);
    switch (a->kind) {
    case CEL_INT:
        return compute_int(run, op, a->i, b->i);
    case CEL_UINT:
        return compute_uint(run, op, a->u, b->u);
    case CEL_DOUBLE:
        return compute_double(run, op, a->d, b->d);
    case CEL_STRING:
    case CEL_BYTES:
        return op == CEL_OP_ADD ? concat(run, a, b) : no_overload(run, op);
    case CEL_LIST:
        return op == CEL_OP_ADD ? concat_lists(run, *a, *b) : no_overload(run, op);
    default:
        return no_overload(run, op);
    }
}

cel_value cel_negate(cel_run *run, const cel_value *a)
{
    if (a->kind == CEL_INT)
        return a->i == INT64_MIN ? cel_error(run, "integer overflow") : cel_int(-a->i);
    if (a->kind == CEL_DOUBLE)
        return cel_double(-a->d);
    if (a->kind == CEL_DURATION && a->i != INT64_MIN)
        return (cel_value){.kind = CEL_DURATION, .i = -a->i};
    return cel_error(run, "no such overload: -_");
}
