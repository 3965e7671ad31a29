/* SPDX-License-Identifier: MIT
 *
 * Every command: each in the file of its name, those that are not there yet in absent.c.
 */
#ifndef SC_CLI_COMMANDS_H
#define SC_CLI_COMMANDS_H

#include "cli/command.h"

extern const cli_command cli_build_info;
extern const cli_command cli_complete;
extern const cli_command cli_completion;
extern const cli_command cli_components;
extern const cli_command cli_configurations;
extern const cli_command cli_doctor;
extern const cli_command cli_help;
extern const cli_command cli_init;
extern const cli_command cli_install;
extern const cli_command cli_invoke;
extern const cli_command cli_list;
extern const cli_command cli_logs;
extern const cli_command cli_man;
extern const cli_command cli_publish;
extern const cli_command cli_run;
extern const cli_command cli_sidecar;
extern const cli_command cli_stop;
extern const cli_command cli_uninstall;
extern const cli_command cli_version;

extern const cli_command cli_annotate;
extern const cli_command cli_dashboard;
extern const cli_command cli_mcpservers;
extern const cli_command cli_mtls;
extern const cli_command cli_scheduler;
extern const cli_command cli_status;
extern const cli_command cli_upgrade;
extern const cli_command cli_workflow;

#endif
