/** Turns any name into one of a narrower form, so that different names stay different. */
import { createHash } from "node:crypto";

export interface NameForm {
  /** What a whole name can be. */
  readonly valid: RegExp;
  /** What can't be in it. Global, to be replaced. */
  readonly foreign: RegExp;
  readonly maxLength: number;
}

const HASH_LENGTH = 16;
/** How an encoded name ends. */
const ENCODED = new RegExp(`(?:^|-)[0-9a-f]{${HASH_LENGTH}}$`);

/**
 * The name itself if it has the form, and doesn't end as an encoded one does. Any other name is
 * cleaned, cut, and gets `-` and 16 hex digits of its SHA-256. So nobody can choose a name that's
 * encoded as somebody else's: that would take 2^64 tries.
 */
export function encodeName(name: string, { valid, foreign, maxLength }: NameForm): string {
  if (name.length <= maxLength && valid.test(name) && !ENCODED.test(name)) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, HASH_LENGTH);
  const cleaned = name
    .replace(foreign, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, Math.max(maxLength - HASH_LENGTH - 1, 0))
    .replace(/[^A-Za-z0-9]+$/, "");
  return cleaned === "" ? hash : `${cleaned}-${hash}`;
}
