{{/* The node agent: names, labels and the configuration that is made for it. */}}

{{- define "tributary.agentSelectorLabels" -}}
app.kubernetes.io/name: {{ include "tributary.name" . }}-node-agent
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tributary.agentLabels" -}}
{{ include "tributary.agentSelectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: node-agent
app.kubernetes.io/part-of: tributary
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "tributary.agentName" -}}
{{ include "tributary.fullname" . }}-agent
{{- end }}

{{- define "tributary.agentNamespace" -}}
{{ default .Release.Namespace .Values.nodeAgent.namespace }}
{{- end }}

{{/* Name, namespace and labels. Takes a list: the root, and optionally a suffix of the name. */}}
{{- define "tributary.agentMetadata" -}}
{{- $root := first . -}}
name: {{ include "tributary.agentName" $root }}{{ range rest . }}-{{ . }}{{ end }}
namespace: {{ include "tributary.agentNamespace" $root }}
labels:
  {{- include "tributary.agentLabels" $root | nindent 2 }}
{{- end }}

{{- define "tributary.agentServiceAccountName" -}}
{{- if .Values.nodeAgent.serviceAccount.create -}}
{{ default (include "tributary.agentName" .) .Values.nodeAgent.serviceAccount.name }}
{{- else -}}
{{ required "nodeAgent.serviceAccount.name is needed when nodeAgent.serviceAccount.create is false" .Values.nodeAgent.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* Where pushes go. */}}
{{- define "tributary.agentUrl" -}}
{{- if .Values.nodeAgent.push.url -}}
{{ .Values.nodeAgent.push.url }}
{{- else -}}
{{- if not .Values.receiver.enabled }}{{ fail "nodeAgent.form push needs receiver.enabled, or nodeAgent.push.url" }}{{ end -}}
{{- $host := printf "%s.%s.svc" (include "tributary.fullname" .) .Release.Namespace -}}
{{ .Values.web.tls | ternary "https" "http" }}://{{ $host }}:{{ .Values.service.port }}/api/v1/write
{{- end -}}
{{- end }}

{{/* The entry of remote_write, as YAML. */}}
{{- define "tributary.agentRemoteWrite" -}}
{{- $push := .Values.nodeAgent.push -}}
{{- $entry := dict "name" "collector" "url" (include "tributary.agentUrl" .) -}}
{{- with $push.credentials -}}
{{- if .secret -}}
{{- $file := printf "/etc/tributary-push/%s" .key -}}
{{- if .username -}}
{{- $_ := set $entry "basic_auth" (dict "username" .username "password_file" $file) -}}
{{- else -}}
{{- $_ := set $entry "authorization" (dict "credentials_file" $file) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $push.ca.secret -}}
{{- $_ := set $entry "tls_config" (dict "ca_file" (printf "/etc/tributary-push-ca/%s" $push.ca.key)) -}}
{{- end -}}
{{- if $push.sendNativeHistograms -}}
{{- $_ := set $entry "send_native_histograms" true -}}
{{- end -}}
{{ toYaml $entry }}
{{- end }}

{{/* The configuration as YAML. In the node's network namespace the pod's own /sys is the node's; elsewhere it is mounted. */}}
{{- define "tributary.agentConfig" -}}
{{- $agent := .Values.nodeAgent -}}
{{- $roce := dict -}}
{{- if not $agent.hostNetwork }}{{ $_ := set $roce "paths" (dict "sysfs" "/host/sys") }}{{ end -}}
{{- $config := dict "tributary" (dict "queue" (dict "max_bytes" $agent.queue.maxBytes) "roce" $roce) -}}
{{- if eq $agent.form "push" -}}
{{- $_ := set $roce "labels" (dict "job" "roce" "instance" "$NODE_NAME" "node" "$NODE_NAME") -}}
{{- $_ := set $config "remote_write" (list (include "tributary.agentRemoteWrite" . | fromYaml)) -}}
{{- else -}}
{{- /* A scrape has labels of its own. */ -}}
{{- $_ := set $roce "output" "metrics" -}}
{{- end -}}
{{ toYaml (mustMergeOverwrite $config (deepCopy $agent.config)) }}
{{- end }}

