/* SPDX-License-Identifier: MIT
 *
 * What curl_client.c and the module that sees libcurl share. The module calls nothing of the
 * program: it reports through the pointers in a transfer.
 */
#ifndef SC_COMPONENTS_SHARED_CURL_INTERNAL_H
#define SC_COMPONENTS_SHARED_CURL_INTERNAL_H

#include "core/error.h"

struct uv_loop_s;

/* One request. Texts end with a NUL; all memory is the caller's and stays until `done`. */
typedef struct sc_curl_transfer {
    const char *method;
    const char *url;
    const char *const *headers; /* "Name: value"; NULL at the end */
    const char *body;
    size_t body_len;
    uint64_t timeout_ms;         /* of the whole; 0: no limit */
    uint64_t connect_timeout_ms; /* of its first part */
    /* A part of the answer's body; false: it is too much, stop. */
    bool (*on_data)(struct sc_curl_transfer *transfer, const char *at, size_t len);
    /* Once, on the loop, never inside `start`; not after `cancel`. */
    void (*done)(struct sc_curl_transfer *transfer);
    void *user;
    /* out */
    sc_error err; /* SC_OK whatever the status */
    int status;   /* of HTTP */
    void *internal;
} sc_curl_transfer;

typedef struct sc_curl_module_ops {
    /* NULL with `err` set when libcurl cannot be used. */
    void *(*client_new)(struct uv_loop_s *loop, const char *user_agent, sc_error *err);
    /* All transfers are done or cancelled before. `on_closed` later. */
    void (*client_close)(void *client, void (*on_closed)(void *user), void *user);
    void (*start)(void *client, sc_curl_transfer *transfer);
    /* Drops it: `done` does not run any more. */
    void (*cancel)(void *client, sc_curl_transfer *transfer);
} sc_curl_module_ops;

#endif
