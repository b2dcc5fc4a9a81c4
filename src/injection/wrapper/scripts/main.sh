# Main container. Settings: main DIR NAME.
_dir=$2 _name=$3 _code=137
shift "$_count"

# What sidecars trust: a FIFO that this shell holds, one per run, seen only once held. However we end, the kernel lets go of it.
_run=1
while [ -e "$_dir/run.$_name.$_run" ]; do _run=$((_run + 1)); done
_fifo=$_dir/.run.$_name
if { [ -p "$_fifo" ] || mkfifo -m 666 "$_fifo"; } && command exec 8<>"$_fifo" && mv "$_fifo" "$_dir/run.$_name.$_run"; then :; else
  say "no FIFO in $_dir: sidecars poll, and do not see it when $_name is killed"
  true >"$_dir/run.$_name.$_run"
fi

# How this run ended, as names of empty files, which a full disk still takes; `done` is for what waits for it by hand. `succeeded`
# comes last, so that it is there only if this shell does end so.
finish() {
  true >"$_dir/done"
  true >"$_dir/ended.$_name.$_run"
  [ "$_code" != 0 ] || true >"$_dir/succeeded.$_name.$_run"
  [ ! -e "$_dir/ended.$_name.$_run" ] || trace wrote ended.$_name.$_run
} 2>/dev/null
trap finish EXIT

for _signal in $_signals; do trap "tell signal $_signal 1" "$_signal"; done
# A terminal signals its whole foreground group itself.
[ ! -t 0 ] || trap : 2 3 20 28

# The app gets the signals that it would have got as PID 1. A signal is never lost to one that is busy: it is looked at again.
act() {
  case $_line in exit*) end "${_line#exit }" ;; esac
  _try=${_line##* } _signal=${_line#signal } _signal=${_signal% *}
  _heeds=yes
  [ "$$" != 1 ] || [ ! -e /proc/1/wchan ] || heeds "$_app" "$_signal"
  case $_heeds$_try in
    yes* | unsure3)
      send "-$_signal" "$_app"
      trace passed signal $_signal on
      ;;
    unsure* | busy[12]) [ "$_poor" ] || (sleep 1; tell "signal $_signal $((_try + 1))") 4>&- & ;;
    *) trace dropped signal $_signal, which the app does not handle ;;
  esac
}
start "$@"
work :
