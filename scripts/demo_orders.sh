#!/bin/sh
# SPDX-License-Identifier: MIT
# A publisher and a subscriber, a sidecar each, one broker: shows every message and ends by itself.
# usage: demo_orders.sh <embedded|redis> <messages> (from the root of the repository, after a release build)
set -eu

broker=$1
messages=$2
build=${DEMO_BUILD:-build/release}
. scripts/demo_lib.sh

memory() {
    awk '/VmRSS/ {printf "%.1f MB", $2 / 1024}' "/proc/$1/status"
}

if [ "$broker" = redis ]; then
    start_redis
    type=pubsub.redis
    component pubsub $type redisHost "127.0.0.1:$redis_port"
else
    type=pubsub.sqlite
    component pubsub $type connectionString "$work/broker.db"
fi

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
