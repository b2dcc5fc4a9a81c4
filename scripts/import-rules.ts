/**
 * Which folder may import which. The table in docs/architecture.md says so; this reads it for eslint
 * and for the test of that table.
 */

export interface Row {
  /** As the table has it: `src/http/`, or a single file, `src/cli.ts`. Relative to the repository. */
  readonly path: string;
  /** What it may import besides itself, as paths without a closing slash: `src/http`, `src`, `package.json`. */
  readonly mayImport: readonly string[];
}

/**
 * A zone of eslint's `import-x/no-restricted-paths`: files in `target` may not import files in
 * `from`, except those in `except`.
 */
export interface Zone {
  readonly target: string;
  readonly from: string;
  readonly except: string[];
  readonly message: string;
}

/**
 * The rows of the table `| folder | what it's for | may import |`. A name in its last column is the
 * end of another row's path (`http` for `src/http/`), a folder that has rows (`src`) or a file
 * (`package.json`).
 * @throws if there's no such table, or if a name fits no row or several.
 */
export function parseRows(markdown: string): Row[] {
  const table = /^\| folder +\|.*\| may import +\|\n.*\n((?:\|.*\n)+)/m.exec(markdown)?.[1];
  if (table === undefined) throw new Error("docs/architecture.md has no table with the columns folder … may import");
  const rows = table
    .trim()
    .split("\n")
    .map((line) => {
      const cells = line.split("|").map((cell) => cell.trim());
      return { path: cells[1]?.replaceAll("`", "") ?? "", names: cells.at(-2)?.split(", ") ?? [] };
    });
  const paths = rows.map(({ path }) => withoutSlash(path));
  return rows.map(({ path, names }) => ({ path, mayImport: names.flatMap((name) => resolveName(name, path, paths)) }));
}

const withoutSlash = (path: string): string => path.replace(/\/$/, "");

function resolveName(name: string, row: string, paths: readonly string[]): string[] {
  if (name === "nothing" || name === "its rooms") return []; // a folder's rooms are its own
  if (name === "everything") return ["."];
  if (name.endsWith(".json") || paths.some((path) => path === name || path.startsWith(`${name}/`))) return [name];
  const matches = paths.filter((path) => path.endsWith(`/${name}`));
  if (matches.length === 1) return matches;
  throw new Error(`docs/architecture.md: ${row} may import ${name}, which fits ${matches.join(" and ") || "no row"}`);
}

/**
 * One zone for each row. If subfolders have rows of their own, the folder's zone covers only the
 * files right in it, and they may import those subfolders.
 */
export function zonesOf(rows: readonly Row[]): Zone[] {
  return rows.map(({ path, mayImport }) => {
    const own = withoutSlash(path);
    return {
      target: hasRooms(path, rows) ? `${own}/*.ts` : own,
      from: ".",
      except: ["node_modules", own, ...mayImport],
      message: `Its row in docs/architecture.md: ${path} may import only ${[path, ...mayImport].join(", ")}.`,
    };
  });
}

/** Whether folders inside `path` have rows of their own. */
export const hasRooms = (path: string, rows: readonly Row[]): boolean =>
  rows.some((row) => row.path !== path && row.path.startsWith(path));
