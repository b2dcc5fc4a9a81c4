# Second part: the app.

# Runs it. What a shell starts with & ignores INT and QUIT for ever, and a signal can cost bash's `wait` the exit code. So the app
# runs in the foreground of a helper, which tells its code. Nobody waits for the helper: the shell between is killed.
start() { # ARGV…
  # A shell drops environment variables whose names are no identifiers (a ConfigMap's keys, by envFrom), and this one uses names
  # with _ itself. So env hands those on as they were.
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
    say 'no env or tr: variables whose names are no identifiers are lost'
  fi >&2
  ( (help "$@"); :) 8>&-
  exec 2>&5 7>&- # for who writes to /proc/1/fd/2: from here on only what may fail is silenced
  # The helper's first line is there, or it was killed before; signals that came earlier go behind it.
  _app='' _helper=''
  while [ ! "$_app" ] && read -r _line <&9; do
    case $_line in
      app*) _helper=${_line#app } _app=${_helper#* } _helper=${_helper% *} ;;
      exit*) tell "$_line"; break ;;
      *) tell "$_line" ;;
    esac
  done
}
help() {
  read -r _helper _line _line _mid _line </proc/self/stat
  trap : $_signals
  (
    read -r _app _line </proc/self/stat
    echo "app $_helper $_app" >&7
    kill -KILL "$_mid"
    spin '[ ! -e "/proc/$$/fd/7" ]' # until the wrapper has its stderr
    exec 2>&5 5>&- 7>&- 9<&-
    exec "$@"
  )
  echo "exit $?" >&7
}

# Would PROCESS get SIGNAL if it were PID 1? The kernel spares PID 1 what it neither catches nor blocks. Sets _heeds: yes; no; busy,
# so probably not; unsure. Caught is certain. Blocked counts only asleep and three times over: a fork blocks everything for a moment.
# sigwait hides what it waits for, but shows in wchan; a wchan of 0 is one just falling asleep.
heeds() { # PROCESS SIGNAL
  _heeds=unsure _look=0 _waits=0 _sleeps=0
  while [ "$_heeds" = unsure ] && [ "$_look" -lt 30 ]; do
    _look=$((_look + 1)) _stat=Z _wchan=''
    { read -r _stat <"/proc/$1/stat"; read -r _wchan <"/proc/$1/wchan"; } 2>/dev/null
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

# In a shell of its own: the app may open /proc/1/fd/2 at once.
send() { (kill "$@" 2>/dev/null); }
