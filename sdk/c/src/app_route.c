/* SPDX-License-Identifier: MIT
 *
 * Which route a path goes to. Patterns are compared segment by segment; there are few enough of
 * them that each request walks the list.
 */
#include "app_internal.h"
#include "client_internal.h"

typedef enum segment_kind { SEGMENT_LITERAL, SEGMENT_PARAM, SEGMENT_REST } segment_kind;

typedef struct segment {
    segment_kind kind;
    sc_str text; /* literal, or the parameter's name */
} segment;

static segment read_segment(sc_str text)
{
    if (text.len < 2 || text.at[0] != '{' || text.at[text.len - 1] != '}')
        return (segment){SEGMENT_LITERAL, text};
    text = sc_str_sub(text, 1, text.len - 1);
    if (sc_str_ends(text, SC_STR("...")))
        return (segment){SEGMENT_REST, sc_str_sub(text, 0, text.len - 3)};
    return (segment){SEGMENT_PARAM, text};
}

sc_code route_check(sc_str path, sc_error *err)
{
    sc_str rest = path;

    if (path.len == 0 || path.at[0] != '/')
        return sc_fail(err, SC_INVALID, "the route '%.*s' does not begin with '/'", SC_FMT(path));
    (void)sc_str_cut(&rest, '/');
    while (rest.at) {
        segment s = read_segment(sc_str_cut(&rest, '/'));

        if (s.kind != SEGMENT_LITERAL && s.text.len == 0)
            return sc_fail(err, SC_INVALID, "a parameter of route '%.*s' has no name",
                           SC_FMT(path));
        if (s.kind == SEGMENT_REST && rest.at)
            return sc_fail(err, SC_INVALID, "{%.*s...} of route '%.*s' is not at its end",
                           SC_FMT(s.text), SC_FMT(path));
        if (s.kind == SEGMENT_LITERAL &&
            (sc_str_find(s.text, '{') < s.text.len || sc_str_find(s.text, '}') < s.text.len))
            return sc_fail(err, SC_INVALID,
                           "'%.*s' of route '%.*s' is no parameter: {name} is a whole segment",
                           SC_FMT(s.text), SC_FMT(path));
    }
    return SC_OK;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %XX undone; what is no escape stays as it is. In `mem` when there was one. */
static sc_str decode(sc_str text, sc_arena *mem)
{
    char *copy;
    size_t len = 0;

    if (sc_str_find(text, '%') == text.len)
        return text;
    copy = sc_arena_alloc(mem, text.len);
    for (size_t i = 0; i < text.len; i++) {
        bool is_escape = text.at[i] == '%' && i + 2 < text.len && hex(text.at[i + 1]) >= 0 &&
                         hex(text.at[i + 2]) >= 0;

        copy[len++] =
            is_escape ? (char)(hex(text.at[i + 1]) * 16 + hex(text.at[i + 2])) : text.at[i];
        if (is_escape)
            i += 2;
    }
    return sc_str_of(copy, len);
}

static bool fits(sc_str pattern, sc_str path, sc_arena *mem, sc_pairs *params)
{
    (void)sc_str_cut(&pattern, '/');
    (void)sc_str_cut(&path, '/');
    while (pattern.at) {
        segment s = read_segment(sc_str_cut(&pattern, '/'));
        sc_str part = path;

        if (!path.at)
            return false;
        if (s.kind != SEGMENT_REST)
            part = sc_str_cut(&path, '/');
        part = decode(part, mem);
        if (s.kind == SEGMENT_LITERAL ? !sc_str_eq(s.text, part)
                                      : s.kind == SEGMENT_PARAM && part.len == 0)
            return false;
        if (s.kind != SEGMENT_LITERAL)
            sc_pairs_add(params, mem, s.text, sc_arena_str(mem, part));
        if (s.kind == SEGMENT_REST)
            return true;
    }
    return !path.at;
}

/* True when `a` is literal at the first place where one of them is and the other is not. */
static bool is_closer(sc_str a, sc_str b)
{
    (void)sc_str_cut(&a, '/');
    (void)sc_str_cut(&b, '/');
    while (a.at && b.at) {
        segment x = read_segment(sc_str_cut(&a, '/'));
        segment y = read_segment(sc_str_cut(&b, '/'));

        if (x.kind != y.kind)
            return x.kind < y.kind;
    }
    return false;
}

static bool takes_method(const route *r, sc_str method)
{
    return r->method.len == 0 || sc_str_eq(r->method, method);
}

/* GET routes answer HEAD too. */
static const route *find(const pillion_app *app, sc_str method, sc_str path, sc_arena *mem,
                         sc_pairs *params, sc_buf *allowed)
{
    const route *best = NULL;

    for (const route *it = app->routes; it; it = it->next) {
        sc_pairs found = {0};

        if (!fits(it->path, path, mem, &found))
            continue;
        if (!takes_method(it, method)) {
            if (sc_buf_len(allowed) > 0)
                sc_buf_add_str(allowed, SC_STR(", "));
            sc_buf_add_str(allowed, it->method);
        } else if (!best || is_closer(it->path, best->path) ||
                   (best->method.len == 0 && it->method.len > 0 &&
                    !is_closer(best->path, it->path))) {
            best = it;
            *params = found;
        }
    }
    return best;
}

const route *route_find(const pillion_app *app, sc_str method, sc_str path, sc_arena *mem,
                        sc_pairs *params, sc_str *allowed)
{
    sc_buf others = {0};
    const route *found = find(app, method, path, mem, params, &others);

    if (!found && sc_str_eq(method, SC_STR("HEAD"))) {
        sc_buf_clear(&others);
        found = find(app, SC_STR("GET"), path, mem, params, &others);
    }
    *allowed = sc_buf_len(&others) > 0 ? sc_arena_str(mem, sc_buf_str(&others)) : SC_STR_NONE;
    sc_buf_deinit(&others);
    return found;
}
