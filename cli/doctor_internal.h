/* SPDX-License-Identifier: MIT
 *
 * Between doctor.c, doctor_resources.c and doctor_running.c.
 */
#ifndef SC_CLI_DOCTOR_INTERNAL_H
#define SC_CLI_DOCTOR_INTERNAL_H

#include "cli/instances.h"
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

void doctor_good(doctor *d, const char *fmt, ...) SC_PRINTF(2, 3);
void doctor_warn(doctor *d, const char *fmt, ...) SC_PRINTF(2, 3);
void doctor_bad(doctor *d, const char *fmt, ...) SC_PRINTF(2, 3);

/* Documents, components and where they connect to, subscriptions. */
void doctor_check_resources(doctor *d);
/* Sidecars and applications that run. */
void doctor_check_running(doctor *d);

#endif
