/** Draws a Grafana dashboard's panels with recorded data, where its JSON puts them. Pure. */

/** What is read of a dashboard's JSON. */
export interface Dashboard {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  /** In Grafana's grid: 24 columns, rows of 30 pixels. */
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
  readonly fieldConfig?: {
    readonly defaults?: {
      readonly unit?: string;
      readonly custom?: { readonly stacking?: { readonly mode?: string } };
    };
  };
}

export interface Target {
  readonly expr: string;
  readonly legendFormat?: string;
}

/** A line of a panel: its name in the legend, and a value for each time. */
export interface Series {
  readonly name: string;
  /** Seconds since the recording's start, and a value. */
  readonly points: readonly (readonly [seconds: number, value: number])[];
}

/** What was recorded: the series of each panel, by its id. */
export interface Recording {
  readonly seconds: number;
  readonly panels: Readonly<Record<number, readonly Series[]>>;
}

// All lengths are pixels.
const COLUMN = 50;
const ROW = 26;
const MARGIN = 8;
const PLOT = { left: 66, right: 12, top: 30, bottom: 52 };
/** About the width of a character in the legend. */
const CHARACTER = 6;
const COLOURS = ["#56a64b", "#d9a406", "#3274d9", "#e0562f", "#a352cc", "#1f9e9e", "#c4162a", "#8a8a8a"];

const STYLE = `
text { font: 11px system-ui, -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; fill: #59636e }
.page { fill: #f4f5f5 }
.panel { fill: #ffffff; stroke: #d8dbe0 }
.title, .row, .stat { fill: #1f2328 }
.title { font-weight: 600; font-size: 12px }
.row { font-weight: 600; font-size: 14px }
.stat { font-size: 30px }
.grid { stroke: #e4e7eb }
@media (prefers-color-scheme: dark) {
text { fill: #9198a1 }
.page { fill: #0d1117 }
.panel { fill: #161b22; stroke: #30363d }
.title, .row, .stat { fill: #f0f6fc }
.grid { stroke: #262c36 }
}
`;

