/* SPDX-License-Identifier: MIT
 *
 * Certificates for a test program, made once (tests/support/certificates.sh) and removed at its
 * end.
 */
#ifndef TESTS_SUPPORT_TLS_FIXTURE_H
#define TESTS_SUPPORT_TLS_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "io/tls.h"

static char tls_folder[] = "/tmp/pillion-tls.XXXXXX";

/* The text of a file that the script made; good until 16 more were asked for. */
static inline sc_str tls_pem(const char *name)
{
    static char texts[16][4096];
    static unsigned slot;
    char *text = texts[slot++ % 16];
    char path[128];
    size_t len;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", tls_folder, name);
    file = fopen(path, "r");
    assert_non_null(file);
    len = fread(text, 1, sizeof(texts[0]), file);
    (void)fclose(file);
    return sc_str_of(text, len);
}

static inline sc_tls_context *tls_context(const sc_tls_settings *settings)
{
    sc_tls_context *made = NULL;
    sc_error err;

    if (sc_tls_context_new(settings, &made, &err) != SC_OK)
        fail_msg("%s", err.text);
    return made;
}

static inline int tls_make_certificates(void **state)
{
    char command[256];

    (void)state;
    assert_non_null(mkdtemp(tls_folder));
    (void)snprintf(command, sizeof(command), SOURCE_DIR "/tests/support/certificates.sh %s",
                   tls_folder);
    return system(command);
}

static inline int tls_remove_certificates(void **state)
{
    char command[256];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf %s", tls_folder);
    return system(command);
}

#endif
