{{/* The name of every object: fullnameOverride, or the release's and the chart's. */}}
{{- define "sealfront.name" -}}
{{- $name := include "sealfront.application" . }}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{- define "sealfront.application" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "sealfront.selector" -}}
app.kubernetes.io/name: {{ include "sealfront.application" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sealfront.labels" -}}
{{ include "sealfront.selector" . }}
{{ include "sealfront.commonLabels" . }}
{{- end }}

{{/* Of objects that the selector must not find, too. */}}
{{- define "sealfront.commonLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Of the pods of helm test and of the check, which the Service must not send clients to. */}}
{{- define "sealfront.jobLabels" -}}
app.kubernetes.io/name: {{ include "sealfront.application" . }}-{{ .job }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: {{ .job }}
{{ include "sealfront.commonLabels" . }}
{{- end }}

{{- define "sealfront.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "sealfront.name" .) }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end -}}
{{- end }}

{{- define "sealfront.tlsSecret" -}}
{{- if .Values.tls.existingSecret }}{{ .Values.tls.existingSecret -}}
{{- else if .Values.tls.certManager.enabled }}{{ include "sealfront.name" . }}-tls
{{- else }}{{ fail "set tls.existingSecret or tls.certManager.enabled" }}{{ end -}}
{{- end }}

{{/* The program's configuration: that of the values, with what the chart decides. */}}
{{- define "sealfront.config" -}}
{{- if not (or .Values.admin.healthOnly .Values.admin.tokenSecret.name) }}{{ fail "set admin.tokenSecret.name, or admin.healthOnly: true: the admin address is reached from outside the pod" }}{{ end }}
{{- $admin := dict "health_only" .Values.admin.healthOnly "ready_needs" .Values.admin.readyNeeds }}
{{- if .Values.admin.tokenSecret.name }}{{ $_ := set $admin "token_file" "../admin/token" }}{{ end }}
{{- $https := ternary "127.0.0.1:8443" "0.0.0.0:8443" (eq .Values.mode "sidecar") }}
{{- $ours := dict
      "listen" (dict "https" $https "admin" "0.0.0.0:9090")
      "tls" (dict "cert" "../tls/tls.crt" "key" "../tls/tls.key")
      "admin" $admin }}
{{- if .Values.audit.volume }}{{ $_ := set $ours "log" (dict "audit" (dict "file" "/var/log/sealfront/audit.log")) }}{{ end }}
{{- toYaml (mergeOverwrite (deepCopy .Values.config) $ours) }}
{{- end }}

{{/* What a container of the program is, wherever it runs. */}}
{{- define "sealfront.image" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{- define "sealfront.restricted" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "sealfront.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* Where the configuration finds its files: directories, since those of a subPath are never updated, and the program reloads by itself. */}}
{{- define "sealfront.mounts" -}}
- {name: sealfront-config, mountPath: /etc/sealfront/config, readOnly: true}
- {name: sealfront-tls, mountPath: /etc/sealfront/tls, readOnly: true}
- {name: sealfront-secrets, mountPath: /etc/sealfront/secrets, readOnly: true}
{{- if .Values.admin.tokenSecret.name }}
- {name: sealfront-admin, mountPath: /etc/sealfront/admin, readOnly: true}
{{- end }}
{{- if .Values.clusterIssuer.enabled }}
- {name: sealfront-cluster, mountPath: /etc/sealfront/cluster, readOnly: true}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "sealfront.container" -}}
name: sealfront
{{ include "sealfront.image" . }}
{{- if eq .Values.mode "sidecar" }}
restartPolicy: Always # starts before the application and ends after it
{{- end }}
args: [serve, --config, /etc/sealfront/config/sealfront.yaml]
{{- if or .Values.extraEnv .Values.audit.volume }}
env:
  {{- if .Values.audit.volume }}
  - {name: SEALFRONT_POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
  {{- end }}
  {{- with .Values.extraEnv }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end }}
{{- with .Values.envFrom }}
envFrom: {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  {{- if eq .Values.mode "gateway" }}
  - {name: https, containerPort: 8443}
  {{- end }}
  - {name: sealfront-admin, containerPort: 9090}
{{- /* A sidecar's application starts when the sidecar is ready. Readiness needs what admin.readyNeeds lists; liveness nothing else. */}}
startupProbe:
  httpGet: {path: {{ ternary "/readyz" "/livez" (eq .Values.mode "sidecar") }}, port: sealfront-admin}
  periodSeconds: 1
  failureThreshold: 60
readinessProbe: {httpGet: {path: /readyz, port: sealfront-admin}, periodSeconds: 5, timeoutSeconds: 5}
livenessProbe: {httpGet: {path: /livez, port: sealfront-admin}, periodSeconds: 10, timeoutSeconds: 5}
resources: {{- toYaml .Values.resources | nindent 2 }}
securityContext: {{- include "sealfront.restricted" . | nindent 2 }}
volumeMounts:
  {{- include "sealfront.mounts" . | nindent 2 }}
  {{- if .Values.audit.volume }}
  - {name: sealfront-audit, mountPath: /var/log/sealfront, subPathExpr: $(SEALFRONT_POD)} # a volume may be of several pods
  {{- end }}
{{- end }}

{{/* The files' volumes, with the ConfigMap of this name. */}}
{{- define "sealfront.files" -}}
- {name: sealfront-config, configMap: {name: {{ .configMap }}}}
- {name: sealfront-tls, secret: {secretName: {{ include "sealfront.tlsSecret" . }}, defaultMode: 288, optional: {{ .early }}, items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]}}
- {name: sealfront-secrets, secret: {secretName: {{ .Values.secrets.existingSecret }}, defaultMode: 288}}
{{- if .Values.admin.tokenSecret.name }}
- {name: sealfront-admin, secret: {secretName: {{ .Values.admin.tokenSecret.name }}, defaultMode: 288, items: [{key: {{ .Values.admin.tokenSecret.key }}, path: token}]}}
{{- end }}
{{- if .Values.clusterIssuer.enabled }}
- name: sealfront-cluster
  projected:
    defaultMode: 288
    sources:
      - {serviceAccountToken: {path: token, expirationSeconds: 3600}}
      - {configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "sealfront.volumes" -}}
{{ include "sealfront.files" (merge (dict "configMap" (include "sealfront.name" .) "early" false) .) }}
{{- with .Values.audit.volume }}
- {{ merge (dict "name" "sealfront-audit") . | toYaml | nindent 2 | trim }}
{{- end }}
{{- if eq .Values.mode "sidecar" }}
- {name: sealfront-ca, secret: {secretName: {{ include "sealfront.tlsSecret" . }}, items: [{key: ca.crt, path: ca.crt}]}}
{{- if .Values.app.role.arn }}
- {name: sealfront-identity, projected: {sources: [{serviceAccountToken: {path: token, audience: {{ .Values.app.role.audience | quote }}, expirationSeconds: 3600}}]}}
{{- end }}
{{- end }}
{{- end }}

{{/* The application's container, told of its sidecar. The endpoint is an IP address, so clients use path style. */}}
{{- define "sealfront.app" -}}
{{- $app := deepCopy .Values.app.container }}
{{- $env := list (dict "name" "AWS_ENDPOINT_URL" "value" "https://127.0.0.1:8443") (dict "name" "AWS_CA_BUNDLE" "value" "/etc/sealfront-ca/ca.crt") }}
{{- $mounts := list (dict "name" "sealfront-ca" "mountPath" "/etc/sealfront-ca" "readOnly" true) }}
{{- with .Values.app.role }}
{{- if .arn }}
{{- $env = concat $env (list (dict "name" "AWS_ENDPOINT_URL_STS" "value" "https://127.0.0.1:8443") (dict "name" "AWS_ROLE_ARN" "value" .arn) (dict "name" "AWS_WEB_IDENTITY_TOKEN_FILE" "value" "/var/run/sealfront/token")) }}
{{- $mounts = append $mounts (dict "name" "sealfront-identity" "mountPath" "/var/run/sealfront" "readOnly" true) }}
{{- end }}
{{- end }}
{{- $_ := set $app "env" (concat $env ($app.env | default list)) }}
{{- $_ := set $app "volumeMounts" (concat ($app.volumeMounts | default list) $mounts) }}
{{- toYaml $app }}
{{- end }}
