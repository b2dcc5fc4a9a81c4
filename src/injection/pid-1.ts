/** What an argv tells of a program that counts on being PID 1, or the only one with its command line, which under a wrapper it is not. */

/** s6-overlay says "can only run as pid 1" and systemd "not PID 1", and both give up. */
const INIT_SYSTEMS = new Set([
  "/init",
  "/sbin/init",
  "/usr/sbin/init",
  "/lib/systemd/systemd",
  "/usr/lib/systemd/systemd",
]);

export function isInitSystem([program = ""]: readonly string[]): boolean {
  return INIT_SYSTEMS.has(program);
}

/**
 * `kill`, its options, and the shell itself (`$$`, also as kubelet takes it: `$$$$`) or its process group (`0`, `-$$`). The kernel
 * spares PID 1 signals from within that it does not handle (pid_namespaces(7)), so `trap "kill 0" EXIT` costs no exit code there.
 * `$$(` is Kubernetes' way to write `$(`. Options are few, or `kill -kill -kill …` would take quadratic time.
 */
const KILL_ITSELF =
  /\bkill\s+(?:-[sn]\s+\w+\s+|-(?![sn]\s)\S{0,20}\s+){0,3}["']?(?:0\b|-?(?:\$\$(?!\()|\$\{?BASHPID\b))/;

/** By the whole command line, as the wrapper's holds the app's argv, too; or by the name of a shell, which the wrapper is. */
const LOOKS_FOR_PROCESSES =
  /\bp(?:kill|grep)\s(?:[^\n;|&]{0,60}\s)?(?:-\w{0,9}f|--full\b)|\b(?:pkill|pgrep|killall|pidof)\s(?:[^\n;|&]{0,60}\s)?(?:ba|da|a)?sh\b(?![.\w-])|\/proc\/\S{1,20}\/cmdline\b/;

export function signalsItself(argv: readonly string[]): boolean {
  return argv.some((element) => KILL_ITSELF.test(element) || LOOKS_FOR_PROCESSES.test(element));
}
