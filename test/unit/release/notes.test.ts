import { expect, test } from "vitest";
import { notesOf } from "../../../scripts/release-notes.ts";

const CHANGELOG = `# Changelog

## Unreleased

- More to come.

## 1.10.0 - 2026-12-01

### Added

- A [page](docs/a.md#b), [another](https://example.org/c) and [a part](#d).

## 1.1.0 - 2026-11-01

- Less.
`;

test("a version's notes are its section of the changelog", () => {
  expect(notesOf(CHANGELOG, "1.1.0")).toBe("- Less.\n");
});

test("links to files lead to where the notes are told that files are", () => {
  expect(notesOf(CHANGELOG, "1.10.0", "https://example.com/v1.10.0/")).toBe(
    "### Added\n\n- A [page](https://example.com/v1.10.0/docs/a.md#b), [another](https://example.org/c) and [a part](#d).\n",
  );
});

test.each(["1.1", "2.0.0", "Unreleased"])("a version without a dated section has no notes: %s", (version) => {
  expect(() => notesOf(CHANGELOG, version)).toThrow(`CHANGELOG.md has no section "## ${version} - YYYY-MM-DD"`);
});
