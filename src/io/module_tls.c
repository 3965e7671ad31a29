/* SPDX-License-Identifier: MIT
 *
 * The TLS module: OpenSSL over memory BIOs. It sees bytes only; sockets are the stream's.
 *
 * What goes wrong with a certificate is worded as Go's crypto/tls and crypto/x509 word it, since
 * these texts reach users of the Dapr API.
 */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/module.h"
#include "io/tls_internal.h"

#define NAME_MAX_LEN  254u /* of a host name: RFC 1035 section 2.3.4 */
#define ALPN_MAX_LEN  32u
#define NAMES_MAX_LEN 200u /* names of a certificate in a message */

typedef struct context {
    SSL_CTX *ssl;
    bool is_server;
    char alpn[ALPN_MAX_LEN + 1]; /* as on the wire: its length first; [0] == 0: none */
} context;

struct sc_tls {
    SSL *ssl;
    BIO *in;
    BIO *out;
    bool is_open;
    char name[NAME_MAX_LEN + 1];
    char distrust[SC_ERROR_TEXT_MAX]; /* why the peer's certificate is refused; empty: it is not */
};

static int fail(sc_error *err, sc_code code, const char *fmt, ...) SC_PRINTF(3, 4);
static int fail(sc_error *err, sc_code code, const char *fmt, ...)
{
    va_list args;

    err->code = code;
    va_start(args, fmt);
    (void)vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    return 0;
}

/* The story of the oldest error in OpenSSL's queue. */
static const char *ssl_text(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_error());

    return text ? text : "unknown error";
}

/* ---- contexts ---- */

/* Never asks on a terminal. */
static int no_passphrase(char *to, int max, int is_writing, void *user)
{
    (void)to;
    (void)max;
    (void)is_writing;
    (void)user;
    return 0;
}

static BIO *bio_of(sc_str text)
{
    return BIO_new_mem_buf(text.at, (int)text.len);
}

/* Only the authorities of the PEM are trusted; any of them ends a chain, as in Go. */
static int add_authorities(SSL_CTX *ssl, sc_str pem, const char *name, sc_error *err)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ssl);
    BIO *bio = bio_of(pem);
    X509 *cert;
    size_t count = 0;

    while ((cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL) {
        (void)X509_STORE_add_cert(store, cert); /* a repeated one is none */
        X509_free(cert);
        count++;
    }
    BIO_free(bio);
    if (count == 0)
        return fail(err, SC_INVALID, "%s holds no certificate in PEM form (%s)", name, ssl_text());
    return 1;
}

static int add_chain(SSL_CTX *ssl, sc_str pem, const char *name, sc_error *err)
{
    BIO *bio = bio_of(pem);
    X509 *cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
    int ok = cert && SSL_CTX_use_certificate(ssl, cert);

    if (!ok)
        (void)fail(err, SC_INVALID, "%s is no usable certificate in PEM form (%s)", name,
                   ssl_text());
    X509_free(cert);
    while (ok && (cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL)
        (void)SSL_CTX_add0_chain_cert(ssl, cert);
    BIO_free(bio);
    return ok;
}

static int add_key(SSL_CTX *ssl, const sc_tls_settings *with, const char *name, sc_error *err)
{
    BIO *bio = bio_of(with->key_pem);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    int ok = 0;

    BIO_free(bio);
    if (!key)
        return fail(err, SC_INVALID,
                    "%s is no private key in PEM form, or is behind a passphrase (%s)", name,
                    ssl_text());
    if (!SSL_CTX_use_PrivateKey(ssl, key) || !SSL_CTX_check_private_key(ssl))
        (void)fail(err, SC_INVALID, "%s does not belong to %s (%s)", name,
                   with->cert_name ? with->cert_name : "the certificate", ssl_text());
    else
        ok = 1;
    EVP_PKEY_free(key);
    return ok;
}

static int on_verified(int is_good, X509_STORE_CTX *chain);
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *offered, unsigned offered_len, void *user);

static void set_verification(SSL_CTX *ssl, const sc_tls_settings *with)
{
    bool is_checked = with->is_server ? with->wants_peer_cert : !with->skip_verify;

    if (is_checked)
        SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verified);
    (void)X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ssl), X509_V_FLAG_PARTIAL_CHAIN);
    /* Files of the system's roots are looked up when needed, not read into memory here. */
    if (is_checked && with->ca_pem.len == 0)
        (void)SSL_CTX_set_default_verify_paths(ssl);
}

