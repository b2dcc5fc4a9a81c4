/** `curfew check` in this process, as its command runs it. */
import { checkCluster } from "../../../src/cluster/check/check.ts";
import type { ReportedFinding } from "../../../src/cluster/check/finding.ts";
import { openCluster } from "../../../src/cluster/options.ts";
import packageJson from "../../../package.json" with { type: "json" };

export interface CheckRun {
  readonly pre?: boolean;
  readonly kubeconfig?: string;
  readonly namespace?: string;
  readonly configurations?: readonly string[];
  readonly tryIn?: string;
  /** How long a request can take. */
  readonly timeoutMs?: number;
}

/** All findings, in their order. A busy machine may be slow. */
export async function check(run: CheckRun = {}): Promise<readonly ReportedFinding[]> {
  const opened = await openCluster(run.kubeconfig === undefined ? {} : { kubeconfig: run.kubeconfig });
  if ("problem" in opened) throw new Error(opened.problem);
  const { client, version, timeoutMs } = opened.cluster;
  const groups = await checkCluster(client, {
    pre: run.pre ?? false,
    names: {
      namespace: run.namespace ?? "curfew-system",
      configurations: run.configurations ?? ["curfew", "zz-curfew"],
    },
    ...{
      version,
      timeLeft: () => run.timeoutMs ?? timeoutMs,
      now: new Date(),
      programVersion: packageJson.version,
      tryIn: run.tryIn,
    },
  });
  return groups.flatMap(({ findings }) => findings);
}

/** Those of these checks, each as `mark check: text`. */
export async function lines(run: CheckRun, ...ids: readonly string[]): Promise<string[]> {
  const findings = await check(run);
  return findings.filter((each) => ids.includes(each.check)).map((each) => `${each.mark} ${each.check}: ${each.text}`);
}

/** The findings of one check, each as `mark: text`. */
export async function findingsOf(id: string, run: CheckRun = {}): Promise<string[]> {
  const findings = await check(run);
  return findings.filter((finding) => finding.check === id).map(({ mark, text }) => `${mark}: ${text}`);
}
