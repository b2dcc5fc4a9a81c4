/**
 * The chart as an SVG, for pages. It's drawn by shapes and text alone, with the reader's own fonts,
 * and has its colours for light and dark. Pure: runs in, text out.
 */
import { CUT_OFF_MS, type Run } from "./run.ts";
import { captionOf, LABELS } from "./timeline.ts";

export interface Section {
  readonly title: string;
  readonly runs: readonly Run[];
  /** A line below. */
  readonly story?: string;
}

// All lengths are pixels.
const WIDTH = 880;
const PADDING = 20;
const CONTAINER_X = 104;
const BAR_X = 160;
const BAR_WIDTH = 400;
const BAR_HEIGHT = 14;
const LANE_HEIGHT = 20;
const GAP = 10;

const STYLE = `
text { font: 13px system-ui, -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; fill: #1f2328; stroke: #ffffff; stroke-width: 4; paint-order: stroke }
.page { fill: #ffffff; stroke: #d0d7de }
.title { font-weight: 600; font-size: 14px }
.label { font-weight: 600 }
.dim { fill: #59636e }
.grid { stroke: #d0d7de }
.agent { fill: #0969da }
.dind { fill: #bf8700 }
.stopping { opacity: 0.45 }
.good { fill: #1a7f37 }
.poor { fill: #9a6700 }
.bad { fill: #d1242f }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc; stroke: #0d1117 }
.page { fill: #0d1117; stroke: #3d444d }
.dim { fill: #9198a1 }
.grid { stroke: #3d444d }
.agent { fill: #4493f8 }
.dind { fill: #d29922 }
.good { fill: #3fb950 }
.poor { fill: #d29922 }
.bad { fill: #f85149 }
}
`;

/** An SVG document. The same runs give the same text. */
export function picture(sections: readonly Section[]): string {
  const drawn: string[] = [];
  let y = PADDING;
  for (const { title, runs, story } of sections) {
    drawn.push(textAt(PADDING, y + 14, title, "title"));
    y += 26;
    const top = y;
    const lanes: string[] = [];
    y += 18;
    for (const run of runs) {
      for (const [index, lane] of run.lanes().entries()) {
        const end = Math.min(lane.end?.at ?? run.elapsed(), CUT_OFF_MS);
        const term = Math.min(lane.termAt ?? end, end);
        const baseline = y + 12;
        const label = LABELS[run.variant][index] ?? "";
        if (label !== "") lanes.push(textAt(PADDING, baseline, label, "label"));
        lanes.push(textAt(CONTAINER_X, baseline, lane.container));
        lanes.push(barOf(0, term, y, lane.container));
        if (end > term) lanes.push(barOf(term, end, y, `${lane.container} stopping`));
        const caption = captionOf(run, lane);
        if (caption) lanes.push(textAt(xOf(end) + 8, baseline, caption.text, caption.tone));
        y += LANE_HEIGHT;
      }
      y += GAP;
    }
    drawn.push(...axis(top, y - GAP), ...lanes);
    if (story !== undefined) {
      drawn.push(textAt(PADDING, y + 8, story, "dim"));
      y += 20;
    }
    y += GAP;
  }
  drawn.push(...legend(y));
  const height = y + 30;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>A Job with a sidecar: plain, with the hack of 2020, and with Curfew</title>
<style>${STYLE}</style>
<rect class="page" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>
${drawn.join("\n")}
</svg>
`;
}

function axis(top: number, bottom: number): readonly string[] {
  return [0, 2, 4, 6, 8].flatMap((second) => {
    const x = xOf(second * 1000);
    return [textAt(x, top + 8, `${second} s`, "dim", "middle"), `<path class="grid" d="M${x} ${top + 14}V${bottom}"/>`];
  });
}

function legend(y: number): readonly string[] {
  const entries = [
    ["agent", "the main container runs"],
    ["dind", "its sidecar runs"],
    ["dind stopping", "the sidecar shuts down"],
  ] as const;
  return entries.flatMap(([type, words], index) => {
    const x = PADDING + index * 200;
    return [
      `<rect class="${type}" x="${x}" y="${y}" width="12" height="12" rx="2"/>`,
      textAt(x + 18, y + 11, words, "dim"),
    ];
  });
}

function barOf(from: number, to: number, y: number, type: string): string {
  const width = round(xOf(to) - xOf(from));
  return `<rect class="${type}" x="${xOf(from)}" y="${y}" width="${width}" height="${BAR_HEIGHT}"/>`;
}

/** `ms` since the Pod's start. */
function xOf(ms: number): number {
  return round(BAR_X + (ms / CUT_OFF_MS) * BAR_WIDTH);
}

function textAt(x: number, y: number, content: string, type = "plain", anchor = "start"): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const classes = type === "plain" ? "" : ` class="${type}"`;
  return `<text${classes} x="${x}" y="${y}"${anchor === "start" ? "" : ` text-anchor="${anchor}"`}>${escaped}</text>`;
}

function round(length: number): number {
  return Math.round(length * 10) / 10;
}
