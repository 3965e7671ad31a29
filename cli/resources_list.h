/* SPDX-License-Identifier: MIT
 *
 * What `components` and `configurations` have in common: the resources of one kind in folders, as a
 * table or as documents.
 */
#ifndef SC_CLI_RESOURCES_LIST_H
#define SC_CLI_RESOURCES_LIST_H

#include "cli/format.h"
#include "cli/resources.h"

typedef struct cli_listing {
    const char *kind;         /* "Component" */
    const char *word;         /* "component", for messages */
    const cli_texts *folders; /* at least one */
    sc_str name;              /* only this one; empty: all */
    cli_format format;
    const char *const *heads; /* of the table */
    uint32_t columns;
    void (*add_row)(cli *c, cli_table *table, const cli_resource *one);
} cli_listing;

/* Prints; returns the exit status. */
int cli_resources_list(cli *c, const cli_listing *what);
/* metadata.namespace; the columns CREATED and AGE. */
sc_str cli_resource_namespace(const cli_resource *one);
sc_str cli_resource_created(cli *c, const cli_resource *one);

#endif
