#!/usr/bin/env bash
# Makes the images that the cluster runs, and the project's own from its Dockerfile. Needs root, and build.sh to have run.
# usage: images.sh test              prints the stand-ins' archive, which is cached by what they're made from
#        images.sh project TAG FILE  builds the checkout's Dockerfile and saves it as TAG to FILE
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=versions.sh
. "$here/versions.sh"
export PATH=/usr/bin:$PATH:/usr/sbin DOCKER_BUILDKIT=1 DOCKER_HOST=unix://$cache/.docker/docker.sock

# Starts our own dockerd, whose layers are kept in the cache. It ends with this script.
start_dockerd() {
  mkdir -p "$cache/.docker"
  exec 8>"$cache/.docker/lock"
  flock 8
  rm -f "$cache/.docker/docker.pid"
  setpriv --pdeathsig TERM dockerd --host "$DOCKER_HOST" --data-root "$cache/.docker/data" --exec-root "$cache/.docker/exec" \
    --pidfile "$cache/.docker/docker.pid" --bridge none --iptables=false >"$cache/.docker/dockerd.log" 2>&1 8>&- &
  dockerd=$!
  trap stop_dockerd EXIT
  for _ in $(seq 150); do
    docker version >/dev/null 2>&1 && return
    kill -0 "$dockerd" 2>/dev/null || break
    sleep 0.2
  done
  tail -20 "$cache/.docker/dockerd.log" >&2
  echo "dockerd did not start; its log: $cache/.docker/dockerd.log" >&2
  return 1
}

stop_dockerd() {
  trap - EXIT
  kill "$dockerd" || true
  wait "$dockerd" || true
}

debian_rootfs() {
  local root=$context/rootfs mirror
  mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -1)
  debootstrap --variant=minbase --include=tini,bash,ca-certificates,procps bookworm "$root" ${mirror:+"$mirror"} >"$context.debootstrap.log"
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" # so that builds inside trust what this machine trusts
  tar -C "$root" --exclude='./dev/*' -cf "$context/rootfs.tar" .
  rm -rf "$root"
}

busybox_rootfs() {
  local root=$context/busybox applet
  mkdir -p "$root/bin" "$root/tmp" "$root/etc"
  chmod 1777 "$root/tmp"
  cp "$(command -v busybox)" "$root/bin/busybox"
  for applet in $("$root/bin/busybox" --list); do [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"; done
  printf 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' >"$root/etc/passwd"
  tar -C "$root" -cf "$context/busybox.tar" .
}

# Node and npm come from the npm packages of those names.
node_and_npm() {
  mkdir -p "$context/npm-install"
  echo '{ "private": true, "allowScripts": { "node": true } }' >"$context/npm-install/package.json"
  (cd "$context/npm-install" && npm install --loglevel=error --no-fund --no-audit node@24 npm@11 >/dev/null)
  cp "$(readlink -f "$context/npm-install/node_modules/.bin/node")" "$context/node"
  cp -rL "$context/npm-install/node_modules/npm" "$context/npm"
  rm -rf "$context/npm-install"
}

# The archive's name, with a checksum of everything that the images are made from.
test_archive() {
  echo "$cache/images-$(cat "$here/images.sh" "$here"/images/* <(echo "$BUILDKITE_AGENT_VERSION $KUEUE_VERSION $DAPR_VERSION") | sha256sum | cut -c1-12).tar"
}

test_images() {
  local archive context pids=() tags=() pid stage names tag arguments
  archive=$(test_archive)
  echo "$archive"
  [ ! -f "$archive" ] || return 0
  echo "making the test images" >&2
  context=$cache/.images
  rm -rf "$context" && mkdir -p "$context"
  debian_rootfs & pids+=($!)
  busybox_rootfs & pids+=($!)
  node_and_npm & pids+=($!)
  CGO_ENABLED=0 GOFLAGS=-trimpath go build -ldflags "-s -w" -o "$context/daemon" "$here/images/daemon.go" & pids+=($!)
  cp "$here"/images/* "$agent_bin/buildkite-agent" "$kueue_bin/kueue" "$dapr_bin/dapr-injector" "$context/"
  start_dockerd
  for pid in "${pids[@]}"; do wait "$pid"; done
  while read -r stage names; do
    case $stage in '#' | '') continue ;; esac
    arguments=()
    for tag in $names; do arguments+=(--tag "$tag") && tags+=("$tag"); done
    docker build --quiet --network host --target "$stage" "${arguments[@]}" "$context" >/dev/null
  done <"$here/images/tags"
  docker save "${tags[@]}" --output "$archive.part"
  mv "$archive.part" "$archive"
  rm -rf "$context"
}

# save_project TAG FILE: builds on the base image, and loads that from the archive if dockerd doesn't
# have it.
save_project() {
  { docker image inspect node:24-bookworm-slim || docker load --input "$(test_archive)"; } >/dev/null 2>&1 &&
    docker build --quiet --network host --tag "$1" "$here/../../.." >/dev/null &&
    docker save "$1" --output "$2" &&
    docker rmi "$1" >/dev/null # its layers stay as the next build's cache
}

project_image() {
  start_dockerd && save_project "$@" && return
  echo "trying again without the layers of earlier builds, which a killed build may have broken" >&2
  stop_dockerd
  rm -rf "$cache/.docker/data"
  start_dockerd
  save_project "$@"
}

case ${1-} in
  test) test_images ;;
  project) project_image "$2" "$3" ;;
  *) sed -n '3,4s/^# //p' "$0" >&2 && exit 2 ;;
esac
