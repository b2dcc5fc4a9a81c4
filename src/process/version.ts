/** Which Curfew this is: the version in package.json, and the commit that it was built from. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import packageJson from "../../package.json" with { type: "json" };

/** A build puts the commit here (scripts/bundle.ts). A checkout has no such name. */
declare const CURFEW_COMMIT: string | undefined;

/**
 * The checkout's commit, 40 hexadecimal digits, with `-dirty` behind it if a file that git knows has
 * changed. "unknown" if `folder` isn't the root of a checkout, or if there's no git.
 */
export function commitOf(folder: string): string {
  if (!existsSync(join(folder, ".git"))) return "unknown"; // git would look for one further up
  const describe = ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"];
  try {
    return execFileSync("git", ["-C", folder, ...describe], { stdio: ["ignore", "pipe", "ignore"] })
      .toString()
      .trim();
  } catch {
    return "unknown";
  }
}

export interface Version {
  /** As SemVer has it, without a `v`. */
  readonly version: string;
  /** As {@link commitOf} says it. */
  readonly commit: string;
}

/** In a checkout, this asks git. */
export function findVersion(): Version {
  const commit =
    typeof CURFEW_COMMIT === "string" ? CURFEW_COMMIT : commitOf(fileURLToPath(new URL("../..", import.meta.url)));
  return { version: packageJson.version, commit };
}

/** One line, as `curfew version` prints it. */
export function versionLine(): string {
  const { version, commit } = findVersion();
  return `curfew ${version} (commit ${commit})`;
}

/** `curfew version`. */
export function versionCommand(): Command {
  return new Command("version")
    .description("Prints the version and the commit that it was built from.")
    .addOption(new Option("-o, --output <format>", "output format").choices(["text", "json"]).default("text"))
    .action(({ output }: { readonly output: "text" | "json" }) => {
      console.log(output === "json" ? JSON.stringify({ schemaVersion: 1, ...findVersion() }, null, 2) : versionLine());
    });
}
