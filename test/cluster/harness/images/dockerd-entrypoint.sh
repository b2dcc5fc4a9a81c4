#!/bin/sh
# Like the entry point of docker:dind with DOCKER_TLS_CERTDIR="": the real dockerd under an init.
# Without arguments, or with only flags, it listens where docker:dind listens. After `dockerd`, it
# uses only the given flags. Its containers get no network.
case ${1-} in
  dockerd) shift ;;
  '' | -*) set -- --host=tcp://127.0.0.1:2375 --host=unix:///var/run/docker.sock "$@" ;;
  *) exec "$@" ;;
esac
exec tini -s -- dockerd --storage-driver=vfs --iptables=false --bridge=none "$@"
