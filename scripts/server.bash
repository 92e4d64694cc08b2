# Sourced by the scripts that use the real binary. Runs one server at a time and sees to its end.
# shellcheck shell=bash

# COUNTERSIGN_BINARY names another build than the release one. The server would ask what that setting is.
other_build=${COUNTERSIGN_BINARY:-}
unset COUNTERSIGN_BINARY
binary=${other_build:-${CARGO_TARGET_DIR:-target}/release/countersign}
work=$(mktemp -d)
server_pid=

build_release() {
    [[ -n $other_build ]] || cargo build --release --locked --package countersign --bin countersign
}

# start_server [NAME=VALUE…]: on a temporary SQLite file where no other DATABASE_URL is given. Sets grpc_address and
# http_url. What the caller's environment says about Countersign does not count.
start_server() {
    local names
    # It exists, and is empty, before it runs, so that reading it can't come too early.
    : >"$work/log"
    mapfile -t names < <(compgen -e | grep -E '^(COUNTERSIGN_|DATABASE_URL$)' || true)
    env "${names[@]/#/--unset=}" \
        DATABASE_URL="sqlite://$work/countersign.db" \
        COUNTERSIGN_GRPC_ADDR=127.0.0.1:0 COUNTERSIGN_HTTP_ADDR=127.0.0.1:0 COUNTERSIGN_LOG_FORMAT=json "$@" \
        "$binary" serve </dev/null 2>"$work/log" &
    server_pid=$!
    for _ in {1..200}; do
        grpc_address=$(listening grpc)
        http_url=$(listening http)
        if [[ -n $grpc_address && -n $http_url ]]; then
            http_url=http://$http_url
            return 0
        fi
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.05
    done
    echo "the server did not say where it listens" >&2
    return 1
}

# listening grpc|http: the address, from the line that takes the place of the banner in a log of JSON
listening() {
    sed -n "s/.*\"message\":\"listening\".*\"$1\":\"\([^\"]*\)\".*/\1/p" "$work/log"
}

# Asks it to end, waits, and fails where it did not end well.
stop_server() {
    local pid=$server_pid status=0
    server_pid=
    kill -TERM "$pid"
    wait "$pid" || status=$?
    ((status == 0)) || echo "the server ended with status $status" >&2
    return "$status"
}

clean_up() {
    local status=$?
    if [[ -n $server_pid ]]; then
        # Its own shutdown deadline bounds the wait; a server that ignores it is killed.
        kill -TERM "$server_pid" 2>/dev/null || true
        for _ in {1..250}; do
            kill -0 "$server_pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$server_pid" 2>/dev/null || true
    fi
    if ((status)) && [[ -s $work/log ]]; then
        echo "--- the end of the server's log ---" >&2
        tail -n 40 "$work/log" >&2
    fi
    rm -rf "$work"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
