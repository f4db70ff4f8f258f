{{/* The pod, equal in Deployment and StatefulSet but for where its volume `queue` comes from. */}}

{{- define "tributary.podTemplate" -}}
metadata:
  labels:
    {{- include "tributary.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "tributary.serviceAccountName" . }}
  automountServiceAccountToken: {{ .Values.serviceAccount.automount }}
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: tributary
      {{- include "tributary.container" . | nindent 6 }}
  volumes:
    - name: config
      {{- include "tributary.configVolume" . | nindent 6 }}
    {{- with include "tributary.queueVolume" . }}
    - name: queue
      {{- . | nindent 6 }}
    {{- end }}
    {{- with .Values.web.configSecret }}
    - name: web
      secret: {secretName: {{ . }}}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{- define "tributary.container" -}}
{{- $scheme := .Values.web.tls | ternary ", scheme: HTTPS" "" -}}
image: {{ include "tributary.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  - --config.file=/etc/tributary/{{ .Values.existingConfig.key }}
  - --storage.agent.path=/var/lib/tributary
  {{- if .Values.receiver.enabled }}
  - --web.enable-remote-write-receiver
  {{- end }}
  {{- if .Values.web.configSecret }}
  - --web.config.file=/etc/tributary-web/{{ .Values.web.configKey }}
  {{- end }}
  {{- range .Values.extraArgs }}
  - {{ . | quote }}
  {{- end }}
env:
  - name: NODE_OPTIONS
    value: --max-old-space-size-percentage={{ .Values.heapPercent }}
  {{- with .Values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - name: http
    containerPort: 9090
startupProbe:
  httpGet: {path: /-/healthy, port: http{{ $scheme }}}
  {{- toYaml .Values.probes.startup | nindent 2 }}
readinessProbe:
  httpGet: {path: /-/ready, port: http{{ $scheme }}}
  {{- toYaml .Values.probes.readiness | nindent 2 }}
livenessProbe:
  httpGet: {path: /-/healthy, port: http{{ $scheme }}}
  {{- toYaml .Values.probes.liveness | nindent 2 }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
volumeMounts:
  # The folder, not a file of it: only so that the kubelet renews it.
  - {name: config, mountPath: /etc/tributary, readOnly: true}
  - {name: queue, mountPath: /var/lib/tributary}
  {{- if .Values.web.configSecret }}
  - {name: web, mountPath: /etc/tributary-web, readOnly: true}
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "tributary.configVolume" -}}
{{- if .Values.existingConfig.secret -}}
secret: {secretName: {{ .Values.existingConfig.secret }}}
{{- else -}}
configMap: {name: {{ default (printf "%s-config" (include "tributary.fullname" .)) .Values.existingConfig.configMap }}}
{{- end }}
{{- end }}

{{/* Nothing where the StatefulSet makes a claim for each pod. */}}
{{- define "tributary.queueVolume" -}}
{{- if not .Values.persistence.enabled -}}
emptyDir: {sizeLimit: {{ .Values.persistence.size }}}
{{- else if eq (int .Values.sharding.members) 1 -}}
persistentVolumeClaim: {claimName: {{ default (printf "%s-queue" (include "tributary.fullname" .)) .Values.persistence.existingClaim }}}
{{- end }}
{{- end }}

{{- define "tributary.claimSpec" -}}
accessModes:
  {{- toYaml .Values.persistence.accessModes | nindent 2 }}
{{- with .Values.persistence.storageClass }}
storageClassName: {{ . }}
{{- end }}
resources:
  requests: {storage: {{ .Values.persistence.size }}}
{{- end }}