static void set_alpn(context *made, sc_str alpn)
{
    if (alpn.len == 0 || alpn.len > ALPN_MAX_LEN)
        return;
    made->alpn[0] = (char)alpn.len;
    memcpy(made->alpn + 1, alpn.at, alpn.len);
    if (made->is_server)
        SSL_CTX_set_alpn_select_cb(made->ssl, on_alpn, made);
    else
        (void)SSL_CTX_set_alpn_protos(made->ssl, (const unsigned char *)made->alpn,
                                      (unsigned)alpn.len + 1);
}

static void context_free(void *at)
{
    context *made = at;

    SSL_CTX_free(made->ssl);
    free(made);
}

static void *context_new(const sc_tls_settings *with, sc_error *err)
{
    context *made = calloc(1, sizeof(*made));
    SSL_CTX *ssl = SSL_CTX_new(with->is_server ? TLS_server_method() : TLS_client_method());

    ERR_clear_error();
    if (!made || !ssl) {
        (void)fail(err, SC_EXHAUSTED, "no memory for TLS");
        free(made);
        SSL_CTX_free(ssl);
        return NULL;
    }
    made->ssl = ssl;
    made->is_server = with->is_server;
    (void)SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    (void)SSL_CTX_set_options(ssl,
                              SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_num_tickets(ssl, 0); /* connections are kept: nobody resumes */
    (void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    set_verification(ssl, with);
    set_alpn(made, with->alpn);
    if ((with->ca_pem.len > 0 &&
         !add_authorities(ssl, with->ca_pem, with->ca_name ? with->ca_name : "the CA", err)) ||
        (with->cert_pem.len > 0 &&
         !add_chain(ssl, with->cert_pem, with->cert_name ? with->cert_name : "the certificate",
                    err)) ||
        (with->key_pem.len > 0 &&
         !add_key(ssl, with, with->key_name ? with->key_name : "the key", err))) {
        context_free(made);
        made = NULL;
    }
    ERR_clear_error();
    return made;
}

/* Only the one protocol: a client that names others and not this one is refused (RFC 7301). */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *offered, unsigned offered_len, void *user)
{
    const context *made = user;
    size_t own_len = (size_t)made->alpn[0];

    (void)ssl;
    for (unsigned at = 0; at < offered_len; at += offered[at] + 1u) {
        if (offered[at] == own_len && memcmp(offered + at + 1, made->alpn + 1, own_len) == 0) {
            *out = offered + at + 1;
            *out_len = offered[at];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ---- why a certificate is refused ---- */

/* "a, b": the names (or the addresses) that the certificate is for. Returns how many. */
static int list_names(const X509 *cert, bool wants_addresses, char *out, size_t max)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    size_t len = 0;
    int count = 0;

    out[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        char text[INET6_ADDRSTRLEN] = "";
        const char *shown = text;
        int shown_len;

        if (name->type != (wants_addresses ? GEN_IPADD : GEN_DNS))
            continue;
        shown_len = ASN1_STRING_length(wants_addresses ? name->d.iPAddress : name->d.dNSName);
        if (wants_addresses) {
            if (shown_len != 4 && shown_len != 16)
                continue;
            (void)inet_ntop(shown_len == 4 ? AF_INET : AF_INET6,
                            ASN1_STRING_get0_data(name->d.iPAddress), text, sizeof(text));
            shown_len = (int)strlen(text);
        } else {
            shown = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
        }
        if (len < max)
            len += (size_t)snprintf(out + len, max - len, "%s%.*s", count ? ", " : "", shown_len,
                                    shown);
        count++;
    }
    GENERAL_NAMES_free(names);
    return count;
}

static void distrust(sc_tls *tls, const char *fmt, ...) SC_PRINTF(2, 3);
static void distrust(sc_tls *tls, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(tls->distrust, sizeof(tls->distrust), fmt, args);
    va_end(args);
}

static void say_wrong_name(sc_tls *tls, const X509 *cert, bool is_address)
{
    char names[NAMES_MAX_LEN];
    int count = list_names(cert, is_address, names, sizeof(names));

    if (count > 0)
        distrust(tls, "x509: certificate is valid for %s, not %s", names, tls->name);
    else if (is_address)
        distrust(tls,
                 "x509: cannot validate certificate for %s because it doesn't contain any "
                 "IP SANs",
                 tls->name);
    else
        distrust(tls, "x509: certificate is not valid for any names, but wanted to match %s",
                 tls->name);
}

static void say_wrong_time(sc_tls *tls, const ASN1_TIME *limit, const char *relation)
{
    time_t now = time(NULL);
    struct tm now_tm = {0};
    struct tm limit_tm = {0};
    char now_text[32];
    char limit_text[32];

    (void)gmtime_r(&now, &now_tm);
    (void)ASN1_TIME_to_tm(limit, &limit_tm);
    (void)strftime(now_text, sizeof(now_text), "%Y-%m-%dT%H:%M:%SZ", &now_tm);
    (void)strftime(limit_text, sizeof(limit_text), "%Y-%m-%dT%H:%M:%SZ", &limit_tm);
    distrust(tls, "x509: certificate has expired or is not yet valid: current time %s is %s %s",
             now_text, relation, limit_text);
}

/* OpenSSL's judgement of one certificate of the chain; the first bad one is the story. */
static int on_verified(int is_good, X509_STORE_CTX *chain)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
    const X509 *cert = X509_STORE_CTX_get_current_cert(chain);
    int why = X509_STORE_CTX_get_error(chain);
    sc_tls *tls = ssl ? SSL_get_app_data(ssl) : NULL;

    if (is_good || !tls || tls->distrust[0])
        return is_good;
    switch (why) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        say_wrong_name(tls, cert, why == X509_V_ERR_IP_ADDRESS_MISMATCH);
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        say_wrong_time(tls, X509_get0_notAfter(cert), "after");
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        say_wrong_time(tls, X509_get0_notBefore(cert), "before");
        break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        distrust(tls, "x509: certificate signed by unknown authority");
        break;
    default:
        distrust(tls, "x509: %s", X509_verify_cert_error_string(why));
        break;
    }
    return 0;
}

/* ---- connections ---- */

static void close_tls(sc_tls *tls)
{
    SSL_free(tls->ssl); /* with its BIOs */
    free(tls);
}

/* The name is sent (unless it is an address) and the certificate must carry it. */
static bool set_name(sc_tls *tls)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(tls->ssl);

    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, tls->name))
        return true;
    ERR_clear_error();
    return X509_VERIFY_PARAM_set1_host(param, tls->name, 0) &&
           SSL_set_tlsext_host_name(tls->ssl, tls->name);
}

