/* SPDX-License-Identifier: MIT
 *
 * The routes and methods of the API as rows, for the documents.
 */
#ifndef SC_API_TABLES_H
#define SC_API_TABLES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct sc_api_row {
    char verbs[40];   /* "POST, PUT"; "any"; empty for gRPC */
    const char *name; /* "/v1.0/healthz"; "PublishEvent" */
    bool is_there;    /* false: answered as not implemented */
} sc_api_row;

/* The `index`-th, in the order of the table; false past the last. */
bool sc_http_api_row(size_t index, sc_api_row *row);
bool sc_grpc_api_row(size_t index, sc_api_row *row);

#endif
