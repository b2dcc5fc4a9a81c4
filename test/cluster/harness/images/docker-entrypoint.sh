#!/bin/sh
# As the entry points of that name, which prepare things and then run what they are given.
exec "$@"
