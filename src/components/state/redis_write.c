/* SPDX-License-Identifier: MIT
 *
 * Writing to Redis: one script for everything, so that checking a version and writing what depends
 * on it cannot be torn apart, and a transaction is applied whole or not at all.
 *
 * A key is a hash with the fields data, version (a counter from 1) and, once it was written with
 * first-write, first-write; or a JSON document with the same members. Sidecars of both kinds read
 * and write the same keys.
 */
#include "components/state/redis_internal.h"
#include "io/timer.h"
#include "wire/base64.h"
#include "wire/json.h"

#include <stdlib.h>

#define WAIT_MS       1000u
#define REPLICAS_GATE 10000

/* What is asked for most, a value into a hash without further wishes, in the shortest way: KEYS
 * one, ARGV the version it must have and the data, as below. */
static const char save_script[] =
    "local key, expected = KEYS[1], ARGV[1]\n"
    "local version = redis.pcall('HGET', key, 'version')\n"
    "if type(version) == 'table' then\n"
    "  redis.call('DEL', key)\n"
    "  version = 0\n"
    "elseif not version or version == '' then\n"
    "  version = 0\n"
    "elseif version ~= expected and (expected ~= '0' or redis.call('HGET', key, 'first-write')) "
    "then\n"
    "  return redis.error_reply('ETAG failed to set key ' .. key)\n"
    "end\n"
    "version = tonumber(version)\n"
    "if not version then\n"
    "  return redis.error_reply('ERR the version of key ' .. key .. ' is no number')\n"
    "end\n"
    "redis.call('HSET', key, 'data', ARGV[2], 'version', version + 1)\n"
    "return 1\n";

/* KEYS: one per write. ARGV: four per write: what to do, the version it must have ("0": any, unless
 * it was written with first-write), the seconds it lives ("": as before), the data. What to do:
 * set, first (set, first-write), del; for documents jset, jfirst, jdel. All is checked before
 * anything is written. A key of another type is replaced. */
static const char write_script[] =
    "local versions = {}\n"
    "for i, key in ipairs(KEYS) do\n"
    "  local op, expected = ARGV[i * 4 - 3], ARGV[i * 4 - 2]\n"
    "  local read, version_at, mark_at = 'HGET', 'version', 'first-write'\n"
    "  if string.byte(op) == 106 then\n"
    "    read, version_at, mark_at = 'JSON.GET', '.version', '.first-write'\n"
    "  end\n"
    "  local version = redis.pcall(read, key, version_at)\n"
    "  if not version or version == '' then\n"
    "    versions[key] = 0\n"
    "  elseif type(version) == 'table' then\n"
    "    versions[key] = -1\n"
    "  else\n"
    "    local is_delete = op == 'del' or op == 'jdel'\n"
    "    if version ~= expected and (expected ~= '0' or\n"
    "        not is_delete and type(redis.pcall(read, key, mark_at)) == 'string') then\n"
    "      return redis.error_reply('ETAG failed to ' .. (is_delete and 'delete ' or 'set key ') "
    ".. key)\n"
    "    end\n"
    "    versions[key] = tonumber(version) or (is_delete and 0)\n"
    "    if not versions[key] then\n"
    "      return redis.error_reply('ERR the version of key ' .. key .. ' is no number')\n"
    "    end\n"
    "  end\n"
    "end\n"
    "for i, key in ipairs(KEYS) do\n"
    "  local op, ttl, data = ARGV[i * 4 - 3], ARGV[i * 4 - 1], ARGV[i * 4]\n"
    "  local version, is_delete = versions[key] + 1, op == 'del' or op == 'jdel'\n"
    "  if is_delete or version == 0 then\n"
    "    redis.call('DEL', key)\n"
    "    version = is_delete and 0 or 1\n"
    "  end\n"
    "  if op == 'set' then\n"
    "    redis.call('HSET', key, 'data', data, 'version', version)\n"
    "  elseif op == 'first' then\n"
    "    redis.call('HSET', key, 'data', data, 'version', version, 'first-write', 0)\n"
    "  elseif not is_delete then\n"
    "    local mark = op == 'jfirst' and ',\"first-write\":0' or ''\n"
    "    redis.call('JSON.SET', key, '$', '{\"data\":' .. data .. ',\"version\":' ..\n"
    "      string.format('%.0f', version) .. mark .. '}')\n"
    "  end\n"
    "  versions[key] = version\n"
    "  if ttl ~= '' and not is_delete then\n"
    "    if tonumber(ttl) > 0 then redis.call('EXPIRE', key, ttl) else redis.call('PERSIST', key) "
    "end\n"
    "  end\n"
    "end\n"
    "return 1\n";

