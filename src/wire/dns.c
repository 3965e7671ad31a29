/* SPDX-License-Identifier: MIT
 *
 * Reading and writing DNS messages. A reference in a name must point before the part of the name
 * that holds it, so every walk along references ends.
 */
#include "wire/dns.h"

#define HEADER_LEN 12u
#define CLASS_IN   1u
#define TOP_BIT    0x8000u
#define REFERENCE  0xc0u /* both bits: the rest is where the name goes on */

/* ---- names ---- */

sc_code sc_dns_name_from(sc_str text, sc_dns_name *out, sc_error *err)
{
    sc_str rest = text;
    size_t len = 0;

    if (sc_str_ends(rest, SC_STR(".")))
        rest.len--;
    do {
        sc_str label = sc_str_cut(&rest, '.');

        if (label.len == 0 || label.len > SC_DNS_LABEL_MAX)
            return sc_fail(err, SC_INVALID,
                           "'%.*s' is no DNS name: the part '%.*s' has %zu bytes, and 1 to %u are "
                           "allowed",
                           SC_FMT(text), SC_FMT(label), label.len, SC_DNS_LABEL_MAX);
        if (len + 1 + label.len + 1 > SC_DNS_NAME_MAX)
            return sc_fail(err, SC_INVALID, "'%.*s' is no DNS name: it is longer than %u bytes",
                           SC_FMT(text), SC_DNS_NAME_MAX);
        out->at[len++] = (uint8_t)label.len;
        memcpy(out->at + len, label.at, label.len);
        len += label.len;
    } while (rest.at);
    out->at[len++] = 0;
    out->len = (uint8_t)len;
    return SC_OK;
}

sc_str sc_dns_parent(sc_str name)
{
    size_t label = name.len > 0 ? (uint8_t)name.at[0] : 0;

    return label > 0 ? sc_str_sub(name, label + 1, name.len) : SC_STR_NONE;
}

/* ---- reading ---- */

static bool read_u16(sc_str bytes, size_t *at, uint16_t *out)
{
    if (*at > bytes.len || bytes.len - *at < 2)
        return false;
    *out = (uint16_t)((uint8_t)bytes.at[*at] << 8 | (uint8_t)bytes.at[*at + 1]);
    *at += 2;
    return true;
}

/* One label into `out`. False when it does not fit there or in the message. */
static bool read_label(sc_str bytes, size_t at, size_t len, sc_dns_name *out, size_t *out_len)
{
    if (len > SC_DNS_LABEL_MAX || bytes.len - at < 1 + len ||
        *out_len + 1 + len + (len > 0) > SC_DNS_NAME_MAX)
        return false;
    memcpy(out->at + *out_len, bytes.at + at, 1 + len);
    *out_len += 1 + len;
    return true;
}

/* The name at `*at`, which is moved behind it. */
static bool read_name(sc_str bytes, size_t *at, sc_dns_name *out)
{
    size_t from = *at;  /* where this part of the name begins */
    size_t next = from; /* what is read next */
    size_t end = 0;     /* behind the name where it stands; 0: not there yet */
    size_t out_len = 0;

    while (next < bytes.len) {
        size_t len = (uint8_t)bytes.at[next];
        uint16_t to;

        if ((len & REFERENCE) == REFERENCE) {
            size_t behind = next;

            if (!read_u16(bytes, &behind, &to) || (to &= 0x3fff) >= from)
                return false;
            end = end ? end : behind;
            from = next = to;
            continue;
        }
        if (!read_label(bytes, next, len, out, &out_len))
            return false;
        next += 1 + len;
        if (len == 0) {
            out->len = (uint8_t)out_len;
            *at = end ? end : next;
            return true;
        }
    }
    return false;
}

static bool read_question(sc_str bytes, size_t *at, sc_dns_question *out)
{
    uint16_t class_;

    if (!read_name(bytes, at, &out->name) || !read_u16(bytes, at, &out->type) ||
        !read_u16(bytes, at, &class_))
        return false;
    out->class_ = class_ & 0x7fff;
    out->wants_unicast = class_ & TOP_BIT;
    return true;
}

static bool are_texts(sc_str data)
{
    size_t at = 0;

    while (at < data.len)
        at += 1u + (uint8_t)data.at[at];
    return at == data.len;
}

/* What the types that are known have in `data`, which ends at `end` of the message. */
static bool read_data(sc_str bytes, size_t at, size_t end, sc_dns_record *out)
{
    sc_str whole = sc_str_sub(bytes, 0, end);

    switch (out->type) {
    case SC_DNS_A:
        return out->data.len == 4;
    case SC_DNS_AAAA:
        return out->data.len == 16;
    case SC_DNS_TXT:
        return are_texts(out->data);
    case SC_DNS_SRV:
        at += 4; /* priority and weight */
        if (!read_u16(whole, &at, &out->port))
            return false;
        return read_name(whole, &at, &out->target) && at == end;
    case SC_DNS_PTR:
        return read_name(whole, &at, &out->target) && at == end;
    default:
        return true;
    }
}

