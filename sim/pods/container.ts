/**
 * A container as a process. Like runc's, it's PID 1 of its own PID namespace, mount namespace and
 * session, with the capabilities that Kubernetes gives it and exactly the given environment. If the
 * machine allows no namespaces, it's a plain process, and `isolation.reason` says why. In CI that's
 * an error.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

export interface Mount {
  readonly source: string;
  /** An existing folder; default: `source`. */
  readonly target?: string;
  readonly readOnly?: boolean;
}

export interface ContainerOptions {
  readonly argv: readonly string[];
  /** The whole environment. Default: only PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** Ignored if there are no namespaces. */
  readonly mounts?: readonly Mount[];
  readonly readOnlyRoot?: boolean;
  /**
   * How many processes its user can have on this machine, unless it's root. Default: as many as we
   * can.
   */
  readonly processes?: number;
  readonly uid?: number;
  /** Default: those of a container whose securityContext doesn't say otherwise. */
  readonly capabilities?: readonly string[];
  readonly cwd?: string;
  /**
   * What the process reads from stdin before its end. `open`: whatever you write to the container's
   * `stdin`. Default: /dev/null.
   */
  readonly stdin?: "open" | { readonly text: string };
  /**
   * Gives it a terminal, as `tty: true` and `stdin: true` do. Input goes to `stdin`, and stderr
   * joins stdout. Root only.
   */
  readonly tty?: boolean;
  /**
   * Joins this container's PID namespace, as shareProcessNamespace does. Its PID 1 stands for the
   * pause container.
   */
  readonly inNamespaceOf?: Container;
  /** Runs as a plain process even if there are namespaces. */
  readonly plain?: boolean;
}

/** What a container's processes are allowed to do. */
export type Privileges = Pick<ContainerOptions, "uid" | "capabilities">;

/**
 * Docker's and containerd's default set (containerd, pkg/oci/spec.go, defaultUnixCaps), which
 * Kubernetes leaves to the runtime.
 */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  ...["chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "net_bind_service"],
  ...["net_raw", "sys_chroot", "mknod", "audit_write", "setfcap"],
];

/** One line of stdout and when it came, in milliseconds of `performance.now()`. */
export interface Line {
  readonly text: string;
  readonly at: number;
}

export interface Exit {
  /** 0-255, or 128 + n after signal n, as kubelet reports it. */
  readonly code: number;
  readonly at: number;
}

/**
 * How containers are isolated on this machine: by `root` or `user` namespaces, or not at all, with
 * the reason.
 */
export type Isolation = { readonly kind: "root" | "user" } | { readonly kind: "none"; readonly reason: string };

const namespaceFlags = ["--fork", "--pid", "--mount", "--mount-proc", "--kill-child"];

const detectIsolation = (): Isolation => {
  if (process.platform !== "linux") return { kind: "none", reason: "only Linux has namespaces" };
  const attempts = [
    { kind: "root", flags: namespaceFlags },
    { kind: "user", flags: ["--user", "--map-root-user", ...namespaceFlags] },
  ] as const;
  const errors = attempts.map(({ kind, flags }) => {
    const { status, stderr, error } = spawnSync("unshare", [...flags, "true"], { encoding: "utf8" });
    return status === 0 ? { kind } : { kind, error: error?.message ?? stderr.trim() };
  });
  const found = errors.find((attempt) => !("error" in attempt));
  if (found !== undefined) return { kind: found.kind };
  return { kind: "none", reason: errors.map((attempt) => ("error" in attempt ? attempt.error : "")).join("; ") };
};

export const isolation: Isolation = detectIsolation();

/** Ends a container with this process, even if that is killed. */
const dieWithUs =
  spawnSync("setpriv", ["--pdeathsig", "KILL", "true"]).status === 0 ? ["setpriv", "--pdeathsig", "KILL"] : [];
if (isolation.kind === "none") {
  const message = `containers run as plain processes, not in namespaces of their own: ${isolation.reason}`;
  if (process.env["CI"] !== undefined) throw new Error(message);
  console.warn(message);
}

const living = new Set<Container>();
process.on("exit", () => {
  for (const container of living) container.remove();
});

export class Container {
  readonly lines: Line[] = [];
  stderr = "";
  readonly exited: Promise<Exit>;
  readonly #process: ChildProcess;
  readonly #nested: boolean;
  /** How many generations PID 1 is below the spawned process. */
  readonly #depth: number;
  #exit: Exit | undefined;
  #pid: number | undefined;

