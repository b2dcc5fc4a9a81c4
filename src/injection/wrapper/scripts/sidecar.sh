# Sidecar. Settings: sidecar DIR MAINS POLICY GRACE HOLD START.
_dir=$2 _mains=$3 _policy=$4 _grace=$5 _hold=$6 _start=$7 _end='' _tops='' _told=''
shift "$_count"

# If the Pod is deleted, kubelet sends TERM. It's held back, as a sidecar outlives its mains.
trap 'trap : 2 3 15; tell hold' 2 3 15

# In hundredths of a second since the machine started, as that clock can't be set.
now() {
  read -r _now _rest </proc/uptime
  _now=${_now%.*}${_now#*.}
}
# Sleeps for a second, even if the Pod can't start a process for it.
nap() {
  [ "$_poor" ] || { sleep 1; return; }
  now
  _until=$((_now + 100))
  while [ "$_now" -lt "$_until" ]; do now; done
}
# Runs FUNCTION next to the worker, and then makes the worker look at the sidecar every second.
beside() { # FUNCTION
  (
    _do=$1
    trap '_poor=1; "$_do"; look' EXIT
    "$_do"
    look
  ) 4>&- &
}
look() {
  while [ -e "/proc/$_worker" ]; do
    nap
    tell look
  done
  trap - EXIT
}

# Follows the mains run by run, and tells the worker when the last one has ended, or if one hasn't
# started in time. If a TERM is held back, it waits only for runs that have started.
watch() {
  _how=ended
  for _main in $_mains; do
    _run=0
    until [ "$_run" != 0 ] && { [ "$_policy" = Never ] || [ -e "$_dir/succeeded.$_main.$_run" ]; }; do
      _run=$((_run + 1)) _waited=0 _file=$_dir/run.$_main.$_run
      trace waits for $_main, run $_run
      until [ -e "$_file" ]; do
        [ ! -e "/proc/$_worker/fd/3" ] || { _how=''; continue 3; }
        [ "$_start" = 0 ] || [ "$_waited" -lt "$_start" ] || { say "$_main has not started within $_start s"; tell end 1; return; }
        nap
        _waited=$((_waited + 1))
      done
      trace $_main has started
      # The FIFO is at its end once nobody holds it. It's opened read-write first, as opening a FIFO
      # only for reading blocks if main is already dead.
      if [ -p "$_file" ]; then exec 8<>"$_file" 4<"$_file" 8>&-; read -r _line <&4
      else until [ -e "$_dir/ended.$_main.$_run" ]; do nap; done; fi
      trace $_main has ended
    done
  done
  tell "end 0 $_how"
}
hold() {
  sleep "$_hold"
  tell end 0
}

# Finds the topmost processes that heed TERM, from PROCESS down: if it's a script that doesn't, the
# daemons that it started.
walk() { # PROCESS
  heeds "$1" 15
  case $_heeds$_young in yes* | unsure) _tops="$_tops $1"; return ;; esac
  set -- "$1" "$_tops"
  for _file in /proc/"$1"/task/*/children; do
    _kids=''
    read -r _kids <"$_file"
    for _child in $_kids; do walk "$_child"; done
  done
  # A child that was just forked shows its parent's traps. So the parent has set them since it was
  # checked.
  [ "$_tops" = "$2" ] || { heeds "$1" 15; [ "$_heeds" != yes ] || _tops="$2 $1"; }
}
alive() {
  for _pid in $_tops; do
    _stat=Z
    read -r _stat <"/proc/$_pid/stat"
    case ${_stat##*) } in [!ZX]*) return ;; esac
  done
  false
}

# Sends TERM to the processes that heed it, or else to the app. Once those are gone, to the script
# that started them. But a sidecar that has only just started, as main was quicker, gets it only if
# it surely heeds it, and not in the middle of its start. The grace period begins with the first
# TERM.
terminate() {
  _young=''
  [ "$_now" -ge $((_born + 500)) ] || _young=1
  if [ "$_tops" ] && [ ! "$_young" ]; then _tops=$_app; else _tops=''; walk "$_app"; fi
  [ "$_young$_tops" = 1 ] || { send -TERM ${_tops:-"$_app"}; _told=${_told:-$_now}; trace TERM to ${_tops:-$_app}; }
}

# A sidecar that ends by itself ends with its own code. Once the mains have ended: TERM, then a look
# every second, then KILL after the grace period. The code is 0.
act() {
  now
  case $_end$_line in
    exit*) end "${_line#exit }" ;;
    hold)
      exec 3</dev/null # watch sees that
      [ "$_poor" ] || beside hold
      trace TERM held back
      ;;
    end*)
      _end=${_line#end } _end=${_end%% *}
      terminate
      case $_line in *ended) say "all main containers have ended ($_mains): this sidecar is told to stop" ;; esac
      ;;
    ?exit*)
      trace app ended: $_line
      alive || end "$_end"
      _app=''
      exec 7>/proc/self/fd/9 # in place of the dead helper, or the pipe would be at its end
      ;;
    ?look)
      [ ! "$_told" ] || [ $((_now - _told)) -lt $((_grace * 100)) ] || { send -KILL $_app $_tops; trace grace period over: KILL; end "$_end"; }
      alive || { [ "$_app" ] || end "$_end"; terminate; }
      ;;
  esac
}
begin() {
  read -r _worker _rest </proc/self/stat
  now
  _born=$_now
  beside watch
}
start "$@"
work begin
