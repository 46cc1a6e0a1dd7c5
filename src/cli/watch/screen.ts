import { fitScreen, type ScreenSize } from '../fit-screen.js';

/** What a screen needs of a terminal. */
export interface Terminal {
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  readonly writableNeedDrain: boolean;
  write(text: string): boolean;
  on(event: 'drain' | 'resize', listener: () => void): unknown;
  off(event: 'drain' | 'resize', listener: () => void): unknown;
}

/** A terminal's second screen: what was on the first one, and its scrollback, are there again when it is closed. */
export interface Screen {
  /** Shows a text in the place of the one before. */
  draw(text: string): void;
  /** May be called twice. */
  close(): void;
}

const OPEN = '\x1b[?1049h\x1b[?25l\x1b[2J'; // alternate screen, no cursor, empty
const CLOSE = '\x1b[0m\x1b[?25h\x1b[?1049l';
/** A terminal without a size, a serial line for one. */
const DEFAULT_SIZE: ScreenSize = { columns: 80, rows: 24 };

/**
 * Opens the screen. Only rows that differ are written, so nothing flickers and little passes a slow line. While the terminal has not
 * taken what was written before, nothing is: the newest text is drawn when it has, and those in between never.
 */
export function openScreen(terminal: Terminal): Screen {
  let shown: readonly string[] = [];
  let latest: string | null = null;
  let isOpen = true;
  const write = (): void => {
    if (latest === null || !isOpen || terminal.writableNeedDrain) return;
    const { columns = DEFAULT_SIZE.columns, rows = DEFAULT_SIZE.rows } = terminal;
    const next = fitScreen(latest, { columns, rows });
    const changes = Array.from({ length: Math.max(next.length, shown.length) }, (_, at) =>
      next[at] === shown[at] ? '' : `\x1b[${at + 1};1H${next[at] ?? ''}\x1b[0m\x1b[K`,
    );
    shown = next;
    latest = null;
    terminal.write(changes.join(''));
  };
  let last = '';
  const onResize = (): void => {
    shown = [];
    latest = last;
    if (!terminal.writableNeedDrain) terminal.write('\x1b[2J');
    write();
  };
  terminal.on('drain', write);
  terminal.on('resize', onResize);
  terminal.write(OPEN);
  return {
    draw: (text) => {
      [latest, last] = [text, text];
      write();
    },
    close: () => {
      if (!isOpen) return;
      isOpen = false;
      terminal.off('drain', write);
      terminal.off('resize', onResize);
      terminal.write(CLOSE);
    },
  };
}
