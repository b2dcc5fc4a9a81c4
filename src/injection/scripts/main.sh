# shellcheck shell=sh disable=SC2064,SC2086,SC2154
# Main container. Settings: main DIR NAME.
_dir=$2 _name=$3 _code=137
shift "$_count"

# What sidecars trust: a FIFO that this process holds, one per run, seen only once held. The kernel ends it whatever kills us.
_run=1
while [ -e "$_dir/run.$_name.$_run" ]; do _run=$((_run + 1)); done
_fifo=$_dir/.run.$_name
if { [ -p "$_fifo" ] || mkfifo -m 666 "$_fifo"; } && exec 8<>"$_fifo" && mv "$_fifo" "$_dir/run.$_name.$_run"; then :; else
  say "no FIFO in $_dir: sidecars poll, and do not see it when $_name is killed"
  true >"$_dir/run.$_name.$_run"
fi

# The hack's own mark, and how this run ended: as names of empty files, which a full disk still takes.
finish() {
  [ "$_code" != 0 ] || true >"$_dir/succeeded.$_name.$_run"
  true >"$_dir/ended.$_name.$_run"
  true >"$_dir/done"
}
trap finish EXIT

# Pending at most once each, as in the kernel, so that the pipe never fills.
for _signal in $_signals; do
  trap "case \$_pending_$_signal in '') _pending_$_signal=1; tell signal $_signal 1 ;; esac" "$_signal"
done
[ ! -t 0 ] || trap : 2 3 28 # a terminal signals its whole foreground group itself

start "$@"
while await _line; do
  case $_line in
    signal*)
      _try=${_line##* } _signal=${_line#signal } _signal=${_signal% *}
      eval "_pending_$_signal="
      if [ "$$" != 1 ] || [ ! -e /proc/1/wchan ]; then _heeds=yes; else heeds "$_app" "$_signal"; fi
      case $_heeds$_try in
        yes*) kill "-$_signal" "$_app" ;;
        unsure[12]) (sleep 1; tell signal "$_signal" $((_try + 1))) & ;;
      esac
      ;;
    exit*) _code=${_line#exit }; break ;;
  esac
done
exit "$_code"
