import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { VERDICTS } from '../../src/model/finding.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pages = [
  'README.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs')).flatMap((name) => (name.endsWith('.png') ? [] : [`docs/${name}`])),
];
/** A path of ours begins with something that lies in the root; `dist` and packages are made, not kept. */
const places = readdirSync(root).filter((name) => !['dist', 'node_modules', '.git'].includes(name));
const read = (page: string): string => readFileSync(join(root, page), 'utf8');

/** Paths in code spans and comments, without patterns: `test/config`, `src/model/failures.ts`, `docker-compose.yml`. */
function listPaths(text: string): string[] {
  return [...text.matchAll(/(?<![\w./:@-])[\w.-]+(?:\/[\w.-]+)*/g)]
    .map(([path]) => path.replace(/\.$/, ''))
    .filter((path) => places.includes(path.split('/')[0] ?? '') && (path.includes('/') || path.includes('.')));
}

describe.each(pages)('%s', (page) => {
  test('names only files and folders that exist', () => {
    expect(listPaths(read(page)).filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test('links only to pages that exist', () => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, link]) => link ?? '');
    expect(links.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
  });
});

test('every promise of the README names a test that exists', () => {
  const section = read('README.md').split('## What it promises')[1]?.split('\n## ')[0] ?? '';
  const promises = [...section.matchAll(/^\| (\*\*.+) \| (.+) \|$/gm)].map(([, promise, held]) => ({ promise, held }));
  expect(promises.length).toBeGreaterThan(5);
  for (const { promise, held = '' } of promises) {
    const paths = listPaths(held);
    expect(paths, promise).not.toEqual([]);
    expect(
      paths.filter((path) => !holdsTests(path)),
      promise,
    ).toEqual([]);
  }
});

test('the README explains each verdict', () => {
  const section = read('README.md').split('## How a site is')[1]?.split('\n## ')[0] ?? '';
  const told = [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, word]) => word);
  expect(told.sort()).toEqual([...VERDICTS].sort());
});

test('every script that a page runs exists', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const run = pages.flatMap((page) => [...read(page).matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name]) => name ?? ''));
  expect(run.length).toBeGreaterThan(1);
  expect(run.filter((name) => !(name in scripts))).toEqual([]);
});

function holdsTests(path: string): boolean {
  const place = join(root, path);
  if (!existsSync(place)) return false;
  return path.endsWith('.ts')
    ? path.endsWith('.test.ts') && /^\s*(?:test|it)(?:\.\w+)*\(/m.test(readFileSync(place, 'utf8'))
    : readdirSync(place).some((name) => name.endsWith('.test.ts'));
}
