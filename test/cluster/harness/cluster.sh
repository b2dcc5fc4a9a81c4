#!/usr/bin/env bash
# Runs a one-node Kubernetes in the foreground, in the network, PID and mount namespaces that
# cluster.ts makes for it. When their first process ends, for any reason, the kernel removes
# everything.
# usage: cluster.sh STATE_DIR [api|node]     api: etcd, API server and controller manager; node (default): everything
# STATE_DIR/ready-api and STATE_DIR/ready-node appear once it's ready. STATE_DIR/admin.conf is the
# kubeconfig.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=versions.sh
. "$here/versions.sh"
state=$1 tier=${2:-node}
ip=10.99.0.1
p=$state/pki
cgroup=curfew${state//\//-} # of this cluster alone: a kubelet ends what it doesn't know in its own
export PATH=$kubernetes_bin:$etcd_bin:$containerd_bin:$PATH:/usr/sbin KUBECONFIG=$state/admin.conf
export GOGC=400 # processors are scarcer than memory: a fifth of their time in the API server was for garbage
mkdir -p "$state"/{pki,log/pods,run,etc,etcd,kubelet,containerd,cni}

fail() {
  echo "$1" >"$state/failed"
  exit 1
}
start() { # start NAME COMMAND…
  local name=$1
  shift
  "$@" >"$state/log/$name.log" 2>&1 </dev/null &
  pids[$!]=$name
}
declare -A pids
# Restarts COMMAND a while after a SIGKILL, as kubelet or systemd would: tests kill etcd and the API
# server.
# shellcheck disable=SC2317 # start() calls it
keep() { # keep COMMAND…
  until "$@"; do
    [ $? -eq 137 ] || return
    sleep 2
  done
}
until_ready() { # until_ready SECONDS COMMAND…
  local end=$((SECONDS + $1)) pid
  shift
  until "$@" >/dev/null 2>&1; do
    for pid in "${!pids[@]}"; do
      kill -0 "$pid" 2>/dev/null || fail "${pids[$pid]} ended: $(tail -n 3 "$state/log/${pids[$pid]}.log")"
    done
    [ $SECONDS -lt $end ] || fail "not ready after a while: $* (logs: $state/log)"
    sleep 0.1
  done
}

# What the runtime leaves in fixed places (/run/containerd/s, /run/netns, /var/lib/cni,
# /var/log/containers) goes away with the mount namespace.
private_folders() {
  local folder
  for folder in /run /var/log /var/lib/cni; do
    mkdir -p "$folder"
    mount -t tmpfs tmpfs "$folder"
  done
}

network() {
  # The node's address must not be a loopback one (kubelet refuses it), and there must be a default
  # route. Nothing is sent out.
  ip link set lo up
  ip link add node0 type veth peer name void0
  ip link set void0 up
  ip addr add $ip/24 dev node0
  ip link set node0 up
  ip route add default dev node0
  sysctl -qw net.ipv4.ip_forward=1
}

certificates() {
  cat >"$state/etc/kubeadm.yaml" <<YAML
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: { advertiseAddress: $ip, bindPort: 6443 }
nodeRegistration: { name: node1, criSocket: unix://$state/run/containerd.sock }
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v$KUBERNETES_VERSION
certificatesDir: $p
networking: { podSubnet: 10.244.0.0/23, serviceSubnet: 10.96.0.0/16 }
apiServer: { certSANs: [127.0.0.1, $ip] }
YAML
  kubeadm init phase certs all --config "$state/etc/kubeadm.yaml" >"$state/log/kubeadm.log"
  kubeadm init phase kubeconfig all --config "$state/etc/kubeadm.yaml" --kubeconfig-dir "$state" >>"$state/log/kubeadm.log"
  mv "$state/super-admin.conf" "$state/admin.conf"
}

control_plane() {
  start etcd keep etcd --data-dir "$state/etcd" --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --unsafe-no-fsync
  start kube-apiserver keep kube-apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address=$ip --secure-port=6443 \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
    --client-ca-file="$p/ca.crt" --tls-cert-file="$p/apiserver.crt" --tls-private-key-file="$p/apiserver.key" \
    --kubelet-client-certificate="$p/apiserver-kubelet-client.crt" --kubelet-client-key="$p/apiserver-kubelet-client.key" \
    --kubelet-preferred-address-types=InternalIP --service-cluster-ip-range=10.96.0.0/16 \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$p/sa.pub" --service-account-signing-key-file="$p/sa.key" \
    --requestheader-client-ca-file="$p/front-proxy-ca.crt" --requestheader-allowed-names=front-proxy-client \
    --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group --requestheader-extra-headers-prefix=X-Remote-Extra- \
    --proxy-client-cert-file="$p/front-proxy-client.crt" --proxy-client-key-file="$p/front-proxy-client.key"
  start kube-controller-manager kube-controller-manager --kubeconfig "$state/controller-manager.conf" --leader-elect=false --kube-api-qps=200 --kube-api-burst=400 \
    --service-account-private-key-file="$p/sa.key" --root-ca-file="$p/ca.crt" --use-service-account-credentials \
    --cluster-signing-cert-file="$p/ca.crt" --cluster-signing-key-file="$p/ca.key"
  until_ready 180 kubectl get --raw /readyz
  until_ready 180 kubectl get serviceaccount default
}

# Some machines lack CAP_SYS_RESOURCE, which a privileged container asks for. A wrapper drops it, so
# that runc can start the container.
runc_for_this_machine() {
  local runc
  runc=$(command -v runc)
  if (((0x$(sed -n 's/^CapEff:\s*//p' /proc/self/status) >> 24 & 1) == 0)); then
    cat >"$state/etc/runc" <<SH
#!/bin/sh
previous=
for argument; do
  case \$previous in --bundle | -b) sed -i 's/"CAP_SYS_RESOURCE",//g; s/,"CAP_SYS_RESOURCE"//g' "\$argument/config.json" ;; esac
  previous=\$argument
done
exec $runc "\$@"
SH
    chmod +x "$state/etc/runc"
    runc=$state/etc/runc
  fi
  echo "$runc"
}

container_runtime() {
  cat >"$state/cni/10-bridge.conflist" <<JSON
{"cniVersion":"1.0.0","name":"pods","plugins":[
 {"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":false,"hairpinMode":true,"ipam":{"type":"host-local","dataDir":"$state/run/ipam","ranges":[[{"subnet":"10.244.0.0/23"}]],"routes":[{"dst":"0.0.0.0/0"}]}},
 {"type":"portmap","capabilities":{"portMappings":true}}]}
JSON
  cat >"$state/etc/containerd.toml" <<TOML
version = 3
root = "$state/containerd"
state = "$state/run/containerd"
[grpc]
  address = "$state/run/containerd.sock"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "docker.io/local/pause:1"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["/usr/lib/cni"]
  conf_dir = "$state/cni"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = "$(runc_for_this_machine)"
  SystemdCgroup = false
TOML
  start containerd containerd --config "$state/etc/containerd.toml"
  until_ready 180 ctr --address "$state/run/containerd.sock" version
}

node() {
  # cgroupRoot, so that what kubelet makes there can be found and removed afterwards.
  local controller
  if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    mkdir -p "/sys/fs/cgroup/$cgroup"
  else
    for controller in /sys/fs/cgroup/*/; do [ -L "${controller%/}" ] || mkdir -p "$controller$cgroup"; done
  fi
  cat >"$state/etc/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 0.0.0.0
authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: $p/ca.crt } }
authorization: { mode: Webhook }
cgroupDriver: cgroupfs
cgroupRoot: /$cgroup
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
clusterDNS: []
podLogsDir: $state/log/pods
containerRuntimeEndpoint: unix://$state/run/containerd.sock
evictionHard: { memory.available: 100Mi }
imageGCHighThresholdPercent: 100
maxPods: 400
kubeAPIQPS: 200
kubeAPIBurst: 400
registryPullQPS: 0
resolvConf: ""
volumePluginDir: $state/plugins
YAML
  cat >"$state/etc/kube-proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
clusterCIDR: 10.244.0.0/23
clientConnection: { kubeconfig: $state/admin.conf }
conntrack: { maxPerCore: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s }
iptables: { minSyncPeriod: 100ms }
YAML
  start kube-scheduler kube-scheduler --kubeconfig "$state/scheduler.conf" --leader-elect=false
  start kube-proxy kube-proxy --config "$state/etc/kube-proxy.yaml" --hostname-override node1
  start kubelet kubelet --config "$state/etc/kubelet.yaml" --kubeconfig "$state/kubelet.conf" --root-dir "$state/kubelet" \
    --hostname-override node1 --node-ip $ip --cert-dir "$state/kubelet/pki"
  until_ready 180 kubectl wait --for=condition=Ready node/node1 --timeout=1s
}

import_images() {
  local archive
  archive=$("$here/images.sh" test)
  ctr --address "$state/run/containerd.sock" --namespace k8s.io images import "$archive" >"$state/log/import.log" 2>&1 || fail "importing $archive: $(tail -n 3 "$state/log/import.log")"
}

trap 'kill "${!pids[@]}" 2>/dev/null' EXIT
private_folders
network
certificates
if [ "$tier" = node ]; then
  container_runtime
  import_images &
  importing=$!
fi
control_plane
# For `kubectl logs` and `kubectl exec`.
kubectl create clusterrolebinding kubelet-client --clusterrole=system:kubelet-api-admin --user=kube-apiserver-kubelet-client >/dev/null
: >"$state/ready-api"
if [ "$tier" = node ]; then
  node
  wait "$importing" || fail "importing images failed"
  : >"$state/ready-node"
fi
wait -n -p ended "${!pids[@]}" || true
fail "${pids[$ended]} ended: $(tail -n 3 "$state/log/${pids[$ended]}.log")"
