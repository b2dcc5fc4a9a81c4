import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { drawDashboard, formatted, type Dashboard, type Recording } from "../../bench/lib/dashboard.ts";

const root = join(import.meta.dirname, "../..");
const shipped = JSON.parse(readFileSync(join(root, "manifests/monitoring/dashboard.json"), "utf8")) as Dashboard;

/** Two series for each panel but the last. */
const recording: Recording = {
  seconds: 60,
  panels: Object.fromEntries(
    shipped.panels.slice(0, -1).map(({ id, targets = [] }) => [
      id,
      targets.flatMap((_, target) =>
        ["a <b>", "c"].map((name) => ({
          name: `${name} ${target}`,
          points: [0, 30, 60].map((second) => [second, second * 2] as const),
        })),
      ),
    ]),
  ),
};

describe("the picture of the dashboard", () => {
  const svg = drawDashboard(shipped, recording);

  test("has every panel that the dashboard ships, and says where there's no data", () => {
    for (const { title } of shipped.panels) expect(svg).toContain(`>${title}</text>`);
    expect(svg.match(/No data/g)).toHaveLength(1);
    expect(svg).toContain("a &lt;b> 0");
  });

  test("is the same for the same recording, and draws panels beside each other", () => {
    expect(drawDashboard(shipped, recording)).toBe(svg);
    const places = [...svg.matchAll(/<g transform="translate\((\d+),(\d+)\)">/g)].map(([place]) => place);
    expect(new Set(places).size).toBe(shipped.panels.length);
  });

  test("that's in the docs is one of the dashboard as it's shipped, and small", () => {
    const committed = readFileSync(join(root, "docs/pictures/dashboard.svg"), "utf8");
    expect(committed.length).toBeLessThan(150 * 1024);
    for (const { title } of shipped.panels) expect(committed).toContain(`>${title}</text>`);
  });
});

test.each([
  [0, "reqps", "0 req/s"],
  [1234, "reqps", "1.23 K req/s"],
  [0.0042, "s", "4.2 ms"],
  [29.9 * 86_400, "s", "4.27 weeks"],
  [97 * 1024 ** 2, "bytes", "97 MiB"],
  [3, "short", "3"],
])("a dashboard shows %d %s as %s", (value, unit, text) => {
  expect(formatted(value, unit)).toBe(text);
});
