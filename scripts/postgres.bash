# Sourced by the scripts that need Postgres: finds its programs, and runs a throw-away cluster.
# shellcheck shell=bash

# Prints the folder of initdb: on PATH, else the newest that Debian's packages have put in place.
postgres_programs() {
    local initdb found=
    if initdb=$(command -v initdb); then
        dirname "$initdb"
        return
    fi
    while read -r initdb; do
        [[ ! -x $initdb ]] || found=$initdb
    done < <(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort --version-sort)
    [[ -n $found ]] && dirname "$found"
}

# Sets postgres_url. The cluster goes when stop_postgres says so, and at the end of the script, however it ends: that
# closes the pipe which the cluster's keeper reads.
start_postgres() {
    local programs folder user=nobody as=()
    if ! programs=$(postgres_programs); then
        echo "Postgres is missing: install it (Debian and Ubuntu: postgresql), or run scripts/test, which does so" >&2
        return 1
    fi
    if ((EUID == 0)); then
        ! id postgres >/dev/null 2>&1 || user=postgres
        as=(runuser -u "$user" --)
    fi
    # Its text, not its file: that user may not be able to read where this repository lies.
    coproc POSTGRES { cd / && exec "${as[@]}" sh -c "$cluster" sh "$programs"; }
    # Kept aside: bash forgets both when the keeper ends.
    # shellcheck disable=SC2153  # coproc sets it
    postgres_pid=$POSTGRES_PID postgres_input=${POSTGRES[1]}
    if ! read -r folder <&"${POSTGRES[0]}"; then
        echo "Postgres did not start: its log is above" >&2
        return 1
    fi
    # shellcheck disable=SC2034  # for whoever sources this
    postgres_url="postgres://postgres@localhost/postgres?host=$folder"
}

stop_postgres() {
    exec {postgres_input}>&-
    wait "$postgres_pid"
}

cluster=$(<scripts/postgres-cluster)
