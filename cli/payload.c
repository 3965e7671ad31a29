/* SPDX-License-Identifier: MIT
 *
 * What `publish` and `invoke` have in common.
 */
#include "cli/payload.h"

#include "cli/files.h"
#include "cli/print.h"
#include "core/doc.h"
#include "wire/json.h"

bool cli_payload(cli *c, const char *command, sc_str data, bool has_data, sc_str file, sc_str *out)
{
    sc_error err;

    *out = data;
    if (file.len == 0)
        return true;
    if (has_data) {
        return cli_refuse(c, "Only one of --data and --data-file allowed in the same %s command",
                          command);
    }
    if (cli_file_read(c, file, out, &err) == SC_OK)
        return true;
    return cli_refuse(c, "Error reading payload from '%.*s'. Error: %s", SC_FMT(file), err.text);
}

sc_str cli_problem_text(cli *c, sc_str answer)
{
    sc_doc *doc = NULL;
    sc_str code;
    sc_error err;

    if (sc_json_parse(answer, &c->mem, &doc, NULL, &err) != SC_OK)
        return SC_STR("");
    code = sc_doc_member_text(doc, "errorCode");
    if (code.len == 0)
        return SC_STR("");
    return sc_arena_fmt(&c->mem, " (%.*s: %.*s)", SC_FMT(code),
                        SC_FMT(sc_doc_member_text(doc, "message")));
}
