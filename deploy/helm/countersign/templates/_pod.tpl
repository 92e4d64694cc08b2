{{- /* What the pods of the servers and of the migration have in common. */}}
{{- define "countersign.podSecurity" -}}
automountServiceAccountToken: false
# Nobody needs a variable for each port of each Service of the namespace.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  # So that the mounted keys are readable for that user.
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "countersign.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{- /* `countersign migrate`, as an init container or in the Job. */}}
{{- define "countersign.migration" -}}
- name: migrate
  image: {{ include "countersign.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args: [migrate]
  {{- include "countersign.containerSecurity" . | nindent 2 }}
  env: {{- include "countersign.migrationEnv" . | nindent 4 }}
  resources: {{- toYaml .Values.resources | nindent 4 }}
  {{- include "countersign.mounts" (list . false) | nindent 2 }}
{{- end }}

{{- /* Takes the root, and whether the container serves. */}}
{{- define "countersign.mounts" -}}
{{- $root := first . -}}
{{- $mounts := list -}}
{{- if and $root.Values.tls.enabled (last .) }}{{ $mounts = append $mounts (dict "name" "tls" "mountPath" "/tls" "readOnly" true) }}{{ end -}}
{{- if and $root.Values.authz.rules (last .) }}{{ $mounts = append $mounts (dict "name" "authz" "mountPath" "/authz" "readOnly" true) }}{{ end -}}
{{- if $root.Values.database.caSecret.name -}}
{{- $mounts = append $mounts (dict "name" "database-ca" "mountPath" "/database-ca" "readOnly" true) -}}
{{- end -}}
{{- with concat $mounts $root.Values.extraVolumeMounts -}}
volumeMounts: {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end }}

{{- define "countersign.volumes" -}}
{{- $root := first . -}}
{{- $volumes := list -}}
{{- /* Folders, and no single files of them (subPath): those would never be renewed. */}}
{{- if and $root.Values.tls.enabled (last .) -}}
{{- $volumes = append $volumes (dict "name" "tls" "secret" (dict "secretName" (include "countersign.tlsSecret" $root) "defaultMode" 0440)) -}}
{{- end -}}
{{- if and $root.Values.authz.rules (last .) -}}
{{- $volumes = append $volumes (dict "name" "authz" "configMap" (dict "name" (include "countersign.authzRules" $root))) -}}
{{- end -}}
{{- with $root.Values.database.caSecret -}}
{{- if .name -}}
{{- $item := dict "key" .key "path" "ca.crt" -}}
{{- $volumes = append $volumes (dict "name" "database-ca" "secret" (dict "secretName" .name "items" (list $item))) -}}
{{- end -}}
{{- end -}}
{{- with concat $volumes $root.Values.extraVolumes -}}
volumes: {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end }}
