# Sourced by the scripts that install what a machine lacks, on Debian and Ubuntu. They define `fail`.
# shellcheck shell=bash

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif [[ -t 0 ]]; then
        sudo "$@"
    else
        sudo --non-interactive "$@"
    fi
}

# apt_install ADVICE PACKAGE…
apt_install() {
    # Debian's Postgres package would make a cluster and start it on port 5432. Nobody asked for a database server, so
    # say no for as long as this installation lasts.
    local config=/etc/postgresql-common/createcluster.d/countersign-tests.conf advice=$1
    shift
    command -v apt-get >/dev/null || fail "there is no apt-get here: $advice"
    ((EUID == 0)) || command -v sudo >/dev/null || fail "not root, and there is no sudo: $advice"
    echo "Installing with apt: $*"
    # shellcheck disable=SC2064  # the path is known now
    trap "as_root rm -f '$config'" EXIT
    as_root mkdir -p "${config%/*}"
    echo "create_main_cluster = false" | as_root tee "$config" >/dev/null
    as_root apt-get update --quiet --quiet || fail "apt-get update failed: $advice"
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet --quiet --no-install-recommends "$@" || fail "apt could not install them: $advice"
    as_root rm -f "$config"
    trap - EXIT
}

# without_starting COMMAND…: Debian's packages start their daemons at once, unless policy-rc.d forbids it. A machine that has
# such a file, as containers do, keeps its own.
without_starting() {
    local policy=/usr/sbin/policy-rc.d ours='' status=0
    if [[ ! -e $policy ]]; then
        ours=yes
        trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    ("$@") || status=$?
    [[ -z $ours ]] || { as_root rm -f "$policy" && trap - EXIT; }
    return "$status"
}
