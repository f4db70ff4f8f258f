{{/* Names, labels and the configuration, used by several objects. */}}

{{- define "tributary.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of every object: the release's, with the chart's unless it is part of it. Leaves room for suffixes. */}}
{{- define "tributary.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $joined := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- default $joined .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "tributary.selectorLabels" -}}
app.kubernetes.io/name: {{ include "tributary.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tributary.labels" -}}
{{ include "tributary.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: collector
app.kubernetes.io/part-of: tributary
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Name, namespace and labels. Takes a list: the root, and optionally a suffix of the name. */}}
{{- define "tributary.metadata" -}}
{{- $root := first . -}}
name: {{ include "tributary.fullname" $root }}{{ range rest . }}-{{ . }}{{ end }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "tributary.labels" $root | nindent 2 }}
{{- end }}

{{- define "tributary.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "tributary.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "tributary.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default .Chart.AppVersion $image.tag }}
{{- end }}
{{- end }}

{{/* "true" where the configuration is an object of somebody else. */}}
{{- define "tributary.hasExistingConfig" -}}
{{- with .Values.existingConfig -}}
{{- if and .configMap .secret }}{{ fail "existingConfig: configMap and secret exclude each other" }}{{ end -}}
{{- if or .configMap .secret }}true{{ end -}}
{{- end -}}
{{- end }}

{{/* Where the Roles are, as a JSON list: the namespaces of the values, the release's own, and that of the agents that it scrapes; empty with a ClusterRole. */}}
{{- define "tributary.namespaces" -}}
{{- $names := .Values.rbac.namespaces -}}
{{- if and $names .Values.nodeAgent.enabled }}{{ $names = append $names (include "tributary.agentNamespace" .) }}{{ end -}}
{{- if $names }}{{ append $names .Release.Namespace | uniq | sortAlpha | toJson }}{{ else }}[]{{ end -}}
{{- end }}

{{/* The configuration as YAML: the jobs of the chart unless the values have some, and several members told of each other. */}}
{{- define "tributary.config" -}}
{{- $names := include "tributary.namespaces" . | fromJsonArray -}}
{{- $jobs := .Files.Get (printf "files/jobs/%s/jobs.yml" (empty $names | ternary "cluster" "namespaced")) | fromYaml -}}
{{- /* fromYaml answers with its error under this key. */ -}}
{{- if hasKey $jobs "Error" }}{{ fail $jobs.Error }}{{ end -}}
{{- range $jobs.scrape_configs -}}
{{- if and $.Values.web.tls (eq .job_name "tributary") -}}
{{- /* The certificate is for the name of the Service, members are asked by address. */ -}}
{{- $_ := set . "scheme" "https" -}}
{{- $_ := set . "tls_config" (dict "insecure_skip_verify" true) -}}
{{- end -}}
{{- range .kubernetes_sd_configs -}}
{{- if $names }}{{ $_ := set . "namespaces" (dict "names" $names) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $config := mustMergeOverwrite $jobs (deepCopy .Values.config) -}}
{{- with .Values.sharding -}}
{{- if gt (int .members) 1 -}}
{{- $sharding := dict "members" (int .members) "replication_factor" (int .replicationFactor) -}}
{{- $config = mustMergeOverwrite $config (dict "tributary" (dict "sharding" $sharding)) -}}
{{- end -}}
{{- end -}}
{{ toYaml $config }}
{{- end }}
