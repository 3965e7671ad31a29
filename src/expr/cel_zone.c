/* SPDX-License-Identifier: MIT
 *
 * Time zones by name: the system's zoneinfo files (RFC 8536, version 2 or later) and, for what lies
 * behind their last transition, the rule at their end (POSIX, TZ variable).
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/file.h"
#include "expr/cel_internal.h"

#define MAX_FILE_LEN 65536u
#define HEAD_LEN     44u
#define DAY_S        86400

typedef struct zone_rule {
    int month;           /* 1..12; 0: day of the year */
    int week;            /* 1..5, the last */
    int day;             /* of the week, Sunday is 0; or of the year, from 0 */
    bool skips_leap_day; /* day of the year from 1, February 29 not counted */
    int time_s;
} zone_rule;

struct cel_zone {
    sc_str name;
    sc_str file;
    size_t transition_count;
    const char *transitions; /* eight bytes each */
    const char *types_of;    /* a byte each */
    size_t type_count;
    const char *types; /* six bytes each */
    int standard_s;    /* of the rule; offsets east of UTC */
    int summer_s;
    bool has_rule;
    bool has_summer;
    zone_rule begins;
    zone_rule ends;
};

/* ---- numbers ---- */

static int64_t read_be(const char *at, size_t len)
{
    uint64_t n = (at[0] & 0x80) ? UINT64_MAX : 0;

    for (size_t i = 0; i < len; i++)
        n = n << 8 | (uint8_t)at[i];
    return (int64_t)n;
}

static bool take_number(sc_str *rest, int max, int *n)
{
    size_t len = 0;

    *n = 0;
    while (len < rest->len && len < 4 && rest->at[len] >= '0' && rest->at[len] <= '9')
        *n = *n * 10 + (rest->at[len++] - '0');
    *rest = sc_str_sub(*rest, len, rest->len);
    return len > 0 && *n <= max;
}

static bool take_byte(sc_str *rest, char byte)
{
    if (rest->len == 0 || rest->at[0] != byte)
        return false;
    *rest = sc_str_sub(*rest, 1, rest->len);
    return true;
}

/* ---- the rule: "CET-1CEST,M3.5.0,M10.5.0/3" ---- */

/* "CET", "<+0330>" */
static bool skip_name(sc_str *rest)
{
    size_t len = 0;

    if (take_byte(rest, '<')) {
        (void)sc_str_cut(rest, '>');
        return rest->at != NULL;
    }
    while (len < rest->len && ((rest->at[len] | 0x20) >= 'a' && (rest->at[len] | 0x20) <= 'z'))
        len++;
    *rest = sc_str_sub(*rest, len, rest->len);
    return len >= 3;
}

/* "[+-]hh[:mm[:ss]]" in seconds. */
static bool take_time(sc_str *rest, int *seconds)
{
    bool is_negative = take_byte(rest, '-');
    int part = 0;

    if (!is_negative)
        (void)take_byte(rest, '+');
    if (!take_number(rest, 167, seconds))
        return false;
    *seconds *= 3600;
    for (int unit = 60; unit > 0 && take_byte(rest, ':'); unit /= 60) {
        if (!take_number(rest, 59, &part))
            return false;
        *seconds += part * unit;
    }
    if (is_negative)
        *seconds = -*seconds;
    return true;
}

static bool take_rule(sc_str *rest, zone_rule *rule)
{
    *rule = (zone_rule){.time_s = 7200};
    if (!take_byte(rest, ','))
        return false;
    if (take_byte(rest, 'M')) {
        if (!take_number(rest, 12, &rule->month) || !take_byte(rest, '.') ||
            !take_number(rest, 5, &rule->week) || !take_byte(rest, '.') ||
            !take_number(rest, 6, &rule->day) || rule->month < 1 || rule->week < 1)
            return false;
    } else {
        rule->skips_leap_day = take_byte(rest, 'J');
        if (!take_number(rest, 365, &rule->day) || (rule->skips_leap_day && rule->day < 1))
            return false;
    }
    return !take_byte(rest, '/') || take_time(rest, &rule->time_s);
}

