/* SPDX-License-Identifier: MIT
 *
 * Resource folders read for a look; what each document means is the sidecar's business.
 */
#include "cli/resources.h"

#include <sys/stat.h>

#include "cli/files.h"
#include "core/yaml.h"

static void add(cli *c, cli_resources *to, const cli_resource *one)
{
    cli_resource *grown = sc_arena_alloc(&c->mem, (to->count + 1) * sizeof(cli_resource));

    if (to->count > 0)
        memcpy(grown, to->at, to->count * sizeof(cli_resource));
    grown[to->count++] = *one;
    to->at = grown;
}

static sc_code read_file(cli *c, sc_str file, cli_resources *to, sc_error *err)
{
    struct stat is = {0};
    sc_doc *all = NULL;
    sc_str text;

    if (cli_file_read(c, file, &text, err) != SC_OK ||
        sc_yaml_parse(text, file.at, &c->mem, &all, err) != SC_OK)
        return err->code;
    (void)stat(file.at, &is);
    SC_DOC_EACH (all, doc) {
        cli_resource one = {.doc = doc, .file = file, .changed_s = (int64_t)is.st_mtime};

        if (doc->kind != SC_DOC_OBJECT)
            return sc_fail(err, SC_INVALID,
                           "%.*s:%u:%u: a resource is a mapping with apiVersion, kind, metadata "
                           "and spec",
                           SC_FMT(file), doc->line, doc->column);
        one.kind = sc_doc_member_text(doc, "kind");
        one.name = sc_doc_member_text(sc_doc_member(doc, "metadata"), "name");
        one.type = sc_doc_member_text(sc_doc_member(doc, "spec"), "type");
        add(c, to, &one);
    }
    return SC_OK;
}

sc_code cli_resources_read(cli *c, sc_str folder, cli_resources *to, sc_error *err)
{
    cli_texts names;

    if (cli_folder_list_yaml(c, folder, &names, err) != SC_OK)
        return err->code;
    for (uint32_t i = 0; i < names.count; i++) {
        sc_str file = sc_arena_fmt(&c->mem, "%.*s/%.*s", SC_FMT(folder), SC_FMT(names.at[i]));

        if (read_file(c, file, to, err) != SC_OK)
            return err->code;
    }
    return SC_OK;
}

const cli_resource *cli_resources_find(const cli_resources *all, sc_str kind, sc_str name)
{
    for (uint32_t i = 0; i < all->count; i++) {
        if (sc_str_eq(all->at[i].kind, kind) && sc_str_eq(all->at[i].name, name))
            return &all->at[i];
    }
    return NULL;
}

sc_str cli_resource_setting(const cli_resource *component, sc_str name)
{
    const sc_doc *list = sc_doc_member(sc_doc_member(component->doc, "spec"), "metadata");

    if (!sc_doc_is(list, SC_DOC_ARRAY))
        return SC_STR_NONE;
    SC_DOC_EACH (list, it) {
        const sc_doc *value = sc_doc_member(it, "value");

        if (value && sc_str_eq_nocase(sc_doc_member_text(it, "name"), name))
            return value->text;
    }
    return SC_STR_NONE;
}
