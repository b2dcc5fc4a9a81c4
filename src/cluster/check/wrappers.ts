/** Whether namespaces take the Pods that Curfew makes of Jobs: tried by dry runs. */
import { docsUrl } from "../../process/docs.ts";
import { bad, good, skipped, warning, type Finding, type Group } from "./finding.ts";
import { notLookedAt, type Answer, type Unknown } from "./answer.ts";
import { listed } from "./matching.ts";
import type { Tried } from "./asker.ts";
import type { Container, Pod } from "./objects.ts";

export type Strategy = "trap" | "native";

/** What a namespace said to the Pods of both strategies. */
export interface WrapperTrial {
  readonly namespace: string;
  readonly sent: Readonly<Record<Strategy, Pod>>;
  readonly tried: Readonly<Record<Strategy, Tried<Pod>>>;
  /** What it said to the same Pod without Curfew. Undefined if it took both. */
  readonly plain: Tried<Pod> | undefined;
}

export interface WrapperFacts {
  readonly trials: Answer<readonly WrapperTrial[]>;
  /** How many namespaces could have Jobs. */
  readonly candidates: number;
}

export const WRAPPERS_GROUP: Group<WrapperFacts> = {
  title: "Pods as Curfew makes them (dry runs)",
  checks: [{ id: "wrapped-pods", run: wrapperFindings }],
};

function wrapperFindings({ trials: answer, candidates }: WrapperFacts): readonly Finding[] {
  if (answer.kind === "unknown") return [notLookedAt(answer)];
  const trials = answer.value;
  const judged = trials.filter((trial) => plainRefusal(trial) === undefined).map(trialFindings);
  const fine = judged.filter((findings) => findings.length === 0);
  const rest = trials.length < candidates ? ` (tried ${trials.length} of ${candidates}, opted-in ones first)` : "";
  return [
    ...(fine.length > 0 ? [good(`accepted unchanged by ${fine.length} of ${trials.length} namespaces${rest}`)] : []),
    ...(candidates === 0
      ? [skipped("there's no namespace to try them in", "create one, then run the check again", PAGE)]
      : []),
    ...untriable(trials),
    ...judged.flat(),
  ];
}

const PAGE = docsUrl("operations", "when-something-is-wrong");

/** If a namespace refuses even a plain Pod, it says nothing about Curfew's. */
function plainRefusal({ plain }: WrapperTrial): string | Unknown | undefined {
  if (plain === undefined || plain.kind === "accepted") return undefined;
  return plain.kind === "refused" ? plain.message : plain;
}

function untriable(trials: readonly WrapperTrial[]): Finding[] {
  const reasons = trials.flatMap((trial) => {
    const why = plainRefusal(trial);
    return why === undefined ? [] : [{ namespace: trial.namespace, why }];
  });
  const alike = ({ namespace, why }: (typeof reasons)[number]): string =>
    (typeof why === "string" ? why : why.why).replaceAll(` in ${namespace}`, " in …").replaceAll(/"[^"]*"/g, '"…"');
  return [...Map.groupBy(reasons, alike)].flatMap(([, same]) => {
    const names = listed(same.map(({ namespace }) => namespace));
    const hint = "nothing, if no Jobs run there. Otherwise, see what refuses the Pod";
    const [first] = same;
    if (first === undefined) return [];
    if (typeof first.why !== "string") return [notLookedAt(first.why, names)];
    return [skipped(`even a plain Pod is refused in ${names}: ${first.why}`, hint, PAGE)];
  });
}

function trialFindings(trial: WrapperTrial): readonly Finding[] {
  const { namespace, tried, sent } = trial;
  const strategies = ["trap", "native"] as const;
  const refused = strategies.flatMap((strategy) => {
    const outcome = tried[strategy];
    return outcome.kind === "refused" ? [{ strategy, message: outcome.message }] : [];
  });
  const changed = strategies.flatMap((strategy) => {
    const outcome = tried[strategy];
    const lost = outcome.kind === "accepted" ? lostIn(sent[strategy], outcome.object) : [];
    return lost.length === 0 ? [] : [{ strategy, lost }];
  });
  const unknown = strategies.flatMap((strategy) => {
    const outcome = tried[strategy];
    return outcome.kind === "unknown" ? [notLookedAt(outcome, `Pods of strategy ${strategy} in ${namespace}`)] : [];
  });
  const mark = refused.length + changed.length === strategies.length ? bad : warning;
  return [
    ...unknown,
    ...refused.map(({ strategy, message }) =>
      mark(
        `${namespace} refuses Pods of strategy ${strategy}: ${message}`,
        hintFor(strategy, message),
        docsFor(strategy, message),
      ),
    ),
    ...changed.map(({ strategy, lost }) => {
      const text = `a webhook changes Pods of strategy ${strategy} in ${namespace}: ${lost.join(", ")}`;
      const hint = `exclude the Pods of Jobs from that webhook, or set curfew.sh/strategy: ${other(strategy)}`;
      return mark(text, hint, docsUrl("operations", "a-job-has-no-pods-failedcreate-and-the-policy-curfew-pods"));
    }),
  ];
}

const other = (strategy: Strategy): Strategy => (strategy === "trap" ? "native" : "trap");
const isAboutVolume = (strategy: Strategy, message: string): boolean =>
  strategy === "trap" && /emptyDir|medium|volume/i.test(message);

function hintFor(strategy: Strategy, message: string): string {
  if (isAboutVolume(strategy, message))
    return "set CURFEW_VOLUME_MEDIUM=disk on curfew-admission, or allow it in the policy";
  return `allow it in the policy, or set curfew.sh/strategy: ${other(strategy)} on the Jobs there`;
}

function docsFor(strategy: Strategy, message: string): string {
  if (!isAboutVolume(strategy, message)) return PAGE;
  return docsUrl("operations", "a-job-has-no-pods-failedcreate-and-a-policy-that-forbids-emptydirs-in-memory");
}

/** What the API server's answer no longer has of a planned Pod. Additions are fine. */
function lostIn(sent: Pod, got: Pod): string[] {
  const find = (name: string): Container | undefined =>
    [...got.spec.containers, ...(got.spec.initContainers ?? [])].find((container) => container.name === name);
  const wanted = [...sent.spec.containers, ...(sent.spec.initContainers ?? [])];
  return wanted.flatMap(({ name, restartPolicy, command }) => {
    const container = find(name);
    if (container === undefined) return [`${name} is gone`];
    const isCommandKept = JSON.stringify([...(container.command ?? []), ...(container.args ?? [])]).includes(
      JSON.stringify(command ?? []).slice(1, -1),
    );
    return [
      ...(container.restartPolicy === restartPolicy ? [] : [`${name} loses restartPolicy: ${restartPolicy ?? ""}`]),
      ...(isCommandKept ? [] : [`${name} gets another command`]),
    ];
  });
}
