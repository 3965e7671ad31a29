/* SPDX-License-Identifier: MIT
 *
 * Timestamps (RFC 3339, years 1 to 9999) and durations (Go's texts) of CEL.
 */
#include <stdio.h>
#include <time.h>

#include "expr/cel_internal.h"

#define SECOND_NS 1000000000LL

/* ---- timestamps ---- */

static bool take_number(sc_str *text, size_t digits, int *out)
{
    uint64_t n;

    if (text->len < digits || !sc_str_to_u64(sc_str_sub(*text, 0, digits), &n))
        return false;
    *out = (int)n;
    *text = sc_str_sub(*text, digits, text->len);
    return true;
}

static bool take_byte(sc_str *text, char byte)
{
    if (text->len == 0 || text->at[0] != byte)
        return false;
    *text = sc_str_sub(*text, 1, text->len);
    return true;
}

static bool take_fraction(sc_str *text, int32_t *ns)
{
    int32_t unit = 100000000;
    bool has_any = false;

    *ns = 0;
    if (!take_byte(text, '.'))
        return true;
    while (text->len > 0 && text->at[0] >= '0' && text->at[0] <= '9') {
        *ns += (text->at[0] - '0') * unit;
        unit /= 10;
        has_any = true;
        *text = sc_str_sub(*text, 1, text->len);
    }
    return has_any;
}

/* "+01:00", "-0330"... as cel-go also takes: "02:00" for plus. Seconds. */
static bool take_offset(sc_str *text, int *offset_s)
{
    int sign = take_byte(text, '-') ? -1 : 1;
    int hours;
    int minutes;

    if (sign > 0)
        (void)take_byte(text, '+');
    if (!take_number(text, 2, &hours) || !take_byte(text, ':') || !take_number(text, 2, &minutes) ||
        hours > 23 || minutes > 59)
        return false;
    *offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

bool cel_parse_timestamp(sc_str text, cel_value *out)
{
    struct tm parts = {0};
    int year;
    int month;
    int offset_s = 0;
    int32_t ns;
    time_t at;

    if (!take_number(&text, 4, &year) || !take_byte(&text, '-') || !take_number(&text, 2, &month) ||
        !take_byte(&text, '-') || !take_number(&text, 2, &parts.tm_mday) ||
        !(take_byte(&text, 'T') || take_byte(&text, 't')) ||
        !take_number(&text, 2, &parts.tm_hour) || !take_byte(&text, ':') ||
        !take_number(&text, 2, &parts.tm_min) || !take_byte(&text, ':') ||
        !take_number(&text, 2, &parts.tm_sec) || !take_fraction(&text, &ns))
        return false;
    if (!take_byte(&text, 'Z') && !take_byte(&text, 'z') && !take_offset(&text, &offset_s))
        return false;
    if (text.len > 0 || year < 1 || month < 1 || month > 12 || parts.tm_mday < 1 ||
        parts.tm_mday > 31 || parts.tm_hour > 23 || parts.tm_min > 59 || parts.tm_sec > 59)
        return false;
    parts.tm_year = year - 1900;
    parts.tm_mon = month - 1;
    at = timegm(&parts);
    if (parts.tm_mon != month - 1) /* February 30 */
        return false;
    *out = (cel_value){.kind = CEL_TIMESTAMP, .i = at - offset_s, .ns = ns};
    return out->i >= -62135596800LL && out->i <= 253402300799LL;
}

static sc_str fraction(int64_t ns, sc_arena *mem)
{
    sc_str text;

    if (ns == 0)
        return SC_STR_NONE;
    text = sc_arena_fmt(mem, ".%09lld", (long long)ns);
    while (text.at[text.len - 1] == '0')
        text.len--;
    return text;
}

sc_str cel_format_timestamp(const cel_value *at, sc_arena *mem)
{
    struct tm parts;
    time_t s = at->i;

    (void)gmtime_r(&s, &parts);
    return sc_arena_fmt(mem, "%04d-%02d-%02dT%02d:%02d:%02d%.*sZ", parts.tm_year + 1900,
                        parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                        SC_FMT(fraction(at->ns, mem)));
}

/* ---- durations ---- */

static bool take_unit(sc_str *text, int64_t *unit_ns)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {{"ns", 1},        {"us", 1000},          {"\xc2\xb5s", 1000},    {"ms", 1000000},
                 {"s", SECOND_NS}, {"m", 60 * SECOND_NS}, {"h", 3600 * SECOND_NS}};

    for (size_t i = 0; i < SC_ARRAY_LEN(units); i++) {
        sc_str name = sc_str_from(units[i].name);

        if (sc_str_starts(*text, name)) {
            *unit_ns = units[i].ns;
            *text = sc_str_sub(*text, name.len, text->len);
            return true;
        }
    }
    return false;
}

