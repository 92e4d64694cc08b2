{{- /*
What is missing, all of it at once. The schema can't say this: each can be given in more than one place.
*/}}
{{- define "countersign.complete" -}}
{{- $missing := list -}}
{{- range list "COUNTERSIGN_ISSUER" "COUNTERSIGN_DELIVERY" -}}
{{- if not (hasKey $.Values.settings .) }}{{ $missing = append $missing (printf "settings.%s" .) }}{{ end -}}
{{- end -}}
{{- if not (or (hasKey .Values.secrets "COUNTERSIGN_MASTER_KEY") (hasKey .Values.settings "COUNTERSIGN_MASTER_KEY_FILE")) -}}
{{- $missing = append $missing "secrets.COUNTERSIGN_MASTER_KEY" -}}
{{- end -}}
{{- if not (or .Values.database.hosts (hasKey .Values.secrets "DATABASE_URL") (hasKey .Values.settings "DATABASE_URL_FILE")) -}}
{{- $missing = append $missing "database.hosts or secrets.DATABASE_URL" -}}
{{- end -}}
{{- if not (or .Values.tls.enabled (hasKey .Values.settings "COUNTERSIGN_PLAINTEXT")) -}}
{{- $missing = append $missing "tls.enabled: true, or settings.COUNTERSIGN_PLAINTEXT: \"on\" where a mesh encrypts" -}}
{{- end -}}
{{- if and .Values.tls.enabled (not (or .Values.tls.existingSecret .Values.tls.certificate.enabled)) -}}
{{- $missing = append $missing "tls.existingSecret or tls.certificate.enabled" -}}
{{- end -}}
{{- if $missing }}{{ fail (printf "\n\nThese values are missing:\n- %s\n" (join "\n- " $missing)) }}{{ end -}}
{{- if and .Values.database.hosts (hasKey .Values.secrets "DATABASE_URL") -}}
{{- fail "\n\ndatabase.hosts and secrets.DATABASE_URL are both given: which one is the database?\n" -}}
{{- end -}}
{{- if and .Values.authz.rules (hasKey .Values.settings "COUNTERSIGN_AUTHZ_RULES") -}}
{{- fail "\n\nauthz.rules and settings.COUNTERSIGN_AUTHZ_RULES are both given: which ones are the rules?\n" -}}
{{- end -}}
{{- if and .Values.authz.cookie (not (include "countersign.hasAuthz" .)) -}}
{{- fail "\n\nauthz.cookie is of no use without authz.rules.\n" -}}
{{- end -}}
{{- with .Values.autoscaling -}}
{{- if and .enabled (not .cpu) (not .queue.enabled) -}}
{{- fail "\n\nautoscaling goes by nothing: give it autoscaling.cpu or autoscaling.queue. Without a metric Kubernetes would take 80 % of the processors.\n" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.tls.enabled (eq .Values.probes.protocol "grpc") -}}
{{- fail "\n\nThe kubelet's gRPC probes speak no TLS: with tls.enabled, probes.protocol is http.\n" -}}
{{- end -}}
{{- end }}

{{- /* Takes a name and a value. A large number of the values file would otherwise be printed as 1e+06. */}}
{{- define "countersign.setting" -}}
{{- $value := last . -}}
- name: {{ first . }}
  value: {{ if kindIs "float64" $value }}{{ $value | int64 | quote }}{{ else }}{{ $value | quote }}{{ end }}
{{- end }}

{{- /* Takes a name and a reference to a secret's key. */}}
{{- define "countersign.secret" -}}
- name: {{ first . }}
  valueFrom:
    secretKeyRef:
      name: {{ (last .).name }}
      key: {{ (last .).key }}
{{- end }}

{{- /*
How the database is reached. The password is not in the URL, where it would need escaping: the service reads PGPASSWORD, as libpq does.
*/}}
{{- define "countersign.databaseEnv" -}}
{{- $database := .Values.database -}}
{{- if $database.hosts -}}
{{- $ours := dict "host" (join "," $database.hosts) "port" $database.port "sslmode" $database.sslmode -}}
{{- if $database.caSecret.name }}{{ $_ := set $ours "sslrootcert" "/database-ca/ca.crt" }}{{ end -}}
{{- $query := list -}}
{{- range $name, $value := merge (deepCopy $database.parameters) $ours -}}
{{- $text := ternary ($value | int64 | toString) ($value | toString) (kindIs "float64" $value) -}}
{{- $query = append $query (printf "%s=%s" $name ($text | urlquery | replace "+" "%20")) -}}
{{- end }}
{{ include "countersign.setting" (list "DATABASE_URL" (printf "postgres:///%s?%s" $database.name (join "&" $query))) }}
{{- if $database.userKey }}
{{ include "countersign.secret" (list "PGUSER" (dict "name" $database.existingSecret "key" $database.userKey)) }}
{{- else if $database.user }}
{{ include "countersign.setting" (list "PGUSER" $database.user) }}
{{- end }}
{{- if $database.existingSecret }}
{{ include "countersign.secret" (list "PGPASSWORD" (dict "name" $database.existingSecret "key" $database.passwordKey)) }}
{{- end }}
{{- else if .Values.secrets.DATABASE_URL }}
{{ include "countersign.secret" (list "DATABASE_URL" .Values.secrets.DATABASE_URL) }}
{{- else }}
{{ include "countersign.setting" (list "DATABASE_URL_FILE" .Values.settings.DATABASE_URL_FILE) }}
{{- end }}
{{- end }}

