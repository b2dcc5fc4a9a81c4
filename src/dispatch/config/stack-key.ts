import { encodeName } from "./encode-name.ts";

/** https://buildkite.com/docs/apis/agent-api/stacks#register-a-stack */
const MAX_LENGTH = 80;

/**
 * The key of a queue's stack at Buildkite, `KEY-QUEUE`. It can have only letters, digits, `_` and
 * `-`, so other queue names are encoded.
 * @param stackKey the setting, at most 63 characters.
 */
export function stackKeyOf(stackKey: string, queueName: string): string {
  const maxLength = MAX_LENGTH - stackKey.length - 1;
  return `${stackKey}-${encodeName(queueName, { valid: /^[A-Za-z0-9_-]+$/, foreign: /[^A-Za-z0-9_-]+/g, maxLength })}`;
}
