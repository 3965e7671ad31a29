#!/bin/sh
# SPDX-License-Identifier: MIT
# A publisher and a subscriber, a sidecar each, one broker: shows every message and ends by itself.
# usage: demo.sh <embedded|redis> <messages> (from the root of the repository, after a release build)
set -eu

broker=$1
messages=$2
build=build/release
work=$(mktemp -d)
started=""

finish() {
    for pid in $started; do kill "$pid" 2>/dev/null || true; done
    for pid in $started; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# The next port from $next_port on that nobody listens on. Below what systems give to connections, and
# in another place for each run, so that demos side by side do not meet.
next_port=$((20000 + $$ * 16 % 12000))
free_port() {
    while grep -qsi ":$(printf %04X "$next_port") [0-9A-F]*:0000 0A" /proc/net/tcp /proc/net/tcp6; do
        next_port=$((next_port + 1))
    done
    port=$next_port
    next_port=$((next_port + 1))
}

# start NAME COMMAND...: in the background, its output in $work/NAME.log
start() {
    name=$1
    shift
    "$@" >"$work/$name.log" 2>&1 &
    pid=$!
    started="$started $pid"
}

# wait_for NAME TEXT: until the log of NAME has it
wait_for() {
    tries=0
    until grep -qs "$2" "$work/$1.log"; do
        tries=$((tries + 1))
        if [ $tries -gt 200 ]; then
            echo "demo: $1 did not start:" >&2
            cat "$work/$1.log" >&2
            exit 1
        fi
        sleep 0.05
    done
}

memory() {
    awk '/VmRSS/ {printf "%.1f MB", $2 / 1024}' "/proc/$1/status"
}

mkdir "$work/resources"
if [ "$broker" = redis ]; then
    free_port
    start redis redis-server --port "$port" --bind 127.0.0.1 --dir "$work" --appendonly yes --save ''
    wait_for redis 'Ready to accept connections'
    type=pubsub.redis setting=redisHost value="127.0.0.1:$port"
else
    type=pubsub.sqlite setting=connectionString value="$work/broker.db"
fi
cat >"$work/resources/pubsub.yaml" <<YAML
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: pubsub
spec:
  type: $type
  version: v1
  metadata:
  - name: $setting
    value: "$value"
YAML

echo "== resources/pubsub.yaml"
cat "$work/resources/pubsub.yaml"
echo "== two programs, two sidecars, $messages messages"
free_port; app_port=$port
APP_PORT=$app_port "$build/examples/orders/subscriber" "$messages" &
subscriber=$!
started="$started $subscriber"
sidecar() { # NAME APP-ID HTTP-PORT GRPC-PORT [FLAG...]
    name=$1 app=$2 http=$3 grpc=$4
    shift 4
    start "$name" "$build/pillion" sidecar --app-id "$app" --dapr-http-port "$http" \
        --dapr-grpc-port "$grpc" --dapr-listen-addresses 127.0.0.1 --metrics-port 0 \
        --resources-path "$work/resources" "$@"
    wait_for "$name" 'Status: Running'
}
free_port; first=$port; free_port
sidecar sidecar-subscriber subscriber "$first" "$port" --app-port "$app_port"
subscriber_sidecar=$pid
free_port; first=$port; free_port
sidecar sidecar-publisher publisher "$first" "$port"
publisher_sidecar=$pid

DAPR_HTTP_PORT=$first "$build/examples/orders/publisher" --timed "$messages"
wait "$subscriber"
echo "memory        publisher's sidecar $(memory $publisher_sidecar), subscriber's sidecar $(memory $subscriber_sidecar) (resident)"
kill "$subscriber_sidecar" "$publisher_sidecar"
wait "$subscriber_sidecar" "$publisher_sidecar"
echo "broker        $type"
