/* SPDX-License-Identifier: MIT
 *
 * Between doctor.c, doctor_resources.c and doctor_running.c.
 */
#ifndef SC_CLI_DOCTOR_INTERNAL_H
#define SC_CLI_DOCTOR_INTERNAL_H

#include "cli/instances.h"
#include "cli/print.h"
#include "cli/resources.h"

typedef struct doctor_options {
    cli_texts folders;
    sc_str app_id;
} doctor_options;

typedef struct doctor {
    cli *c;
    const doctor_options *options;
    cli_instances running;
    uint32_t failures;
    uint32_t warnings;
} doctor;

/* One finding: a line, counted. */
void doctor_note(doctor *d, cli_mark mark, const char *fmt, ...) SC_PRINTF(3, 4);
#define doctor_good(d, ...) doctor_note((d), CLI_SUCCESS, __VA_ARGS__)
#define doctor_warn(d, ...) doctor_note((d), CLI_WARNING, __VA_ARGS__)
#define doctor_bad(d, ...)  doctor_note((d), CLI_FAILURE, __VA_ARGS__)

/* Documents, components and where they connect to, subscriptions. */
void doctor_check_resources(doctor *d);
/* Sidecars and applications that run. */
void doctor_check_running(doctor *d);

#endif
