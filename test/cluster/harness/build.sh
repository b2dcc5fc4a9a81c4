#!/usr/bin/env bash
# Builds Kubernetes, etcd, containerd 2, buildkite-agent, cert-manager, Kueue, Dapr's injector, Helm 3
# and 4, kubeconform and actionlint from their published Go modules into a cache by version, and gets
# the Prometheus operator's CRDs from its own.
# usage: build.sh          25 minutes cold on two cores, nothing to do when up to date
# If a component's folder exists, it's complete: it's built elsewhere and moved into place in one
# step.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=versions.sh
. "$here/versions.sh"
export CGO_ENABLED=0 GOFLAGS=-trimpath

mkdir -p "$cache"
exec 9>"$cache/.build-lock"
flock 9 # two runs at once would build everything twice

# build NAME BIN_DIR COMMAND: runs COMMAND in a scratch module with $out to build into, unless
# BIN_DIR exists.
build() {
  local name=$1 bin=$2 started=$SECONDS
  [ ! -d "$bin" ] || return 0
  echo "building $name" >&2
  local work=$cache/.build/$name
  out=$work/out
  rm -rf "$work" && mkdir -p "$out"
  (cd "$work" && "$3")
  mv -T "$out" "$bin"
  rm -rf "$work"
  echo "built $name in $((SECONDS - started)) s" >&2
}

