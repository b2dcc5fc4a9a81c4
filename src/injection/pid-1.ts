/**
 * Finds out from an argv whether a program relies on being PID 1, or on being the only process with
 * its command line. Under a wrapper it's neither.
 */

/**
 * If they aren't PID 1, s6-overlay says "can only run as pid 1", systemd says "not PID 1", and both
 * give up.
 */
const INIT_SYSTEMS = new Set([
  "/init",
  "/sbin/init",
  "/usr/sbin/init",
  "/lib/systemd/systemd",
  "/usr/lib/systemd/systemd",
]);

/** Whether the argv runs an init system that works only as PID 1. */
export function isInitSystem([program = ""]: readonly string[]): boolean {
  return INIT_SYSTEMS.has(program);
}

/**
 * `kill`, its options, and the shell itself (`$$`, or `$$$$` as kubelet reads it) or its process
 * group (`0`, `-$$`). The kernel doesn't deliver signals from inside the container to PID 1 unless
 * it handles them (pid_namespaces(7)), so there `trap "kill 0" EXIT` doesn't change the exit code.
 * `$$(` is how Kubernetes writes `$(`. The number of options is limited, or `kill -kill -kill …`
 * would take quadratic time.
 */
const KILL_ITSELF =
  /\bkill\s+(?:-[sn]\s+\w+\s+|-(?![sn]\s)\S{0,20}\s+){0,3}["']?(?:0\b|-?(?:\$\$(?!\()|\$\{?BASHPID\b))/;

/**
 * Searches by the whole command line, as the wrapper's contains the app's argv; or searches by the
 * name of a shell, as the wrapper is one.
 */
const LOOKS_FOR_PROCESSES =
  /\bp(?:kill|grep)\s(?:[^\n;|&]{0,60}\s)?(?:-\w{0,9}f|--full\b)|\b(?:pkill|pgrep|killall|pidof)\s(?:[^\n;|&]{0,60}\s)?(?:ba|da|a)?sh\b(?![.\w-])|\/proc\/\S{1,20}\/cmdline\b/;

/**
 * Whether a script in the argv signals itself, or looks for processes in a way that finds the
 * wrapper.
 */
export function signalsItself(argv: readonly string[]): boolean {
  return argv.some((element) => KILL_ITSELF.test(element) || LOOKS_FOR_PROCESSES.test(element));
}
