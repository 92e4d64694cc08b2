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
