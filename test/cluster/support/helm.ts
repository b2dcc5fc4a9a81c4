/** The real Helm, 3 and 4, as a person would run it, with the chart of the checkout. */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseAllDocuments } from "yaml";
import { versions } from "../harness/cluster.ts";
import type { KubernetesObject } from "./api.ts";

export const CHART = path.join(import.meta.dirname, "../../../charts/curfew");

/** Helm's major versions, for tests that run with each. */
export const HELMS = [4, 3] as const;
export type HelmVersion = (typeof HELMS)[number];

const { helm3Bin, helm4Bin } = versions();
const home = mkdtempSync(path.join(tmpdir(), "curfew-helm-"));

const programOf = (version: HelmVersion): string => path.join(version === 3 ? helm3Bin : helm4Bin, "helm");

/** Whether the harness has built this Helm. It hasn't if the tests run against somebody's own cluster. */
export const hasHelm = (version: HelmVersion): boolean => existsSync(programOf(version));

/** How a Helm run ended. */
export interface HelmResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs Helm. Any exit status is an outcome. It ignores your own Helm settings. */
export async function helm(version: HelmVersion, args: readonly string[], values?: object): Promise<HelmResult> {
  const given = values === undefined ? [] : ["--values", "-"];
  const folders = { HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home };
  return await new Promise((resolve, reject) => {
    const child = execFile(
      programOf(version),
      [...args, ...given],
      { maxBuffer: 64 << 20, env: { ...process.env, ...folders } },
      (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== "number") {
          reject(new Error(`helm ${args.join(" ")} did not run`, { cause: error }));
        } else {
          resolve({ status: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
        }
      },
    );
    child.stdin?.on("error", () => undefined); // it may end before it has read everything
    child.stdin?.end(values === undefined ? "" : JSON.stringify(values));
  });
}

/** Helm's output; throws what it said if it failed. */
export async function helmOutput(version: HelmVersion, args: readonly string[], values?: object): Promise<string> {
  const { status, stdout, stderr } = await helm(version, args, values);
  if (status !== 0) throw new Error(`helm ${args.join(" ")} ended with ${status}: ${stderr}`);
  return stdout;
}

/** The objects that the chart makes of `values`, without the Job of `helm test`. */
export async function chartObjects(version: HelmVersion, values: object = {}): Promise<KubernetesObject[]> {
  const args = ["template", "curfew", CHART, "--namespace", "curfew-system", "--skip-tests"];
  const text = await helmOutput(version, args, values);
  return parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
}
