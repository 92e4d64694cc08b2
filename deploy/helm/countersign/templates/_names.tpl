{{- define "countersign.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* Short enough for "-headless" behind it. */}}
{{- define "countersign.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "countersign.name" .) .Release.Name -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name (include "countersign.name" .) | trunc 50 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "countersign.selector" -}}
app.kubernetes.io/name: {{ include "countersign.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* The servers alone: without the component, Services would also find the pod that migrates. */}}
{{- define "countersign.serverSelector" -}}
{{ include "countersign.selector" . }}
app.kubernetes.io/component: server
{{- end }}

{{- /* Of an object; takes a list of the root and the component. */}}
{{- define "countersign.labels" -}}
{{- $root := first . -}}
{{ include "countersign.selector" $root }}
app.kubernetes.io/component: {{ last . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end }}

{{- define "countersign.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "countersign.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end }}

{{- define "countersign.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "countersign.authzRules" -}}
{{ include "countersign.fullname" . }}-authz
{{- end }}

{{- /* Not empty where there are rules, of the values or in a file of one's own. */}}
{{- define "countersign.hasAuthz" -}}
{{- if or .Values.authz.rules (hasKey .Values.settings "COUNTERSIGN_AUTHZ_RULES") }}true{{ end -}}
{{- end }}

{{- define "countersign.tlsSecret" -}}
{{ .Values.tls.existingSecret | default (printf "%s-tls" (include "countersign.fullname" .)) }}
{{- end }}
