{{/*
The chart has no manifests of its own. It carries a copy of manifests/, and lays patches over it, as
kustomize does. A patch names only what values change.

curfew.objects prints the objects of one file. It takes a dict:
  root       the chart's context
  file       a path below manifests/
  component  app.kubernetes.io/component, for objects that don't say it themselves
  patch      optional: the name of a template that prints a patch. It gets this dict, and `object`.
  more       optional: whatever the patch needs
*/}}
{{- define "curfew.objects" -}}
{{- $given := . }}
{{- $text := required (printf "manifests/%s is missing from the chart" .file) (.root.Files.Get (printf "manifests/%s" .file)) }}
{{- range $document := regexSplit "(?m)^---$" $text -1 }}
{{- $object := include "curfew.parse" $document | fromJson }}
{{- /* As JSON, so that it stays a string, whatever the name. */}}
{{- $object = $object | toJson | replace "curfew-system" $given.root.Release.Namespace | fromJson }}
{{- include "curfew.metadata" (merge (dict "object" $object) $given) }}
{{- if $given.patch }}
{{- $patch := include $given.patch (merge (dict "object" $object) $given) }}
{{- $patch = include "curfew.parse" $patch | fromJson }}
{{- if eq (toString (get $patch "$patch")) "delete" }}{{ $object = dict }}{{ end }}
{{- include "curfew.patch" (dict "onto" $object "patch" $patch) }}
{{- end }}
{{- if hasKey $object "kind" }}
---
{{ toYaml $object }}
{{- end }}
{{- end }}
{{- end }}

{{/* YAML to JSON. Helm's fromYaml hides a mistake in its result. */}}
{{- define "curfew.parse" -}}
{{- $object := fromYaml . }}
{{- if hasKey $object "Error" }}{{ fail (printf "%s in:\n%s" $object.Error .) }}{{ end }}
{{- toJson $object }}
{{- end }}

{{/*
Changes the object `onto` as `patch` says: maps are merged, lists of things with names are merged by name,
everything else is replaced. As in kustomize, null removes a field, and `$patch: replace` in a map replaces
all of it.
*/}}
{{- define "curfew.patch" -}}
{{- $onto := .onto }}
{{- range $key, $new := .patch }}
{{- $old := get $onto $key }}
{{- if kindIs "invalid" $new }}
{{- $_ := unset $onto $key }}
{{- else if and (kindIs "map" $new) (eq (toString (get $new "$patch")) "replace") }}
{{- $_ := set $onto $key (omit $new "$patch") }}
{{- else if and (kindIs "map" $new) (kindIs "map" $old) }}
{{- include "curfew.patch" (dict "onto" $old "patch" $new) }}
{{- else if and (kindIs "slice" $new) (kindIs "slice" $old) (include "curfew.named" $new) (include "curfew.named" $old) }}
{{- range $item := $new }}
{{- $same := dict }}
{{- range $candidate := $old }}{{ if eq $candidate.name $item.name }}{{ $same = $candidate }}{{ end }}{{ end }}
{{- if $same }}{{ include "curfew.patch" (dict "onto" $same "patch" $item) }}{{ else }}{{ $old = append $old $item }}{{ end }}
{{- end }}
{{- $_ := set $onto $key $old }}
{{- else }}
{{- $_ := set $onto $key $new }}
{{- end }}
{{- end }}
{{- end }}

{{/* Prints something if every item of a list has a name. */}}
{{- define "curfew.named" -}}
{{- $named := true }}
{{- range . }}{{ if not (kindIs "map" .) }}{{ $named = false }}{{ else if not .name }}{{ $named = false }}{{ end }}{{ end }}
{{- if $named }}true{{ end }}
{{- end }}

{{/* Gives an object, and its Pod template if it has one, the labels that all have. */}}
{{- define "curfew.metadata" -}}
{{- $metadata := .object.metadata }}
{{- $labels := include "curfew.labels" . | fromYaml }}
{{- $chart := dict "helm.sh/chart" (printf "%s-%s" .root.Chart.Name (.root.Chart.Version | replace "+" "_")) }}
{{- $own := $metadata.labels | default dict }}
{{- $_ := set $metadata "labels" (merge (dict) $labels $chart $own (.root.Values.commonLabels | default dict)) }}
{{- with .root.Values.commonAnnotations }}
{{- $_ := set $metadata "annotations" (merge (dict) ($metadata.annotations | default dict) .) }}
{{- end }}
{{- if eq .object.kind "Deployment" }}
{{- $template := .object.spec.template.metadata }}
{{- $_ := set $template "labels" (merge (dict) $labels $template.labels) }}
{{- end }}
{{- end }}

{{- define "curfew.labels" -}}
{{- $own := .object.metadata.labels | default dict -}}
app.kubernetes.io/name: curfew
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/component: {{ get $own "app.kubernetes.io/component" | default .component }}
app.kubernetes.io/part-of: curfew
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}
