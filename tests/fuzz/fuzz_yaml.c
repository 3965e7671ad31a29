/* links: core */
/* SPDX-License-Identifier: MIT
 *
 * YAML resources.
 */
#include "core/yaml.h"

/* libfyaml 0.7 keeps 4 KB of a quoted text with many escapes for ever. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml.so";
}

/* As resource folders are read: document by document, numbers as Kubernetes has them. */
static void read_resources(sc_str rest, sc_arena *mem)
{
    uint32_t before = 0;

    while (rest.at) {
        uint32_t lines;
        sc_str one = sc_yaml_cut_document(&rest, &lines);
        sc_doc *doc;
        sc_error err;

        if (sc_yaml_parse_resource(one, "fuzz.yaml", before, mem, &doc, &err) != SC_OK)
            (void)sc_str_hash(sc_str_from(err.text));
        before += lines;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    sc_arena mem;
    sc_doc *doc;
    sc_error err;

    sc_arena_init(&mem, NULL);
    if (sc_yaml_parse(sc_str_of(data, len), "fuzz.yaml", &mem, &doc, &err) != SC_OK)
        (void)sc_str_hash(sc_str_from(err.text));
    read_resources(sc_str_of(data, len), &mem);
    sc_arena_deinit(&mem);
    return 0;
}
