import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** The project's own rules, but for those that need types: these files are in memory alone. */
const eslint = new ESLint({
  cwd: root,
  overrideConfig: { files: ['**/*.ts'], ...tseslint.configs.disableTypeChecked },
});

const DIRECTIONS = new Set([
  '@typescript-eslint/no-restricted-imports',
  'no-restricted-syntax',
  'no-restricted-globals',
  'no-restricted-properties',
]);

/** How many rules about directions and purity the code breaks when it stands in that file. */
async function countRefusals(file: string, code: string): Promise<number> {
  const [result] = await eslint.lintText(code, { filePath: file });
  const messages = result?.messages ?? [];
  expect(messages.filter(({ fatal }) => fatal === true)).toEqual([]); // code that is not read is not judged
  return messages.filter(({ ruleId }) => ruleId !== null && DIRECTIONS.has(ruleId)).length;
}

const value = (module: string): string => `import { thing } from '${module}';\nvoid thing;\n`;
const type = (module: string): string => `import type { Thing } from '${module}';\nexport type Same = Thing;\n`;

describe('lint refuses an import against the directions', () => {
  test.each([
    ['src/model/x.ts', 'node:fs'],
    ['src/model/x.ts', 'fs'],
    ['src/model/x.ts', 'zod'],
    ['src/model/x.ts', '@temporalio/common'],
    ['src/model/x.ts', '../postgres/errors.js'],
    ['src/model/x.ts', './../postgres/errors.js'],
    ['src/postgres/x.ts', '@temporalio/activity'],
    ['src/postgres/x.ts', '../config/load.js'],
    ['src/postgres/x.ts', '../../activities/dependencies.js'],
    ['activities/upload/x.ts', '@temporalio/activity'],
    ['activities/upload/x.ts', 'pg'],
    ['activities/upload/x.ts', '../attempt.js'],
    ['activities/upload/x.ts', '../failures.js'],
    ['activities/upload/x.ts', '../current-attempt.js'],
    ['activities/upload/x.ts', '../download/changes.js'],
    ['activities/upload/x.ts', '../../src/config/load.js'],
    ['activities/upload/x.ts', '../../src/model/../config/load.js'],
    ['activities/upload/queue/x.ts', '../chain/claim.js'],
    ['activities/upload/queue/x.ts', '../upload-batch.js'],
    ['activities/upload/send/x.ts', '../quarantine/note.js'],
    ['activities/custody/records/x.ts', '../proof/walk-chain.js'],
    ['activities/custody/records/x.ts', '../../upload/queue/queue.js'],
    ['activities/verify/day/x.ts', '../days/verify-days.js'],
    ['activities/download/x.ts', '@temporalio/activity'],
    ['activities/download/plan/x.ts', '../compare/look.js'],
    ['activities/download/compare/x.ts', '../make-equal.js'],
    ['activities/download/x.ts', '../upload/queue.js'],
    ['activities/download/x.ts', '../../src/worker/logger.js'],
    ['activities/probe/x.ts', '@temporalio/activity'],
    ['activities/probe/x.ts', '../failures.js'],
    ['activities/x.ts', 'pg'],
    ['activities/x.ts', '@temporalio/workflow'],
    ['activities/x.ts', '../src/config/load.js'],
    ['activities/x.ts', '../src/worker/logger.js'],
    ['activities/x.ts', '../workflows/index.js'],
    ['activities/x.ts', './../src/config/load.js'],
    ['workflows/x.ts', 'pg'],
    ['workflows/x.ts', 'node:fs'],
    ['workflows/x.ts', '@temporalio/client'],
    ['workflows/x.ts', '../activities/index.js'],
    ['workflows/x.ts', '../src/postgres/errors.js'],
    ['workflows/x.ts', '../src/config/load.js'],
    ['src/config/x.ts', 'pg'],
    ['src/config/x.ts', '@temporalio/client'],
    ['src/config/define/x.ts', '../read/layers.js'],
    ['src/config/check/x.ts', '../load.js'],
    ['src/config/read/x.ts', '@temporalio/client'],
    ['src/config/x.ts', '../postgres/pool.js'],
    ['src/config/x.ts', '../temporal/connection.js'],
    ['src/temporal/x.ts', 'pg'],
    ['src/temporal/x.ts', '@temporalio/worker'],
    ['src/temporal/x.ts', '../config/load.js'],
    ['src/temporal/x.ts', '../../activities/index.js'],
    ['src/temporal/x.ts', '../../workflows/index.js'],
    ['src/dev/stack/x.ts', '../demo.js'],
    ['src/dev/stack/process/x.ts', '../temporal/temporal-server.js'],
    ['src/dev/sample/x.ts', '../stack/stack.js'],
    ['src/worker/x.ts', '../cli/output.js'],
    ['src/worker/x.ts', '../dev/stack/stack.js'],
    ['src/cli/x.ts', '../../workflows/index.js'],
    ['src/cli/commands/x.ts', '../../../workflows/index.js'],
  ])('%s of %s', async (file, module) => {
    expect(await countRefusals(file, value(module))).toBe(1);
  });

  test.each([
    ['workflows/x.ts', "export { thing } from '../src/config/load.js';\n"],
    ['workflows/x.ts', "export const load = () => import('pg');\n"],
    ['workflows/x.ts', "export type Pool = import('pg').Pool;\n"],
    ['activities/x.ts', "export const load = () => import('../src/config/load.js');\n"],
    ['src/model/x.ts', "export const load = () => import('node:fs');\n"],
  ])('%s in another form: %s', async (file, code) => {
    expect(await countRefusals(file, code)).toBe(1);
  });
});

describe('lint allows what the directions allow', () => {
  test.each([
    ['src/model/x.ts', value('./wire.js')],
    ['src/postgres/x.ts', value('pg') + type('../model/table.js')],
    ['activities/upload/x.ts', type('pg')],
    ['activities/upload/x.ts', type('../attempt.js')],
    ['activities/upload/x.ts', value('node:crypto')],
    ['activities/upload/x.ts', value('../../src/postgres/errors.js')],
    ['activities/upload/send/x.ts', value('../queue/queue.js') + value('./staging.js')],
    ['activities/upload/send/x.ts', type('../../attempt.js')],
    ['activities/probe/x.ts', value('../upload/queue.js')],
    ['activities/x.ts', value('./upload/queue.js')],
    ['activities/x.ts', value('@temporalio/activity')],
    ['workflows/x.ts', type('../activities/index.js')],
    ['workflows/x.ts', value('../src/model/steps.js')],
    ['src/config/x.ts', value('zod') + value('./read/layers.js')],
    ['src/config/read/x.ts', value('../define/setting.js') + value('../../model/wire.js')],
    ['src/temporal/x.ts', type('../config/define/secret.js')],
    ['src/worker/x.ts', value('../../activities/index.js')],
    ['src/cli/x.ts', "export const load = () => import('../worker/main.js');\n"],
  ])('in %s: %s', async (file, code) => {
    expect(await countRefusals(file, code)).toBe(0);
  });
});

test.each(['Date.now()', 'new Date()', 'Math.random()', 'process.env', 'setTimeout(String, 1)', 'crypto.randomUUID()'])(
  'lint refuses %s in src/model, whose rules are functions of their arguments',
  async (expression) => {
    expect(await countRefusals('src/model/x.ts', `export const impure = (): unknown => ${expression};\n`)).toBe(1);
  },
);
