/* SPDX-License-Identifier: MIT
 *
 * The nearest name to a misspelt one: fewest letters added, left out, changed or swapped.
 */
#include <string.h>

#include "cli/command.h"

#define NAME_MAX_LEN 64u

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment; three rows are enough. */
static size_t distance(sc_str a, sc_str b)
{
    size_t rows[3][NAME_MAX_LEN + 1];

    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *now = rows[i % 3];
        const size_t *last = rows[(i + 2) % 3];
        const size_t *before = rows[(i + 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t change = a.at[i - 1] == b.at[j - 1] ? 0 : 1;

            now[j] = least(least(last[j] + 1, now[j - 1] + 1), last[j - 1] + change);
            if (i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] && a.at[i - 2] == b.at[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

void cli_guess_offer(cli_guess *guess, const char *candidate)
{
    sc_str name = sc_str_from(candidate);
    size_t far = guess->typed.len / 3 + 1;
    size_t d;

    if (guess->typed.len == 0 || guess->typed.len > NAME_MAX_LEN || name.len > NAME_MAX_LEN)
        return;
    d = distance(guess->typed, name);
    if (guess->typed.len >= 3 && sc_str_starts(name, guess->typed))
        d = 1; /* the beginning of a name is as good as one slip */
    if (d <= far && (!guess->best || d < guess->distance)) {
        guess->best = candidate;
        guess->distance = d;
    }
}
