import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FAILURE_KINDS, FAILURE_RULES } from '../../src/model/failures.js';
import * as wire from '../../src/model/wire.js';

const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');

test('the operations page tells each kind of failure as the program does', () => {
  const begin = page.indexOf('| `', page.indexOf('<!-- failure kinds'));
  const rows = page
    .slice(begin, page.indexOf('\n\n', begin))
    .split('\n')
    .filter((line) => /^\| `/.test(line));
  const wanted = FAILURE_KINDS.map((kind) => {
    const { maxAttempts, next } = FAILURE_RULES[kind];
    return `| \`${kind}\` | ${maxAttempts} | ${next} |`;
  });
  expect(rows).toEqual(wanted);
});

test('the operations page names every message of the workflow and every search attribute', () => {
  const { GET_STATUS_QUERY, REFRESH_STATUS_UPDATE, CONFIGURE_UPDATE, DECIDE_DOWNLOAD_UPDATE } = wire;
  const { STOP_SIGNAL, PAUSE_SIGNAL, RESUME_SIGNAL, SYNC_NOW_SIGNAL } = wire;
  expect(page).toContain(`query --type ${GET_STATUS_QUERY}`);
  for (const update of [REFRESH_STATUS_UPDATE, CONFIGURE_UPDATE, DECIDE_DOWNLOAD_UPDATE]) {
    expect(page).toContain(`execute --name ${update}`);
  }
  for (const signal of [STOP_SIGNAL, PAUSE_SIGNAL, RESUME_SIGNAL, SYNC_NOW_SIGNAL]) {
    expect(page).toContain(`signal --name ${signal}\``);
  }
  for (const name of Object.values(wire.SEARCH_ATTRIBUTES)) expect(page).toContain(`\`${name}\``);
  expect(page).toContain(`\`${wire.toWorkflowId('<site>')}\``);
});

test('every command that the operations page names exists', () => {
  const commands = readdirSync(new URL('../../src/cli/commands', import.meta.url)).map((file) =>
    file.replace('.ts', ''),
  );
  const code = [...page.matchAll(/^ *meter-sync ([a-z-]+)|`meter-sync ([a-z-]+)/gm)].map(
    ([, line, span]) => line ?? span,
  );
  expect(code.length).toBeGreaterThan(10);
  expect(code.filter((command) => !commands.includes(command ?? ''))).toEqual([]);
});
