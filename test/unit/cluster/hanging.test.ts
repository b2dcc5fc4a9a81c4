import { describe, expect, it } from "vitest";
import { verdictOn, type Circumstances, type Roles } from "../../../src/cluster/scan/hanging.ts";
import { stateOf } from "../../../src/cluster/scan/pod.ts";
import { endedAt, pod, RUNNING, waiting, type PodOptions, type Status } from "../../support/cluster/pods.ts";

const NOW = Date.parse("2026-11-01T12:00:00Z");
const HOUR_AGO = "2026-11-01T11:00:00Z";
const JUST_NOW = "2026-11-01T11:59:50Z";

function look(
  states: Readonly<Record<string, Status | undefined>>,
  roles: Readonly<Record<string, "main" | "sidecar" | "ignored" | "unclear">>,
  { isInjected = false, ...options }: PodOptions & Partial<Pick<Circumstances, "isInjected">> = {},
) {
  const byName: Roles = new Map(Object.entries(roles));
  return verdictOn(stateOf(pod("pod", states, options)), { roles: byName, now: NOW, graceMs: 30_000, isInjected });
}

const ROLES = { app: "main", proxy: "sidecar" } as const;

describe("a Pod hangs", () => {
  it("if its main has ended and a sidecar still runs, since main's end", () => {
    expect(look({ app: endedAt(HOUR_AGO), proxy: RUNNING }, ROLES)).toEqual({
      doubt: undefined,
      since: Date.parse(HOUR_AGO),
      left: [{ name: "proxy", state: "running" }],
    });
  });

  it("if its main has failed for good", () => {
    expect(look({ app: endedAt(HOUR_AGO, 1), proxy: RUNNING }, ROLES)).toMatchObject({ doubt: undefined });
  });

  it("since the end of its last main", () => {
    const states = { app: endedAt("2026-11-01T10:30:00Z"), second: endedAt(HOUR_AGO), proxy: RUNNING };
    expect(look(states, { ...ROLES, second: "main" })).toMatchObject({ since: Date.parse(HOUR_AGO) });
  });

  it("if its sidecar can't even start", () => {
    const left = [{ name: "proxy", state: "ImagePullBackOff" }];
    expect(look({ app: endedAt(HOUR_AGO), proxy: waiting("ImagePullBackOff") }, ROLES)).toMatchObject({ left });
    expect(look({ app: endedAt(HOUR_AGO), proxy: undefined }, ROLES)).toMatchObject({
      left: [{ name: "proxy", state: "waiting" }],
    });
  });

  it("if kubelet has forgotten when main ended", () => {
    expect(look({ app: endedAt(null, 137), proxy: RUNNING }, ROLES)).toMatchObject({ doubt: undefined });
  });

  it("if all but known sidecars have ended, even if nothing shows which of these was main", () => {
    const states = { a: endedAt(HOUR_AGO), b: endedAt(HOUR_AGO), proxy: RUNNING };
    expect(look(states, { a: "unclear", b: "unclear", proxy: "sidecar" })).toMatchObject({ doubt: undefined });
  });

  it("if Curfew injected it, but its sidecar outlived its grace period", () => {
    const isInjected = true;
    expect(look({ app: endedAt(HOUR_AGO), proxy: RUNNING }, ROLES, { isInjected })).toMatchObject({ doubt: undefined });
  });
});

describe("a Pod perhaps hangs", () => {
  it("if nothing shows whether what still runs is a sidecar", () => {
    const roles = { a: "unclear", b: "unclear" } as const;
    expect(look({ a: endedAt(HOUR_AGO), b: RUNNING }, roles)).toMatchObject({ doubt: "roles-unclear" });
    expect(look({ a: endedAt(HOUR_AGO), b: RUNNING }, {})).toMatchObject({ doubt: "roles-unclear" });
  });

  it("if its main has only just ended", () => {
    expect(look({ app: endedAt(JUST_NOW), proxy: RUNNING }, ROLES)).toMatchObject({ doubt: "just-ended" });
  });

  it("if only containers run that should end by themselves, but haven't for long", () => {
    const roles = { app: "main", xcom: "ignored" } as const;
    expect(look({ app: endedAt(HOUR_AGO), xcom: RUNNING }, roles)).toMatchObject({ doubt: "ends-by-itself" });
    expect(look({ app: endedAt(JUST_NOW), xcom: RUNNING }, roles)).toBeUndefined();
  });
});

describe("a Pod doesn't hang", () => {
  it("if its main still works after a sidecar has ended", () => {
    expect(look({ app: RUNNING, proxy: endedAt(HOUR_AGO) }, ROLES)).toBeUndefined();
  });

  it("if one of its mains still works", () => {
    const states = { app: endedAt(HOUR_AGO), second: RUNNING, proxy: RUNNING };
    expect(look(states, { ...ROLES, second: "main" })).toBeUndefined();
  });

  it("if containers in doubt still run after a known sidecar has ended", () => {
    const states = { a: RUNNING, b: RUNNING, proxy: endedAt(HOUR_AGO) };
    expect(look(states, { a: "unclear", b: "unclear", proxy: "sidecar" })).toBeUndefined();
  });

  it("if main will be started again", () => {
    const failed = { app: endedAt(HOUR_AGO, 1), proxy: RUNNING };
    expect(look(failed, ROLES, { spec: { restartPolicy: "OnFailure" } })).toBeUndefined();
    expect(look(failed, ROLES, { containers: { app: { restartPolicy: "OnFailure" } } })).toBeUndefined();
    const restartPolicyRules = [{ action: "Restart", exitCodes: { operator: "In", values: [1] } }];
    expect(
      look(failed, ROLES, { containers: { app: { restartPolicy: "Never", restartPolicyRules } } }),
    ).toBeUndefined();
    const succeeded = { app: endedAt(HOUR_AGO, 0), proxy: RUNNING };
    expect(look(succeeded, ROLES, { spec: { restartPolicy: "OnFailure" } })).toBeDefined();
    expect(
      look(succeeded, ROLES, { containers: { app: { restartPolicy: "Never", restartPolicyRules } } }),
    ).toBeDefined();
  });

  it("if Curfew injected it, and its sidecars are in their grace period", () => {
    const isInjected = true;
    expect(look({ app: endedAt(JUST_NOW), proxy: RUNNING }, ROLES, { isInjected })).toBeUndefined();
  });

  it("if nothing has ended, or everything has", () => {
    expect(look({ app: RUNNING, proxy: RUNNING }, ROLES)).toBeUndefined();
    expect(look({ app: endedAt(HOUR_AGO), proxy: endedAt(HOUR_AGO) }, ROLES)).toBeUndefined();
  });
});
