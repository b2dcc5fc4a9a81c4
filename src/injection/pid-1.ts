/** What an argv tells of a program that counts on being PID 1, which under a wrapper it is not. */

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

export function signalsItself(argv: readonly string[]): boolean {
  return argv.some((element) => KILL_ITSELF.test(element));
}
