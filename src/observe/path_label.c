/* SPDX-License-Identifier: MIT
 *
 * Patterns as Go's ServeMux reads, compares and matches them
 * (https://pkg.go.dev/net/http#ServeMux), and Dapr's shortening of its own paths. Patterns are
 * checked against each other when they are read, so at most one of those that match a path is the
 * most special.
 */
#include "observe/path_label.h"

#include <stdlib.h>

#define MAX_SEGMENTS 32u

typedef enum segment_kind { LITERAL, ONE, REST } segment_kind;

typedef struct segment {
    sc_str text; /* of a literal; "/": the end ("{$}") */
    segment_kind kind;
} segment;

typedef struct pattern {
    sc_str text;
    segment segments[MAX_SEGMENTS];
    uint32_t count;
} pattern;

struct sc_path_labels {
    sc_arena mem;
    bool has_full_paths;
    pattern **patterns;
    uint32_t count;
};

/* ---- patterns ---- */

static sc_code read_segment(sc_str text, bool is_last, segment *to)
{
    bool is_wild = sc_str_starts(text, SC_STR("{"));

    *to = (segment){.text = text, .kind = LITERAL};
    if (!is_wild)
        return memchr(text.at, '{', text.len) || text.len == 0 ? SC_INVALID : SC_OK;
    if (!sc_str_ends(text, SC_STR("}")) || text.len == 2)
        return SC_INVALID;
    if (sc_str_eq(text, SC_STR("{$}")))
        to->text = SC_STR("/");
    else
        to->kind = sc_str_ends(text, SC_STR("...}")) ? REST : ONE;
    return is_last || to->kind == ONE ? SC_OK : SC_INVALID;
}

static sc_code read_pattern(sc_str text, pattern *to, sc_error *err)
{
    sc_str rest = text;
    sc_code code = SC_OK;

    to->text = text;
    to->count = 0;
    if (!sc_str_starts(text, SC_STR("/")))
        return sc_fail(err, SC_INVALID, "metric path pattern '%.*s' does not begin with '/'",
                       SC_FMT(text));
    (void)sc_str_cut(&rest, '/');
    while (rest.at && code == SC_OK) {
        sc_str one = sc_str_cut(&rest, '/');

        if (to->count == MAX_SEGMENTS)
            code = SC_INVALID;
        else if (one.len == 0 && !rest.at) /* a slash at the end: everything below */
            to->segments[to->count++] = (segment){.kind = REST};
        else
            code = read_segment(one, !rest.at, &to->segments[to->count++]);
    }
    if (code != SC_OK)
        return sc_fail(
            err, SC_INVALID,
            "metric path pattern '%.*s' is malformed: segments are texts, {name}, or last "
            "{name...} or {$}; at most %u",
            SC_FMT(text), MAX_SEGMENTS);
    return SC_OK;
}

/* How the paths that one pattern matches relate to those of another. */
typedef enum relation { SAME, WIDER, NARROWER, OVERLAPPING, DISJOINT } relation;

static relation compare_segments(const segment *a, const segment *b)
{
    if (a->kind == REST || b->kind == REST)
        return a->kind == b->kind ? SAME : a->kind == REST ? WIDER : NARROWER;
    if (a->kind == ONE && b->kind == ONE)
        return SAME;
    if (a->kind == ONE)
        return sc_str_eq(b->text, SC_STR("/")) ? DISJOINT : WIDER;
    if (b->kind == ONE)
        return sc_str_eq(a->text, SC_STR("/")) ? DISJOINT : NARROWER;
    return sc_str_eq(a->text, b->text) ? SAME : DISJOINT;
}

static relation combine(relation a, relation b)
{
    if (a == SAME || b == DISJOINT)
        return b;
    if (b == SAME || a == DISJOINT || a == OVERLAPPING)
        return a;
    return a == b ? a : OVERLAPPING;
}

