/**
 * `node scripts/release-notes.ts VERSION [BASE]` prints what CHANGELOG.md says of a version. BASE, an
 * address that ends with a slash, comes before the links to files, as notes are read elsewhere.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The section `## VERSION - YYYY-MM-DD` of a changelog, without its heading.
 * @throws if there's none: a version that isn't dated isn't released
 */
export function notesOf(changelog: string, version: string, base = ""): string {
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((each) => each.startsWith(`${version} - `));
  const [, notes] = /^.* - \d{4}-\d{2}-\d{2}\n(.*)$/s.exec(section ?? "") ?? [];
  if (notes === undefined)
    throw new Error(`CHANGELOG.md has no section "## ${version} - YYYY-MM-DD": date what's in Unreleased`);
  return `${notes.trim()}\n`.replace(/\]\((?![a-z]+:|#)/g, `](${base}`);
}

if (import.meta.main) {
  const [version = "", base] = process.argv.slice(2);
  process.stdout.write(notesOf(readFileSync(join(import.meta.dirname, "../CHANGELOG.md"), "utf8"), version, base));
}
