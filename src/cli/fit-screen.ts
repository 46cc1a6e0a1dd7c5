import { markCommands } from '../model/commands.js';

/** A screen's size, in characters. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** A colour is no character of the screen. */
const PIECES = /\x1b\[[0-9;]*m|[^]/gu;
const RESET = '\x1b[0m';
/** What stands behind a label, two blanks or more from it, goes on below its own beginning. */
const LABEL = /^((?:\S.{0,24}?\s{2,}){1,2}|\s+)\S/u;
/** Stands for a blank at which no row may end. */
const FIRM_BLANK = '\u00a0';

/** A text as rows of a screen: long lines are wrapped, and what does not fit below is told as a number of lines. */
export function fitScreen(text: string, { columns, rows }: ScreenSize): string[] {
  const lines = fitColumns(text, columns);
  if (lines.length <= rows) return lines;
  return [...lines.slice(0, Math.max(0, rows - 1)), `… ${lines.length - rows + 1} more lines`];
}

/** A text as rows of that many columns. A command stays on one row where it can, so that it can be copied. */
export function fitColumns(text: string, columns: number): string[] {
  return text.split('\n').flatMap((line) => wrap(line, columns));
}

function wrap(line: string, columns: number): string[] {
  const pieces = markCommands(line, (command) => command.replaceAll(' ', FIRM_BLANK)).match(PIECES) ?? [];
  const label = LABEL.exec(pieces.filter((piece) => !isColour(piece)).join(''))?.[1]?.length ?? 0;
  const indent = ' '.repeat(label < columns / 2 ? label : 0);
  const rows: string[] = [];
  let [row, colour]: [string[], string] = [[], ''];
  const end = (): void => {
    const text = row.join('').replaceAll(FIRM_BLANK, ' ');
    rows.push(colour === '' ? text : `${text}${RESET}`);
  };
  for (const piece of pieces) {
    if (isColour(piece)) colour = /^\x1b\[(0|22|39)?m$/.test(piece) ? '' : piece;
    else if (widthOf(row) === columns) {
      const blank = row.lastIndexOf(' ');
      const rest = blank > columns / 2 ? row.splice(blank).slice(1) : [];
      end();
      row = [...indent, colour, ...rest];
      if (piece === ' ' && rest.length === 0) continue;
    }
    row.push(piece);
  }
  end();
  return rows;
}

function widthOf(row: readonly string[]): number {
  return row.filter((piece) => piece !== '' && !isColour(piece)).length;
}

function isColour(piece: string): boolean {
  return piece.startsWith('\x1b[');
}
