# Curfew's wrapper: what main containers and sidecars share. docs/wrappers.md tells how it works and what was tried.
# Arguments: VERSION SPLIT COUNT, then COUNT settings, then the container's own argv.
_count=$3
shift 3
_signals='1 2 3 4 5 6 7 8 10 11 12 13 14 15 16 18 23 24 25 26 27 28 29 30 31'

# A shell reports whom it saw killed: of this one only `say` is heard.
exec 5>&2 2>/dev/null
say() { echo "curfew: $*" >&5; }

# All that happens is a line in one anonymous pipe. A here-document is one. Where it is a file (bash before 5.1, mksh), the pipe is
# a pipeline's, whose reader ends once it is open here.
command exec 9<<END
ready
END
if [ ! -p /proc/self/fd/9 ]; then
  : | { exec 6<>/proc/self/fd/0 && read -r _line <&6; } &
  _tries=0
  until [ -p "/proc/$!/fd/6" ] || [ "$_tries" = 9999 ]; do _tries=$((_tries + 1)); done
  command exec 9<"/proc/$!/fd/6"
  kill "$!"
  wait "$!"
  echo ready >/proc/self/fd/9
fi
[ -p /proc/self/fd/9 ] || { say "this shell gives no pipe: name another one by shell.curfew.sh/CONTAINER" && exit 126; }
exec 7>/proc/self/fd/9
read -r _line <&9
tell() { echo "$*" >/proc/self/fd/9; }

# The next line; fails once the helper is dead. `read` can miss a signal that comes just before it blocks, `wait` cannot: so wait
# for a reader, which gives the line back.
await() { # VARIABLE
  until
    (trap '' $_signals; read -r _line <&9 && tell "$_line") 8>&- &
    while kill -0 "$!"; do wait "$!"; done
    read -r "$1" <&9
  do
    kill -0 "$_helper" || { read -r "$1" <&9; return; }
  done
}

# Runs the app. What a shell starts with & ignores INT and QUIT for ever, and a signal can cost bash's `wait` the exit code. So the
# app runs in the foreground of a helper that tells its code, and this shell waits for neither: the shell between them is killed.
start() { # ARGV…
  # A shell drops environment variables whose names are no identifiers (a ConfigMap's keys, by envFrom), and this one uses names
  # with _ itself: so those go through env, as they were.
  if command -v env && command -v tr; then
    _argc=$# IFS='
'
    set -f
    for _entry in $(tr '\0\n' '\n\1' <"/proc/$$/environ"); do
      case ${_entry%%=*} in
        [!A-Za-z]* | *[!A-Za-z0-9_]*)
          _entry=$(printf %sx "$_entry" | tr '\1' '\n')
          set -- "${_entry%x}" "$@"
          ;;
      esac
    done
    set +f
    unset IFS
    [ "$#" = "$_argc" ] || set -- env "$@"
  else
    say 'no env or tr in this image: environment variables whose names are no identifiers are lost'
  fi >&2
  ( (help "$@"); :) 8>&-
  exec 7>&-
  # Its line is there. Signals that came before it go behind it.
  while read -r _line <&9; do
    case $_line in app*) break ;; esac
    tell "$_line"
  done
  _app=${_line##* } _helper=${_line#app } _helper=${_helper% *}
}
help() {
  read -r _helper _line _line _between _line </proc/self/stat
  trap : $_signals
  (
    read -r _app _line </proc/self/stat
    echo "app $_helper $_app" >&7
    kill -KILL "$_between"
    exec 2>&5 5>&- 7>&- 9<&-
    exec "$@"
  )
  echo "exit $?" >&7
}

# Would PROCESS get SIGNAL if it were PID 1? The kernel spares PID 1 what it neither catches nor blocks. Sets _heeds: yes; no; busy,
# so probably not; unsure. Caught is certain. Blocked counts only asleep and three times over: a fork blocks everything for a moment.
# sigwait hides what it waits for, but shows in wchan; a wchan of 0 is one just falling asleep.
heeds() { # PROCESS SIGNAL
  _heeds=unsure _looks=0 _waits=0 _sleeps=0
  while [ "$_heeds" = unsure ] && [ "$_looks" -lt 30 ]; do
    _looks=$((_looks + 1)) _stat=Z _wchan=''
    read -r _stat <"/proc/$1/stat"
    read -r _wchan <"/proc/$1/wchan"
    set -- "$1" "$2" ${_stat##*) } # $3: its state; ${32}: what it blocks; ${34}: what it catches
    case $3$((${34:-0} >> ($2 - 1) & 1))$((${32:-0} >> ($2 - 1) & 1))$_wchan in
      [ZX]*) _heeds=no ;;
      ?1*) _heeds=yes ;;
      S01* | S*sigtimedwait*) _waits=$((_waits + 1)) ;;
      S00[!0]*) _sleeps=$((_sleeps + 1)) ;;
      R00*) [ "$_looks" -lt 30 ] || _heeds=busy ;;
    esac
    [ "$_waits" -lt 3 ] || _heeds=yes
    [ "$_sleeps" -lt 3 ] || _heeds=no
  done
}