static bool read_rule(sc_str text, cel_zone *zone)
{
    int west_s;

    if (!skip_name(&text) || !take_time(&text, &west_s))
        return false;
    zone->has_rule = true;
    zone->standard_s = -west_s;
    zone->summer_s = zone->standard_s + 3600;
    if (text.len == 0)
        return true;
    if (!skip_name(&text))
        return false;
    if (text.len > 0 && text.at[0] != ',') {
        if (!take_time(&text, &west_s))
            return false;
        zone->summer_s = -west_s;
    }
    zone->has_summer = true;
    return take_rule(&text, &zone->begins) && take_rule(&text, &zone->ends) && text.len == 0;
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 1970 to January 1 of `year`. */
static int64_t days_to_year(int64_t year)
{
    int64_t before = year - 1;

    return 365 * (year - 1970) + (before / 4 - 492) - (before / 100 - 19) + (before / 400 - 4);
}

static int days_to_month(int64_t year, int month)
{
    static const int days[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};

    return days[month - 1] + (month > 2 && is_leap(year));
}

/* When the rule applies in `year`, in seconds of local time since 1970. */
static int64_t rule_time(const zone_rule *rule, int64_t year)
{
    int64_t day = days_to_year(year);
    int64_t first;

    if (rule->month == 0) {
        day += rule->day;
        if (rule->skips_leap_day)
            day -= !(is_leap(year) && rule->day > 59);
        return day * DAY_S + rule->time_s;
    }
    day += days_to_month(year, rule->month);
    first = ((rule->day - day - 4) % 7 + 7) % 7; /* 1970 began on a Thursday */
    first += (rule->week - 1) * 7;
    if (first >= days_to_month(year, rule->month + 1) - days_to_month(year, rule->month))
        first -= 7;
    return (day + first) * DAY_S + rule->time_s;
}

static int64_t year_of(int64_t at)
{
    int64_t year = 1970 + at / (365 * DAY_S + DAY_S / 4);

    while (days_to_year(year + 1) * DAY_S <= at)
        year++;
    while (days_to_year(year) * DAY_S > at)
        year--;
    return year;
}

static int offset_by_rule(const cel_zone *zone, int64_t at)
{
    int64_t year = year_of(at + zone->standard_s);
    int64_t begins = rule_time(&zone->begins, year) - zone->standard_s;
    int64_t ends = rule_time(&zone->ends, year) - zone->summer_s;
    bool is_summer = begins < ends ? at >= begins && at < ends : at >= begins || at < ends;

    return zone->has_summer && is_summer ? zone->summer_s : zone->standard_s;
}

/* ---- the file ---- */

/* Bytes of the block behind a header, with times of `time_len` bytes. */
static size_t block_len(const char *head, size_t time_len)
{
    size_t is_ut = (size_t)read_be(head + 20, 4);
    size_t is_std = (size_t)read_be(head + 24, 4);
    size_t leaps = (size_t)read_be(head + 28, 4);
    size_t times = (size_t)read_be(head + 32, 4);
    size_t types = (size_t)read_be(head + 36, 4);
    size_t chars = (size_t)read_be(head + 40, 4);

    if ((is_ut | is_std | leaps | times | types | chars) > MAX_FILE_LEN)
        return MAX_FILE_LEN;
    return times * (time_len + 1) + types * 6 + chars + leaps * (time_len + 4) + is_std + is_ut;
}

static bool read_file(cel_zone *zone)
{
    const char *head = zone->file.at;
    size_t skipped;
    size_t len;
    sc_str footer;

    if (zone->file.len < HEAD_LEN || memcmp(head, "TZif", 4) != 0 || head[4] < '2')
        return false;
    skipped = HEAD_LEN + block_len(head, 4);
    if (zone->file.len < skipped + HEAD_LEN)
        return false;
    head += skipped;
    len = HEAD_LEN + block_len(head, 8);
    if (zone->file.len < skipped + len + 2)
        return false;
    zone->transition_count = (size_t)read_be(head + 32, 4);
    zone->type_count = (size_t)read_be(head + 36, 4);
    zone->transitions = head + HEAD_LEN;
    zone->types_of = zone->transitions + zone->transition_count * 8;
    zone->types = zone->types_of + zone->transition_count;
    footer = sc_str_trim(sc_str_sub(zone->file, skipped + len, zone->file.len));
    return zone->type_count > 0 && (footer.len == 0 || read_rule(footer, zone));
}

int cel_zone_offset(const cel_zone *zone, int64_t at)
{
    size_t from = 0;
    size_t to = zone->transition_count;
    size_t type;

    while (from < to) { /* the first transition behind `at` */
        size_t middle = (from + to) / 2;

        if (read_be(zone->transitions + middle * 8, 8) <= at)
            from = middle + 1;
        else
            to = middle;
    }
    if (from == zone->transition_count && zone->has_rule)
        return offset_by_rule(zone, at);
    type = from > 0 ? (uint8_t)zone->types_of[from - 1] : 0;
    return type < zone->type_count ? (int)read_be(zone->types + type * 6, 4) : 0;
}

/* ---- by name ---- */

/* Nothing that leaves the folder. */
static bool is_name(sc_str name)
{
    if (name.len == 0 || name.len > 100 || name.at[0] == '/' ||
        sc_str_find_str(name, SC_STR("..")) < name.len)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr("_+-/", c))))
            return false;
    }
    return true;
}

static bool load(sc_str name, sc_buf *file)
{
    const char *folder = getenv("TZDIR");
    char path[512];
    sc_error err;

    if (!is_name(name))
        return false;
    (void)snprintf(path, sizeof(path), "%s/%.*s",
                   folder && *folder ? folder : "/usr/share/zoneinfo", SC_FMT(name));
    return sc_file_read(path, MAX_FILE_LEN, file, &err) == SC_OK;
}

/* The first few zones of a program stay with it; further ones are read each time. */
static const cel_zone *find_kept(const cel_zones *kept, sc_str name)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(kept->at) && kept->at[i]; i++) {
        if (sc_str_eq(kept->at[i]->name, name))
            return kept->at[i];
    }
    return NULL;
}

static cel_zone **free_place(cel_zones *kept)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(kept->at); i++) {
        if (!kept->at[i])
            return &kept->at[i];
    }
    return NULL;
}

const cel_zone *cel_zone_find(cel_run *run, sc_str name)
{
    const cel_zone *found = find_kept(run->zones, name);
    cel_zone **place = free_place(run->zones);
    sc_arena *mem = place ? run->zones->mem : run->mem;
    cel_zone *zone;
    sc_buf file = {0};

    if (found)
        return found;
    zone = sc_arena_new(run->mem, cel_zone);
    if (load(name, &file)) {
        zone->file = sc_buf_str(&file);
        if (read_file(zone)) {
            zone = sc_arena_new(mem, cel_zone);
            zone->name = sc_arena_str(mem, name);
            zone->file = sc_arena_str(mem, sc_buf_str(&file));
            found = read_file(zone) ? zone : NULL;
            if (place)
                *place = zone;
        }
    }
    sc_buf_deinit(&file);
    return found;
}
