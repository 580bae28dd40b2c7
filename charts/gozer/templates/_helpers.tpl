{{- /* Labels of every object. Takes the root. */ -}}
{{- define "gozer.labels" -}}
app.kubernetes.io/name: gozer
app.kubernetes.io/instance: {{ .Release.Name | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- /* Labels by which a role's Pods are found. Takes the role. */ -}}
{{- define "gozer.selector" -}}
app.kubernetes.io/name: gozer
app.kubernetes.io/component: {{ . }}
{{- end }}

{{- define "gozer.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* Gozer with Ansible. */ -}}
{{- define "gozer.ansibleImage" -}}
{{ .Values.image.ansibleRepository | default (printf "%s-ansible" .Values.image.repository) }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "gozer.tokenSecret" -}}
{{ .Values.tokenKey.existingSecret | default "gozer-token" }}
{{- end }}

{{- /* The component whose Pods have a role: with onePod, the manager's have all.
Takes (dict "root" $ "role" "web"). */ -}}
{{- define "gozer.component" -}}
{{ ternary "manager" .role .root.Values.onePod.enabled }}
{{- end }}

{{- /* What the Pods of all roles have in common. Takes (dict "root" $ "role" "web" "values" .Values.web). */ -}}
{{- define "gozer.podSpec" -}}
serviceAccountName: gozer-{{ .role }}
automountServiceAccountToken: {{ ne .role "finger" }} # finger asks nothing of Kubernetes
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- /* The start of every role's container. Takes the same; the role may be "all". */ -}}
{{- define "gozer.container" -}}
name: gozer
image: {{ include "gozer.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
command: [gozer, {{ .role }}]
env:
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: HOME
  value: /tmp
{{- if and .root.Values.logs.secretFile (has .role (list "manager" "all")) }}
- name: GOOGLE_APPLICATION_CREDENTIALS
  value: /etc/gozer/bucket/credentials
{{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  privileged: false
  runAsNonRoot: true
  capabilities:
    drop: [ALL]
resources:
  {{- toYaml .values.resources | nindent 2 }}
{{- end }}

{{- /* Every replica of the merger by a name that lasts. Takes the root. */ -}}
{{- define "gozer.mergerURLs" -}}
{{- range $i := until (int .Values.merger.replicas) -}}
{{- if $i }},{{ end -}}
https://gozer-merger-{{ $i }}.gozer-merger-peers.{{ $.Release.Namespace }}.svc:8080
{{- end -}}
{{- end }}

{{- define "gozer.extraArgs" -}}
{{- range .values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{- /* Volumes that every role has. Takes the root. */ -}}
{{- define "gozer.volumes" -}}
- name: token
  secret:
    secretName: {{ include "gozer.tokenSecret" . }}
    defaultMode: 0440
    items:
    - key: key
      path: key
- name: tmp
  emptyDir: {}
{{- end }}

{{- define "gozer.volumeMounts" -}}
- name: token
  mountPath: /etc/gozer/token
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- end }}

{{- /* The volume of a role that has data; the manager may have two. */ -}}
{{- define "gozer.dataVolume" -}}
- name: {{ .volume | default "data" }}
{{- if .values.persistence.enabled }}
  persistentVolumeClaim:
    claimName: {{ .values.persistence.existingClaim | default (printf "gozer-%s" .role) }}
{{- else }}
  emptyDir: {}
{{- end }}
{{- end }}

{{- define "gozer.claim" -}}
{{- if and .values.persistence.enabled (not .values.persistence.existingClaim) }}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: gozer-{{ .role }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "gozer.labels" .root | nindent 4 }}
  annotations:
    helm.sh/resource-policy: keep
spec:
  accessModes:
    {{- toYaml .values.persistence.accessModes | nindent 4 }}
  {{- with .values.persistence.storageClass }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests:
      storage: {{ .values.persistence.size }}
{{- end }}
{{- end }}

{{- define "gozer.service" -}}
---
apiVersion: v1
kind: Service
metadata:
  name: gozer-{{ .role }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "gozer.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .role }}
  {{- with .values.service.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ .values.service.type }}
  selector:
    {{- include "gozer.selector" (include "gozer.component" .) | nindent 4 }}
  ports:
  - name: http
    port: 8080
    targetPort: {{ ternary .role "http" (ne .role (include "gozer.component" .)) }}
    protocol: TCP
    {{- if and .values.service.nodePort (ne .values.service.type "ClusterIP") }}
    nodePort: {{ .values.service.nodePort }}
    {{- end }}
{{- end }}

{{- define "gozer.serviceAccount" -}}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: gozer-{{ .role }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "gozer.labels" .root | nindent 4 }}
  {{- with .values.serviceAccountAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
