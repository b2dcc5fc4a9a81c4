/**
 * `npm run audit` checks the packages that Curfew needs at run time. It fails if one has a licence
 * that isn't in LICENCES, or a known vulnerability that's `high` or `critical`. Some mirrors of the
 * registry serve no advisories: then it says so and passes.
 */
import { spawnSync } from "node:child_process";

/** SPDX identifiers. All they ask for is that we ship their text, and dist/licences.txt does. */
const LICENCES = [
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BlueOak-1.0.0",
  "ISC",
  "MIT",
  "PSF-2.0",
  "Unlicense",
];

interface Component {
  readonly name: string;
  readonly version: string;
  readonly licenses?: readonly { readonly license?: { readonly id?: string }; readonly expression?: string }[];
}
interface Audit {
  readonly message?: string;
  readonly metadata?: { readonly vulnerabilities: Readonly<Record<string, number>> };
}

/** Runs npm and parses its JSON. The exit status is ignored: it adds nothing to the output. */
function npmJson(...args: string[]): unknown {
  const { stdout, error } = spawnSync("npm", args, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  if (error) throw error;
  return JSON.parse(stdout);
}

const { components } = npmJson("sbom", "--omit=dev", "--sbom-format=cyclonedx") as { components: readonly Component[] };
const counts = new Map<string, number>();
for (const { name, version, licenses = [] } of components) {
  const ids = licenses.map(({ license, expression }) => license?.id ?? expression ?? "unknown");
  const chosen = ids.flatMap((id) => id.replaceAll(/[()]/g, "").split(" OR ")).find((id) => LICENCES.includes(id));
  if (chosen === undefined) {
    console.error(
      `${name} ${version} has the licence ${ids.join(", ") || "none"}, which isn't one of ${LICENCES.join(", ")}`,
    );
    process.exitCode = 1;
  } else counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
}
const byCount = [...counts].sort(([, a], [, b]) => b - a).map(([id, count]) => `${count} ${id}`);
console.log(`${components.length} packages at run time: ${byCount.join(", ")}`);

const { metadata, message } = npmJson("audit", "--json", "--omit=dev") as Audit;
if (metadata === undefined) {
  console.log(`vulnerabilities: unknown, as this registry serves no advisories (${message ?? "no answer"})`);
} else {
  const { high = 0, critical = 0, total = 0 } = metadata.vulnerabilities;
  console.log(`vulnerabilities: ${total} known, ${high + critical} of them high or critical`);
  if (high + critical > 0) process.exitCode = 1;
}
