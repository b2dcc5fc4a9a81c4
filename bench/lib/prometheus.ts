/** A real Prometheus that scrapes on this machine, and its HTTP API. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { until } from "../../test/cluster/support/until.ts";
import type { Dashboard, Panel, Recording, Series, Target } from "./dashboard.ts";

const URL = "http://127.0.0.1:9090";
export const SCRAPE_SECONDS = 5;

export interface Prometheus {
  /** What each panel would show of the last seconds. */
  readonly record: (dashboard: Dashboard, seconds: number) => Promise<Recording>;
  readonly stop: () => Promise<void>;
}

/** Starts it with these scrape configurations. Resolves once it's ready. */
export async function startPrometheus(scrapeConfigs: readonly object[]): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), "curfew-prometheus-"));
  const config = join(folder, "prometheus.yaml");
  writeFileSync(
    config,
    stringify({ global: { scrape_interval: `${SCRAPE_SECONDS}s` }, scrape_configs: scrapeConfigs }),
  );
  const flags = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${folder}/data`,
    "--web.listen-address=127.0.0.1:9090",
  ];
  const child = spawn("prometheus", [...flags, "--log.level=warn"], { stdio: ["ignore", "ignore", "inherit"] });
  const ended = once(child, "close");
  await until("Prometheus is ready", async () => (await fetch(`${URL}/-/ready`).catch(() => undefined))?.ok);
  return {
    async record({ panels }, seconds) {
      const end = Date.now() / 1000;
      const times = { start: end - seconds, end };
      const recorded = await Promise.all(
        panels.map(async (panel) => {
          const series = await Promise.all((panel.targets ?? []).map((target) => query(panel, target, times)));
          return [panel.id, series.flat()] as const;
        }),
      );
      return { seconds, panels: Object.fromEntries(recorded) };
    },
    async stop() {
      child.kill();
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

interface Result {
  readonly status: string;
  readonly error?: string;
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly values: readonly (readonly [time: number, value: string])[];
    }[];
  };
}

/** What Grafana asks for: `$__rate_interval` is four times the scrape interval. */
async function query(panel: Panel, target: Target, { start, end }: { start: number; end: number }): Promise<Series[]> {
  const expression = target.expr.replaceAll("$__rate_interval", `${4 * SCRAPE_SECONDS}s`);
  const parameters = new URLSearchParams({
    query: expression,
    start: String(start),
    end: String(end),
    step: String(SCRAPE_SECONDS),
  });
  const answer = (await (await fetch(`${URL}/api/v1/query_range?${parameters.toString()}`)).json()) as Result;
  if (answer.status !== "success") throw new Error(`${panel.title}: ${answer.error ?? answer.status}: ${expression}`);
  return answer.data.result
    .map(({ metric, values }) => ({
      name: (target.legendFormat ?? "").replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? "").trim(),
      points: values
        .map(([time, value]) => [Math.round(time - start), Number(Number(value).toPrecision(4))] as const)
        .filter(([, value]) => Number.isFinite(value)),
    }))
    .filter(({ points }) => points.length > 0);
}
