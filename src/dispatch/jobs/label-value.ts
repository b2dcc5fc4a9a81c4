import { encodeName, type NameForm } from "../config/encode-name.ts";

/**
 * At most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends.
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
 */
const LABEL_VALUE: NameForm = {
  valid: /^[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?$/,
  foreign: /[^A-Za-z0-9_.-]+/g,
  maxLength: 63,
};

/**
 * Makes any text fit a Kubernetes label. A text that isn't a label's value as it is gets a hash, so
 * that the branch `!main` isn't taken for `main`. Undefined if the text is empty.
 */
export function toLabelValue(text: string): string | undefined {
  return text === "" ? undefined : encodeName(text, LABEL_VALUE);
}
