#!/bin/sh
# As the entry point of docker:dind with DOCKER_TLS_CERTDIR="": the real dockerd under an init. Without arguments, or with flags alone, it
# listens where docker:dind listens; after `dockerd` the flags are all there is. No network for its containers.
case ${1-} in
  dockerd) shift ;;
  '' | -*) set -- --host=tcp://127.0.0.1:2375 --host=unix:///var/run/docker.sock "$@" ;;
  *) exec "$@" ;;
esac
exec tini -s -- dockerd --storage-driver=vfs --iptables=false --bridge=none "$@"
