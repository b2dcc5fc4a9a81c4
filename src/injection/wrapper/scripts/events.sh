# Curfew's wrapper, first part: arguments and events. docs/wrappers.md says how it works and what
# was tried. Arguments: VERSION SPLIT COUNT, then COUNT settings, then the container's own argv.

# bash takes options and functions from its environment (SHELLOPTS, BASH_ENV).
{ set +abCefmuvx; unset -f read wait kill echo exec eval trap; } 2>/dev/null
_count=$3
shift 3
_signals='1 2 3 4 5 6 7 8 10 11 12 13 14 15 16 18 20 21 22 23 24 25 26 27 28 29 30 31'
_poor='' _denied='' _path=$PATH PATH=/usr/bin:/bin:$PATH # the image's own programs can have the same names as those used here

# With a closed stderr, dash and busybox would exit here. A shell reports processes that were
# killed: from this one, only `say` gets through.
true >&2 || exec 2>/dev/null
exec 5>&2 2>/dev/null
say() { echo "curfew: $*" >&5; }
# Each line comes after what it's about, as a stderr that's full blocks the writer.
trace() { [ "$CURFEW_TRACE" != 1 ] || say "$*"; }
deaf() { trap '' $_signals; } # an app can signal its whole process group
spin() { # CONDITION
  _n=0
  until eval "$1" || [ "$_n" = 9999 ]; do _n=$((_n + 1)); done
}

# Opens an anonymous pipe to read from. A here-document is one. If it's a file (bash before 5.1),
# the pipe is borrowed from a pipeline.
pipe() { # FD
  eval "command exec $1<<END
ready
END"
  if [ ! -p "/proc/self/fd/$1" ]; then
    # Not as fd 3: that's the shell's own end of the pipeline, for a moment.
    : | { exec 8<>/proc/self/fd/0 && read -r _line <&8; } &
    spin '[ -p "/proc/$!/fd/8" ]'
    eval "command exec $1<\"/proc/$!/fd/8\"" && kill "$!" && wait "$!"
    echo ready >"/proc/self/fd/$1"
  fi
  [ -p "/proc/self/fd/$1" ] || { say "this shell gives no pipe: name another by shell.curfew.sh/CONTAINER"; exit 126; }
  read -r _line <&"$1"
}
pipe 6 # for the exit code
pipe 9 # for events, one line each
exec 7>/proc/self/fd/9
tell() { echo "$*" >/proc/self/fd/9; }

# Traps write lines, and this shell waits: `read` can miss a signal that comes just before it
# blocks, `wait` can't. A child that ignores signals acts on the lines. It doesn't fork: if the Pod
# can't start another process, a fork fails, and then a shell runs its EXIT trap at best. If the
# child is killed, another one follows: an app that signals its process group can kill it before it
# ignores signals.
work() { # BEFORE
  while
    (
      deaf
      exec 4>/proc/self/fd/6 8>&- 2>/dev/null
      trap '_poor=1; loop' EXIT
      trace app started: PID $_app
      "$1"
      loop
    ) &
    until wait "$!" || [ ! -e "/proc/$!" ]; do :; done
    ! read -r _code <&6
  do :; done
  exit "$_code"
}
loop() {
  while read -r _line <&9; do act; done
  end 137 # the helper was killed, and that closed the pipe
}
end() { # CODE
  echo "$1" >&4
  trace ends with $1
  trap - EXIT
  exit
}
