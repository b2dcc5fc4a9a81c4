/** `npm run check` runs its checks beside each other. */
import { expect, test } from "vitest";
import { runChecks } from "../../scripts/check.ts";

test("a check that fails, or doesn't start, keeps no other from running, and each says what it has to say", async () => {
  const checks = ["ls /no/such", "no-such-program --flag", "printf fine", "true"];
  const blocks: string[] = [];
  const failed = await runChecks(checks, (text) => blocks.push(text.replace(/\d+ s/, "… s")), 2);
  expect(failed).toEqual(["ls /no/such", "no-such-program --flag"]);
  const said = (check: string) => blocks.filter((block) => block.includes(` ${check} (… s)\n`)).join();
  expect(said("ls /no/such")).toMatch(/^✖ .*\n.*\/no\/such/);
  expect(said("no-such-program --flag")).toBe("✖ no-such-program --flag (… s)\nspawn no-such-program ENOENT\n");
  expect(said("printf fine")).toBe("✔ printf fine (… s)\nfine");
  expect(said("true")).toBe("✔ true (… s)\n");
});
