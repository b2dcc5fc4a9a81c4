/**
 * What a patched Job must look like. This knows Kubernetes and the contracts, but not how the
 * planner works.
 */
import { expect } from "vitest";
import { MOUNT_PATH } from "../../../src/injection/names.ts";
import type { ContainerPlan, PatchPlan, Plan } from "../../../src/injection/plan.ts";
import { unwrap } from "../../../src/injection/wrapper/wrapper.ts";
import { withoutNulls } from "./apply.ts";
import type { GeneratedContainer } from "./arbitrary-container.ts";
import type { GeneratedJob, GeneratedPodSpec, GeneratedRule } from "./arbitrary-job.ts";

export const podSpecOf = (job: GeneratedJob): GeneratedPodSpec => job.spec.template.spec;

export const without = (object: object, ...fields: string[]): object =>
  Object.fromEntries(Object.entries(object).filter(([field]) => !fields.includes(field)));

export const byRole = (plan: Plan, role: ContainerPlan["role"]): string[] =>
  plan.containers.filter((container) => container.role === role).map(({ name }) => name);

/** Mains and sidecars are wrapped around one emptyDir, and nothing else has changed. */
export function expectTrap(job: GeneratedJob, plan: PatchPlan, result: GeneratedJob): void {
  const before = podSpecOf(job);
  const after = podSpecOf(result);
  expect(after.initContainers).toEqual(before.initContainers);
  expect(result.spec.podFailurePolicy).toEqual(job.spec.podFailurePolicy);
  expect(after.containers.map(({ name }) => name)).toEqual(before.containers.map(({ name }) => name));
  expect((after.volumes ?? []).slice(0, before.volumes?.length ?? 0)).toEqual(before.volumes ?? []);

  const shared = new Set<string>();
  for (const [index, container] of after.containers.entries()) {
    const original = before.containers[index] as GeneratedContainer;
    const { role, argv } = plan.containers[index] as ContainerPlan;
    if (role === "ignored") {
      expect(container).toEqual(original);
      continue;
    }
    const undone = unwrap(container);
    if (typeof undone !== "object") throw new Error(`${container.name} should be wrapped.`);
    expect(undone).toMatchObject({ role, argv, current: true });
    const commandOf = ({ command }: GeneratedContainer): readonly string[] | undefined =>
      command?.length ? command : undefined;
    expect(undone.command).toEqual(commandOf(original));
    expect(undone.args ?? []).toEqual(original.args ?? []);
    const annotation = job.metadata.annotations?.[`command.curfew.sh/${container.name}`];
    const leading =
      commandOf(original) ?? (annotation === undefined ? undefined : (JSON.parse(annotation) as string[]));
    if (leading) expect(argv).toEqual([...leading, ...(original.args ?? [])]);
    expect(argv).not.toEqual([]);

    const changed = ["command", "args", "volumeMounts"];
    expect(without(container, ...changed)).toEqual(without(original, ...changed));
    const mounts = container.volumeMounts ?? [];
    expect(mounts.slice(0, original.volumeMounts?.length ?? 0)).toEqual(original.volumeMounts ?? []);
    const added = mounts.slice(original.volumeMounts?.length ?? 0);
    for (const mount of added) expect(mount.readOnly ?? false).toBe(role === "sidecar");
    const at = mounts.filter(
      ({ mountPath }) => new URL(`file://${mountPath}`).pathname.replace(/\/+/g, "/").replace(/\/$/, "") === MOUNT_PATH,
    );
    expect(at).not.toEqual([]);
    for (const { name, readOnly } of at) {
      if (role === "main") expect(readOnly ?? false).toBe(false);
      shared.add(name);
    }
  }
  expect([...shared]).toHaveLength(1);
  const volume = (after.volumes ?? []).filter(({ name }) => shared.has(name));
  expect(volume).toHaveLength(1);
  expect(
    Object.keys(withoutNulls(volume[0]) as object).filter((field) => field !== "name" && field !== "emptyDir"),
  ).toEqual([]);
}

/** Sidecars come after the init containers, in their order, and nothing else has changed. */
export function expectNative(job: GeneratedJob, plan: PatchPlan, result: GeneratedJob): void {
  const before = podSpecOf(job);
  const after = podSpecOf(result);
  const sidecars = byRole(plan, "sidecar");
  const stayed = before.containers.filter(({ name }) => !sidecars.includes(name));
  const moved = before.containers.filter(({ name }) => sidecars.includes(name));
  expect(after.containers).toEqual(stayed);
  expect(after.initContainers).toEqual([
    ...(before.initContainers ?? []),
    ...moved.map((sidecar) => ({ ...sidecar, restartPolicy: "Always" })),
  ]);
  expect(after.volumes).toEqual(before.volumes);

  // Each rule on exit codes still applies to the containers that it saw before, except the
  // sidecars.
  const seen = [...stayed, ...(before.initContainers ?? [])].map(({ name }) => name);
  const expected = (job.spec.podFailurePolicy?.rules ?? []).flatMap((rule): GeneratedRule[] => {
    const { onExitCodes } = rule;
    if (!onExitCodes || onExitCodes.containerName != null) return [rule];
    return seen.map((containerName) => ({ ...rule, onExitCodes: { ...onExitCodes, containerName } }));
  });
  expect(result.spec.podFailurePolicy?.rules ?? []).toEqual(expected);
  expect(expected.length).toBeLessThanOrEqual(20);
}