static sc_tls *open_tls(void *at, sc_str verify_name)
{
    context *from = at;
    sc_tls *tls = calloc(1, sizeof(*tls));
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());

    if (!tls || !in || !out || !(tls->ssl = SSL_new(from->ssl))) {
        BIO_free(in);
        BIO_free(out);
        free(tls);
        return NULL;
    }
    tls->in = in;
    tls->out = out;
    SSL_set_bio(tls->ssl, in, out);
    (void)SSL_set_app_data(tls->ssl, tls);
    if (from->is_server) {
        SSL_set_accept_state(tls->ssl);
        return tls;
    }
    SSL_set_connect_state(tls->ssl);
    (void)snprintf(tls->name, sizeof(tls->name), "%.*s", SC_FMT(verify_name));
    if (verify_name.len > NAME_MAX_LEN || !set_name(tls)) {
        close_tls(tls);
        return NULL;
    }
    return tls;
}

/* What OpenSSL says of a peer whose first bytes are no TLS record. */
static bool is_plain_text(int reason)
{
    return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
           reason == SSL_R_HTTPS_PROXY_REQUEST || reason == SSL_R_PACKET_LENGTH_TOO_LONG;
}

/* An alert by which the peer says that it does not accept our certificate, or its absence. */
static bool is_distrust(int reason)
{
    return (reason >= SSL_R_SSLV3_ALERT_BAD_CERTIFICATE &&
            reason <= SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN) ||
           reason == SSL_R_TLSV1_ALERT_UNKNOWN_CA || reason == SSL_R_TLSV1_ALERT_ACCESS_DENIED ||
           reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED;
}

/* An alert of the peer in Go's words (RFC 8446 section 6). */
static const char *alert_text(int alert, char *room, size_t max)
{
    static const struct {
        int alert;
        const char *text;
    } texts[] = {
        {SSL_AD_UNEXPECTED_MESSAGE, "unexpected message"},
        {SSL_AD_BAD_RECORD_MAC, "bad record MAC"},
        {SSL_AD_HANDSHAKE_FAILURE, "handshake failure"},
        {SSL_AD_BAD_CERTIFICATE, "bad certificate"},
        {SSL_AD_UNSUPPORTED_CERTIFICATE, "unsupported certificate"},
        {SSL_AD_CERTIFICATE_REVOKED, "revoked certificate"},
        {SSL_AD_CERTIFICATE_EXPIRED, "expired certificate"},
        {SSL_AD_CERTIFICATE_UNKNOWN, "unknown certificate"},
        {SSL_AD_ILLEGAL_PARAMETER, "illegal parameter"},
        {SSL_AD_UNKNOWN_CA, "unknown certificate authority"},
        {SSL_AD_ACCESS_DENIED, "access denied"},
        {SSL_AD_DECODE_ERROR, "error decoding message"},
        {SSL_AD_DECRYPT_ERROR, "error decrypting message"},
        {SSL_AD_PROTOCOL_VERSION, "protocol version not supported"},
        {SSL_AD_INSUFFICIENT_SECURITY, "insufficient security level"},
        {SSL_AD_INTERNAL_ERROR, "internal error"},
        {SSL_AD_UNRECOGNIZED_NAME, "unrecognized name"},
        {SSL_AD_CERTIFICATE_REQUIRED, "certificate required"},
        {SSL_AD_NO_APPLICATION_PROTOCOL, "no application protocol"},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(texts); i++) {
        if (texts[i].alert == alert)
            return texts[i].text;
    }
    (void)snprintf(room, max, "alert(%d)", alert);
    return room;
}

