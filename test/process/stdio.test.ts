import { expect } from "vitest";
import { promise } from "../support/wrappers/shells.ts";
import { fixture, sh } from "../support/wrappers/wrapped-pod.ts";

promise("gives main and sidecars their stdin", async (pod) => {
  // A container runtime gives a pipe, but Node gives a socket. With a socket, bash thinks that rshd
  // runs it, and reads ~/.bashrc.
  const env = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent" };
  for (const container of [
    pod.main(["cat"], { stdin: { text: "hello\n" }, env }),
    pod.sidecar(["cat"], { stdin: { text: "hello\n" }, env, mains: "other" }),
  ]) {
    expect((await container.exited).code).toBe(0);
    expect(container.output).toEqual(["hello"]);
  }
});

promise("leaves main no file descriptors except stdin, stdout and stderr", async (pod) => {
  const main = pod.main(sh("ls /proc/$$/fd; echo error >&2"));
  expect((await main.exited).code).toBe(0);
  expect(main.output.slice(0, 3)).toEqual(["0", "1", "2"]);
  expect(main.output.every((fd) => Number(fd) < 3 || Number(fd) >= 10)).toBe(true); // a shell keeps its own from 10 on
  expect(main.stderr).toBe("error\n");
});

promise(
  "on a terminal, gives main each signal exactly once: Ctrl-C, Ctrl-\\, TERM",
  async (pod) => {
    const main = pod.main(sh('stty -echo; exec "$@"', ...fixture("signals")), { tty: true });
    await main.saw("ready");
    main.stdin.write("\x03");
    await main.saw("2");
    main.stdin.write("\x1c");
    await main.saw("3");
    main.kill("SIGTERM");
    await main.saw("15");
    main.kill("SIGUSR1");
    await main.saw("10");
    expect(main.output).toEqual(["ready", "2", "3", "15", "10"]);
  },
  { needs: ["root", "command script", "command setsid"] },
);
