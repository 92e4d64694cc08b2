{{- /* How gateways and meshes talk to each port; they can't see it. */}}
{{- define "countersign.grpcPort" -}}
- name: grpc
  port: {{ int .Values.ports.grpc }}
  targetPort: grpc
  appProtocol: {{ ternary "https" "kubernetes.io/h2c" .Values.tls.enabled }}
{{- end }}

{{- define "countersign.httpPort" -}}
- name: http
  port: {{ int .Values.ports.http }}
  targetPort: http
  appProtocol: {{ include "countersign.httpScheme" . }}
{{- end }}
