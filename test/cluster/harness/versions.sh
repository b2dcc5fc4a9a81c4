# shellcheck shell=bash
# The one place that pins what the cluster is built from, and says where the result is kept. Every
# script here sources it. A variable sets another version: KUBERNETES_VERSION=1.34.3 npm run cluster:up
export KUBERNETES_VERSION=${KUBERNETES_VERSION:-1.37.2}
export ETCD_VERSION=${ETCD_VERSION:-3.6.7}
export CONTAINERD_VERSION=${CONTAINERD_VERSION:-2.2.1}
export BUILDKITE_AGENT_VERSION=${BUILDKITE_AGENT_VERSION:-3.138.1}
export CERT_MANAGER_VERSION=${CERT_MANAGER_VERSION:-1.21.2}
export KUEUE_VERSION=${KUEUE_VERSION:-0.17.0}
export PROMETHEUS_OPERATOR_VERSION=${PROMETHEUS_OPERATOR_VERSION:-0.85.0}
export DAPR_VERSION=${DAPR_VERSION:-1.14.0}
export HELM_3_VERSION=${HELM_3_VERSION:-3.22.0}
export HELM_4_VERSION=${HELM_4_VERSION:-4.3.2}
export KUBECONFORM_VERSION=${KUBECONFORM_VERSION:-0.8.0}
export ACTIONLINT_VERSION=${ACTIONLINT_VERSION:-1.7.12}

# Outside the tree, so that a fresh clone on the same machine builds nothing.
cache=${CURFEW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/curfew}
kubernetes_bin=$cache/kubernetes-$KUBERNETES_VERSION
etcd_bin=$cache/etcd-$ETCD_VERSION
containerd_bin=$cache/containerd-$CONTAINERD_VERSION
agent_bin=$cache/buildkite-agent-$BUILDKITE_AGENT_VERSION
cert_manager_bin=$cache/cert-manager-$CERT_MANAGER_VERSION
kueue_bin=$cache/kueue-$KUEUE_VERSION
prometheus_operator_crds=$cache/prometheus-operator-$PROMETHEUS_OPERATOR_VERSION
dapr_bin=$cache/dapr-injector-$DAPR_VERSION
helm_3_bin=$cache/helm-$HELM_3_VERSION
helm_4_bin=$cache/helm-$HELM_4_VERSION
kubeconform_bin=$cache/kubeconform-$KUBECONFORM_VERSION
actionlint_bin=$cache/actionlint-$ACTIONLINT_VERSION
export cache kubernetes_bin etcd_bin containerd_bin agent_bin cert_manager_bin kueue_bin dapr_bin
export prometheus_operator_crds helm_3_bin helm_4_bin kubeconform_bin actionlint_bin
