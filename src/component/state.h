/* SPDX-License-Identifier: MIT
 *
 * The contract of a state store (Dapr: state management building block).
 *
 * All methods are called on the loop thread and never wait: a store whose library blocks keeps a
 * lane of its own behind this interface. Keys arrive as they are stored (prefixes are the block's),
 * values as the bytes to store. What can go wrong with an ETag is told apart from every other
 * failure, for Dapr's APIs answer it apart.
 */
#ifndef SC_COMPONENT_STATE_H
#define SC_COMPONENT_STATE_H

#include "component/instance.h"
#include "component/state_query.h"
#include "core/op.h"

/* ---- writing ---- */

typedef enum sc_concurrency {
    SC_CONCURRENCY_UNSET, /* a write with an ETag must match it; one without always goes through */
    SC_FIRST_WRITE,       /* without an ETag: only when there is nothing yet */
    SC_LAST_WRITE,
} sc_concurrency;

typedef enum sc_consistency {
    SC_CONSISTENCY_UNSET,
    SC_EVENTUAL,
    SC_STRONG, /* confirmed by every replica that the store knows of */
} sc_consistency;

/* Why a write was refused because of its ETag. The op's error text is then the store's own words,
 * or empty. */
typedef enum sc_etag_fault {
    SC_ETAG_FINE,
    SC_ETAG_MISMATCH,
    SC_ETAG_INVALID, /* no text that this store ever gives out */
} sc_etag_fault;

/* One upsert or delete. Slices live as long as the op. */
typedef struct sc_state_write {
    sc_str key;
    sc_str value;             /* of an upsert */
    sc_str etag;              /* empty: none */
    const sc_pairs *metadata; /* of the item: ttlInSeconds, contentType...; may be NULL */
    sc_concurrency concurrency;
    sc_consistency consistency;
    bool is_delete;
    bool is_json; /* `value` is a JSON text, else bytes; stores that mark the difference do */
} sc_state_write;

typedef struct sc_state_write_op {
    sc_op op; /* SC_OK only after the store confirmed it */
    sc_state_write write;
    sc_etag_fault etag_fault; /* out */
} sc_state_write_op;

/* All or nothing, where the server can; see each store. */
typedef struct sc_state_transact_op {
    sc_op op;
    const sc_state_write *writes; /* in this order; one key may come several times */
    size_t count;
    sc_etag_fault etag_fault; /* out */
} sc_state_transact_op;

/* ---- reading ---- */

typedef struct sc_state_value {
    bool is_found;
    sc_str value;      /* in the op's arena, as is the ETag */
    sc_str etag;       /* may be empty: the store keeps none for this entry */
    int64_t expires_s; /* wall clock; 0: never, or the store does not tell */
} sc_state_value;

typedef struct sc_state_get_op {
    sc_op op; /* a missing key is no failure */
    sc_str key;
    const sc_pairs *metadata; /* of the request; may be NULL */
    sc_consistency consistency;
    sc_state_value out;
} sc_state_get_op;

typedef struct sc_state_row {
    sc_str key;
    sc_state_value value;
    sc_str error; /* not empty: this key could not be read */
} sc_state_row;

typedef struct sc_state_bulk_get_op {
    sc_op op; /* fails only when nothing could be read at all */
    const sc_str *keys;
    size_t count;
    size_t parallelism;       /* reads at a time where they are single ones; 0: no limit */
    const sc_pairs *metadata; /* may be NULL */
    sc_state_row *rows;       /* out, in the arena; in the order of the store */
    size_t row_count;
} sc_state_bulk_get_op;

typedef struct sc_state_query_op {
    sc_op op;
    const sc_state_query *query;
    sc_str key_prefix; /* keys begin with it, for stores that can tell */
    const sc_pairs *metadata;
    sc_state_row *rows; /* out */
    size_t row_count;
    sc_str token; /* out: continues behind the last row; empty: none */
} sc_state_query_op;

/* ---- stores ---- */

