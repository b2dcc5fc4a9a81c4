import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hasRooms, parseRows, zonesOf } from "../../scripts/import-rules.ts";

const root = join(import.meta.dirname, "../..");
const rows = parseRows(readFileSync(join(root, "docs/architecture.md"), "utf8"));

/** The folders right inside a folder, as the table writes them. */
const foldersIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `${folder}${name}/`);

const tableOf = (...lines: string[]): string =>
  ["| folder | what it's for | may import |", "| --- | --- | --- |", ...lines, ""].join("\n");

describe("the table of folders in docs/architecture.md", () => {
  it("has a row for each folder of src", () => {
    const withRooms = rows.map(({ path }) => path).filter((path) => hasRooms(path, rows));
    const folders = ["src/", ...withRooms].flatMap(foldersIn);
    expect(folders.filter((folder) => rows.every(({ path }) => path !== folder))).toEqual([]);
  });

  it("has no row for what isn't there", () => {
    expect(rows.map(({ path }) => path).filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});

describe("eslint", () => {
  const [admission, dispatch, queue] = zonesOf(
    parseRows(
      tableOf(
        "| `src/admission/` | reviews | http |",
        "| `src/dispatch/`  | the root | its rooms |",
        "| `src/dispatch/queue/` | a room | nothing |",
        "| `src/http/` | ports | nothing |",
      ),
    ),
  );

  it("lets a folder import itself and what its row names", () => {
    expect(admission).toMatchObject({
      target: "src/admission",
      from: ".",
      except: ["node_modules", "src/admission", "src/http"],
    });
  });

  it("names the row in its message", () => {
    expect(admission?.message).toContain("src/admission/ may import only src/admission/, src/http");
  });

  it("lets a folder's own files import its rooms, and a room nothing of that folder", () => {
    expect(dispatch).toMatchObject({ target: "src/dispatch/*.ts", except: ["node_modules", "src/dispatch"] });
    expect(queue).toMatchObject({ target: "src/dispatch/queue", except: ["node_modules", "src/dispatch/queue"] });
  });

  it("doesn't start if the table names a folder that has no row, or if there's no table", () => {
    expect(() => parseRows(tableOf("| `src/http/` | ports | sockets |"))).toThrow(
      "src/http/ may import sockets, which fits no row",
    );
    expect(() => parseRows("# Architecture\n")).toThrow("has no table");
  });
});
