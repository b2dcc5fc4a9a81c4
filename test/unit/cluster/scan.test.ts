import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { Collector } from "../../../src/cluster/scan/collector.ts";
import { makeReport, type Report } from "../../../src/cluster/scan/report.ts";
import { reportText } from "../../../src/cluster/scan/text.ts";
import { createPlanner } from "../../../src/planner/planner.ts";
import { cronJob, endedAt, job, pod, RUNNING } from "../../support/cluster/pods.ts";

const NOW = Date.parse("2026-11-01T12:00:00Z");
const HOUR_AGO = "2026-11-01T11:00:00Z";

interface Listed {
  readonly cronJobs?: readonly object[];
  readonly jobs?: readonly object[];
  readonly pods?: readonly object[];
}

function scan({ cronJobs = [], jobs = [], pods = [] }: Listed): Report {
  const collector = new Collector(createPlanner({}));
  collector.addCronJobs(cronJobs);
  collector.addJobs(jobs);
  collector.addPods(pods, NOW);
  return makeReport(collector, { cluster: "https://api", namespace: undefined, skipped: [] });
}

const APP = { name: "app", image: "busybox", command: ["sh", "-c", "work"] };
const PROXY = { name: "sql-proxy", image: "busybox", command: ["sh", "-c", "serve"] };
const NO_COMMAND = { name: "sql-proxy", image: "internal/proxy" };
const NIGHTLY = { kind: "CronJob", name: "nightly", uid: "uid-of-nightly" };
const owned = (name: string) => ({ kind: "Job", name, uid: `uid-of-${name}` });
const resources = { requests: { cpu: "500m", memory: "2Gi" } };
const INJECTED = { annotations: { "curfew.sh/injected": "trap" } };