static const char *const scripts[SC_REDIS_SCRIPTS] = {save_script, write_script};

sc_str sc_redis_state_script(sc_redis_script which)
{
    return sc_str_from(scripts[which]);
}

/* A write in the script's words. */
typedef struct script_write {
    const sc_state_write *from;
    const char *op;
    sc_str expected;
    sc_str ttl;
    sc_str data;
    uint16_t slot;
} script_write;

/* One write, or a transaction. In the op's arena. */
typedef struct write_flow {
    sc_redis_request request; /* first: replies get the flow back by a cast */
    redis_state *self;
    sc_op *op;
    sc_etag_fault *etag_fault;
    script_write *writes; /* of one slot after the other, where slots matter */
    size_t count;
    size_t from; /* the run of writes that is under way: [from, to) */
    size_t to;
    sc_redis_script script;
    bool is_single;
    bool sends_script; /* the server does not know it */
    bool is_strong;
    bool is_apart; /* goes over the connection for strong writes */
    sc_list apart; /* in self->apart meanwhile */
} write_flow;

static void on_script_ran(sc_redis_request *request, const sc_redis_reply *reply,
                          const sc_error *err);
static void on_replicas_waited(sc_redis_request *request, const sc_redis_reply *reply,
                               const sc_error *err);
static void send_run(write_flow *flow);

/* ---- items ---- */

bool sc_redis_state_keeps_document(const redis_state *self, const sc_pairs *metadata)
{
    return self->server.has_json && sc_state_wants_document(metadata);
}

static sc_code read_etag(const sc_state_write *write, sc_arena *mem, sc_str *expected,
                         sc_etag_fault *fault, sc_error *err)
{
    int64_t version;

    *expected = SC_STR("0");
    if (write->etag.len == 0 || write->concurrency == SC_LAST_WRITE)
        return SC_OK;
    if (write->is_delete) { /* compared as text, as in Dapr */
        *expected = write->etag;
        return SC_OK;
    }
    if (sc_go_parse_int(write->etag, "strconv.Atoi", &version, err) != SC_OK) {
        *fault = SC_ETAG_INVALID;
        return err->code;
    }
    *expected = sc_arena_fmt(mem, "%lld", (long long)version);
    return SC_OK;
}

static sc_code read_ttl(const redis_state *self, const sc_state_write *write, sc_arena *mem,
                        sc_str *text, sc_error *err)
{
    sc_state_ttl ttl;

    if (sc_state_read_ttl(write->metadata, "strconv.ParseInt", &ttl, err) != SC_OK)
        return sc_error_context(err, "failed to parse ttl from metadata");
    *text = self->conf->ttl;
    if (ttl.is_set)
        *text = sc_arena_fmt(mem, "%lld", (long long)ttl.seconds);
    return SC_OK;
}

/* The data of a document must be JSON; bytes that are none become a base64 string, as in Dapr. */
static sc_str document_data(const sc_state_write *write, sc_arena *mem)
{
    if (write->is_json || sc_json_is_valid(write->value))
        return write->value;
    return sc_arena_fmt(mem, "\"%.*s\"", SC_FMT(sc_base64_encode(write->value, true, mem)));
}

static sc_code translate(write_flow *flow, const sc_state_write *write, script_write *out,
                         sc_error *err)
{
    sc_arena *mem = flow->op->mem;
    bool is_document = sc_redis_state_keeps_document(flow->self, write->metadata);

    *out = (script_write){.from = write, .data = write->value};
    if (read_etag(write, mem, &out->expected, flow->etag_fault, err) != SC_OK)
        return err->code;
    if (write->is_delete) {
        out->op = is_document ? "jdel" : "del";
        out->data = SC_STR_NONE;
    } else {
        if (read_ttl(flow->self, write, mem, &out->ttl, err) != SC_OK)
            return err->code;
        out->op = write->concurrency == SC_FIRST_WRITE ? is_document ? "jfirst" : "first"
                  : is_document                        ? "jset"
                                                       : "set";
        if (is_document)
            out->data = document_data(write, mem);
    }
    flow->is_strong |= write->consistency == SC_STRONG;
    flow->request.size += write->key.len + out->data.len + 128;
    return SC_OK;
}

/* ---- runs ---- */

static void encode_arguments(const script_write *one, sc_buf *out)
{
    sc_redis_arg(out, sc_str_from(one->op));
    sc_redis_arg(out, one->expected);
    sc_redis_arg(out, one->ttl);
    sc_redis_arg(out, one->data);
}