/* What stands behind SSL_ERROR_SSL. */
static sc_tls_state say_why(const sc_tls *tls, sc_error *err)
{
    unsigned long error = ERR_peek_error();
    int reason = ERR_GET_REASON(error);
    char alert[24];

    if (tls->distrust[0])
        (void)fail(err, SC_UNAUTHENTICATED, "failed to verify certificate: %s", tls->distrust);
    else if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        (void)fail(err, SC_UNAUTHENTICATED, "client didn't provide a certificate");
    else if (!tls->is_open && is_plain_text(reason))
        (void)fail(
            err, SC_UNAVAILABLE,
            "first record does not look like a TLS handshake, the peer may speak plain text");
    else if (reason == SSL_R_UNSUPPORTED_PROTOCOL)
        (void)fail(err, SC_UNAVAILABLE, "the peer has neither TLS 1.2 nor 1.3");
    else if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET)
        (void)fail(err, is_distrust(reason) ? SC_PERMISSION_DENIED : SC_UNAVAILABLE,
                   "remote error: tls: %s",
                   alert_text(reason - SSL_AD_REASON_OFFSET, alert, sizeof(alert)));
    else
        (void)fail(err, SC_UNAVAILABLE, "%s", ssl_text());
    return SC_TLS_FAILED;
}

static sc_tls_state feed(sc_tls *tls, const char *at, size_t len, sc_error *err)
{
    size_t taken;
    int result;

    ERR_clear_error();
    if (len > 0 && (!BIO_write_ex(tls->in, at, len, &taken) || taken != len)) {
        (void)fail(err, SC_EXHAUSTED, "no memory for %zu bytes", len);
        return SC_TLS_FAILED;
    }
    if (tls->is_open)
        return SC_TLS_OPEN;
    result = SSL_do_handshake(tls->ssl);
    if (result == 1) {
        tls->is_open = true;
        return SC_TLS_OPEN;
    }
    return SSL_get_error(tls->ssl, result) == SSL_ERROR_WANT_READ ? SC_TLS_SHAKING
                                                                  : say_why(tls, err);
}

static sc_tls_state read_plain(sc_tls *tls, char *at, size_t max, size_t *len, sc_error *err)
{
    int result;

    *len = 0;
    ERR_clear_error();
    result = SSL_read_ex(tls->ssl, at, max, len);
    if (result == 1)
        return SC_TLS_OPEN;
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return SC_TLS_OPEN;
    case SSL_ERROR_ZERO_RETURN:
        return SC_TLS_ENDED;
    default:
        return say_why(tls, err);
    }
}

static bool write_plain(sc_tls *tls, const char *at, size_t len)
{
    size_t written;

    ERR_clear_error();
    return SSL_write_ex(tls->ssl, at, len, &written) == 1 && written == len;
}

static void finish(sc_tls *tls)
{
    ERR_clear_error();
    (void)SSL_shutdown(tls->ssl);
}

static size_t drain_len(sc_tls *tls)
{
    return BIO_ctrl_pending(tls->out);
}

static size_t drain(sc_tls *tls, char *at, size_t max)
{
    size_t len = 0;

    return BIO_read_ex(tls->out, at, max, &len) ? len : 0;
}

static bool is_inside_record(sc_tls *tls)
{
    return SSL_has_pending(tls->ssl) || BIO_ctrl_pending(tls->in) > 0;
}

static sc_str alpn(sc_tls *tls)
{
    const unsigned char *at = NULL;
    unsigned len = 0;

    SSL_get0_alpn_selected(tls->ssl, &at, &len);
    return sc_str_of(at, len);
}

static const sc_tls_module_ops ops = {
    .context_new = context_new,
    .context_free = context_free,
    .open = open_tls,
    .close = close_tls,
    .feed = feed,
    .read = read_plain,
    .write = write_plain,
    .finish = finish,
    .drain_len = drain_len,
    .drain = drain,
    .is_inside_record = is_inside_record,
    .alpn = alpn,
};

SC_MODULE_EXPORT const sc_module pillion_module;
const sc_module pillion_module = {.version = PILLION_VERSION, .table = &ops};