# Kubernetes' own go.mod replaces its staging modules with folders that its consumers don't have. The
# published versions of the same release take their place.
kubernetes() {
  local mod minor=${KUBERNETES_VERSION#1.} v=k8s.io/component-base/version tools=() tool
  mod=$(cd / && go mod download -json "k8s.io/kubernetes@v$KUBERNETES_VERSION" | sed -n 's/.*"GoMod": "\(.*\)",*/\1/p')
  {
    echo "module curfew.test/kubernetes"
    grep -E '^(go|godebug) ' "$mod"
    echo "require k8s.io/kubernetes v$KUBERNETES_VERSION"
    sed -nE "s#^[[:space:]]*(k8s.io/[a-z0-9-]+) => ./staging.*#replace \1 => \1 v0.$minor#p" "$mod"
  } >go.mod
  for tool in kube-apiserver kubectl kubeadm kube-controller-manager kube-scheduler kube-proxy kubelet; do
    tools+=("k8s.io/kubernetes/cmd/$tool")
  done
  go build -mod=mod -o "$out/" -ldflags "-s -w -X $v.gitVersion=v$KUBERNETES_VERSION -X $v.gitMajor=1 -X $v.gitMinor=${minor%%.*}" "${tools[@]}"
}

etcd() {
  go mod init curfew.test/etcd
  go get "go.etcd.io/etcd/server/v3@v$ETCD_VERSION"
  go build -mod=mod -ldflags "-s -w" -o "$out/etcd" go.etcd.io/etcd/server/v3
}

containerd() {
  local from=github.com/containerd/containerd/v2
  go mod init curfew.test/containerd
  go get "$from@v$CONTAINERD_VERSION"
  go build -mod=mod -tags "no_btrfs no_zfs" -ldflags "-s -w" -o "$out/" "$from/cmd/containerd" "$from/cmd/ctr" "$from/cmd/containerd-shim-runc-v2"
}

# Some machines can't reach the host of the agent's glob library. The tests upload no artifacts, so a
# stand-in that matches nothing is enough to build the agent.
buildkite_agent() {
  go mod init curfew.test/buildkite-agent
  mkdir zzglob
  cp "$here/zzglob.go.txt" zzglob/zzglob.go
  printf 'module drjosh.dev/zzglob\ngo 1.24\n' >zzglob/go.mod
  go mod edit -replace drjosh.dev/zzglob=./zzglob
  go get "github.com/buildkite/agent/v3@v$BUILDKITE_AGENT_VERSION"
  go build -mod=mod -ldflags "-s -w" -o "$out/buildkite-agent" github.com/buildkite/agent/v3
}

# The program, and the CRDs of the same version.
cert_manager() {
  local module=github.com/cert-manager/cert-manager
  go mod init curfew.test/cert-manager
  cp "$here/cert-manager/main.go" .
  go get "$module@v$CERT_MANAGER_VERSION"
  go build -mod=mod -ldflags "-s -w" -o "$out/cert-manager"
  mkdir "$out/crds"
  install -m 644 "$(go list -mod=mod -m -f '{{.Dir}}' "$module")"/deploy/crds/*.yaml "$out/crds"
}

# The program, and its own manifests as one file.
kueue() {
  local module=sigs.k8s.io/kueue
  go mod init curfew.test/kueue
  go get "$module@v$KUEUE_VERSION"
  go build -mod=mod -ldflags "-s -w" -o "$out/kueue" "$module/cmd/kueue"
  "$kubernetes_bin/kubectl" kustomize "$(go list -mod=mod -m -f '{{.Dir}}' "$module")/config/default" >"$out/kueue.yaml"
}

# Only the CRDs that manifests/monitoring uses. The operator doesn't run.
prometheus_operator() {
  local module=github.com/prometheus-operator/prometheus-operator kind
  go mod init curfew.test/prometheus-operator
  go get "$module@v$PROMETHEUS_OPERATOR_VERSION"
  for kind in podmonitors prometheusrules; do
    install -m 644 -t "$out" \
      "$(go list -mod=mod -m -f '{{.Dir}}' "$module")/example/prometheus-operator-crd/monitoring.coreos.com_$kind.yaml"
  done
}

dapr_injector() {
  go mod init curfew.test/dapr-injector
  cp "$here/dapr-injector/main.go" .
  go get "github.com/dapr/dapr@v$DAPR_VERSION"
  go build -mod=mod -ldflags "-s -w" -o "$out/dapr-injector"
}

# helm MAJOR VERSION. Without a cluster, Helm 3 renders for the version that these variables name, as
# its Makefile does; Helm 4 takes it from its own modules.
helm() {
  local from=helm.sh/helm/v$1 minor=${KUBERNETES_VERSION#1.} package flags="-s -w"
  go mod init curfew.test/helm
  go get "$from@v$2"
  for package in chartutil lint/rules; do
    flags+=" -X $from/pkg/$package.k8sVersionMajor=1 -X $from/pkg/$package.k8sVersionMinor=${minor%%.*}"
  done
  go build -mod=mod -ldflags "$flags -X $from/internal/version.version=v$2" -o "$out/helm" "$from/cmd/helm"
}
helm_3() { helm 3 "$HELM_3_VERSION"; }
helm_4() { helm 4 "$HELM_4_VERSION"; }

kubeconform() {
  go mod init curfew.test/kubeconform
  go get "github.com/yannh/kubeconform@v$KUBECONFORM_VERSION"
  go build -mod=mod -ldflags "-s -w" -o "$out/kubeconform" github.com/yannh/kubeconform/cmd/kubeconform
}

actionlint() {
  go mod init curfew.test/actionlint
  go get "github.com/rhysd/actionlint@v$ACTIONLINT_VERSION"
  go build -mod=mod -ldflags "-s -w" -o "$out/actionlint" github.com/rhysd/actionlint/cmd/actionlint
}

build "etcd-$ETCD_VERSION" "$etcd_bin" etcd
build "kubernetes-$KUBERNETES_VERSION" "$kubernetes_bin" kubernetes
build "containerd-$CONTAINERD_VERSION" "$containerd_bin" containerd
build "buildkite-agent-$BUILDKITE_AGENT_VERSION" "$agent_bin" buildkite_agent
build "cert-manager-$CERT_MANAGER_VERSION" "$cert_manager_bin" cert_manager
build "kueue-$KUEUE_VERSION" "$kueue_bin" kueue
build "prometheus-operator-$PROMETHEUS_OPERATOR_VERSION" "$prometheus_operator_crds" prometheus_operator
build "dapr-injector-$DAPR_VERSION" "$dapr_bin" dapr_injector
build "helm-$HELM_4_VERSION" "$helm_4_bin" helm_4
build "helm-$HELM_3_VERSION" "$helm_3_bin" helm_3
build "kubeconform-$KUBECONFORM_VERSION" "$kubeconform_bin" kubeconform
build "actionlint-$ACTIONLINT_VERSION" "$actionlint_bin" actionlint
