/** A small SVG of lines, for docs/. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Plot {
  readonly title: string;
  /** The axes' units. */
  readonly x: string;
  readonly y: string;
  readonly lines: readonly Line[];
}

const WIDTH = 640;
const HEIGHT = 320;
const MARGIN = { left: 56, right: 24, top: 40, bottom: 44 };
const COLOURS = ["#1f6feb", "#8b949e", "#bf8700", "#1a7f37"];

export function writePlot(folder: string, name: string, plot: Plot): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.svg`), drawPlot(plot));
}

/** Both axes begin at 0. The background is white, so that it can be read in a dark viewer, too. */
export function drawPlot({ title, x, y, lines }: Plot): string {
  const points = lines.flatMap((line) => line.points);
  const [right, top] = [0, 1].map((axis) => niceTop(Math.max(...points.map((point) => point[axis] ?? 0))));
  const across = (value: number): number => MARGIN.left + (value / (right ?? 1)) * (WIDTH - MARGIN.left - MARGIN.right);
  const up = (value: number): number =>
    HEIGHT - MARGIN.bottom - (value / (top ?? 1)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const text = (at: readonly [number, number], anchor: string, content: string, colour = "#57606a"): string =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" text-anchor="${anchor}" fill="${colour}">${content}</text>`;
  const rule = (from: readonly [number, number], to: readonly [number, number]): string =>
    `<path d="M${from.map((value) => value.toFixed(1)).join(" ")}L${to.map((value) => value.toFixed(1)).join(" ")}" stroke="#d0d7de"/>`;

  const steps = [0, 0.25, 0.5, 0.75, 1];
  const grid = steps.flatMap((step) => {
    const [atX, atY] = [across(step * (right ?? 1)), up(step * (top ?? 1))];
    return [
      rule([MARGIN.left, atY], [WIDTH - MARGIN.right, atY]),
      text([MARGIN.left - 8, atY + 4], "end", label(step * (top ?? 1))),
      text([atX, HEIGHT - MARGIN.bottom + 18], "middle", label(step * (right ?? 1))),
    ];
  });
  const drawn = lines.flatMap(({ name, points }, index) => {
    const colour = COLOURS[index % COLOURS.length] ?? "#000";
    const path = points.map(([px, py]) => `${across(px).toFixed(1)},${up(py).toFixed(1)}`).join(" ");
    return [
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      text([MARGIN.left + 12 + index * 150, MARGIN.top - 6], "start", name, colour),
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text([MARGIN.left, 18], "start", `${title} (${y})`, "#1f2328"),
    ...grid,
    text([WIDTH - MARGIN.right, HEIGHT - 8], "end", x),
    ...drawn,
    "</svg>\n",
  ].join("\n");
}

/** The next round number, chosen so that a quarter of it is easy to read, too. */
function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 1.2, 1.6, 2, 2.4, 3.2, 4, 5, 6, 8, 10].find((factor) => factor * power >= value) ?? 10) * power;
}

function label(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en");
}
