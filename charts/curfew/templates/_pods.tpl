{{/*
A patch for a Deployment. Takes what curfew.objects gives, with these in `more`:
  values     the Deployment's own part of the values
  container  its container
  env        list of environment variables, for values that aren't the process's defaults
  checksums  annotations that replace the Pods when what they read at their start changes
*/}}
{{- define "curfew.patch.deployment" -}}
{{- $values := .more.values -}}
{{- $pod := .root.Values.podSecurityContext -}}
spec:
  replicas: {{ $values.replicas }}
  template:
    metadata:
      labels: {{ toJson ($values.podLabels | default dict) }}
      annotations: {{ toJson (merge (dict) (.more.checksums | default dict) ($values.podAnnotations | default dict)) }}
    spec:
      securityContext: {{ toJson (merge (dict "$patch" "replace") ($pod | default dict)) }}
      {{- with .root.Values.image.pullSecrets }}
      imagePullSecrets: {{ toJson . }}
      {{- end }}
      {{- with include "curfew.priorityClass" .root }}
      priorityClassName: {{ . | quote }}
      {{- end }}
      {{- with $values.nodeSelector }}
      nodeSelector: {{ toJson . }}
      {{- end }}
      {{- with $values.affinity }}
      affinity: {{ toJson . }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations: {{ toJson . }}
      {{- end }}
      {{- if kindIs "slice" (get $values "topologySpreadConstraints") }}
      topologySpreadConstraints: {{ include "curfew.spread" . }}
      {{- end }}
      containers:
        - name: {{ .more.container }}
          image: {{ include "curfew.image" .root | quote }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          resources: {{ toJson (merge (dict "$patch" "replace") ($values.resources | default dict)) }}
          {{- with concat (.more.env | default list) ($values.env | default list) }}
          env: {{ toJson . }}
          {{- end }}
{{- end }}

{{- define "curfew.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{- define "curfew.priorityClass" -}}
{{- .Values.priorityClass.name | default (ternary "curfew" "" (.Values.priorityClass.create | default false)) }}
{{- end }}

{{/* Constraints without a selector are about the Deployment's own Pods, as in nearly all cases. */}}
{{- define "curfew.spread" -}}
{{- $selector := dict "matchLabels" .object.spec.selector.matchLabels }}
{{- $constraints := list }}
{{- range .more.values.topologySpreadConstraints }}
{{- $constraints = append $constraints (merge (dict) . (dict "labelSelector" $selector)) }}
{{- end }}
{{- toJson $constraints }}
{{- end }}