enum {
    SC_STATE_ETAG = 1u << 0,
    SC_STATE_TRANSACTIONAL = 1u << 1,
    SC_STATE_TTL = 1u << 2,
    SC_STATE_QUERY = 1u << 3,
};

typedef struct sc_state_ops {
    /* Checks the settings and starts connecting; does not wait for it. `conf` lives as long as
     * `self`. Fails only for settings that cannot work (SC_INVALID) or a file that cannot be
     * opened. */
    sc_code (*open)(void *self, const void *conf, const sc_component_env *env, sc_error *err);
    /* How it stands; `why` (may be NULL) tells the last failure when not ready. */
    sc_component_state (*state)(void *self, sc_error *why);
    /* SC_STATE_... of this instance; may grow once the server is known. */
    uint32_t (*features)(void *self);
    /* Each completes its op later. While the server is away they wait for it within the store's
     * bounds (count and time), else fail with SC_UNAVAILABLE or SC_EXHAUSTED. */
    void (*get)(void *self, sc_state_get_op *op);
    void (*write)(void *self, sc_state_write_op *op);
    void (*bulk_get)(void *self, sc_state_bulk_get_op *op); /* NULL: one get a key */
    void (*transact)(void *self, sc_state_transact_op *op); /* NULL: it cannot */
    void (*query)(void *self, sc_state_query_op *op);       /* NULL: it cannot */
    /* Finishes what is under way within `linger_ms`, fails the rest, frees. */
    void (*close)(void *self, uint64_t linger_ms, void (*on_closed)(void *user), void *user);
} sc_state_ops;

/* ---- an opened instance, as blocks see it ---- */

typedef struct sc_state {
    sc_instance *instance;
    const sc_state_ops *ops;
    void *self; /* the instance's, at hand for every call */
} sc_state;

/* Decodes the settings and opens the instance.
 * Fails with SC_INVALID (settings) or what the component's open says. */
sc_code sc_state_open(const sc_component *component, const sc_component_env *env, sc_state **out,
                      sc_error *err) SC_MUST_CHECK;
/* Frees `state` at once and the instance after the component's close; then `on_closed`. */
void sc_state_close(sc_state *state, uint64_t linger_ms, void (*on_closed)(void *user), void *user);

static inline void sc_state_get(sc_state *state, sc_state_get_op *op)
{
    state->ops->get(state->self, op);
}
static inline void sc_state_write_one(sc_state *state, sc_state_write_op *op)
{
    state->ops->write(state->self, op);
}
/* Falls back to single gets, `parallelism` at a time, rows in the order of the keys. */
void sc_state_bulk_get(sc_state *state, sc_state_bulk_get_op *op);
/* The names that the metadata API lists, in Dapr's order; as many as returned, static. */
size_t sc_state_capabilities(const sc_state *state, const char *names[SC_MAX_CAPABILITIES]);

/* ---- helpers for stores ---- */

/* What an item's metadata says about its life. */
typedef struct sc_state_ttl {
    bool is_set;     /* ttlInSeconds is there and not empty */
    int64_t seconds; /* 0 and below: no expiry */
} sc_state_ttl;

/* Reads ttlInSeconds, any 64-bit integer. `func` is the Go function whose words a wrong text gets:
 * `strconv.Atoi: parsing "abc": invalid syntax`. Fails with SC_INVALID. `metadata` may be NULL. */
sc_code sc_state_read_ttl(const sc_pairs *metadata, const char *func, sc_state_ttl *ttl,
                          sc_error *err) SC_MUST_CHECK;
/* Go's strconv for a decimal integer that fits 64 bits: an optional sign and digits. Fails with
 * SC_INVALID and Go's words. */
sc_code sc_go_parse_int(sc_str text, const char *func, int64_t *out, sc_error *err) SC_MUST_CHECK;
/* True when the item asks to be kept as a JSON document: contentType is exactly application/json.
 */
bool sc_state_wants_document(const sc_pairs *metadata);

#endif