static relation compare(const pattern *a, const pattern *b)
{
    relation all = SAME;
    uint32_t both = a->count < b->count ? a->count : b->count;

    for (uint32_t i = 0; i < both && all != DISJOINT; i++)
        all = combine(all, compare_segments(&a->segments[i], &b->segments[i]));
    if (a->count == b->count || all == DISJOINT)
        return all;
    if (a->count < b->count && a->segments[a->count - 1].kind == REST)
        return combine(all, WIDER);
    if (b->count < a->count && b->segments[b->count - 1].kind == REST)
        return combine(all, NARROWER);
    return DISJOINT;
}

static sc_code add_pattern(sc_path_labels *labels, sc_str text, sc_error *err)
{
    pattern *made = sc_arena_new(&labels->mem, pattern);

    if (read_pattern(sc_arena_str(&labels->mem, text), made, err) != SC_OK)
        return err->code;
    for (uint32_t i = 0; i < labels->count; i++) {
        const pattern *other = labels->patterns[i];
        relation how = compare(made, other);

        if (sc_str_eq(other->text, made->text))
            return SC_OK;
        if (how == SAME || how == OVERLAPPING)
            return sc_fail(err, SC_INVALID,
                           "metric path patterns '%.*s' and '%.*s' conflict: paths match both and "
                           "neither is more specific",
                           SC_FMT(made->text), SC_FMT(other->text));
    }
    labels->patterns[labels->count++] = made;
    return SC_OK;
}

sc_code sc_path_labels_new(const sc_path_label_settings *settings, sc_path_labels **out,
                           sc_error *err)
{
    sc_path_labels *labels = sc_new(sc_path_labels);
    sc_code code = SC_OK;

    sc_arena_init(&labels->mem, NULL);
    labels->has_full_paths = settings->has_full_paths;
    labels->patterns = sc_arena_zero(&labels->mem, (settings->pattern_count * 2 + 1) *
                                                       sizeof(labels->patterns[0]));
    for (uint32_t i = 0; i < settings->pattern_count && code == SC_OK; i++) {
        sc_str text = settings->patterns[i];

        code = add_pattern(labels, text, err);
        if (code == SC_OK && !sc_str_starts(text, SC_STR("/v1.0/invoke/")))
            code = add_pattern(
                labels,
                sc_arena_fmt(&labels->mem, "/v1.0/invoke/{app_id}/method%.*s", SC_FMT(text)), err);
    }
    if (code != SC_OK) {
        sc_path_labels_free(labels);
        return code;
    }
    *out = labels;
    return SC_OK;
}

void sc_path_labels_free(sc_path_labels *labels)
{
    if (!labels)
        return;
    sc_arena_deinit(&labels->mem);
    free(labels);
}

/* A pattern for everything below "/a/" also takes "/a": ServeMux redirects. */
static bool matches(const pattern *p, sc_str path)
{
    (void)sc_str_cut(&path, '/');
    for (uint32_t i = 0; i < p->count; i++) {
        const segment *want = &p->segments[i];
        sc_str have;

        if (want->kind == REST)
            return true;
        if (!path.at)
            return false;
        have = sc_str_cut(&path, '/');
        if (sc_str_eq(want->text, SC_STR("/")) && want->kind == LITERAL)
            return have.len == 0 && !path.at;
        if (want->kind == ONE ? have.len == 0 : !sc_str_eq(want->text, have))
            return false;
    }
    return !path.at;
}

static const pattern *match(const sc_path_labels *labels, sc_str path)
{
    const pattern *best = NULL;

    for (uint32_t i = 0; i < labels->count; i++) {
        const pattern *it = labels->patterns[i];

        if (matches(it, path) && (!best || compare(it, best) == NARROWER))
            best = it;
    }
    return best;
}

/* ---- Dapr's own paths ---- */

typedef struct writer {
    char *room;
    size_t len;
} writer;

static void add(writer *to, sc_str text)
{
    size_t len = SC_PATH_LABEL_ROOM - to->len;

    len = text.len < len ? text.len : len;
    if (len > 0)
        memcpy(to->room + to->len, text.at, len);
    to->len += len;
}

static void add_segment(writer *to, sc_str text)
{
    if (to->len > 0)
        add(to, SC_STR("/"));
    add(to, text);
}

