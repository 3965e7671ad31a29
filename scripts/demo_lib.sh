# SPDX-License-Identifier: MIT
# What the demos share; read by them, not run. Needs $build; makes the folder $work, and removes it and
# ends all that was started when the demo ends.
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

# component NAME TYPE [SETTING VALUE]: a file in $work/resources
component() {
    mkdir -p "$work/resources"
    cat >"$work/resources/$1.yaml" <<YAML
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: $1
spec:
  type: $2
  version: v1
YAML
    [ $# -lt 3 ] || cat >>"$work/resources/$1.yaml" <<YAML
  metadata:
  - name: $3
    value: "$4"
YAML
}

# A redis-server of the demo's own, on $redis_port.
start_redis() {
    free_port
    redis_port=$port
    start redis redis-server --port "$redis_port" --bind 127.0.0.1 --dir "$work" --appendonly yes --save ''
    wait_for redis 'Ready to accept connections'
}
