/** What the API server answers, checked as far as everything else relies on it. */
import { OutsideError } from "../process/errors.ts";

/** The parts of an object's metadata that every kind has. */
export interface KubeObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly creationTimestamp: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/**
 * Parses an answer. The engine's own error would quote the text, which can hold anything.
 * @param what for the message, such as "Pods in builds".
 * @throws OutsideError if it isn't JSON.
 */
export function parseAnswer(text: string, what: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new OutsideError(`the Kubernetes API server's answer about ${what} isn't JSON: is there a proxy in between?`);
  }
}

/** Whether it's an object with a name and a UID. */
export function isKubeObject(value: unknown): value is KubeObject {
  const { metadata } = isRecord(value) ? value : {};
  return isRecord(metadata) && typeof metadata["name"] === "string" && typeof metadata["uid"] === "string";
}

/** Whether it's an object, so that its fields can be looked at. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
