# Main container. Settings: main DIR NAME.
_dir=$2 _name=$3 _code=137
shift "$_count"

# What sidecars rely on: a FIFO that this shell holds open, one per run, which appears only once
# it's held. However this shell ends, the kernel closes it.
_run=1
while [ -e "$_dir/run.$_name.$_run" ]; do _run=$((_run + 1)); done
_fifo=$_dir/.run.$_name
if { [ -p "$_fifo" ] || mkfifo -m 666 "$_fifo"; } && command exec 8<>"$_fifo" && mv "$_fifo" "$_dir/run.$_name.$_run"; then :; else
  say "no FIFO in $_dir: sidecars poll, and do not see it when $_name is killed"
  true >"$_dir/run.$_name.$_run"
fi

# Says how this run ended, with the names of empty files, which can be written even if the disk is
# full. `done` is for the hack by hand, which waits for it. `succeeded` comes last, so it's there
# only if this shell really ends like that.
finish() {
  true >"$_dir/done"
  true >"$_dir/ended.$_name.$_run"
  [ "$_code" != 0 ] || true >"$_dir/succeeded.$_name.$_run"
  [ ! -e "$_dir/ended.$_name.$_run" ] || trace wrote ended.$_name.$_run
} 2>/dev/null
trap finish EXIT

for _signal in $_signals; do trap "tell signal $_signal 1" "$_signal"; done
# A terminal itself signals its whole foreground group.
[ ! -t 0 ] || trap : 2 3 20 28

# The app gets the signals that it would have got as PID 1. If it's busy, the signal isn't lost:
# it's checked again later.
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
