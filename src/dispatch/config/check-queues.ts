/** What must be true of all queues together, or of a queue and the rest of the file. Pure. */
import type { Finding, QueueShape } from "./schema.ts";

/** @param queues those of their fields that can be read. */
export function checkQueues(queues: readonly Partial<QueueShape>[], hasStacks: boolean): Finding[] {
  return queues.flatMap((queue, index) => {
    const { name, id, mode, maxInFlight } = queue;
    const problems: Finding[] = [];
    const add = (field: string, message: string): void => {
      problems.push({ path: ["queues", index, field], message });
    };
    const earlier = queues.slice(0, index);
    /** Where an earlier queue is like this one. */
    const indexOf = (isLike: (other: Partial<QueueShape>) => boolean): string => `queues[${earlier.findIndex(isLike)}]`;
    if (name !== undefined && earlier.some((other) => other.name === name))
      add("name", `${JSON.stringify(name)} is already the name of ${indexOf((other) => other.name === name)}`);
    if (id !== undefined && earlier.some((other) => other.id === id))
      add("id", `is already the id of ${indexOf((other) => other.id === id)}`);
    if (queue.default === true && earlier.some((other) => other.default === true))
      add("default", `only one queue can be the default, and ${indexOf((other) => other.default === true)} is`);
    if (hasStacks) return problems;
    if (mode === "acquire") add("mode", "acquire needs `stacks` with an agent token");
    if (maxInFlight !== undefined)
      add("maxInFlight", "needs `stacks`: without it, jobs beyond this limit would never run");
    return problems;
  });
}