static bool read_record(sc_str bytes, size_t *at, sc_dns_record *out)
{
    uint16_t class_;
    uint16_t ttl[2];
    uint16_t len;

    if (!read_name(bytes, at, &out->name) || !read_u16(bytes, at, &out->type) ||
        !read_u16(bytes, at, &class_) || !read_u16(bytes, at, &ttl[0]) ||
        !read_u16(bytes, at, &ttl[1]) || !read_u16(bytes, at, &len) || bytes.len - *at < len)
        return false;
    out->class_ = class_ & 0x7fff;
    out->is_flush = class_ & TOP_BIT;
    out->ttl_s = (uint32_t)ttl[0] << 16 | ttl[1];
    out->data = sc_str_sub(bytes, *at, *at + len);
    out->target.len = 0;
    out->port = 0;
    if (!read_data(bytes, *at, *at + len, out))
        return false;
    *at += len;
    return true;
}

/* The section that the next question or record of the walk is of. */
static sc_dns_section section_at(const sc_dns_message *message, const sc_dns_walk *walk)
{
    uint32_t before = 0;
    int section = SC_DNS_QUESTION;

    while (section < SC_DNS_SECTIONS && walk->done >= before + message->count[section])
        before += message->count[section++];
    return (sc_dns_section)section;
}

/* False when it is not well-formed. */
static bool walk_question(const sc_dns_message *message, sc_dns_walk *walk, sc_dns_question *out)
{
    if (walk->done == 0)
        walk->at = HEADER_LEN;
    walk->done++;
    return read_question(message->bytes, &walk->at, out);
}

static bool walk_record(const sc_dns_message *message, sc_dns_walk *walk, sc_dns_record *out)
{
    if (walk->done == 0)
        walk->at = HEADER_LEN;
    out->section = section_at(message, walk);
    walk->done++;
    return read_record(message->bytes, &walk->at, out);
}

sc_code sc_dns_open(sc_str bytes, sc_dns_message *out, sc_error *err)
{
    sc_dns_walk walk = {0};
    sc_dns_question question;
    sc_dns_record record;
    size_t at = 0;
    bool is_good;

    *out = (sc_dns_message){.bytes = bytes};
    is_good = read_u16(bytes, &at, &out->id) && read_u16(bytes, &at, &out->flags);
    for (size_t i = 0; i < SC_DNS_SECTIONS; i++)
        is_good = is_good && read_u16(bytes, &at, &out->count[i]);
    if (!is_good)
        return sc_fail(err, SC_INVALID, "%zu bytes are no DNS message", bytes.len);
    while (is_good && section_at(out, &walk) == SC_DNS_QUESTION)
        is_good = walk_question(out, &walk, &question);
    while (is_good && section_at(out, &walk) != SC_DNS_SECTIONS)
        is_good = walk_record(out, &walk, &record);
    if (!is_good)
        return sc_fail(err, SC_INVALID, "part %u of the DNS message is not well-formed", walk.done);
    return SC_OK;
}

bool sc_dns_next_question(const sc_dns_message *message, sc_dns_walk *walk, sc_dns_question *out)
{
    return section_at(message, walk) == SC_DNS_QUESTION && walk_question(message, walk, out);
}

bool sc_dns_next_record(const sc_dns_message *message, sc_dns_walk *walk, sc_dns_record *out)
{
    sc_dns_question passed;

    while (sc_dns_next_question(message, walk, &passed))
        ;
    return section_at(message, walk) != SC_DNS_SECTIONS && walk_record(message, walk, out);
}

sc_str sc_dns_first_text(const sc_dns_record *record)
{
    size_t len = record->data.len > 0 ? (uint8_t)record->data.at[0] : 0;

    return record->data.len > 0 ? sc_str_sub(record->data, 1, 1 + len) : SC_STR_NONE;
}

/* ---- writing ---- */

static void add_u16(sc_dns_writer *writer, uint16_t n)
{
    uint8_t bytes[] = {(uint8_t)(n >> 8), (uint8_t)n};

    sc_buf_add(writer->to, bytes, sizeof(bytes));
}

static void put_u16(sc_dns_writer *writer, size_t at, uint16_t n)
{
    char *to = sc_buf_at(writer->to) + writer->start + at;

    to[0] = (char)(n >> 8);
    to[1] = (char)(n & 0xff);
}

