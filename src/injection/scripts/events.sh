# Curfew's wrapper, first part: arguments and events. docs/wrappers.md tells how it works and what was tried.
# Arguments: VERSION SPLIT COUNT, then COUNT settings, then the container's own argv.
_count=$3
shift 3
_signals='1 2 3 4 5 6 7 8 10 11 12 13 14 15 16 18 23 24 25 26 27 28 29 30 31'

# A shell reports whom it saw killed: of this one only `say` is heard.
exec 5>&2 2>/dev/null
say() { echo "curfew: $*" >&5; }
deaf() { trap '' $_signals; } # an app may signal its whole process group
spin() { # CONDITION
  _n=0
  until eval "$1" || [ "$_n" = 9999 ]; do _n=$((_n + 1)); done
}

# All that happens is a line in one anonymous pipe. A here-document is one. Where it is a file (bash before 5.1), the pipe is
# borrowed from a pipeline.
command exec 9<<END
ready
END
if [ ! -p /proc/self/fd/9 ]; then
  : | { exec 6<>/proc/self/fd/0 && read -r _line <&6; } &
  spin '[ -p "/proc/$!/fd/6" ]'
  command exec 9<"/proc/$!/fd/6" && kill "$!" && wait "$!"
  echo ready >/proc/self/fd/9
fi
[ -p /proc/self/fd/9 ] || { say "this shell gives no pipe: name another by shell.curfew.sh/CONTAINER"; exit 126; }
exec 7>/proc/self/fd/9
read -r _line <&9
tell() { echo "$*" >/proc/self/fd/9; }
later() { (deaf; sleep "$1"; tell "$2") 8>&- & } # SECONDS EVENT

# The next event; fails once the helper (app.sh) is dead. `read` can miss a signal that comes just before it blocks, `wait` cannot:
# so wait for a reader, which gives the line back.
await() { # VARIABLE
  until
    (deaf; read -r _line <&9 && tell "$_line") 8>&- &
    while [ -e "/proc/${!:-none}" ]; do wait "$!"; done
    read -r "$1" <&9
  do
    [ -e "/proc/${_helper:-none}" ] || { read -r "$1" <&9; return; }
  done
}
