#!/bin/sh
# Stands in for dockerd: serves until it's told to stop, then takes a moment to stop its containers.
trap 'echo stopping; kill "$!"; sleep 0.3; echo stopped; exit 0' TERM
echo serving
while :; do
  sleep 60 &
  wait "$!"
done