/* EVALSHA sha n keys... args..., or EVAL with the text. */
static void encode_script(sc_redis_request *request, sc_buf *out)
{
    write_flow *flow = (write_flow *)request;
    bool is_save = flow->script == SC_REDIS_SAVE;
    size_t count = flow->to - flow->from;

    sc_redis_begin(out, is_save ? 6 : 3 + count * 5);
    sc_redis_arg(out, flow->sends_script ? SC_STR("EVAL") : SC_STR("EVALSHA"));
    sc_redis_arg(out, sc_str_from(flow->sends_script ? scripts[flow->script]
                                                     : flow->self->server.shas[flow->script]));
    sc_redis_arg_u64(out, count);
    for (size_t i = flow->from; i < flow->to; i++)
        sc_redis_arg(out, flow->writes[i].from->key);
    if (is_save) {
        sc_redis_arg(out, flow->writes->expected);
        sc_redis_arg(out, flow->writes->data);
        return;
    }
    for (size_t i = flow->from; i < flow->to; i++)
        encode_arguments(&flow->writes[i], out);
}

/* WAIT answers for what its own connection wrote: a strong write has one apart, where it can, so
 * that nothing else waits for replicas. */
static bool can_go_apart(const write_flow *flow)
{
    return flow->is_strong && flow->self->server.replicas > 0 && flow->self->strong &&
           sc_redis_link_is_ready(flow->self->strong);
}

static void finish(write_flow *flow)
{
    sc_list_remove(&flow->apart);
    if (flow->op->err.code != SC_OK && flow->from > 0)
        (void)sc_error_context(&flow->op->err,
                               "%zu writes to other hash slots of the cluster went through",
                               flow->from);
    sc_op_finish(flow->op);
}

static void send(write_flow *flow)
{
    redis_state *self = flow->self;
    sc_code code;

    sc_list_remove(&flow->apart);
    if (flow->is_apart)
        sc_list_add(&self->apart, &flow->apart);
    code = flow->is_apart ? sc_redis_link_send(self->strong, &flow->request, &flow->op->err)
                          : sc_redis_send(self->client, &flow->request, &flow->op->err);

    if (code != SC_PENDING)
        finish(flow);
}

static void send_run(write_flow *flow)
{
    flow->request.encode = encode_script;
    flow->request.done = on_script_ran;
    flow->request.key = flow->writes[flow->from].from->key;
    flow->request.block_ms = 0;
    flow->sends_script = flow->self->server.shas[flow->script][0] == '\0';
    flow->is_apart = can_go_apart(flow);
    send(flow);
}

/* The next writes that one server takes together. */
static void find_run(write_flow *flow)
{
    flow->to = flow->from + 1;
    while (flow->to < flow->count && flow->writes[flow->to].slot == flow->writes[flow->from].slot)
        flow->to++;
}

static void start(write_flow *flow)
{
    sc_list_init(&flow->apart);
    if (flow->is_strong)
        sc_redis_state_count_replicas(flow->self);
    find_run(flow);
    send_run(flow);
}

/* ---- answers ---- */

/* The words after the code: "ETAG failed to set key k". */
static sc_str refusal(const sc_redis_reply *reply)
{
    sc_str text = reply->text;

    (void)sc_str_cut(&text, ' ');
    return text;
}

static void fail(write_flow *flow, const sc_redis_reply *reply, const sc_error *err)
{
    const sc_state_write *write = flow->writes[flow->from].from;
    const char *action = write->is_delete ? "delete" : "set";
    sc_error *out = &flow->op->err;

    if (!sc_redis_is_error(reply, SC_STR("ETAG"))) {
        *out = *err;
        if (flow->is_single)
            (void)sc_error_context(out, "failed to %s key %.*s", action, SC_FMT(write->key));
    } else if (!flow->is_single) {
        (void)sc_fail(out, SC_ABORTED, "%.*s", SC_FMT(refusal(reply)));
    } else if (write->etag.len > 0) {
        *flow->etag_fault = SC_ETAG_MISMATCH;
        (void)sc_fail(out, SC_ABORTED, "%.*s", SC_FMT(refusal(reply)));
    } else {
        (void)sc_fail(out, SC_ABORTED,
                      "%.*s: it was written with first-write, so a write needs its etag",
                      SC_FMT(refusal(reply)));
    }
    finish(flow);
}

static void encode_wait(sc_redis_request *request, sc_buf *out)
{
    sc_redis_begin(out, 3);
    sc_redis_arg(out, SC_STR("WAIT"));
    sc_redis_arg_u64(out, ((write_flow *)request)->self->server.replicas);
    sc_redis_arg_u64(out, WAIT_MS);
}