static bool take_amount(sc_str *text, int64_t *ns)
{
    int64_t whole = 0;
    double part = 0;
    double scale = 0.1;
    int64_t unit_ns;
    bool has_any = false;

    for (; text->len > 0 && text->at[0] >= '0' && text->at[0] <= '9'; has_any = true) {
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, text->at[0] - '0', &whole))
            return false;
        *text = sc_str_sub(*text, 1, text->len);
    }
    if (take_byte(text, '.')) {
        for (; text->len > 0 && text->at[0] >= '0' && text->at[0] <= '9'; has_any = true) {
            part += (text->at[0] - '0') * scale;
            scale /= 10;
            *text = sc_str_sub(*text, 1, text->len);
        }
    }
    return has_any && take_unit(text, &unit_ns) &&
           !__builtin_mul_overflow(whole, unit_ns, &whole) &&
           !__builtin_add_overflow(whole, (int64_t)(part * (double)unit_ns + 0.5), ns);
}

bool cel_parse_duration(sc_str text, int64_t *ns)
{
    bool is_negative = take_byte(&text, '-');
    int64_t part;

    if (!is_negative)
        (void)take_byte(&text, '+');
    *ns = 0;
    if (sc_str_eq(text, SC_STR("0")))
        return true;
    if (text.len == 0)
        return false;
    while (text.len > 0) {
        if (!take_amount(&text, &part) || __builtin_add_overflow(*ns, part, ns))
            return false;
    }
    if (is_negative)
        *ns = -*ns;
    return true;
}

sc_str cel_format_duration(int64_t ns, sc_arena *mem)
{
    uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;

    return sc_arena_fmt(mem, "%s%llu%.*ss", ns < 0 ? "-" : "",
                        (unsigned long long)(size / (uint64_t)SECOND_NS),
                        SC_FMT(fraction((int64_t)(size % (uint64_t)SECOND_NS), mem)));
}

/* ---- parts ---- */

static cel_value part_of_duration(cel_run *run, sc_str part, int64_t ns)
{
    if (sc_str_eq(part, SC_STR("getHours")))
        return cel_int(ns / (3600 * SECOND_NS));
    if (sc_str_eq(part, SC_STR("getMinutes")))
        return cel_int(ns / (60 * SECOND_NS));
    if (sc_str_eq(part, SC_STR("getSeconds")))
        return cel_int(ns / SECOND_NS);
    if (sc_str_eq(part, SC_STR("getMilliseconds")))
        return cel_int(ns % SECOND_NS / 1000000);
    return cel_error(run, "no such overload: %.*s", SC_FMT(part));
}

/* "+01:00", "UTC" (or nothing, as in Go), or a name. */
static bool read_zone(cel_run *run, sc_str zone, int64_t at, int *offset_s)
{
    const cel_zone *found;

    if (zone.len == 0 || sc_str_eq(zone, SC_STR("UTC")))
        return true;
    if (sc_str_find(zone, ':') < zone.len)
        return take_offset(&zone, offset_s) && zone.len == 0;
    found = cel_zone_find(run, zone);
    if (found)
        *offset_s = cel_zone_offset(found, at);
    return found != NULL;
}

cel_value cel_time_part(cel_run *run, const char *name, const cel_value *args, size_t count)
{
    sc_str part = sc_str_from(name);
    int offset_s = 0;
    struct tm parts;
    time_t at;

    if (args->kind == CEL_DURATION && count == 1)
        return part_of_duration(run, part, args->i);
    if (args->kind != CEL_TIMESTAMP || (count == 2 && args[1].kind != CEL_STRING))
        return cel_error(run, "no such overload: %s", name);
    if (count == 2 && !read_zone(run, args[1].s, args->i, &offset_s))
        return cel_error(run, "unknown time zone %.*s", SC_FMT(sc_str_sub(args[1].s, 0, 60)));
    at = args->i + offset_s;
    (void)gmtime_r(&at, &parts);
    if (sc_str_eq(part, SC_STR("getFullYear")))
        return cel_int(parts.tm_year + 1900);
    if (sc_str_eq(part, SC_STR("getMonth")))
        return cel_int(parts.tm_mon);
    if (sc_str_eq(part, SC_STR("getDayOfYear")))
        return cel_int(parts.tm_yday);
    if (sc_str_eq(part, SC_STR("getDayOfMonth")))
        return cel_int(parts.tm_mday - 1);
    if (sc_str_eq(part, SC_STR("getDate")))
        return cel_int(parts.tm_mday);
    if (sc_str_eq(part, SC_STR("getDayOfWeek")))
        return cel_int(parts.tm_wday);
    if (sc_str_eq(part, SC_STR("getHours")))
        return cel_int(parts.tm_hour);
    if (sc_str_eq(part, SC_STR("getMinutes")))
        return cel_int(parts.tm_min);
    if (sc_str_eq(part, SC_STR("getSeconds")))
        return cel_int(parts.tm_sec);
    return cel_int(args->ns / 1000000);
}
