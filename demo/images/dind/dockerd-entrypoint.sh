#!/bin/sh
# Stands in for dockerd: it serves until it is told to stop, and then takes a moment to stop its containers.
trap 'echo stopping; kill "$!"; sleep 0.3; echo stopped; exit 0' TERM
echo serving
while :; do
  sleep 60 &
  wait "$!"
done
