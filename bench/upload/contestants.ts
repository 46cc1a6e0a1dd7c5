import type { Contestant } from '../contestant.js';
import { postgresFdwPull, postgresFdwPush } from './postgres-fdw.js';
import { meterSync } from './product.js';
import { PSQL_PIPE, TWO_PSQL_PIPES } from './psql-pipe.js';
import type { UploadSite } from './site.js';
import { stagedCopy } from './staged-copy.js';
import { multiRowValues, unnestArrays } from './statements.js';

/** A contestant of the upload, and how it is entered. */
export interface UploadContestant extends Contestant<UploadSite> {
  /** Rows it is given, as a share of all: a slow one is scaled, and the report says so. */
  readonly share: number;
  /** False: only when it is named with `--only`. */
  readonly isDefault: boolean;
  /** True when a round trip for every row or two would keep it busy for hours. */
  readonly isHopelessOverDistance: boolean;
}

const ENTRY = { share: 1, isDefault: true, isHopelessOverDistance: false };

/** What a promise or a setting of the product costs: only when named. */
const VARIANTS: readonly UploadContestant[] = [
  meterSync('meter-sync (strong)', 'custody set to strong: each row is hashed as it passes', { custody: 'strong' }),
  meterSync('meter-sync (no day sums)', 'custody set to chain', { custody: 'chain' }),
  meterSync('meter-sync (no chain)', 'custody set to off', { custody: 'off' }),
  meterSync('meter-sync (1 in flight)', 'one batch after the other', { batchesInFlight: 1 }),
  meterSync('meter-sync (3 in flight)', 'three batches at a time', { batchesInFlight: 3 }),
  meterSync('meter-sync (100k a batch)', 'batches of at most 100,000', { batchRows: 100_000 }),
].map((variant) => ({ ...ENTRY, ...variant, isDefault: false }));

/** Ratios are told against the first one. */
export const UPLOADERS: readonly [UploadContestant, ...UploadContestant[]] = [
  { ...ENTRY, ...PSQL_PIPE },
  { ...ENTRY, ...TWO_PSQL_PIPES },
  {
    ...ENTRY,
    ...meterSync(
      'meter-sync',
      'the product with its defaults: custody chain and day sums, two batches of at most 50,000 in flight',
      {},
    ),
  },
  ...VARIANTS,
  { ...ENTRY, ...stagedCopy(50_000) },
  { ...ENTRY, ...unnestArrays(10_000) },
  { ...ENTRY, ...multiRowValues('VALUES x 500', 500), share: 0.1 },
  { ...ENTRY, ...multiRowValues('seed algorithm', 100), share: 0.1 },
  { ...ENTRY, ...postgresFdwPull(10_000) },
  { ...ENTRY, ...postgresFdwPush('postgres_fdw push', 1_000) },
  { ...ENTRY, ...postgresFdwPush('postgres_fdw push (as delivered)', 1), share: 0.1, isHopelessOverDistance: true },
];

/** The contestant of this name. */
export function findUploader(name: string): UploadContestant | undefined {
  return UPLOADERS.find((contestant) => contestant.name === name);
}

/**
 * Chooses by name; nothing named: all that take part by default. The first one always takes part: ratios need it.
 * @throws Error there is no contestant of such a name
 */
export function chooseUploaders(names: readonly string[] | null, delayMs: number): UploadContestant[] {
  const unknown = (names ?? []).find((name) => findUploader(name) === undefined);
  if (unknown !== undefined) {
    throw new Error(
      `there is no contestant '${unknown}'; wanted some of: ${UPLOADERS.map(({ name }) => name).join(' | ')}`,
    );
  }
  return UPLOADERS.filter((contestant) => {
    if (contestant === UPLOADERS[0]) return true;
    if (names !== null) return names.includes(contestant.name);
    return contestant.isDefault && !(delayMs > 0 && contestant.isHopelessOverDistance);
  });
}
