/* SPDX-License-Identifier: MIT
 *
 * The contract of a name resolver (Dapr: name resolution): from an app id to the addresses of the
 * sidecars that stand before that application, and the announcement of this one. Called on the loop
 * thread; no method waits.
 */
#ifndef SC_COMPONENT_NAMERESOLUTION_H
#define SC_COMPONENT_NAMERESOLUTION_H

#include "component/instance.h"
#include "core/list.h"

/* This sidecar, for others to find. Slices live as long as the instance. */
typedef struct sc_announcement {
    sc_str app_id;
    sc_str namespace_; /* "default" when none is set */
    sc_str host;       /* an address literal, IPv6 without brackets */
    uint16_t port;     /* of the internal gRPC server */
    sc_op *op;         /* completes when announce returned SC_PENDING; also when it is withdrawn */
} sc_announcement;

typedef struct sc_resolve_op {
    sc_op op; /* SC_NOT_FOUND, worded as Dapr's resolver of the kind */
    sc_str app_id;
    sc_str namespace_;
    const sc_str *addresses; /* out: "host:port", at least one on success */
    uint32_t count;          /* out */
    sc_list link;            /* the resolver's while it is pending */
} sc_resolve_op;

typedef struct sc_nameresolution_ops {
    /* Checks the settings and makes the resolver usable. `conf` lives as long as `self`. */
    sc_code (*open)(void *self, const void *conf, const sc_component_env *env, sc_error *err);
    /* From now on, or from what->op on (SC_PENDING), others find this sidecar. NULL: the resolver
     * has nothing to announce. At most once. */
    sc_code (*announce)(void *self, const sc_announcement *what, sc_error *err);
    /* Takes it back. NULL with `announce`. close does it too. */
    void (*withdraw)(void *self);
    /* SC_OK: the result is there now, good until the resolver is called next, and op->op.done is
     * not called. SC_PENDING: done comes later, the result is in op->op.mem. Otherwise op->op.err
     * says why, and done is not called. */
    sc_code (*resolve)(void *self, sc_resolve_op *op);
    /* A connection to `address` failed: look anew before it is named again. May be NULL. */
    void (*doubt)(void *self, sc_str address);
    /* Withdraws, fails what is under way, frees; `on_closed` later. */
    void (*close)(void *self, uint64_t linger_ms, void (*on_closed)(void *user), void *user);
    /* How long a result may be used again without asking. 0: the resolver remembers by itself. */
    uint32_t max_age_ms;
} sc_nameresolution_ops;

#endif
