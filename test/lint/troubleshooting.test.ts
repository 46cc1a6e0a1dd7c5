import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CARDS } from '../../src/model/finding.js';

const page = readFileSync(new URL('../../docs/troubleshooting.md', import.meta.url), 'utf8');
const operations = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
const cards = page
  .split(/^### /m)
  .slice(1)
  .map((card) => ({ key: /^`(\w+)`/.exec(card)?.[1], card }));

test('there is a card for each verdict, kind of failure and finding of the program, in its order, and no other', () => {
  expect(cards.map(({ key }) => key)).toEqual(CARDS);
});

test.each(cards)(
  'the card $key says what it means, what is at risk, who acts, what to do and how it ends',
  ({ card }) => {
    const said = [...card.matchAll(/^\* \*\*([\w ]+)\*\*: \S/gm)].map(([, what]) => what);
    expect(said).toEqual(['Means', 'Data at risk', 'Who acts', 'Do', 'Well again']);
  },
);

test('every command of the cards exists, and so does every section of the operations page that they name', () => {
  const commands = readdirSync(new URL('../../src/cli/commands', import.meta.url)).map((file) =>
    file.replace('.ts', ''),
  );
  const named = [...page.matchAll(/`meter-sync ([a-z-]+)/g)].map(([, command]) => command);
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((command) => !commands.includes(command ?? ''))).toEqual([]);
  const toAnchor = (heading: string): string =>
    heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replace(/\s/g, '-');
  const sections = [...operations.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => toAnchor(heading));
  const links = [...page.matchAll(/operations\.md#([^)]+)/g)].map(([, anchor]) => anchor);
  expect(links.filter((anchor) => !sections.includes(anchor ?? ''))).toEqual([]);
});
