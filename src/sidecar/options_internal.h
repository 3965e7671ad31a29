/* SPDX-License-Identifier: MIT
 *
 * The table of flags, for options.c and options_check.c.
 */
#ifndef SC_SIDECAR_OPTIONS_INTERNAL_H
#define SC_SIDECAR_OPTIONS_INTERNAL_H

#include "sidecar/options.h"

typedef struct sc_flag {
    sc_str name;
    enum { FLAG_TEXT, FLAG_BOOL, FLAG_INT, FLAG_DURATION, FLAG_LIST } kind;
    enum { FLAG_WORKS, FLAG_LATER, FLAG_OLD } state;
    size_t offset;
    const char *initial; /* read like a value */
    const char *help;    /* FLAG_OLD: what to use */
} sc_flag;

extern const sc_flag sc_flags[];
extern const size_t sc_flag_count;

/* Whether the flag was on the command line. */
bool sc_options_has(const sc_options *options, const char *name);

#endif
