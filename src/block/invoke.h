/* SPDX-License-Identifier: MIT
 *
 * Service invocation (Dapr's building block): finds out who is meant, the own application, one
 * behind another sidecar, an HTTP endpoint, and carries the call there, with Dapr's built-in
 * retries between sidecars. Loop thread only.
 */
#ifndef SC_BLOCK_INVOKE_H
#define SC_BLOCK_INVOKE_H

#include "app/invoke.h"
#include "block/invoke_stats.h"
#include "block/names.h"
#include "block/peers.h"
#include "core/call.h"
#include "io/timer.h"
#include "policy/access.h"
#include "policy/retry.h"

typedef struct sc_invoker sc_invoker;

/* Borrowed, all of it, until sc_invoker_free. */
typedef struct sc_invoker_settings {
    sc_loop *loop;
    const sc_log *log;
    sc_str app_id; /* of this sidecar */
    sc_str namespace_;
    sc_str host_ip; /* announced to applications in Forwarded and X-Forwarded-For */
    sc_str host_name;
    sc_names *names;  /* NULL: no name resolution */
    bool needs_names; /* without it not even the own application is called by its id */
    sc_peers *peers;
    sc_invoke_target own;            /* the application of this sidecar; zeroed: none */
    const sc_access_control *access; /* NULL: everybody may call */
    const bool *is_app_unhealthy;    /* as its health checks say; NULL: not checked */
    sc_random *random;
    sc_metrics *metrics; /* NULL: nothing is counted */
} sc_invoker_settings;

/* One invocation. Lives in its call's arena; the call is held until `done`. */
typedef struct sc_invocation {
    sc_invoke_op op; /* first. The caller sets events, ask, body_len, is_body_open, trace */
    sc_call *call;
    sc_str target; /* "app", "app.namespace", the name of an HTTPEndpoint, or a URL */
    /* Once, later, on the loop: op.op.err says whether the answer came to its end. */
    void (*done)(struct sc_invocation *inv);
    void *user;      /* the caller's */
    sc_str failure;  /* out: why there is no whole answer, as Dapr words it */
    sc_str app_id;   /* out: of the target */
    bool is_to_peer; /* out: it went to another sidecar */
    /* its own */
    sc_invoker *invoker;
    sc_name_op name;
    sc_str target_namespace;
    sc_pairs plain_metadata; /* as the caller gave it */
    sc_retry_state retry;
    sc_error last; /* of the attempt before */
    sc_str last_story;
    sc_timer pause;
    uint64_t started_ns; /* of an attempt with a peer; 0: none is under way */
    sc_buf held;         /* of an open body, while nobody takes it */
    uint32_t failovers;
    bool has_failed; /* an attempt did */
    bool is_body_whole;
    bool is_resolving;
    bool is_cancelled;
} sc_invocation;

sc_invoker *sc_invoker_new(const sc_invoker_settings *settings);
void sc_invoker_free(sc_invoker *invoker);
sc_invoke_stats *sc_invoker_stats(const sc_invoker *invoker);
/* Whether this sidecar has an application at all. */
bool sc_invoker_has_app(const sc_invoker *invoker);
/* Starts `inv`. From now on sc_invoke_write and so on may be called with &inv->op. */
void sc_invoke(sc_invoker *invoker, sc_invocation *inv);
/* The same, to the own application whatever `target` says: a call that came from another sidecar.
 */
void sc_invoke_own(sc_invoker *invoker, sc_invocation *inv);
/* Gives up: done comes soon, with SC_CANCELLED, if it has not come yet. */
void sc_invocation_cancel(sc_invocation *inv);

/* Whether another application may call this one's. Without mutual TLS nobody knows which it is, and
 * the global action counts (security, 4.3). Fails with SC_PERMISSION_DENIED, in Dapr's words. */
sc_code sc_invoke_check_access(const sc_invoker *invoker, sc_str operation, sc_str verb,
                               sc_error *err) SC_MUST_CHECK;
/* "app" or "app.namespace", in Dapr's words when it is neither. `own` is the namespace without one.
 */
sc_code sc_invoke_split_target(sc_str target, sc_str own, sc_str *app_id, sc_str *namespace_,
                               sc_error *err) SC_MUST_CHECK;
/* A method as applications see it: cleaned, a '/' in front kept. Fails with SC_INVALID, in Dapr's
 * words, for what no path may hold. */
sc_code sc_invoke_clean_method(sc_str method, sc_arena *mem, sc_str *out,
                               sc_error *err) SC_MUST_CHECK;

#endif
