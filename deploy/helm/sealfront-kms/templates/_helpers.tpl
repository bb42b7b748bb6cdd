{{- define "sealfront-kms.name" -}}
{{- $name := include "sealfront-kms.application" . }}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{- define "sealfront-kms.application" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "sealfront-kms.selector" -}}
app.kubernetes.io/name: {{ include "sealfront-kms.application" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sealfront-kms.labels" -}}
{{ include "sealfront-kms.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "sealfront-kms.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "sealfront-kms.name" .) }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end -}}
{{- end }}

{{- define "sealfront-kms.tlsSecret" -}}
{{- if .Values.tls.existingSecret }}{{ .Values.tls.existingSecret -}}
{{- else if .Values.tls.certManager.enabled }}{{ include "sealfront-kms.name" . }}-tls
{{- else }}{{ fail "set tls.existingSecret or tls.certManager.enabled" }}{{ end -}}
{{- end }}

{{/* The program's configuration: that of the values, with what the chart decides. */}}
{{- define "sealfront-kms.config" -}}
{{- if not (or .Values.admin.healthOnly .Values.admin.tokenSecret.name) }}{{ fail "set admin.tokenSecret.name, or admin.healthOnly: true: the admin address is reached from outside the pod" }}{{ end }}
{{- range .Values.config.roots }}{{ if eq .kind "file" }}{{ fail "roots of kind file need a file that only the program can read, which a mounted secret isn't: use transit or awskms" }}{{ end }}{{ end }}
{{- $admin := dict "health_only" .Values.admin.healthOnly "ready_needs" .Values.admin.readyNeeds }}
{{- if .Values.admin.tokenSecret.name }}{{ $_ := set $admin "token_file" "../admin/token" }}{{ end }}
{{- $ours := dict
      "listen" (dict "https" "0.0.0.0:8444" "admin" "0.0.0.0:9091")
      "tls" (dict "cert" "../tls/tls.crt" "key" "../tls/tls.key")
      "admin" $admin }}
{{- toYaml (mergeOverwrite (deepCopy .Values.config) $ours) }}
{{- end }}
