import { inspect } from "node:util";
import { expect, test } from "vitest";
import { parseSecret } from "../../../certs/secret.ts";
import { installedSecret } from "../../support/certs/world.ts";

const texts = installedSecret(new Date());

test("an authority and a serving certificate are used only with their keys", () => {
  const { authority, leaf } = parseSecret(texts);
  expect(authority?.certificate.ca).toBe(true);
  expect(leaf?.ca).toBe(false);
  const swapped = { ...texts, authorityKey: texts.key, key: texts.authorityKey };
  expect(parseSecret(swapped)).toMatchObject({ authority: undefined, leaf: undefined });
});

test("a parsed Secret never prints its private keys", () => {
  const parsed = parseSecret(texts);
  const printed = inspect(parsed, { depth: Infinity, showHidden: true }) + JSON.stringify(parsed);
  const lines = [texts.authorityKey, texts.key].flatMap((key) => key.split("\n").slice(1, -2));
  expect(lines.length).toBeGreaterThan(20);
  for (const line of lines) expect(printed).not.toContain(line);
});
