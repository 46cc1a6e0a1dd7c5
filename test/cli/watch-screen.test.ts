import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { fitColumns, fitScreen } from '../../src/cli/fit-screen.js';
import { openScreen } from '../../src/cli/watch/screen.js';

/** A terminal that says when it has taken enough. */
class SlowTerminal extends EventEmitter {
  columns = 40;
  rows = 5;
  writableNeedDrain = false;
  readonly written: string[] = [];
  write(text: string): boolean {
    this.written.push(text);
    return !this.writableNeedDrain;
  }
}

test('a screen is opened and closed once, so that the scrollback is as it was', () => {
  const terminal = new SlowTerminal();
  const screen = openScreen(terminal);
  screen.draw('one');
  screen.close();
  screen.close();
  screen.draw('after');
  const written = terminal.written.join('');
  expect(written.match(/\x1b\[\?1049h/g)).toHaveLength(1);
  expect(written.match(/\x1b\[\?1049l/g)).toHaveLength(1);
  expect(written.endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);
  expect(terminal.listenerCount('drain') + terminal.listenerCount('resize')).toBe(0);
});

test('only rows that differ are written', () => {
  const terminal = new SlowTerminal();
  const screen = openScreen(terminal);
  screen.draw('head\nold\nfoot');
  terminal.written.length = 0;
  screen.draw('head\nnew\nfoot');
  expect(terminal.written.join('')).toBe('\x1b[2;1Hnew\x1b[0m\x1b[K');
});

test('frames are never queued: a slow terminal gets the newest one when it can take more', () => {
  const terminal = new SlowTerminal();
  const screen = openScreen(terminal);
  terminal.written.length = 0;
  terminal.writableNeedDrain = true;
  for (const frame of ['one', 'two', 'three']) screen.draw(frame);
  expect(terminal.written).toEqual([]);
  terminal.writableNeedDrain = false;
  terminal.emit('drain');
  expect(terminal.written.join('')).toContain('three');
  expect(terminal.written.join('')).not.toMatch(/one|two/);
});

test('long lines are wrapped at blanks, below where their text began, in their colour, and what does not fit is told', () => {
  expect(fitScreen('label   one two three four', { columns: 20, rows: 5 })).toEqual([
    'label   one two',
    '        three four',
  ]);
  expect(fitScreen('\x1b[31mabcdefgh\x1b[39m', { columns: 4, rows: 5 })).toEqual([
    '\x1b[31mabcd\x1b[0m',
    '\x1b[31mefgh\x1b[39m',
  ]);
  expect(fitScreen('1\n2\n3\n4', { columns: 9, rows: 3 })).toEqual(['1', '2', '… 2 more lines']);
});

test('a command is not cut in two where a row has room for it', () => {
  expect(fitColumns('next: ask the DBA, then: meter-sync check --site north', 34)).toEqual([
    'next: ask the DBA, then:',
    'meter-sync check --site north',
  ]);
  expect(fitColumns('error   tables   a table has no column of that name', 36)).toEqual([
    'error   tables   a table has no',
    '                 column of that name',
  ]);
});
