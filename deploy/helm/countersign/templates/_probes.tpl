{{- /*
Takes the root and the name of the probe. Startup and liveness only ask whether the process answers: without the database it goes on, and a
restart would not bring that back. Readiness asks whether calls that need the database can be answered.
*/}}
{{- define "countersign.probe" -}}
{{- $root := first . -}}
{{- $readiness := eq (last .) "readiness" -}}
{{- if eq $root.Values.probes.protocol "grpc" -}}
grpc:
  port: {{ int $root.Values.ports.grpc }}
  {{- if $readiness }}
  service: auth.v1.AuthService
  {{- end }}
{{- else -}}
httpGet:
  path: {{ ternary "/readyz" "/livez" $readiness }}
  port: http
  scheme: {{ include "countersign.httpScheme" $root | upper }}
{{- end }}
{{ toYaml (get $root.Values.probes (last .)) }}
{{- end }}

{{- define "countersign.httpScheme" -}}
{{- if and .Values.tls.enabled (ne (get .Values.settings "COUNTERSIGN_HTTP_TLS") "off") }}https{{ else }}http{{ end -}}
{{- end }}
