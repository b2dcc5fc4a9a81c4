/**
 * `npm run audit`: what Curfew depends on at run time. Fails at a licence outside LICENCES, and at a known vulnerability of level
 * `high` or worse. Mirrors of the registry often serve no advisories; that is said, and nothing else can be done about it here.
 */
import { spawnSync } from "node:child_process";

/** SPDX; permissive ones, which ask for no more than their text, and that is in dist/licences.txt. */
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

/** npm's JSON; its exit status says only what that says too. */
function npm(...args: string[]): unknown {
  const { stdout, error } = spawnSync("npm", args, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  if (error) throw error;
  return JSON.parse(stdout);
}

const { components } = npm("sbom", "--omit=dev", "--sbom-format=cyclonedx") as { components: readonly Component[] };
const counts = new Map<string, number>();
for (const { name, version, licenses = [] } of components) {
  const ids = licenses.map(({ license, expression }) => license?.id ?? expression ?? "unknown");
  const chosen = ids.flatMap((id) => id.replaceAll(/[()]/g, "").split(" OR ")).find((id) => LICENCES.includes(id));
  if (chosen === undefined) {
    console.error(`${name} ${version} has licence ${ids.join(", ") || "none"}: not one of ${LICENCES.join(", ")}`);
    process.exitCode = 1;
  } else counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
}
const byCount = [...counts].sort(([, a], [, b]) => b - a).map(([id, count]) => `${count} ${id}`);
console.log(`${components.length} packages at run time: ${byCount.join(", ")}`);

const { metadata, message } = npm("audit", "--json", "--omit=dev") as Audit;
if (metadata === undefined) {
  console.log(`vulnerabilities: not known, the registry serves no advisories (${message ?? "no answer"})`);
} else {
  const { high = 0, critical = 0, total = 0 } = metadata.vulnerabilities;
  console.log(`vulnerabilities: ${total} known, of which ${high + critical} high or critical`);
  if (high + critical > 0) process.exitCode = 1;
}
