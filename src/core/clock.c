/* SPDX-License-Identifier: MIT
 *
 * RFC 3339 both ways.
 */
#include "core/clock.h"

#include <stdio.h>
#include <time.h>

int64_t sc_clock_wall_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

uint64_t sc_clock_mono_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int64_t sc_clock_wall_ms(void)
{
    return sc_clock_wall_ns() / 1000000;
}

static int64_t floor_div(int64_t n, int64_t by)
{
    return n / by - (n % by < 0);
}

static char *put_digits(char *to, unsigned n, size_t count)
{
    for (size_t i = count; i > 0; i--, n /= 10)
        to[i - 1] = (char)('0' + n % 10);
    return to + count;
}

/* What four digits of a year can say: 0000-01-01 to 9999-12-31. */
#define FIRST_S (-62167219200)
#define LAST_S  253402300799

/* "2006-01-02T15:04:05", without snprintf: each publish writes one. */
static size_t format_date(int64_t wall_s, struct tm *parts, bool is_local, char *text)
{
    time_t at = (time_t)(wall_s < FIRST_S ? FIRST_S : wall_s > LAST_S ? LAST_S : wall_s);
    char *end = text;

    if (is_local)
        localtime_r(&at, parts);
    else
        gmtime_r(&at, parts);
    end = put_digits(end, (unsigned)(parts->tm_year + 1900), 4);
    *end++ = '-';
    end = put_digits(end, (unsigned)parts->tm_mon + 1, 2);
    *end++ = '-';
    end = put_digits(end, (unsigned)parts->tm_mday, 2);
    *end++ = 'T';
    end = put_digits(end, (unsigned)parts->tm_hour, 2);
    *end++ = ':';
    end = put_digits(end, (unsigned)parts->tm_min, 2);
    *end++ = ':';
    end = put_digits(end, (unsigned)parts->tm_sec, 2);
    return (size_t)(end - text);
}

sc_str sc_clock_format_ms(int64_t wall_ms, char text[SC_CLOCK_TEXT_MAX])
{
    struct tm parts;
    int64_t s = floor_div(wall_ms, 1000);
    size_t len = format_date(s, &parts, false, text);
    int more = snprintf(text + len, SC_CLOCK_TEXT_MAX - len, ".%03dZ", (int)(wall_ms - s * 1000));

    return sc_str_of(text, len + (size_t)more);
}

sc_str sc_clock_format_s(int64_t wall_s, bool is_local, char text[SC_CLOCK_TEXT_MAX])
{
    struct tm parts;
    size_t len = format_date(wall_s, &parts, is_local, text);
    long offset = is_local ? parts.tm_gmtoff : 0;
    long ahead = offset < 0 ? -offset : offset;
    int more;

    if (offset == 0) {
        text[len] = 'Z';
        return sc_str_of(text, len + 1);
    }
    more = snprintf(text + len, SC_CLOCK_TEXT_MAX - len, "%c%02ld:%02ld", offset < 0 ? '-' : '+',
                    ahead / 3600 % 100, ahead / 60 % 60);
    return sc_str_of(text, len + (size_t)more);
}

sc_str sc_clock_format_ns(int64_t wall_ns, char text[SC_CLOCK_TEXT_MAX])
{
    struct tm parts;
    int64_t s = floor_div(wall_ns, 1000000000);
    size_t len = format_date(s, &parts, false, text);
    int64_t ns = wall_ns - s * 1000000000;
    int more;

    if (ns > 0) {
        more = snprintf(text + len, SC_CLOCK_TEXT_MAX - len, ".%09lld", (long long)ns);
        len += (size_t)more;
        while (text[len - 1] == '0')
            len--;
    }
    text[len++] = 'Z';
    text[len] = '\0';
    return sc_str_of(text, len);
}

/* `count` digits of `text` from `at`; -1 when they are not digits. */
static int digits(sc_str text, size_t at, size_t count)
{
    int n = 0;

    if (at + count > text.len)
        return -1;
    for (size_t i = at; i < at + count; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return -1;
        n = n * 10 + (text.at[i] - '0');
    }
    return n;
}

/* The zone at `at`: 'Z' or +hh:mm. */
static bool parse_zone(sc_str text, size_t at, int64_t *offset_s)
{
    int hours = digits(text, at + 1, 2);
    int minutes = digits(text, at + 4, 2);

    *offset_s = 0;
    if (at + 1 == text.len)
        return text.at[at] == 'Z' || text.at[at] == 'z';
    if (at + 6 != text.len || (text.at[at] != '+' && text.at[at] != '-') ||
        text.at[at + 3] != ':' || hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return false;
    *offset_s = (hours * 3600 + minutes * 60) * (text.at[at] == '-' ? -1 : 1);
    return true;
}

bool sc_clock_parse(sc_str text, int64_t *wall_ms)
{
    struct tm parts = {
        .tm_year = digits(text, 0, 4) - 1900,
        .tm_mon = digits(text, 5, 2) - 1,
        .tm_mday = digits(text, 8, 2),
        .tm_hour = digits(text, 11, 2),
        .tm_min = digits(text, 14, 2),
        .tm_sec = digits(text, 17, 2),
    };
    int64_t fraction_ms = 0;
    int64_t offset_s;
    size_t at = 19;

    if (text.len < 20 || text.at[4] != '-' || text.at[7] != '-' ||
        (text.at[10] != 'T' && text.at[10] != 't') || text.at[13] != ':' || text.at[16] != ':')
        return false;
    if (parts.tm_year < -1900 || parts.tm_mon < 0 || parts.tm_mon > 11 || parts.tm_mday < 1 ||
        parts.tm_mday > 31 || parts.tm_hour < 0 || parts.tm_hour > 23 || parts.tm_min < 0 ||
        parts.tm_min > 59 || parts.tm_sec < 0 || parts.tm_sec > 60)
        return false;
    if (text.at[at] == '.') {
        int64_t scale = 100;

        if (digits(text, ++at, 1) < 0)
            return false;
        for (; digits(text, at, 1) >= 0; at++, scale /= 10)
            fraction_ms += digits(text, at, 1) * scale;
    }
    if (at >= text.len || !parse_zone(text, at, &offset_s))
        return false;
    *wall_ms = ((int64_t)timegm(&parts) - offset_s) * 1000 + fraction_ms;
    return true;
}
