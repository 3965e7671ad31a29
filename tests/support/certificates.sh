#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: certificates.sh FOLDER
# Makes an authority and what it signed, each NAME.pem with NAME.key: server (localhost, 127.0.0.1),
# named (example.test), expired, client; other-ca, who signed nothing; and server.secret.key, the key
# behind a passphrase.
set -eu
cd "$1"

# authority NAME
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$1" \
        -keyout "$1.key" -out "$1.pem" 2>/dev/null
}

# signed NAME DAYS [SUBJECT-ALT-NAMES]
signed() {
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
        -keyout "$1.key" -out "$1.csr" 2>/dev/null
    printf 'basicConstraints=critical,CA:false\n%s' "${3:+subjectAltName=$3}" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -days "$2" -extfile "$1.ext" \
        -out "$1.pem" 2>/dev/null
}

authority ca
authority other-ca
signed server 30 DNS:localhost,IP:127.0.0.1
signed named 30 DNS:example.test,DNS:www.example.test
signed expired -1 DNS:localhost,IP:127.0.0.1
signed client 30
openssl pkcs8 -topk8 -in server.key -out server.secret.key -passout pass:secret
