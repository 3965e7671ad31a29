#!/bin/sh
# SPDX-License-Identifier: MIT
# The tutorial's walk through its chat and analytics services, with the requests that it makes and what
# they answer: initialize, publish (alice's count goes from 5 to 6), chat (bob's from 3 to 4).
# usage: demo_chat.sh <embedded|redis> (from the root of the repository, after a release build)
set -eu

broker=$1
build=${DEMO_BUILD:-build/release}
. scripts/demo_lib.sh
export XDG_RUNTIME_DIR="$work" # the sidecars find each other there, and only each other

# Shows the request as it is typed, and its answer.
request() { # METHOD URL [JSON]
    if [ $# -gt 2 ]; then
        printf "\n\$ curl -X %s %s -H 'Content-Type: application/json' -d '%s'\n" "$1" "$2" "$3"
        curl -sS -X "$1" "$2" -H 'Content-Type: application/json' -d "$3"
    else
        printf '\n$ curl %s\n' "$2"
        curl -sS "$2"
    fi
    echo
}

# Waits until NAME's log has as many lines with TEXT, then shows what its application said since the
# last time.
shown=0
show_app() { # NAME TEXT COUNT
    tries=0
    until [ "$(grep -c "$2" "$work/$1.log")" -ge "$3" ]; do
        tries=$((tries + 1))
        if [ $tries -gt 400 ]; then
            echo "demo: $1 never said '$2':" >&2
            cat "$work/$1.log" >&2
            exit 1
        fi
        sleep 0.05
    done
    grep '^== APP' "$work/$1.log" | tail -n "+$((shown + 1))"
    shown=$(grep -c '^== APP' "$work/$1.log")
}

cp examples/chat/components/chat-model.yaml examples/chat/components/subscriptions.yaml "$work"
if [ "$broker" = redis ]; then
    start_redis
    component pubsub pubsub.redis redisHost "127.0.0.1:$redis_port"
    component statestore state.redis redisHost "127.0.0.1:$redis_port"
else
    component pubsub pubsub.sqlite connectionString "$work/broker.db"
    component statestore state.sqlite connectionString "$work/state.db"
fi
mv "$work"/*.yaml "$work/resources"

service() { # NAME PORT HTTP-PORT PROGRAM
    start "$1" "$build/pillion" run --app-id "$1" --app-port "$2" --dapr-http-port "$3" \
        --dapr-listen-addresses 127.0.0.1 --resources-path "$work/resources" -- \
        "$build/examples/chat/$4"
    wait_for "$1" "You're up and running"
    echo "$1: port $2, its sidecar: port $3"
}

echo "== two services in C, a sidecar each; components: pubsub, statestore ($broker), chat-model (echo)"
free_port; analytics=$port; free_port; analytics_sidecar=$port
service analytics-service "$analytics" "$analytics_sidecar" analytics_service
free_port; chat=$port; free_port; chat_sidecar=$port
service chat-service "$chat" "$chat_sidecar" chat_service

echo
echo "== initialize state"
request POST "http://localhost:$analytics/analytics/alice/initialize" '{"message_count": 5}'
request POST "http://localhost:$analytics/analytics/bob/initialize" '{"message_count": 3}'
echo
echo "== state retrieval"
request GET "http://localhost:$analytics/analytics/alice"
request GET "http://localhost:$analytics/analytics/bob"
request GET "http://localhost:$analytics/analytics/charlie"
echo
echo "== publish an event: alice goes from 5 to 6"
request POST "http://localhost:$analytics_sidecar/v1.0/publish/pubsub/messages" \
    '{"event_type": "MessageSent", "user_id": "alice"}'
show_app analytics-service 'Set message count for alice: 6' 1
request GET "http://localhost:$analytics/analytics/alice"
echo
echo "== chat: bob goes from 3 to 4"
request POST "http://localhost:$chat/chat/" '{
  "user_id": "bob",
  "text": "Hello, how are you?",
  "metadata": {
    "timestamp": "2025-04-06T12:00:00Z",
    "session_id": "123e4567-e89b-12d3-a456-426614174001"
  },
  "tags": ["greeting"]
}'
show_app analytics-service 'Set message count for bob: 4' 1
request GET "http://localhost:$analytics/analytics/bob"
echo
echo "== the optional exercise: dora registers"
request POST "http://localhost:$chat/users/" '{"user_id": "dora"}'
show_app analytics-service 'Set message count for dora: 0' 1
request GET "http://localhost:$analytics/analytics/dora"
echo
echo "== what the chat service said"
shown=0
show_app chat-service 'Published UserRegistered' 1
