/* SPDX-License-Identifier: MIT
 *
 * Messages of the domain name system (RFC 1035), as far as multicast DNS needs them (RFC 6762):
 * names, questions, and records of the types PTR, SRV, TXT, A and AAAA. Others are passed over.
 *
 * A message is checked as a whole first; reading it after that cannot fail. Nothing is allocated.
 */
#ifndef SC_WIRE_DNS_H
#define SC_WIRE_DNS_H

#include "core/buf.h"
#include "core/error.h"

#define SC_DNS_NAME_MAX  255u
#define SC_DNS_LABEL_MAX 63u

enum { /* types of records and questions */
       SC_DNS_A = 1,
       SC_DNS_PTR = 12,
       SC_DNS_TXT = 16,
       SC_DNS_AAAA = 28,
       SC_DNS_SRV = 33,
};

enum { /* flags of a message */
       SC_DNS_RESPONSE = 0x8000,
       SC_DNS_AUTHORITATIVE = 0x0400,
       SC_DNS_OPCODE_AND_RCODE = 0x780f, /* 0 in multicast DNS: others are ignored */
};

typedef enum sc_dns_section {
    SC_DNS_QUESTION,
    SC_DNS_ANSWER,
    SC_DNS_AUTHORITY,
    SC_DNS_ADDITIONAL,
    SC_DNS_SECTIONS,
} sc_dns_section;

/* ---- names ---- */

/* Labels, each behind its length, the empty one at the end; never compressed. Compared byte by
 * byte, as app ids are. */
typedef struct sc_dns_name {
    uint8_t at[SC_DNS_NAME_MAX];
    uint8_t len;
} sc_dns_name;

/* "orders.local", with or without a dot at the end. Fails with SC_INVALID, naming the text, when a
 * label is empty or longer than 63 bytes, or the whole is longer than 255. */
sc_code sc_dns_name_from(sc_str text, sc_dns_name *out, sc_error *err) SC_MUST_CHECK;
static inline sc_str sc_dns_name_bytes(const sc_dns_name *name)
{
    return sc_str_of(name->at, name->len);
}
static inline bool sc_dns_name_eq(const sc_dns_name *a, const sc_dns_name *b)
{
    return sc_str_eq(sc_dns_name_bytes(a), sc_dns_name_bytes(b));
}
/* The bytes of a name without its first label. Empty for the root. */
sc_str sc_dns_parent(sc_str name);

/* ---- reading ---- */

typedef struct sc_dns_message {
    sc_str bytes; /* borrowed */
    uint16_t id;
    uint16_t flags;
    uint16_t count[SC_DNS_SECTIONS];
} sc_dns_message;

/* Where a walk through a message is. Starts zeroed. */
typedef struct sc_dns_walk {
    size_t at;
    uint32_t done; /* questions and records */
} sc_dns_walk;

typedef struct sc_dns_question {
    sc_dns_name name;
    uint16_t type;
    uint16_t class_;    /* without the top bit */
    bool wants_unicast; /* the top bit (RFC 6762, 5.4) */
} sc_dns_question;

typedef struct sc_dns_record {
    sc_dns_name name;
    sc_dns_section section;
    uint16_t type;
    uint16_t class_;    /* without the top bit */
    bool is_flush;      /* the top bit: older records of this name go (RFC 6762, 10.2) */
    uint32_t ttl_s;     /* 0: goodbye */
    sc_str data;        /* A: 4 bytes, AAAA: 16, TXT: texts, each behind its length; borrowed */
    sc_dns_name target; /* PTR, SRV */
    uint16_t port;      /* SRV */
} sc_dns_record;

/* Fails with SC_INVALID when anything in `bytes` is not whole or not well-formed. Bytes behind the
 * last record do not matter. */
sc_code sc_dns_open(sc_str bytes, sc_dns_message *out, sc_error *err) SC_MUST_CHECK;
/* The next question, while there is one. A walk through questions may go on through records. */
bool sc_dns_next_question(const sc_dns_message *message, sc_dns_walk *walk, sc_dns_question *out);
/* The next record of any section but the questions, while there is one. */
bool sc_dns_next_record(const sc_dns_message *message, sc_dns_walk *walk, sc_dns_record *out);
/* The first text of a TXT record, SC_STR_NONE when it has none. */
sc_str sc_dns_first_text(const sc_dns_record *record);

/* ---- writing ---- */

#define SC_DNS_KNOWN_NAMES 24u

/* A message in the making. Names that came before are referred to. */
typedef struct sc_dns_writer {
    sc_buf *to;
    size_t start;                       /* of the message in `to` */
    uint16_t known[SC_DNS_KNOWN_NAMES]; /* where names and their parents begin */
    uint32_t known_count;
} sc_dns_writer;

/* What every record has. */
typedef struct sc_dns_head {
    sc_dns_section section;
    const sc_dns_name *name;
    bool is_flush;
    uint32_t ttl_s;
} sc_dns_head;

/* Appends a message to `to`, which must not change otherwise until it is done. Sections come in
 * their order. */
void sc_dns_begin(sc_dns_writer *writer, sc_buf *to, uint16_t id, uint16_t flags);
void sc_dns_add_question(sc_dns_writer *writer, const sc_dns_name *name, uint16_t type);
void sc_dns_add_ptr(sc_dns_writer *writer, const sc_dns_head *head, const sc_dns_name *target);
/* Priority and weight are 0. */
void sc_dns_add_srv(sc_dns_writer *writer, const sc_dns_head *head, uint16_t port,
                    const sc_dns_name *target);
/* One text, of which 255 bytes count. */
void sc_dns_add_txt(sc_dns_writer *writer, const sc_dns_head *head, sc_str text);
/* `bytes` are 4 (A) or 16 (AAAA). */
void sc_dns_add_address(sc_dns_writer *writer, const sc_dns_head *head, sc_str bytes);

#endif
