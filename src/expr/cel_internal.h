/* SPDX-License-Identifier: MIT
 *
 * Values, trees and the parts of the evaluator.
 */
#ifndef SC_EXPR_CEL_INTERNAL_H
#define SC_EXPR_CEL_INTERNAL_H

#include "core/buf.h"
#include "expr/cel.h"

/* ---- values ---- */

typedef enum cel_kind {
    CEL_ERROR, /* travels like a value; && || and ?: may drop it */
    CEL_DYN,   /* as a static type only: not known before evaluation */
    CEL_NULL,
    CEL_BOOL,
    CEL_INT,
    CEL_UINT,
    CEL_DOUBLE,
    CEL_STRING,
    CEL_BYTES,
    CEL_LIST,
    CEL_MAP,
    CEL_TIMESTAMP,
    CEL_DURATION,
    CEL_TYPE,
} cel_kind;

typedef struct cel_value {
    cel_kind kind;
    bool truth;
    int64_t i;  /* CEL_INT; seconds of CEL_TIMESTAMP */
    uint64_t u; /* CEL_UINT */
    int32_t ns; /* of CEL_TIMESTAMP */
    double d;
    sc_str s;                /* CEL_STRING, CEL_BYTES; the text of CEL_ERROR and CEL_TYPE */
    struct cel_value *items; /* CEL_LIST; keys and values in turn: CEL_MAP */
    size_t count;            /* elements or entries */
    const sc_doc *doc;       /* a list or map that is still a document; NULL: in `items` */
} cel_value;

typedef struct cel_scope { /* variables of macros, innermost first */
    const struct cel_scope *outer;
    sc_str name;
    cel_value value;
} cel_scope;

typedef struct cel_zone cel_zone; /* a time zone by name (cel_zone.c) */

/* What a program has read of zoneinfo. */
typedef struct cel_zones {
    sc_arena *mem; /* the program's */
    cel_zone *at[4];
} cel_zones;

typedef struct cel_run {
    sc_arena *mem;
    const sc_doc *event;
    cel_zones *zones;
    uint32_t steps;
} cel_run;

/* ---- trees ---- */

typedef enum cel_op {
    CEL_OP_LITERAL,
    CEL_OP_NAME,
    CEL_OP_SELECT, /* args[0].name */
    CEL_OP_HAS,    /* has(args[0].name) */
    CEL_OP_INDEX,
    CEL_OP_CALL, /* `function`, receiver first */
    CEL_OP_LIST,
    CEL_OP_MAP, /* keys and values in turn */
    CEL_OP_AND,
    CEL_OP_OR,
    CEL_OP_NOT,
    CEL_OP_NEGATE,
    CEL_OP_CHOOSE,
    CEL_OP_EQ,
    CEL_OP_NE,
    CEL_OP_LT,
    CEL_OP_LE,
    CEL_OP_GT,
    CEL_OP_GE,
    CEL_OP_ADD,
    CEL_OP_SUB,
    CEL_OP_MUL,
    CEL_OP_DIV,
    CEL_OP_MOD,
    CEL_OP_IN,
    CEL_OP_ALL, /* args: range, body; `name` is the variable */
    CEL_OP_EXISTS,
    CEL_OP_EXISTS_ONE,
    CEL_OP_MAP_MACRO, /* args: range, transform[, filter] */
    CEL_OP_FILTER,
} cel_op;

typedef struct cel_node {
    cel_op op;
    cel_kind type;  /* what it will be, as far as is known */
    bool is_global; /* ".name": no variable of a macro */
    sc_str name;
    const struct cel_function *function;
    struct cel_node **args;
    size_t count;
    cel_value literal;
} cel_node;

typedef struct cel_function {
    const char *name;
    bool is_method; /* x.f(...): args[0] is x */
    uint8_t min_args;
    uint8_t max_args;
    cel_kind result;
    cel_value (*call)(cel_run *run, const cel_value *args, size_t count);
} cel_function;

struct sc_cel {
    cel_node *root;
    cel_zones *zones;
};

/* ---- tokens (cel_lex.c) ---- */

typedef enum cel_token_kind {
    CEL_T_END,
    CEL_T_NAME,
    CEL_T_INT,
    CEL_T_UINT,
    CEL_T_DOUBLE,
    CEL_T_STRING,
    CEL_T_BYTES,
    CEL_T_SIGN, /* `text` is the operator or bracket */
} cel_token_kind;

typedef struct cel_token {
    cel_token_kind kind;
    sc_str text;   /* as written; the content for strings and bytes */
    size_t offset; /* in the expression */
    uint64_t u;    /* CEL_T_INT (magnitude), CEL_T_UINT */
    double d;
} cel_token;

typedef struct cel_lexer {
    sc_str text;
    size_t at;
    sc_arena *mem;
} cel_lexer;

sc_code cel_next_token(cel_lexer *lexer, cel_token *token, sc_error *err) SC_MUST_CHECK;

/* ---- values (cel_value.c) ---- */

cel_value cel_error(cel_run *run, const char *fmt, ...) SC_PRINTF(2, 3);
cel_value cel_bool(bool truth);
cel_value cel_int(int64_t i);
cel_value cel_uint(uint64_t u);
cel_value cel_double(double d);
cel_value cel_string(sc_str s);
cel_value cel_from_doc(const sc_doc *doc, sc_arena *mem);
/* Lists and maps that are documents get their `items`. */
void cel_open(cel_run *run, cel_value *value);
/* "int", "list" and so on. */
sc_str cel_kind_name(cel_kind kind);
bool cel_is_equal(cel_run *run, const cel_value *a, const cel_value *b);
/* -1, 0, 1; false when the two have no order (of different kinds, or NaN). */
bool cel_order(const cel_value *a, const cel_value *b, int *order);
/* The value under `key`, or NULL. */
const cel_value *cel_find(cel_run *run, cel_value *map, const cel_value *key);

/* ---- the rest ---- */

/* cel_functions.c: by name and number of arguments (the receiver counts); NULL: none. */
const cel_function *cel_find_function(sc_str name, bool is_method, size_t args);
/* cel_arithmetic.c */
cel_value cel_compute(cel_run *run, cel_op op, const cel_value *a, const cel_value *b);
cel_value cel_negate(cel_run *run, const cel_value *a);
/* cel_time.c */
bool cel_parse_timestamp(sc_str text, cel_value *out);
bool cel_parse_duration(sc_str text, int64_t *ns);
sc_str cel_format_timestamp(const cel_value *at, sc_arena *mem);
sc_str cel_format_duration(int64_t ns, sc_arena *mem);
cel_value cel_time_part(cel_run *run, const char *part, const cel_value *args, size_t count);
/* cel_zone.c: the zone called "Europe/Paris", or NULL; good as long as the program. Reads a file
 * the first time. */
const cel_zone *cel_zone_find(cel_run *run, sc_str name);
/* Seconds east of UTC at `at` (since 1970). */
int cel_zone_offset(const cel_zone *zone, int64_t at);
/* cel_parse.c */
sc_code cel_parse(sc_str text, sc_arena *mem, cel_node **root, sc_error *err) SC_MUST_CHECK;

#endif