{{/* Who agents are to the network policy of the collector that they push to: pods, or in the network of their node addresses, which only the values know. */}}
{{- define "tributary.agentPeer" -}}
{{- $agent := .Values.nodeAgent -}}
{{- if and $agent.enabled $agent.hostNetwork -}}
{{- $blocks := list -}}
{{- range .Values.networkPolicy.from }}{{ if hasKey . "ipBlock" }}{{ $blocks = append $blocks . }}{{ end }}{{ end -}}
{{- if and (eq $agent.form "push") (empty $agent.push.url) (empty $blocks) -}}
{{- fail "networkPolicy.from needs an ipBlock with the addresses of the nodes: agents with nodeAgent.hostNetwork push from there, and no selector of pods lets them in" -}}
{{- end -}}
{{- else if $agent.enabled -}}
- podSelector:
    matchLabels:
      {{- include "tributary.agentSelectorLabels" . | nindent 6 }}
  {{- with $agent.namespace }}
  namespaceSelector:
    matchLabels: {kubernetes.io/metadata.name: {{ . }}}
  {{- end }}
{{- end -}}
{{- end }}

{{- define "tributary.agentContainer" -}}
{{- $agent := .Values.nodeAgent -}}
image: {{ include "tributary.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  - --config.file=/etc/tributary/tributary.yml
  - --storage.agent.path=/var/lib/tributary
  - --storage.remote.flush-deadline=20s
  - --web.listen-address=:{{ $agent.port }}
  {{- range $agent.extraArgs }}
  - {{ . | quote }}
  {{- end }}
env:
  - name: NODE_NAME
    valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
  - name: NODE_OPTIONS
    value: --max-old-space-size-percentage={{ $agent.heapPercent }}
  {{- with $agent.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - name: http
    containerPort: {{ $agent.port }}
startupProbe:
  httpGet: {path: /-/healthy, port: http}
  periodSeconds: 5
  failureThreshold: 60
readinessProbe:
  httpGet: {path: /-/ready, port: http}
  periodSeconds: 10
  failureThreshold: 3
livenessProbe:
  httpGet: {path: /-/healthy, port: http}
  periodSeconds: 20
  timeoutSeconds: 10
  failureThreshold: 6
resources:
  {{- toYaml $agent.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
    {{- if $agent.realtime }}
    add: [SYS_NICE]
    {{- end }}
volumeMounts:
  - {name: config, mountPath: /etc/tributary, readOnly: true}
  - {name: queue, mountPath: /var/lib/tributary}
  {{- if not $agent.hostNetwork }}
  # Not /sys as a whole: what is mounted below it, such as control groups, would be writable.
  - {name: sys-class, mountPath: /host/sys/class, readOnly: true}
  - {name: sys-devices, mountPath: /host/sys/devices, readOnly: true}
  {{- end }}
  {{- if eq $agent.form "push" }}
  {{- if $agent.push.credentials.secret }}
  - {name: push, mountPath: /etc/tributary-push, readOnly: true}
  {{- end }}
  {{- if $agent.push.ca.secret }}
  - {name: push-ca, mountPath: /etc/tributary-push-ca, readOnly: true}
  {{- end }}
  {{- end }}
  {{- with $agent.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "tributary.agentVolumes" -}}
{{- $agent := .Values.nodeAgent -}}
- name: config
  configMap: {name: {{ include "tributary.agentName" . }}-config}
- name: queue
  {{- if eq $agent.queue.kind "hostPath" }}
  {{- if not $agent.realtime }}{{ fail "nodeAgent.queue.kind hostPath needs nodeAgent.realtime: the folder belongs to root" }}{{ end }}
  hostPath: {path: {{ $agent.queue.path }}, type: DirectoryOrCreate}
  {{- else }}
  emptyDir: {sizeLimit: {{ $agent.queue.size }}}
  {{- end }}
{{- if not $agent.hostNetwork }}
- name: sys-class
  hostPath: {path: /sys/class, type: Directory}
- name: sys-devices
  hostPath: {path: /sys/devices, type: Directory}
{{- end }}
{{- if eq $agent.form "push" }}
{{- with $agent.push.credentials.secret }}
- name: push
  secret: {secretName: {{ . }}}
{{- end }}
{{- with $agent.push.ca.secret }}
- name: push-ca
  secret: {secretName: {{ . }}}
{{- end }}
{{- end }}
{{- with $agent.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
