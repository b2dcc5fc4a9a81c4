#!/bin/sh
# As the entry point of docker:dind with DOCKER_TLS_CERTDIR="": the real dockerd under an init. No network for its containers.
exec tini -s -- dockerd --host=tcp://127.0.0.1:2375 --host=unix:///var/run/docker.sock --storage-driver=vfs --iptables=false --bridge=none "$@"