/* With a slash in front and none doubled. */
static sc_str clean(sc_str path, char *room)
{
    writer to = {.room = room};

    if (sc_str_starts(path, SC_STR("/")) && sc_str_find_str(path, SC_STR("//")) == path.len)
        return path;
    if (!sc_str_starts(path, SC_STR("/")))
        add(&to, SC_STR("/"));
    for (size_t i = 0; i < path.len && to.len < SC_PATH_LABEL_ROOM; i++) {
        if (path.at[i] != '/' || to.len == 0 || room[to.len - 1] != '/')
            room[to.len++] = path.at[i];
    }
    return sc_str_of(room, to.len);
}

typedef struct cut_path {
    sc_str parts[8]; /* the last holds the rest */
    uint32_t count;
} cut_path;

static cut_path cut(sc_str path)
{
    cut_path all = {.count = 0};

    (void)sc_str_cut(&path, '/');
    while (path.at && all.count + 1 < SC_ARRAY_LEN(all.parts))
        all.parts[all.count++] = sc_str_cut(&path, '/');
    if (path.at)
        all.parts[all.count++] = path;
    return all;
}

/* parts[from..to) of `all`, one of them replaced. */
static sc_str rebuild(const cut_path *all, uint32_t to, uint32_t hidden, const char *name,
                      bool is_rooted, char *room)
{
    char copy[SC_PATH_LABEL_ROOM];
    writer out = {.room = copy};

    if (is_rooted)
        add(&out, SC_STR("/"));
    for (uint32_t i = 0; i < to && i < all->count; i++) {
        sc_str one = i == hidden ? sc_str_from(name) : all->parts[i];

        if (i == 0)
            add(&out, one);
        else
            add_segment(&out, one);
    }
    memcpy(room, copy, out.len); /* the parts may point into `room` */
    return sc_str_of(room, out.len);
}

static sc_str shorten_workflow(const cut_path *all, sc_str path, char *room)
{
    cut_path with_event = *all;

    if (all->count == 5 && sc_str_eq(all->parts[4], SC_STR("start")))
        return path;
    if (all->count == 6 && sc_str_eq(all->parts[4], SC_STR("raiseEvent")))
        with_event.parts[5] = SC_STR("{eventName}");
    return rebuild(&with_event, all->count, 3, "{instanceId}", true, room);
}

/* `path` is clean. */
static sc_str shorten(sc_str path, char *room)
{
    cut_path all = cut(path);
    sc_str kind = all.count > 1 ? all.parts[1] : SC_STR_NONE;

    if (all.count >= 3 && sc_str_eq(all.parts[0], SC_STR("actors")))
        return rebuild(&all, all.count, 2, "{id}", false, room);
    if (all.count < 3 || !sc_str_starts(all.parts[0], SC_STR("v")))
        return path;
    if (sc_str_eq(kind, SC_STR("state")) || sc_str_eq(kind, SC_STR("secrets")))
        return sc_str_sub(path, 0, (size_t)(all.parts[2].at + all.parts[2].len - path.at));
    if (sc_str_eq(kind, SC_STR("actors")) && all.count >= 4)
        return rebuild(&all, 5, 3, "{id}", true, room);
    if (sc_str_eq(kind, SC_STR("workflows")) && all.count >= 4)
        return shorten_workflow(&all, path, room);
    return path;
}

static bool is_constant(sc_str path)
{
    static const char *const all[] = {"/dapr/config", "/dapr/subscribe", "/dapr/metrics",
                                      "/healthz"};

    for (size_t i = 0; i < SC_ARRAY_LEN(all); i++) {
        if (sc_str_eq(path, sc_str_from(all[i])))
            return true;
    }
    return false;
}

sc_str sc_path_label(const sc_path_labels *labels, sc_str path, char room[SC_PATH_LABEL_ROOM])
{
    sc_str whole = clean(path, room);
    const pattern *found = labels->count > 0 ? match(labels, whole) : NULL;

    if (found)
        return found->text;
    if (!labels->has_full_paths && labels->count == 0)
        return is_constant(whole) ? whole : SC_STR_NONE;
    whole = shorten(whole, room);
    found = labels->count > 0 ? match(labels, whole) : NULL;
    if (found)
        return found->text;
    return labels->has_full_paths || is_constant(whole) ? whole : SC_STR_NONE;
}
