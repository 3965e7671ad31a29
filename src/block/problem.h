/* SPDX-License-Identifier: MIT
 *
 * What a block says when it cannot do what was asked: one of Dapr's named errors with its message
 * and details, ready for either head to word as HTTP or gRPC (Dapr: "error codes").
 */
#ifndef SC_BLOCK_PROBLEM_H
#define SC_BLOCK_PROBLEM_H

#include "core/arena.h"
#include "core/error.h"
#include "core/pairs.h"

typedef enum sc_reason {
    SC_REASON_NONE, /* success */
#define SC_REASON(name, code, http, tag, info, resource) SC_REASON_##name,
#include "block/reason.def"
#undef SC_REASON
} sc_reason;

/* All slices live in the call's arena. Zeroed: success. */
typedef struct sc_problem {
    sc_reason reason;
    sc_str message;
    sc_str resource_name;  /* the component, where ResourceInfo is due */
    sc_pairs info;         /* ErrorInfo metadata */
    bool has_info;         /* false: the JSON form shows null, as Dapr does for no map */
    bool is_bad_request;   /* a BadRequest is due, which repeats the message and */
    sc_str bad_field;      /* names the field; may be empty */
    const char *help_text; /* NULL: no Help is given */
    const char *help_url;
} sc_problem;

/* Whose component ResourceInfo names. */
typedef enum sc_resource_kind {
    SC_RESOURCE_NONE,
    SC_RESOURCE_PUBSUB, /* its description repeats the message */
    SC_RESOURCE_STATE,  /* its description is empty */
} sc_resource_kind;

typedef struct sc_reason_row {
    sc_code code;
    int http_status;
    const char *error_code;  /* "ERR_PUBSUB_NOT_FOUND" */
    const char *info_reason; /* "DAPR_PUBSUB_NOT_FOUND"; "": a plain error */
    sc_resource_kind resource;
} sc_reason_row;
/* Never NULL; SC_REASON_NONE is success. */
const sc_reason_row *sc_reason_of(sc_reason reason);

/* "pubsub", "state": what ResourceInfo calls the kind. */
const char *sc_resource_kind_name(sc_resource_kind kind);
/* True for an error that is plain on HTTP, although gRPC gives it an ErrorInfo. */
bool sc_reason_is_basic(const sc_reason_row *row);

static inline bool sc_problem_is_none(const sc_problem *problem)
{
    return problem->reason == SC_REASON_NONE;
}
/* Sets reason and message; details start empty. Returns `problem`. */
sc_problem *sc_problem_set(sc_problem *problem, sc_arena *mem, sc_reason reason, const char *fmt,
                           ...) SC_PRINTF(4, 5);
/* Adds an entry to the ErrorInfo metadata. Borrows the slices. */
void sc_problem_info(sc_problem *problem, sc_arena *mem, sc_str name, sc_str value);

#endif