static void finish_run(write_flow *flow)
{
    flow->from = flow->to;
    if (flow->from == flow->count) {
        finish(flow);
        return;
    }
    find_run(flow);
    send_run(flow);
}

static void on_script_ran(sc_redis_request *request, const sc_redis_reply *reply,
                          const sc_error *err)
{
    write_flow *flow = (write_flow *)request;

    if (err && sc_redis_is_error(reply, SC_STR("NOSCRIPT")) && !flow->sends_script) {
        flow->sends_script = true; /* it was not run */
        send(flow);
        return;
    }
    if (err) {
        fail(flow, reply, err);
        return;
    }
    if (!flow->is_strong || flow->self->server.replicas == 0) {
        finish_run(flow);
        return;
    }
    flow->request.encode = encode_wait;
    flow->request.done = on_replicas_waited;
    flow->request.block_ms = WAIT_MS;
    send(flow);
}

/* A replica that lags does not undo the write: it is told, and counted anew. */
static void on_replicas_waited(sc_redis_request *request, const sc_redis_reply *reply,
                               const sc_error *err)
{
    write_flow *flow = (write_flow *)request;
    redis_state *self = flow->self;

    if (err) {
        flow->op->err = *err;
        (void)sc_error_context(&flow->op->err,
                               "redis waiting for %llu replicas to acknowledge write, err",
                               (unsigned long long)self->server.replicas);
        finish(flow);
        return;
    }
    if (reply->kind == SC_REDIS_NUMBER && (uint64_t)reply->number < self->server.replicas) {
        self->server.asked_ms = 0;
        if (sc_log_gate_pass(&self->replica_gate, REPLICAS_GATE))
            sc_log_warn(self->env->log,
                        "a write with strong consistency was confirmed by %lld of %llu replicas "
                        "within %u ms",
                        (long long)reply->number, (unsigned long long)self->server.replicas,
                        WAIT_MS);
    }
    finish_run(flow);
}

void sc_redis_state_abandon(redis_state *self)
{
    while (!sc_list_is_empty(&self->apart)) {
        write_flow *flow = SC_CONTAINER_OF(self->apart.next, write_flow, apart);

        (void)sc_fail(&flow->op->err, SC_UNAVAILABLE,
                      "the component was closed before the answer, it is not known whether the "
                      "command was carried out");
        finish(flow);
    }
}

/* ---- entries ---- */

void sc_redis_state_write(void *at, sc_state_write_op *op)
{
    write_flow *flow = sc_arena_new(op->op.mem, write_flow);

    flow->self = at;
    flow->op = &op->op;
    flow->etag_fault = &op->etag_fault;
    flow->writes = sc_arena_new(op->op.mem, script_write);
    flow->count = 1;
    flow->is_single = true;
    flow->script = SC_REDIS_WRITE;
    if (translate(flow, &op->write, flow->writes, &op->op.err) == SC_OK) {
        if (strcmp(flow->writes->op, "set") == 0 && flow->writes->ttl.len == 0)
            flow->script = SC_REDIS_SAVE;
        start(flow);
    } else {
        sc_op_finish(&op->op);
    }
}

static int by_slot(const void *a, const void *b)
{
    const script_write *one = a;
    const script_write *two = b;

    if (one->slot != two->slot)
        return one->slot < two->slot ? -1 : 1;
    return (one->from > two->from) - (one->from < two->from); /* as given */
}

void sc_redis_state_transact(void *at, sc_state_transact_op *op)
{
    redis_state *self = at;
    write_flow *flow = sc_arena_new(op->op.mem, write_flow);
    bool is_cluster = sc_redis_client_is_cluster(self->client);

    flow->self = self;
    flow->op = &op->op;
    flow->etag_fault = &op->etag_fault;
    flow->writes = sc_arena_zero(op->op.mem, (op->count + 1) * sizeof(flow->writes[0]));
    flow->count = op->count;
    flow->script = SC_REDIS_WRITE;
    for (size_t i = 0; i < op->count; i++) {
        if (translate(flow, &op->writes[i], &flow->writes[i], &op->op.err) != SC_OK) {
            sc_op_finish(&op->op);
            return;
        }
        if (is_cluster)
            flow->writes[i].slot = sc_redis_slot_of(op->writes[i].key);
    }
    if (is_cluster && op->count > 0)
        qsort(flow->writes, flow->count, sizeof(flow->writes[0]), by_slot);
    if (op->count > 0)
        start(flow);
    else
        sc_op_finish(&op->op);
}
