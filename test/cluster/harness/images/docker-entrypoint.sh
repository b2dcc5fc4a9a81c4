#!/bin/sh
# Like the entry points of that name, which prepare things and then run their arguments.
exec "$@"
