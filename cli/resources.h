/* SPDX-License-Identifier: MIT
 *
 * The YAML documents of resource folders, as the commands look at them before a sidecar does.
 */
#ifndef SC_CLI_RESOURCES_H
#define SC_CLI_RESOURCES_H

#include "cli/command.h"
#include "core/doc.h"

typedef struct cli_resource {
    const sc_doc *doc;
    sc_str kind; /* "Component" */
    sc_str name; /* metadata.name */
    sc_str type; /* spec.type of a component */
    sc_str file;
    int64_t changed_s; /* wall clock */
} cli_resource;

typedef struct cli_resources {
    cli_resource *at;
    uint32_t count;
} cli_resources;

/* Adds the documents of every YAML file of `folder`. Fails with SC_NOT_FOUND ("stat DIR: no such
 * file or directory") or SC_INVALID ("FILE:LINE:COLUMN: what is wrong"). */
sc_code cli_resources_read(cli *c, sc_str folder, cli_resources *to, sc_error *err) SC_MUST_CHECK;
/* The first of this kind and name, or NULL. */
const cli_resource *cli_resources_find(const cli_resources *all, sc_str kind, sc_str name);
/* The value of a component's setting as text; empty when it is not there or comes from a secret. */
sc_str cli_resource_setting(const cli_resource *component, sc_str name);

#endif
