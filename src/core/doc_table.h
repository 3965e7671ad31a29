/* SPDX-License-Identifier: MIT
 *
 * Reads a mapping of a document into a struct through a table: one line a key. A key that no line
 * names, and one whose work is not there yet, is answered with a warning, so nothing that somebody
 * wrote is passed over in silence.
 *
 * Reading a second document into the same struct lays it over the first: scalars and lists replace,
 * mappings merge key by key, null changes nothing.
 */
#ifndef SC_CORE_DOC_TABLE_H
#define SC_CORE_DOC_TABLE_H

#include "core/doc.h"
#include "core/error.h"
#include "core/log.h"
#include "core/pairs.h"

typedef enum sc_key_kind {
    SC_KEY_END,
    SC_KEY_SKIP,     /* known, and of no concern here */
    SC_KEY_LINE,     /* no key: uint32_t, the line where the mapping begins */
    SC_KEY_TEXT,     /* sc_str; a number or true/false as it is written */
    SC_KEY_BOOL,     /* bool */
    SC_KEY_INT,      /* int64_t */
    SC_KEY_DURATION, /* int64_t nanoseconds: Go's text, or a whole number of them */
    SC_KEY_DOC,      /* const sc_doc *: not looked into */
    SC_KEY_MAP,      /* sc_pairs of text to text */
    SC_KEY_OBJECT,   /* a struct inside this one, read with `members` */
    SC_KEY_TEXTS,    /* sc_str *list; uint32_t list_count */
    SC_KEY_INTS,     /* int64_t *list; uint32_t list_count */
    SC_KEY_LIST,     /* T *list; uint32_t list_count, each T read with `members` */
} sc_key_kind;

typedef struct sc_key {
    const char *name;
    sc_key_kind kind;
    size_t offset;
    size_t count_offset; /* of a list */
    size_t given_offset; /* of a bool that says whether the key was there; 0: none */
    size_t size;         /* of an element of SC_KEY_LIST */
    const struct sc_key *members;
    bool is_later; /* read, but its work is not there yet */
} sc_key;

#define SC_KEY(type, member, kind_, name_, ...)                                                    \
    {                                                                                              \
        .name = (name_), .kind = SC_KEY_##kind_, .offset = offsetof(type, member), __VA_ARGS__     \
    }
/* A list `member` with its length in `member_count`. */
#define SC_KEY_OF_LIST(type, member, kind_, name_, ...)                                            \
    {                                                                                              \
        .name = (name_), .kind = SC_KEY_##kind_, .offset = offsetof(type, member),                 \
        .count_offset = offsetof(type, member##_count), .size = sizeof(*((type *)0)->member),      \
        __VA_ARGS__                                                                                \
    }
#define SC_KEY_IGNORED(name_)                                                                      \
    {                                                                                              \
        .name = (name_), .kind = SC_KEY_SKIP                                                       \
    }
/* A key without a place in the struct, whose work is not there yet. */
#define SC_KEY_NOT_YET(name_)                                                                      \
    {                                                                                              \
        .name = (name_), .kind = SC_KEY_SKIP, .is_later = true                                     \
    }
#define SC_KEYS_END                                                                                \
    {                                                                                              \
        .name = NULL, .kind = SC_KEY_END                                                           \
    }

typedef struct sc_doc_reader {
    const char *file;  /* for messages */
    const sc_log *log; /* for warnings */
    sc_arena *mem;     /* for lists; texts stay where the document has them */
    sc_error *err;
} sc_doc_reader;

/* Reads `doc`, found under `path` ("spec"; empty: the document itself), into the struct `to`.
 * Fails with SC_INVALID worded "file:line:column: path is ..., not ...". */
sc_code sc_doc_read(const sc_doc_reader *reader, const sc_doc *doc, const char *path,
                    const sc_key *keys, void *to) SC_MUST_CHECK;

/* True for null, false, an empty text, and lists and mappings of nothing but those: asking for
 * nothing. */
bool sc_doc_says_nothing(const sc_doc *doc);

#endif
