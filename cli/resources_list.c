/* SPDX-License-Identifier: MIT
 *
 * Resources of one kind, read and printed.
 */
#include "cli/resources_list.h"

#include "cli/print.h"

int cli_resources_list(cli *c, const cli_listing *what)
{
    sc_doc *list = sc_doc_new(&c->mem, SC_DOC_ARRAY);
    cli_resources all = {0};
    cli_table table;
    sc_error err;

    for (uint32_t i = 0; i < what->folders->count; i++) {
        if (cli_resources_read(c, what->folders->at[i], &all, &err) != SC_OK)
            return cli_fail(c, "%s", err.text);
    }
    cli_table_init(&table, c, what->heads, what->columns);
    for (uint32_t i = 0; i < all.count; i++) {
        const cli_resource *one = &all.at[i];

        if (!sc_str_eq(one->kind, sc_str_from(what->kind)) ||
            (what->name.len > 0 && !sc_str_eq(what->name, one->name)))
            continue;
        what->add_row(c, &table, one);
        sc_doc_add(list, cli_doc_copy(c, one->doc));
    }
    if (what->name.len > 0 && list->count == 0)
        return cli_fail(c, "there is no %s named %.*s in %.*s", what->word, SC_FMT(what->name),
                        SC_FMT(what->folders->at[0]));
    cli_put_list(c, &table, list, what->format);
    return 0;
}

sc_str cli_resource_namespace(const cli_resource *one)
{
    return sc_doc_member_text(sc_doc_member(one->doc, "metadata"), "namespace");
}

sc_str cli_resource_created(cli *c, const cli_resource *one)
{
    return cli_local_time(c, one->changed_s, "%Y-%m-%d %H:%M.%S");
}