static sc_str written(const sc_dns_writer *writer)
{
    return sc_str_sub(sc_buf_str(writer->to), writer->start, sc_buf_len(writer->to));
}

static void count_one(sc_dns_writer *writer, sc_dns_section section)
{
    size_t at = 4 + 2 * (size_t)section;
    uint16_t count = 0;

    (void)read_u16(written(writer), &at, &count);
    put_u16(writer, at - 2, (uint16_t)(count + 1));
}

/* Where `name` stands in the message already; 0 when it does not. */
static uint16_t find_name(const sc_dns_writer *writer, sc_str name)
{
    for (uint32_t i = 0; i < writer->known_count; i++) {
        size_t at = writer->known[i];
        sc_dns_name known;

        if (read_name(written(writer), &at, &known) && sc_str_eq(sc_dns_name_bytes(&known), name))
            return writer->known[i];
    }
    return 0;
}

static void add_name(sc_dns_writer *writer, const sc_dns_name *name)
{
    sc_str rest = sc_dns_name_bytes(name);
    size_t fresh[SC_DNS_NAME_MAX / 2 + 1];
    size_t fresh_count = 0;
    uint16_t known = 0;

    while (rest.len > 1 && (known = find_name(writer, rest)) == 0) {
        size_t label = 1u + (uint8_t)rest.at[0];

        fresh[fresh_count++] = written(writer).len;
        sc_buf_add(writer->to, rest.at, label);
        rest = sc_dns_parent(rest);
    }
    if (known > 0)
        add_u16(writer, (uint16_t)(REFERENCE << 8 | known));
    else
        sc_buf_add_byte(writer->to, 0);
    for (size_t i = 0; i < fresh_count && writer->known_count < SC_DNS_KNOWN_NAMES; i++) {
        if (fresh[i] < 0x4000)
            writer->known[writer->known_count++] = (uint16_t)fresh[i];
    }
}

void sc_dns_begin(sc_dns_writer *writer, sc_buf *to, uint16_t id, uint16_t flags)
{
    *writer = (sc_dns_writer){.to = to, .start = sc_buf_len(to)};
    add_u16(writer, id);
    add_u16(writer, flags);
    for (size_t i = 0; i < SC_DNS_SECTIONS; i++)
        add_u16(writer, 0);
}

void sc_dns_add_question(sc_dns_writer *writer, const sc_dns_name *name, uint16_t type)
{
    add_name(writer, name);
    add_u16(writer, type);
    add_u16(writer, CLASS_IN);
    count_one(writer, SC_DNS_QUESTION);
}

/* Returns where the length of the data goes. */
static size_t begin_record(sc_dns_writer *writer, const sc_dns_head *head, uint16_t type)
{
    add_name(writer, head->name);
    add_u16(writer, type);
    add_u16(writer, head->is_flush ? CLASS_IN | TOP_BIT : CLASS_IN);
    add_u16(writer, (uint16_t)(head->ttl_s >> 16));
    add_u16(writer, (uint16_t)head->ttl_s);
    add_u16(writer, 0);
    count_one(writer, head->section);
    return written(writer).len - 2;
}

static void end_record(sc_dns_writer *writer, size_t len_at)
{
    put_u16(writer, len_at, (uint16_t)(written(writer).len - len_at - 2));
}

void sc_dns_add_ptr(sc_dns_writer *writer, const sc_dns_head *head, const sc_dns_name *target)
{
    size_t len_at = begin_record(writer, head, SC_DNS_PTR);

    add_name(writer, target);
    end_record(writer, len_at);
}

/* The target is written out: RFC 2782 knows no references there, and not every reader does. */
void sc_dns_add_srv(sc_dns_writer *writer, const sc_dns_head *head, uint16_t port,
                    const sc_dns_name *target)
{
    size_t len_at = begin_record(writer, head, SC_DNS_SRV);

    add_u16(writer, 0);
    add_u16(writer, 0);
    add_u16(writer, port);
    sc_buf_add_str(writer->to, sc_dns_name_bytes(target));
    end_record(writer, len_at);
}

void sc_dns_add_txt(sc_dns_writer *writer, const sc_dns_head *head, sc_str text)
{
    size_t len_at = begin_record(writer, head, SC_DNS_TXT);
    sc_str cut = sc_str_sub(text, 0, 255);

    sc_buf_add_byte(writer->to, (char)cut.len);
    sc_buf_add_str(writer->to, cut);
    end_record(writer, len_at);
}

void sc_dns_add_address(sc_dns_writer *writer, const sc_dns_head *head, sc_str bytes)
{
    size_t len_at = begin_record(writer, head, bytes.len == 4 ? SC_DNS_A : SC_DNS_AAAA);

    sc_buf_add_str(writer->to, bytes);
    end_record(writer, len_at);
}
