# shellcheck shell=sh disable=SC2046,SC2086,SC2094,SC2154
# Sidecar. Settings: sidecar DIR MAINS POLICY GRACE HOLD START.
_dir=$2 _mains=$3 _policy=$4 _grace=$5 _hold=$6 _start=$7 _held='' _end=''
shift "$_count"

# When the Pod is deleted, a sidecar outlives main.
trap 'tell hold' 2 3 15

# Follows each main run by run: says when the last has ended, or that one never came. With a TERM held it waits only for runs that
# are there.
watch() {
  for _main in $_mains; do
    _run=0
    until [ "$_run" != 0 ] && succeeded; do
      _run=$((_run + 1)) _waited=0
      until [ -e "$_dir/run.$_main.$_run" ]; do
        [ -z "$_held" ] || continue 3
        if [ "$_start" -gt 0 ] && [ "$_waited" -ge "$_start" ]; then
          say "$_main has not started within $_start s"
          tell end 1
          return
        fi
        sleep 1
        _waited=$((_waited + 1))
      done
      follow "$_dir/run.$_main.$_run"
    done
  done
  tell end 0
}
succeeded() { [ "$_policy" = Never ] || [ -e "$_dir/succeeded.$_main.$_run" ]; }
# EOF once nobody holds the FIFO. Opened read-write first, as to open it for reading would block where main is dead already.
follow() {
  if [ -p "$1" ]; then
    exec 8<>"$1" 6<"$1" 8>&-
    read -r _line <&6
  else
    until [ -e "$_dir/ended.$_main.$_run" ]; do sleep 1; done
  fi
}

# From a process down, the topmost that heed TERM.
walk() { # PROCESS
  heeds "$1" 15
  case $_heeds in
    yes) _stopping="$_stopping $1" ;;
    *)
      for _children in /proc/"$1"/task/*/children; do
        read -r _children <"$_children"
        for _child in $_children; do walk "$_child"; done
      done
      ;;
  esac
}
alive() {
  for _process in $_stopping; do
    _stat=Z
    read -r _stat <"/proc/$_process/stat"
    case ${_stat##*) } in [ZX]*) ;; *) return ;; esac
  done
  false
}

start "$@"
watch &
# TERM, the grace period, KILL, then 0; by itself: its own code.
while await _line; do
  case $_end$_line in
    hold) _held=1; watch & (sleep "$_hold"; tell end 0) & ;;
    end*)
      _end=${_line#end } _stopping=''
      walk "$_app"
      kill -TERM ${_stopping:-"$_app"}
      while sleep 1; do tell tick; done &
      ;;
    ?tick)
      _grace=$((_grace - 1))
      alive || kill -TERM "$_app"
      [ "$_grace" -gt 0 ] || kill -KILL "$_app" $_stopping
      ;;
    *exit*) break ;;
  esac
done
case $_end$_line in exit*) exit "${_line#exit }" ;; esac
while alive; do
  [ "$_grace" -gt 0 ] || kill -KILL $_stopping
  sleep 1
  _grace=$((_grace - 1))
done
exit "${_end:-137}"
