# Second part: the app.

# Runs it. What a shell starts with & always ignores INT and QUIT, and if a signal comes, bash's
# `wait` can lose the exit code. So the app runs in the foreground of a helper, which reports its
# code. Nobody waits for the helper: the shell in between is killed.
start() { # ARGV…
  ( (help "$@"); :) 8>&-
  exec 2>&5 7>&- # for programs that write to /proc/1/fd/2; after this, nothing is said that could fail
  # By now the helper has written its first line, or was killed before that. Signals that came
  # before that line go to the end.
  _app=''
  while [ ! "$_app" ] && read -r _line <&9; do
    case $_line in
      app*) _app=${_line#app } ;;
      exit*) tell "$_line"; break ;;
      *) tell "$_line" ;;
    esac
  done
}
help() {
  read -r _line _line _line _mid _line </proc/self/stat
  trap : $_signals
  (
    hand_on
    read -r _app _line </proc/self/stat
    echo "app $_app" >&7
    kill -KILL "$_mid"
    spin '[ ! -e "/proc/$$/fd/7" ]' # until the wrapper has set its stderr
    exec 2>&5 5>&- 6>&- 7>&- 9<&-
    [ "$_entries" ] || PATH=$_path
    eval "exec $_entries \"\$@\""
  )
  echo "exit $?" >&7
}

# A shell drops environment variables whose names aren't identifiers (a ConfigMap's keys, with
# envFrom), it sets some itself, and this script uses names with _. If there are such variables, env
# passes on the whole environment as it was. Sets _entries: env's arguments, for eval.
hand_on() {
  _entries='' _nl='
'
  IFS=$_nl
  set -f
  # A newline in a value becomes a character that's in no value. That character itself would become
  # another one that's in no value.
  for _pair in 2:3 4:5 6:7; do
    _all=$(tr "\\0\\n\\${_pair%:*}" "\\n\\${_pair%:*}\\${_pair#*:}" <"/proc/$$/environ") || { say 'no env or tr: variables with names like a.b are lost'; break; }
    _odd=''
    for _entry in $_all; do
      case ${_entry%%=*} in
        [!A-Za-z]* | *[!A-Za-z0-9_]* | IFS | OPT* | PPID | PS? | SHELLOPTS | BASH*)
          _odd=1
          break
          ;;
      esac
    done
    [ "$_odd" ] || break
    _newline=$(printf %b "\\0${_pair%:*}") _twin=$(printf %b "\\0${_pair#*:}")
    case $_all in *"$_twin"*) continue ;; esac
    _n=0 _entries='env -i --'
    for _entry in $_all; do
      case $_entry in
        *"$_newline"*) unmark "$_entry" ;;
        *=*) ;;
        *) continue ;;
      esac
      _n=$((_n + 1)) _entries="$_entries \"\$_e$_n\""
      eval "_e$_n=\$_entry"
    done
    break
  done
  unset IFS
  set +f
}
unmark() { # ENTRY
  IFS=$_newline
  set -- $1. # the fields between
  IFS=$_nl
  _entry="$*"
  _entry=${_entry%.}
}

# Would PROCESS get SIGNAL if it were PID 1? The kernel delivers to PID 1 only what it catches or
# blocks. Sets _heeds: yes; no; busy, so probably no; unsure. If it's caught, that's certain. If
# it's blocked, that counts only if the process sleeps, and three times in a row, as a fork blocks
# everything for a moment. sigwait hides what it waits for, but shows in wchan. A wchan of 0 means
# that the process is just falling asleep. wchan isn't visible if the process has another user or
# more capabilities: then only the usual inits count as waiting.
heeds() { # PROCESS SIGNAL
  _heeds=unsure _look=0 _waits=0 _sleeps=0
  while [ "$_heeds" = unsure ] && [ "$_look" -lt 30 ]; do
    _look=$((_look + 1)) _stat=Z _wchan=''
    { read -r _stat <"/proc/$1/stat"; read -r _wchan <"/proc/$1/wchan"; } 2>/dev/null
    if [ "$_wchan" = 0 ] && [ ! -e "/proc/$1/cwd/." ]; then
      case $_stat in
        *'(tini)'* | *'-init)'* | *'(catatonit)'*) _wchan=sigtimedwait ;;
        *) _wchan=hidden ;;
      esac
    fi
    set -- "$1" "$2" ${_stat##*) } # $3: its state; ${32}: what it blocks; ${34}: what it catches
    case $3$((${34:-0} >> ($2 - 1) & 1))$((${32:-0} >> ($2 - 1) & 1))$_wchan in
      [ZX]*) _heeds=no ;;
      ?1*) _heeds=yes ;;
      S01* | S*sigtimedwait*) _waits=$((_waits + 1)) ;;
      S00[!0]*) _sleeps=$((_sleeps + 1)) ;;
      R00*) [ "$_look" -lt 30 ] || _heeds=busy ;;
    esac
    [ "$_waits" -lt 3 ] || _heeds=yes
    [ "$_sleeps" -lt 3 ] || _heeds=no
  done
}

send() { # SIGNAL PROCESS…
  spin '[ "/proc/$$/fd/1" -ef /proc/self/fd/1 ]' # a trap that writes a line borrows it, and the app can write there at once
  kill "$@" && return
  shift
  for _pid; do
    if [ ! "$_denied" ] && [ -e "/proc/$_pid" ] && ! kill -0 "$_pid"; then
      say 'the app runs as another user, and without the capability KILL it gets no signal'
      _denied=1
    fi
  done
}
