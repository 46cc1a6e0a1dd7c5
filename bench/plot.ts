import { ratiosOf, type UploadLine, type UploadResult } from './upload/result.js';
import { type Spread, spread } from './statistics.js';

const [WIDTH, LEFT, RIGHT, TOP] = [860, 240, 70, 70];
const [BAR, GAP, GROUP_GAP] = [12, 2, 12];
const COLORS = ['#1f5f8b', '#7fb3d5', '#b35c1e', '#e8b07a'];

/** The bars of one contestant, one for each result that it took part in. */
interface Group {
  readonly name: string;
  readonly bars: readonly { readonly color: string; readonly ratio: Spread }[];
}

/** Results of uploads side by side as SVG: how each contestant compares with the first line, with the spread of its rounds. */
export function toUploadPlot(results: readonly UploadResult[]): string {
  const groups = toGroups(results);
  const heights = groups.map(({ bars }) => bars.length * (BAR + GAP) + GROUP_GAP);
  const bottom = TOP + heights.reduce((sum, height) => sum + height, 0);
  const most = Math.max(1.1, ...groups.flatMap(({ bars }) => bars.map(({ ratio }) => ratio.max)));
  const x = (ratio: number): number => LEFT + (ratio / most) * (WIDTH - LEFT - RIGHT);
  let y = TOP;
  const body = groups.flatMap((group, at) => {
    const drawn = drawGroup(group, y, x);
    y += heights[at] ?? 0;
    return drawn;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${bottom + 30}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="white"/>',
    text(
      12,
      22,
      'Upload and remove readings: rate as a multiple of psql COPY | COPY and one DELETE without delay',
      'font-size="14"',
    ),
    ...results.map((result, at) => drawKey(result, at)),
    ...gridOf(most).map((ratio) => drawGridLine(x(ratio), ratio, bottom)),
    ...body,
    '</svg>',
    '',
  ].join('\n');
}

function toGroups(results: readonly UploadResult[]): Group[] {
  const names = [...new Set(results.flatMap(({ lines }) => lines.map(({ name }) => name)))];
  const lineOf = ({ lines, delayMs }: UploadResult, name: string): UploadLine | undefined =>
    lines.find((line) => line.name === name && line.delayMs === delayMs && line.runs.some((run) => run !== null));
  return names.map((name) => ({
    name,
    bars: results.flatMap((result, at) => {
      const line = lineOf(result, name);
      return line === undefined ? [] : [{ color: colorOf(at), ratio: spread(ratiosOf(line, result)) }];
    }),
  }));
}

function drawGroup({ name, bars }: Group, top: number, x: (ratio: number) => number): string[] {
  const middle = top + (bars.length * (BAR + GAP)) / 2;
  return [
    text(LEFT - 8, middle + 4, name, 'text-anchor="end"'),
    ...bars.flatMap(({ color, ratio }, at) => {
      const y = top + at * (BAR + GAP);
      const [from, to, line] = [x(ratio.min), x(ratio.max), y + BAR / 2];
      return [
        `<rect x="${LEFT}" y="${y}" width="${round(x(ratio.median) - LEFT)}" height="${BAR}" fill="${color}"/>`,
        `<path d="M${round(from)} ${line}H${round(to)}" stroke="black" stroke-width="1"/>`,
        text(to + 5, y + BAR - 2, ratio.median.toFixed(2), 'font-size="11"'),
      ];
    }),
  ];
}

function drawKey({ title, delayMs }: UploadResult, at: number): string {
  const [x, y] = [12 + (at % 2) * 400, 32 + Math.floor(at / 2) * 16];
  const label = `${title}${delayMs === 0 ? '' : `, ${delayMs} ms of round trip`}`;
  return `<rect x="${x}" y="${y}" width="10" height="10" fill="${colorOf(at)}"/>${text(x + 15, y + 9, label)}`;
}

function gridOf(most: number): number[] {
  return Array.from({ length: Math.floor(most / 0.25) + 1 }, (_, at) => at * 0.25);
}

function drawGridLine(x: number, ratio: number, bottom: number): string {
  const color = ratio === 1 ? '#444' : '#ddd';
  const label = text(x, bottom + 16, ratio.toFixed(2), 'text-anchor="middle" font-size="11"');
  return `<path d="M${round(x)} ${TOP - 4}V${bottom}" stroke="${color}"/>${label}`;
}

function text(x: number, y: number, words: string, more = ''): string {
  const safe = words.replace(/&/g, '&amp;').replace(/</g, '&lt;');
  return `<text x="${round(x)}" y="${round(y)}"${more === '' ? '' : ` ${more}`}>${safe}</text>`;
}

function colorOf(at: number): string {
  return COLORS[at % COLORS.length] ?? 'gray';
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
