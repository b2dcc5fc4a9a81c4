#!/usr/bin/env bash
# Checks for the programs that the cluster needs besides what build.sh builds. As root on Debian, it
# installs the missing ones.
set -euo pipefail
declare -A package_of=(
  [containerd]=containerd [runc]=runc [dockerd]=docker.io [debootstrap]=debootstrap [busybox]=busybox-static [tini]=tini
  [iptables]=iptables [conntrack]=conntrack [ip]=iproute2 [unshare]=util-linux [/usr/lib/cni/bridge]=containernetworking-plugins
)
export PATH=$PATH:/usr/sbin:/sbin
missing=()
for program in "${!package_of[@]}"; do
  command -v "$program" >/dev/null || missing+=("${package_of[$program]}")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "missing: ${missing[*]} (Debian's package names). Install them, or set KUBECONFIG and CURFEW_IMAGE to use an existing cluster." >&2
  exit 1
fi
echo "installing ${missing[*]}" >&2
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