describe("a scan", () => {
  it("names a Job's Pod that hangs, what still runs, since when, and what the whole Pod's requests have cost", () => {
    const states = { app: endedAt(HOUR_AGO), "sql-proxy": RUNNING };
    const containers = { app: { resources }, "sql-proxy": { resources } };
    const jobs = [job("nightly-1", [APP, PROXY], { owner: NIGHTLY, active: 1 })];
    const pods = [pod("nightly-1-x", states, { owner: owned("nightly-1"), containers })];
    const { hanging, totals } = scan({ cronJobs: [cronJob("nightly", [APP, PROXY])], jobs, pods });
    expect(hanging).toEqual([
      {
        namespace: "ci",
        pod: "nightly-1-x",
        job: "nightly-1",
        owner: { kind: "CronJob", name: "nightly" },
        row: { kind: "CronJob", name: "nightly" },
        certainty: "certain",
        left: [{ name: "sql-proxy", state: "running" }],
        ended: ["app"],
        since: "2026-11-01T11:00:00.000Z",
        seconds: 3600,
        cpuCores: 1,
        memoryGiB: 4,
        coreHours: 1,
        gibHours: 4,
        injected: false,
      },
    ]);
    expect(totals.hanging).toEqual({ pods: 1, cpuCores: 1, memoryGiB: 4, coreHours: 1, gibHours: 4 });
  });

  it("finds a sidecar that a mesh added to the Pod of a Job with one container", () => {
    const containers = { "istio-proxy": { image: "istio/proxyv2:1.27.0" } };
    const pods = [pod("x", { app: endedAt(HOUR_AGO), "istio-proxy": RUNNING }, { owner: owned("plain"), containers })];
    const { hanging, workloads, totals } = scan({ jobs: [job("plain", [APP])], pods });
    expect(hanging).toMatchObject([{ job: "plain", certainty: "certain", left: [{ name: "istio-proxy" }] }]);
    expect(workloads).toEqual([]);
    expect(totals.singleContainer).toBe(1);
  });

  it("knows roles that only the Job's own annotations say", () => {
    const states = { a: endedAt(HOUR_AGO), b: RUNNING };
    const annotations = { "curfew.sh/main": "a" };
    const pods = [pod("x", states, { owner: owned("said") }), pod("y", states, { owner: owned("unsaid") })];
    const jobs = [job("said", ["a", "b"], { metadata: { annotations } }), job("unsaid", ["a", "b"])];
    expect(scan({ jobs, pods }).hanging).toMatchObject([
      { job: "said", certainty: "certain" },
      { job: "unsaid", certainty: "perhaps", doubt: "roles-unclear" },
    ]);
  });

  it("names what controls a Pod without a Job, and leaves Argo's and Airflow's working Pods alone", () => {
    const states = { main: endedAt(HOUR_AGO), wait: endedAt(HOUR_AGO), "istio-proxy": RUNNING };
    const executor = { command: ["/var/run/argo/argoexec", "emissary", "--", "sh"] };
    const containers = { main: executor, wait: executor, "istio-proxy": { image: "istio/proxyv2:1.27.0" } };
    const owner = { kind: "Workflow", name: "build-7", uid: "w" };
    const argo = pod("build-7-main", states, { owner, containers });
    const working = pod("build-8-main", { ...states, wait: RUNNING }, { owner: { ...owner, uid: "v" }, containers });
    const airflow = pod("task", { base: endedAt("2026-11-01T11:59:58Z"), "airflow-xcom-sidecar": RUNNING });
    const { hanging } = scan({ pods: [argo, working, airflow] });
    expect(hanging).toMatchObject([{ pod: "build-7-main", owner: { kind: "Workflow", name: "build-7" } }]);
  });

  it("passes over Pods that are being deleted", () => {
    const metadata = { deletionTimestamp: HOUR_AGO };
    expect(scan({ pods: [pod("x", { app: endedAt(HOUR_AGO), "sql-proxy": RUNNING }, { metadata })] }).hanging).toEqual(
      [],
    );
  });

  it("trusts Curfew's record of roles: what came later is a sidecar", () => {
    const annotations = { "curfew.sh/injected": "native", "curfew.sh/main": "a", "curfew.sh/sidecars": "b" };
    const found = scan({ pods: [pod("x", { a: endedAt(HOUR_AGO), agent: RUNNING }, { metadata: { annotations } })] });
    expect(found.hanging).toMatchObject([{ certainty: "certain", injected: true, left: [{ name: "agent" }] }]);
  });

  it("says for each Job and CronJob what Curfew would do", () => {
    const jobs = [
      job("trap", [APP, PROXY]),
      job("native", [APP, NO_COMMAND]),
      job("unclear", ["a", "b"]),
      job("no-main", [PROXY, { ...PROXY, name: "two-proxy" }]),
      job("out", [APP, PROXY], { metadata: { labels: { "curfew.sh/enabled": "false" } } }),
      job("all-main", ["a", "b"], { metadata: { annotations: { "curfew.sh/main": "a,b" } } }),
      job("one", ["a"]),
      job("by-hand", ["a"], { pod: { initContainers: [{ name: "b", image: "b", restartPolicy: "Always" }] } }),
    ];
    const { workloads, totals } = scan({ jobs, cronJobs: [cronJob("nightly", [APP, PROXY])] });
    expect(
      workloads.map(({ kind, name, outcome, reason, needsWork }) => [kind, name, outcome, reason, needsWork]),
    ).toEqual([
      ["CronJob", "nightly", "trap", undefined, true],
      ["Job", "all-main", "not-needed", "no-sidecars", false],
      ["Job", "native", "native", undefined, true],
      ["Job", "no-main", "refused", "no-main", true],
      ["Job", "out", "not-needed", "opted-out", false],
      ["Job", "trap", "trap", undefined, true],
      ["Job", "unclear", "unclear", "roles-unclear", true],
    ]);
    expect(workloads.find(({ name }) => name === "unclear")?.paste).toEqual([
      'curfew.sh/main: "a,b"',
      'curfew.sh/sidecars: "b"',
    ]);
    expect(totals).toMatchObject({ jobs: 8, cronJobs: 1, singleContainer: 1, nativeSidecars: 1, needWork: 5 });
    expect(totals.outcomes).toEqual({ trap: 2, native: 1, unclear: 1, refused: 1, injected: 0, "not-needed": 2 });
  });

  it("makes one row of a CronJob and its Jobs, of any owner's Jobs, and of Jobs that look alike", () => {
    const many = (name: string, owner?: { kind: string; name: string; uid: string }) =>
      Array.from({ length: 50 }, (_, index) => {
        const created = `2026-11-01T10:00:${String(index).padStart(2, "0")}Z`;
        return job(`${name}-${index}`, [APP, PROXY], {
          ...(owner && { owner }),
          created,
          active: index === 49 ? 1 : 0,
        });
      });
    const set = { kind: "JobSet", name: "train", uid: "t" };
    const jobs = [...many("nightly", NIGHTLY), ...many("train", set), ...many("run")];
    const { workloads } = scan({ jobs, cronJobs: [cronJob("nightly", [APP, PROXY])] });
    expect(workloads.map(({ kind, name, jobs, activeJobs }) => [kind, name, jobs, activeJobs])).toEqual([
      ["CronJob", "nightly", 50, 1],
      ["Job", "run-49", 50, 1],
      ["JobSet", "train", 50, 1],
    ]);
  });

  it("needs no more work for a CronJob with the label, or whose newest Job was injected", () => {
    const ENABLED = { labels: { "curfew.sh/enabled": "true" } };
    const cronJobs = [cronJob("labelled", [APP, PROXY], ENABLED), cronJob("nightly", [APP, PROXY])];
    const metadata = INJECTED;
    const { workloads, totals } = scan({
      cronJobs,
      jobs: [job("nightly-1", [APP, PROXY], { owner: NIGHTLY, metadata })],
    });
    expect(workloads).toMatchObject([
      { name: "labelled", outcome: "trap", optedIn: true, needsWork: false },
      { name: "nightly", outcome: "injected", needsWork: false },
    ]);
    expect(totals.needWork).toBe(0);
  });

  it("still needs work for a Job with the label that slipped through", () => {
    const metadata = { labels: { "curfew.sh/enabled": "true" } };
    expect(scan({ jobs: [job("slipped", [APP, PROXY], { metadata })] }).workloads).toMatchObject([{ needsWork: true }]);
  });

  it("counts an object once that comes twice", () => {
    const jobs = [job("x", [APP, PROXY]), job("x", [APP, PROXY])];
    const pods = [1, 2].map(() => pod("x-1", { app: endedAt(HOUR_AGO), "sql-proxy": RUNNING }, { owner: owned("x") }));
    const { totals, workloads, hanging } = scan({ jobs, pods });
    expect(totals).toMatchObject({ jobs: 1, pods: 1 });
    expect(workloads).toMatchObject([{ jobs: 1 }]);
    expect(hanging).toHaveLength(1);
  });
});

