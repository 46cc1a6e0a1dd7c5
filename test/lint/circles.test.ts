import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('lint refuses two files that import each other', async () => {
  const folder = await folderOf({
    'a.ts': "import { b } from './b.js';\nexport const a = (): number => b();\n",
    'b.ts': "import { a } from './a.js';\nexport const b = (): number => a();\n",
  });
  expect(await findCircles(folder)).toMatch(/a\.ts.*\n.*b\.ts/);
});

test("lint refuses two files that import each other's types", async () => {
  const folder = await folderOf({
    'a.ts': "import type { B } from './b.js';\nexport interface A {\n  readonly b: B;\n}\n",
    'b.ts': "import type { A } from './a.js';\nexport interface B {\n  readonly a: A;\n}\n",
  });
  expect(await findCircles(folder)).toMatch(/a\.ts.*\n.*b\.ts/);
});

test('lint allows two files that import a third', async () => {
  const folder = await folderOf({
    'a.ts': "import type { C } from './c.js';\nimport type { B } from './b.js';\nexport type A = B | C;\n",
    'b.ts': "import type { C } from './c.js';\nexport type B = C;\n",
    'c.ts': 'export type C = string;\n',
  });
  expect(await findCircles(folder)).toBeNull();
});

/** Files inside the project, since the rule is about its own. */
async function folderOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(root, 'test/lint/circle-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, code] of Object.entries(files)) await writeFile(join(folder, name), code);
  return folder;
}

/** What `npm run lint` says of circles in a folder; null when it finds none. */
function findCircles(folder: string): Promise<string | null> {
  const program = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const args = [program, '--config', join(root, '.dependency-cruiser.mjs'), folder];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { cwd: root }, (error, stdout) => {
      if (error === null) resolve(null);
      else if (stdout.includes('no-circular')) resolve(stdout);
      else reject(error);
    });
  });
}
