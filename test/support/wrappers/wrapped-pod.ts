/**
 * A Pod whose containers are wrapped and run as processes, to test what the wrappers promise. An
 * argv is what the container gets, after kubelet's expansion.
 */
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { MAIN_SCRIPT, SIDECAR_SCRIPT } from "../../../src/injection/wrapper/scripts.generated.ts";
import { Container, type ContainerOptions, type Privileges } from "../../../sim/pods/container.ts";
import { expand } from "../../../sim/pods/expand.ts";

type Options = Omit<ContainerOptions, "argv">;

export interface MainOptions extends Options {
  readonly name?: string;
  /** Mounts the shared folder read-only, as it shouldn't be. */
  readonly readOnlyDir?: boolean;
}

/** Settings of the sidecar's contract (src/injection/wrapper/wrapper.ts). Times are in seconds. */
export interface SidecarOptions extends Options {
  readonly mains?: string;
  readonly policy?: "Never" | "OnFailure";
  readonly grace?: number;
  readonly hold?: number;
  readonly start?: number;
}

export class WrappedPod {
  /** The shared folder: read-write for main, read-only for sidecars. */
  readonly dir = mkdtempSync(join(tmpdir(), "curfew-pod-"));
  readonly shell: readonly string[];
  readonly #containers: Container[] = [];
  readonly #privileges: Privileges;

  constructor(shell: readonly string[], privileges: Privileges = {}) {
    this.shell = shell;
    this.#privileges = privileges;
    chmodSync(this.dir, 0o777); // as an emptyDir is
  }

  main(argv: readonly string[], { name = "main", readOnlyDir = false, ...options }: MainOptions = {}): Container {
    return this.#start(MAIN_SCRIPT, ["main", this.dir, name], argv, readOnlyDir, options);
  }

  sidecar(argv: readonly string[], options: SidecarOptions = {}): Container {
    const { mains = "main", policy = "Never", grace = 5, hold = 28, start = 60, ...rest } = options;
    const settings = ["sidecar", this.dir, mains, policy, ...[grace, hold, start].map(String)];
    return this.#start(SIDECAR_SCRIPT, settings, argv, true, rest);
  }

  /** A container without a wrapper, in this Pod. */
  plain(argv: readonly string[], options: Options = {}): Container {
    const container = new Container({ ...this.#privileges, ...options, argv });
    this.#containers.push(container);
    return container;
  }

  #start(
    script: string,
    settings: readonly string[],
    argv: readonly string[],
    readOnly: boolean,
    options: Options,
  ): Container {
    const contract = ["curfew", "1", `${argv.length}`, `${settings.length}`, ...settings, ...argv];
    return this.plain([...this.shell, "-c", expand(script, options.env ?? {}), ...contract], {
      ...options,
      mounts: [...(options.mounts ?? []), { source: this.dir, readOnly }],
    });
  }

  /** Resolves once main holds its FIFO. */
  async running(run = 1, name = "main"): Promise<void> {
    const path = join(this.dir, `run.${name}.${run}`);
    const end = performance.now() + 50_000;
    while (!existsSync(path)) {
      if (performance.now() > end) throw new Error(`no ${path}; there are: ${this.files.join(" ")}`);
      await sleep(2);
    }
  }

  get files(): string[] {
    return readdirSync(this.dir).sort();
  }

  remove(): void {
    for (const container of this.#containers) container.remove();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export const sh = (script: string, ...args: readonly string[]): string[] => ["/bin/sh", "-c", script, "sh", ...args];

/** What a sidecar says on stderr when it's stopped because these have ended. */
export const stoppedAfter = (...mains: readonly string[]): string =>
  `curfew: all main containers have ended (${mains.join(" ")}): this sidecar is told to stop\n`;

/** Resolves once a container's stderr holds the text; rejects if it doesn't within ten seconds. */
export const said = async (container: Container, text: string): Promise<void> => {
  const end = performance.now() + 50_000;
  while (!container.stderr.includes(text)) {
    if (performance.now() > end) throw new Error(`no ${JSON.stringify(text)} in ${JSON.stringify(container.stderr)}`);
    await sleep(2);
  }
};

export const fixture = (name: string, ...args: readonly string[]): string[] => [
  "/bin/sh",
  fileURLToPath(new URL(`../../process/fixtures/${name}.sh`, import.meta.url)),
  ...args,
];