{{- /* What the chart sets. What is in `settings` wins over it. */}}
{{- define "countersign.serverSettings" -}}
COUNTERSIGN_GRPC_ADDR: {{ printf "0.0.0.0:%v" (int .Values.ports.grpc) }}
COUNTERSIGN_HTTP_ADDR: {{ printf "0.0.0.0:%v" (int .Values.ports.http) }}
{{- if .Values.adminListener.enabled }}
COUNTERSIGN_ADMIN_ADDR: {{ printf "0.0.0.0:%v" (int .Values.ports.admin) }}
{{- end }}
COUNTERSIGN_DRAIN_DELAY: {{ int .Values.shutdown.drainSeconds }}s
COUNTERSIGN_SHUTDOWN_TIMEOUT: {{ int .Values.shutdown.timeoutSeconds }}s
COUNTERSIGN_MIGRATE: {{ ternary "on" "check" (eq .Values.migrations.mode "start") | quote }}
COUNTERSIGN_LOG_FORMAT: json
{{- if .Values.authz.rules }}
COUNTERSIGN_AUTHZ_RULES: /authz/rules.json
{{- end }}
{{- with .Values.authz.cookie }}
COUNTERSIGN_AUTHZ_COOKIE: {{ . | quote }}
{{- end }}
{{- if .Values.tls.enabled }}
COUNTERSIGN_TLS_CERT: /tls/tls.crt
COUNTERSIGN_TLS_KEY: /tls/tls.key
{{- if ne .Values.tls.clientAuth "off" }}
COUNTERSIGN_TLS_CLIENT_CA: /tls/ca.crt
COUNTERSIGN_TLS_CLIENT_AUTH: {{ .Values.tls.clientAuth }}
{{- if eq (include "countersign.httpScheme" .) "https" }}
# Probes and Prometheus have no certificate.
COUNTERSIGN_HTTP_TLS_CLIENT_AUTH: "off"
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "countersign.serverEnv" -}}
{{- $settings := omit .Values.settings "DATABASE_URL_FILE" -}}
{{- if ne .Values.migrations.mode "start" }}{{ $settings = omit $settings "COUNTERSIGN_MIGRATE_URL_FILE" }}{{ end -}}
{{ include "countersign.databaseEnv" . | trim }}
{{- range $name, $value := merge $settings (include "countersign.serverSettings" . | fromYaml) }}
{{ include "countersign.setting" (list $name $value) }}
{{- end }}
{{- range $name, $reference := omit .Values.secrets "DATABASE_URL" }}
{{- if or (ne $name "COUNTERSIGN_MIGRATE_URL") (eq $.Values.migrations.mode "start") }}
{{ include "countersign.secret" (list $name $reference) }}
{{- end }}
{{- end }}
{{- if and (not (hasKey .Values.settings "COUNTERSIGN_HASH_THREADS")) (dig "requests" "cpu" "" .Values.resources) }}
# Otherwise as many as the node has cores, which the pod does not get.
- name: COUNTERSIGN_HASH_THREADS
  valueFrom:
    resourceFieldRef:
      resource: requests.cpu
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* What `countersign migrate` reads. */}}
{{- define "countersign.migrationEnv" -}}
{{- $settings := pick .Values.settings "COUNTERSIGN_MIGRATE_URL_FILE" "COUNTERSIGN_FSYNC_OFF_AT" "COUNTERSIGN_LOG" "COUNTERSIGN_LOG_FORMAT" -}}
{{ include "countersign.databaseEnv" . | trim }}
{{- range $name, $value := merge $settings (dict "COUNTERSIGN_LOG_FORMAT" "json") }}
{{ include "countersign.setting" (list $name $value) }}
{{- end }}
{{- with .Values.secrets.COUNTERSIGN_MIGRATE_URL }}
{{ include "countersign.secret" (list "COUNTERSIGN_MIGRATE_URL" .) }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