/** An SVG document. The same recording gives the same text. */
export function drawDashboard({ title, panels }: Dashboard, recording: Recording): string {
  const width = 24 * COLUMN + MARGIN;
  const height = Math.max(...panels.map(({ gridPos: { y, h } }) => y + h)) * ROW + MARGIN;
  const drawn = panels.map((panel) => {
    const { x, y, w, h } = panel.gridPos;
    const box = { width: w * COLUMN - MARGIN, height: h * ROW - MARGIN };
    const content =
      panel.type === "row"
        ? [textAt(0, 18, panel.title, "row")]
        : [
            `<rect class="panel" width="${box.width}" height="${box.height}" rx="3"/>`,
            textAt(10, 19, panel.title, "title"),
            ...(panel.type === "stat" ? stat : timeseries)(panel, recording, box),
          ];
    return `<g transform="translate(${x * COLUMN + MARGIN},${y * ROW + MARGIN})">\n${content.join("\n")}\n</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${escaped(title)}: the dashboard with data of a bench run</title>
<style>${STYLE}</style>
<rect class="page" width="${width}" height="${height}"/>
${drawn.join("\n")}
</svg>
`;
}

interface Box {
  readonly width: number;
  readonly height: number;
}

function stat(panel: Panel, { panels }: Recording, { width, height }: Box): string[] {
  const series = panels[panel.id] ?? [];
  if (series.length === 0) return [noData(width, height)];
  return series.flatMap(({ name, points }, index) => {
    const x = (width / series.length) * (index + 0.5);
    const value = points.at(-1)?.[1] ?? Number.NaN;
    return [
      textAt(x, height / 2 + 12, formatted(value, unitOf(panel)), "stat", "middle"),
      textAt(x, height / 2 + 34, name, "", "middle"),
    ];
  });
}

function timeseries(panel: Panel, { seconds, panels }: Recording, { width, height }: Box): string[] {
  const series = panels[panel.id] ?? [];
  if (series.length === 0) return [noData(width, height)];
  const stacks = panel.fieldConfig?.defaults?.custom?.stacking?.mode === "normal";
  const lines = stacks ? stacked(series) : series.map((each) => ({ ...each, base: undefined }));
  const size = unitOf(panel) === "bytes" ? 1024 ** 2 : 1;
  const top = niceTop(Math.max(...lines.flatMap(({ points }) => points.map(([, value]) => value / size)))) * size;
  const [right, bottom] = [width - PLOT.right, height - PLOT.bottom];
  const across = (second: number): number => round(PLOT.left + (second / seconds) * (right - PLOT.left));
  const up = (value: number): number => round(bottom - (value / top) * (bottom - PLOT.top));
  const path = (points: Series["points"]): string =>
    points.map(([second, value]) => `${across(second)} ${up(value)}`).join("L");
  const grid = [0, 0.5, 1].flatMap((part) => [
    `<path class="grid" d="M${PLOT.left} ${up(part * top)}H${right}"/>`,
    textAt(PLOT.left - 6, up(part * top) + 4, formatted(part * top, unitOf(panel)), "", "end"),
  ]);
  const minutes = Array.from({ length: Math.floor(seconds / 60) + 1 }, (_, minute) =>
    textAt(
      across(minute * 60),
      bottom + 14,
      minute === 0 ? "0" : `${minute} min`,
      "",
      minute * 60 === seconds ? "end" : "middle",
    ),
  );
  const curves = lines.flatMap(({ points, base }, index) => {
    const colour = COLOURS[index % COLOURS.length] ?? "";
    const area =
      base && `<path d="M${path(points)}L${path(base.toReversed())}Z" fill="${colour}" fill-opacity="0.25"/>`;
    return [
      ...(area === undefined ? [] : [area]),
      `<path d="M${path(points)}" fill="none" stroke="${colour}" stroke-width="1.5"/>`,
    ];
  });
  return [...grid, ...minutes, ...curves, ...legend(series, width, height)];
}

/** Each on top of those before it, with what it stands on. */
function stacked(series: readonly Series[]): (Series & { readonly base: Series["points"] })[] {
  const sums = new Map<number, number>();
  return series.map(({ name, points }) => {
    const base = points.map(([second]) => [second, sums.get(second) ?? 0] as const);
    const raised = points.map(([second, value]) => [second, (sums.get(second) ?? 0) + value] as const);
    for (const [second, value] of raised) sums.set(second, value);
    return { name, points: raised, base };
  });
}

/** In at most two lines; what doesn't fit is left out, as Grafana scrolls. */
function legend(series: readonly Series[], width: number, height: number): string[] {
  let [x, line] = [10, 0];
  return series.flatMap(({ name }, index) => {
    const needed = 16 + name.length * CHARACTER + 12;
    if (x + needed > width && x > 10) [x, line] = [10, line + 1];
    if (line > 1) return [];
    const y = height - 22 + line * 15;
    const drawn = [
      `<rect x="${x}" y="${y - 4}" width="12" height="3" fill="${COLOURS[index % COLOURS.length] ?? ""}"/>`,
      textAt(x + 16, y, name),
    ];
    x += needed;
    return drawn;
  });
}

function noData(width: number, height: number): string {
  return textAt(width / 2, height / 2 + 8, "No data", "", "middle");
}

function unitOf(panel: Panel): string {
  return panel.fieldConfig?.defaults?.unit ?? "short";
}

/** A value in one of Grafana's units, as short as it does. */
export function formatted(value: number, unit: string): string {
  if (unit === "bytes")
    return scaled(value, [
      [1024 ** 3, " GiB"],
      [1024 ** 2, " MiB"],
      [1024, " KiB"],
      [1, " B"],
    ]);
  if (unit === "s")
    return scaled(value, [
      [604_800, " weeks"],
      [86_400, " days"],
      [3600, " h"],
      [60, " min"],
      [1, " s"],
      [0.001, " ms"],
      [1e-6, " µs"],
    ]);
  const per = { reqps: " req/s", ops: " ops/s" }[unit] ?? "";
  return `${scaled(value, [
    [1000, " K"],
    [1, ""],
  ])}${per}`;
}

function scaled(value: number, units: readonly (readonly [number, string])[]): string {
  const [size, name] = units.find(([least]) => Math.abs(value) >= least) ?? units.at(-1) ?? [1, ""];
  if (value === 0) return `0${units.find(([least]) => least === 1)?.[1] ?? ""}`;
  return `${Number((value / size).toPrecision(3))}${name}`;
}

/** The next round number; 1 if all values are 0. */
function niceTop(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10].find((factor) => factor * power >= value) ?? 10) * power;
}

function textAt(x: number, y: number, content: string, type = "", anchor = "start"): string {
  const attributes = `${type === "" ? "" : ` class="${type}"`}${anchor === "start" ? "" : ` text-anchor="${anchor}"`}`;
  return `<text x="${round(x)}" y="${round(y)}"${attributes}>${escaped(content)}</text>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

function round(length: number): number {
  return Math.round(length * 10) / 10;
}