describe("its text", () => {
  const many = Array.from(
    { length: 300 },
    (_, index) => `run-${String(index).padStart(3, "0")}-with-quite-a-long-name`,
  );
  const states = { app: endedAt(HOUR_AGO), "sql-proxy": RUNNING };
  const report = scan({
    cronJobs: [cronJob("nightly", [APP, PROXY])],
    jobs: [
      ...many.map((name) => job(name, [APP, PROXY])),
      job("unclear", ["a", "b"]),
      job("also-unclear", ["a", { name: "b", image: "c" }]),
    ],
    pods: many.map((name) => pod(`${name}-x`, states, { owner: owned(name) })),
  });

  it("fits a terminal of 100 columns, with what's too long cut", () => {
    const text = reportText(report, 100);
    expect(text.split("\n").filter((line) => line.length > 100)).toEqual([]);
    expect(text).toContain("…");
  });

  it("cuts nothing without a terminal", () => {
    const text = reportText(report, undefined);
    expect(text).not.toContain("…");
    expect(text).toMatch(/^ci +Job run-000-with-quite-a-long-name \(and 299 like it\) +sql-proxy +1h0m +300 /m);
  });

  it("says each annotation to paste once", () => {
    const text = reportText(report, undefined);
    expect(text.split('curfew.sh/main: "a,b"')).toHaveLength(2);
    expect(text).toContain("Job ci/also-unclear, Job ci/unclear\n");
  });

  it("shows no control characters of an owner's name", () => {
    const owner = { kind: "Set\u001b[2J", name: "\u202ename", uid: "o" };
    const jobs = [job("odd", ["a", "b"], { owner })];
    const pods = [pod("odd-x", states, { owner })];
    const text = stripVTControlCharacters(reportText(scan({ jobs, pods }), undefined));
    expect(text).toContain("Set\\u001b[2J");
    for (const character of ["\u001b", "\u202e"]) expect(text).not.toContain(character);
  });

  it("says so if there's nothing", () => {
    expect(reportText(scan({}), undefined)).toBe(
      [
        "Looked at 0 Jobs, 0 CronJobs and 0 Pods that haven't ended, in all namespaces.",
        "No Pod hangs.",
        "No Job or CronJob has several plain containers, so Curfew has nothing to do.",
        "",
      ].join("\n"),
    );
  });
});
