/* SPDX-License-Identifier: MIT
 *
 * What every other header uses: slices, pairs and errors.
 *
 * The rules of the whole library, said once:
 *
 * - Ownership: what you pass is copied before the function returns (settings, names, bodies). What
 *   you get back says how long it lives. Every `..._new`, and every function that starts a call,
 *   has one `..._free`; free functions take NULL.
 * - Threads: a loop and everything made on it (clients, applications, calls, streams, requests,
 *   events) belong to one thread at a time. Different loops are independent of each other. Only
 *   pillion_loop_post and pillion_loop_stop may be called from elsewhere.
 * - There is no global state, no signal is touched unless you ask for it (pillion_app_run), and
 *   nothing is printed.
 * - Times are milliseconds, sizes are bytes, texts are UTF-8 and end in NUL.
 * - When the machine has no memory for a small object the process ends with a message; sizes that a
 *   peer chooses are limited, and past the limit the call fails with PILLION_EXHAUSTED.
 */
#ifndef PILLION_BASE_H
#define PILLION_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PILLION_API               __attribute__((__visibility__("default")))
#define PILLION_CHECK             __attribute__((__warn_unused_result__))
#define PILLION_PRINTF(at, first) __attribute__((__format__(__printf__, at, first)))

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that runs, for example "0.1.0". Lives for ever. */
PILLION_API const char *pillion_version(void);

/* A slice of bytes that belongs to somebody else. Those that the library hands out end in a NUL
 * behind their length, so `at` may be printed with %s; `at` is never NULL there. */
typedef struct pillion_str {
    const char *at;
    size_t len;
} pillion_str;

/* The slice of a text; of NULL: the empty one. */
static inline pillion_str pillion_text(const char *text)
{
    pillion_str s;

    s.at = text ? text : "";
    s.len = strlen(s.at);
    return s;
}

/* The slice of `len` bytes at `at`. */
static inline pillion_str pillion_bytes(const void *at, size_t len)
{
    pillion_str s;

    s.at = (const char *)at;
    s.len = len;
    return s;
}

/* True when the slice holds exactly the bytes of `text`. */
static inline bool pillion_str_is(pillion_str s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

/* A name and its value: metadata, headers. */
typedef struct pillion_pair {
    const char *name;
    const char *value;
} pillion_pair;

/* How a call went. The numbers are those of gRPC (https://grpc.io/docs/guides/status-codes/). */
typedef enum pillion_code {
    PILLION_OK = 0,
    PILLION_CANCELLED = 1,           /* given up by you: cancelled, or its client was freed */
    PILLION_UNKNOWN = 2,             /* the peer did not say what is wrong */
    PILLION_INVALID = 3,             /* the request is wrong: repeating it does not help */
    PILLION_DEADLINE = 4,            /* no whole answer in time; it may have taken effect */
    PILLION_NOT_FOUND = 5,           /* no such component, key, secret, or 404 of an application */
    PILLION_ALREADY_EXISTS = 6,      /* what was to be made is there */
    PILLION_PERMISSION_DENIED = 7,   /* scopes or access rules forbid it */
    PILLION_EXHAUSTED = 8,           /* a limit was reached: size, or too many at once */
    PILLION_FAILED_PRECONDITION = 9, /* not in this state: see the text */
    PILLION_ABORTED = 10,            /* somebody else was faster: the ETag does not match */
    PILLION_OUT_OF_RANGE = 11,
    PILLION_UNIMPLEMENTED = 12, /* the sidecar, or its component, cannot do this */
    PILLION_INTERNAL = 13,      /* the peer failed, or answered what is no HTTP, JSON or gRPC */
    PILLION_UNAVAILABLE = 14,   /* no connection, or it was cut: worth trying again */
    PILLION_DATA_LOSS = 15,
    PILLION_UNAUTHENTICATED = 16, /* the API token is missing or wrong */
    PILLION_PENDING = 100         /* not a failure: still under way */
} pillion_code;

/* "Unavailable" and so on. Lives for ever. */
PILLION_API const char *pillion_code_name(pillion_code code);

/* A failure with its story. A plain value: nothing to free. Wherever a function takes a pointer to
 * one, NULL is allowed; on success it is set to PILLION_OK with empty texts. */
typedef struct pillion_error {
    pillion_code code;
    int status;     /* HTTP status of the answer; 0: there was none */
    char name[64];  /* Dapr's errorCode, for example "ERR_PUBSUB_NOT_FOUND"; "": none came */
    char text[440]; /* for people; names the thing and the value; cut with "..." */
} pillion_error;

#ifdef __cplusplus
}
#endif
#endif
