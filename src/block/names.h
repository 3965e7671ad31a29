/* SPDX-License-Identifier: MIT
 *
 * From app ids to one address each: asks the name resolver, remembers what it said as long as it
 * allows, hands out the instances of an application in turn, and passes over those that failed a
 * moment ago. Loop thread only.
 */
#ifndef SC_BLOCK_NAMES_H
#define SC_BLOCK_NAMES_H

#include "component/nameresolution.h"
#include "core/log.h"

typedef struct sc_names sc_names;

/* One look-up. */
typedef struct sc_name_op {
    sc_op op; /* fails in the resolver's words */
    sc_str app_id;
    sc_str namespace_;
    sc_str address;    /* out, in op.mem: "host:port" */
    bool is_last;      /* out: no other instance is known that did not fail lately */
    sc_names *names;   /* its own, as what follows */
    sc_resolve_op ask; /* of a resolver that remembers by itself */
} sc_name_op;

/* Opens the resolver `component` ("nameresolution.local"). Fails as its open. */
sc_code sc_names_open(const sc_component *component, const sc_component_env *env, sc_names **out,
                      sc_error *err) SC_MUST_CHECK;
/* From now on others find this sidecar, if the resolver announces at all. SC_PENDING: from
 * what->op on, which completes later. */
sc_code sc_names_announce(sc_names *names, const sc_announcement *what,
                          sc_error *err) SC_MUST_CHECK;
/* Others are not to find it any more. */
void sc_names_withdraw(sc_names *names);
/* sc_names_withdraw was called. */
bool sc_names_is_withdrawn(const sc_names *names);
/* SC_OK: the address is there now and done is not called. SC_PENDING: done comes later. Otherwise
 * op->op.err says why, and done is not called. */
sc_code sc_names_look_up(sc_names *names, sc_name_op *op) SC_MUST_CHECK;
/* A connection to `address` failed. */
void sc_names_doubt(sc_names *names, sc_str address);
/* Look-ups under way fail; `on_closed` later. Takes the announcement back. */
void sc_names_close(sc_names *names, uint64_t linger_ms, void (*on_closed)(void *user), void *user);

#endif