  constructor(options: ContainerOptions) {
    this.#nested = isolation.kind !== "none" && options.plain !== true;
    this.#depth = !this.#nested ? 0 : options.tty === true ? 2 : 1;
    const [command = "", ...args] = this.#nested ? isolatedArgv(options) : options.argv;
    const input = options.tty === true || options.stdin !== undefined;
    this.#process = spawn(command, args, {
      // script runs its command with $SHELL, which isn't set everywhere, or can be something else
      // than a POSIX shell.
      env: this.#nested ? { ...process.env, SHELL: "/bin/sh" } : (options.env ?? defaultEnvironment),
      stdio: [input ? "pipe" : "ignore", "pipe", "pipe"],
      detached: true, // a process group of its own, to be killed as a whole
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    living.add(this);
    this.exited = this.#watch();
    this.#process.stdin?.on("error", () => {
      // The container has ended or closed its stdin.
    });
    if (typeof options.stdin === "object") this.#process.stdin?.end(options.stdin.text);
  }

  async #watch(): Promise<Exit> {
    let rest = "";
    this.#process.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      const at = performance.now();
      const texts = (rest + chunk).split(/\r?\n/);
      rest = texts.pop() ?? "";
      this.lines.push(...texts.map((text) => ({ text, at })));
    });
    this.#process.stderr?.setEncoding("utf8").on("data", (chunk: string) => (this.stderr += chunk));
    const at = new Promise<Exit>((resolve, reject) => {
      this.#process.once("error", reject);
      this.#process.once("exit", (code, signal) => {
        const number = signal === null ? (code ?? 0) : 128 + constants.signals[signal];
        resolve({ code: number, at: performance.now() });
        this.#killGroup(); // as the end of a namespace's PID 1 does
      });
    });
    const closed = new Promise<void>((resolve) =>
      this.#process.once("close", () => {
        resolve();
      }),
    );
    const exit = await at;
    await closed;
    // If SIGKILL ended PID 1, util-linux before 2.39 fails to report that.
    const tripped = "unshare: sigprocmask unblock failed: Invalid argument\n";
    if (this.stderr.endsWith(tripped)) {
      this.stderr = this.stderr.slice(0, -tripped.length);
      this.#exit = { code: 137, at: exit.at };
    } else {
      this.#exit = exit;
    }
    if (rest !== "") this.lines.push({ text: rest, at: performance.now() });
    living.delete(this);
    return this.#exit;
  }

  get running(): boolean {
    return this.#exit === undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** The lines of stdout so far. */
  get output(): string[] {
    return this.lines.map((line) => line.text);
  }

  get stdin(): NodeJS.WritableStream {
    if (this.#process.stdin === null) throw new Error("the container has no stdin: pass stdin or tty");
    return this.#process.stdin;
  }

  /** PID 1 as this process sees it. Undefined before it has started and after it has ended. */
  get pid(): number | undefined {
    this.#pid ??= this.#findPid();
    return this.running ? this.#pid : undefined;
  }

  #findPid(): number | undefined {
    let pid = this.#process.pid;
    for (let depth = 0; depth < this.#depth && pid !== undefined; depth++) pid = children(pid)[0];
    return pid;
  }

  /** Sends a signal to PID 1, as kubelet does. False if it has ended. */
  kill(signal: NodeJS.Signals | number): boolean {
    const pid = this.pid;
    if (pid === undefined) return false;
    try {
      return process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
      throw error;
    }
  }

  /**
   * Resolves to the first line of stdout that equals `text`. Rejects if it doesn't come within
   * `timeout` milliseconds.
   */
  async saw(text: string, timeout = 50_000): Promise<Line> {
    for (const end = performance.now() + timeout; ;) {
      const line = this.lines.find((candidate) => candidate.text === text);
      if (line !== undefined) return line;
      if (performance.now() > end || !this.running) {
        throw new Error(`no line ${JSON.stringify(text)} in ${JSON.stringify(this.output)}; stderr: ${this.stderr}`);
      }
      await sleep(2);
    }
  }

  /**
   * Kills the container and everything in it. Does nothing if it has already ended, as its PID may
   * now be another process's.
   */
  remove(): void {
    if (this.running) {
      this.kill("SIGKILL");
      this.#killGroup();
    }
    living.delete(this);
  }

  #killGroup(): void {
    try {
      if (this.#process.pid !== undefined) process.kill(-this.#process.pid, "SIGKILL");
    } catch {
      // No process is left in it.
    }
  }
}

const defaultEnvironment = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };

/** The children of a process, oldest first. Empty if the process has ended. */
export const children = (pid: number): number[] => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
};

/** All generations below a process. */
export const descendants = (pid: number): number[] => children(pid).flatMap((child) => [child, ...descendants(child)]);

const quote = (argument: string): string => `'${argument.replaceAll("'", "'\\''")}'`;

/**
 * Sets up namespaces, then mounts, then the user, then exactly the environment, then runs the argv.
 * Each step executes the next, so none of them stays.
 */
const isolatedArgv = (options: ContainerOptions): string[] => {
  const mounts = (options.mounts ?? []).flatMap(({ source, target = source, readOnly = false }) => [
    `mount --bind ${quote(source)} ${quote(target)}`,
    ...(readOnly ? [`mount -o remount,bind,ro ${quote(target)}`] : []),
  ]);
  if (options.readOnlyRoot === true) mounts.push("mount -o remount,bind,ro /");
  const { uid, capabilities = DEFAULT_CAPABILITIES } = options;
  const user = uid === undefined ? [] : [`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
  const bounding = ["-all", ...capabilities.map((name) => `+${name}`)].join(",");
  const privileges = ["setpriv", ...user, "--inh-caps=-all", "--ambient-caps=-all", `--bounding-set=${bounding}`];
  const environment = Object.entries(options.env ?? defaultEnvironment).map(([name, value]) => `${name}=${value}`);
  const userNamespace = isolation.kind === "user" ? ["--user", "--map-root-user"] : [];
  const joined = options.inNamespaceOf?.pid;
  const enter =
    joined === undefined
      ? ["unshare", ...userNamespace, ...namespaceFlags]
      : [
          "nsenter",
          "--target",
          `${joined}`,
          ...(userNamespace.length > 0 ? ["--user"] : []),
          "--pid",
          "--mount",
          "unshare",
          "--mount",
        ];
  const limit = options.processes === undefined ? [] : ["prlimit", `--nproc=${options.processes}`];
  const inside = [...limit, ...privileges, "env", "-i", ...environment, ...options.argv];
  // In another container's PID namespace, its process group is killed at its end, as it has no
  // cgroup.
  const session = options.tty === true ? ["setsid", "-c", "-w"] : joined === undefined ? ["setsid"] : [];
  const whole = [...enter, "sh", "-c", [...mounts, 'exec "$@"'].join(" && "), "sh", ...session, ...inside];
  return [
    ...dieWithUs,
    ...(options.tty === true ? ["script", "-qec", `exec ${whole.map(quote).join(" ")}`, "/dev/null"] : whole),
  ];
};
