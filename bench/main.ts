import { parseArgs } from 'node:util';
import { benchUpload } from './upload.js';

const USAGE = `npm run bench -- upload [--rounds 3] [--shape narrow|wide] [--rows N]

Compares ways to move readings side by side on two servers that this command starts: ratios count, not rates.`;

/** Reads the command line and runs the named comparison. Exit code 1: a run failed; 2: the command line is wrong. */
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '3' },
      shape: { type: 'string', default: 'narrow' },
      rows: { type: 'string' },
    },
  });
  const [rounds, rows] = [Number(values.rounds), values.rows === undefined ? null : Number(values.rows)];
  if (positionals[0] !== 'upload' || !isCount(rounds) || (rows !== null && !isCount(rows))) {
    console.error(USAGE);
    process.exitCode = 2;
    return;
  }
  await benchUpload({ shape: values.shape, rounds, rows });
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
