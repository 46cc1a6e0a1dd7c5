import type { NamedRow } from '../../../src/model/operations.js';
import { relation } from '../../../src/postgres/identifier.js';
import { run, type Session } from '../../../src/postgres/session.js';
import type { DownloadPlan } from '../plan/plan-download.js';
import { keyHash } from '../compare/hashes.js';
import { describe } from '../compare/row-terms.js';
import { GONE } from '../compare/staging.js';
import { MAX_LOGGED_ROWS } from './told-changes.js';

/** Rows that have gone from the remote since the last download, where no column can say so: they are kept, and told once. */
export async function readKept(here: Session, plan: DownloadPlan): Promise<readonly NamedRow[]> {
  if (plan.absence.rule !== 'keep') return [];
  const isNew = `g.state is distinct from 'gone'`;
  const [some] = await run(here, { text: `select from ${GONE} as g where ${isNew} limit 1`, values: [] });
  if (some === undefined) return []; // the rows themselves would be read for nothing
  const rows = await run<{ key: string; name: string | null }>(here, {
    text: `
      select ${describe(plan, 'l')}
      from ${relation(plan.table)} as l
      join ${GONE} as g on g.key_hash = ${keyHash(plan, 'local', 'l')}
      where ${isNew}
      order by 1
      limit ${MAX_LOGGED_ROWS}`,
    values: [],
  });
  return rows.map(({ key, name }) => ({ key: JSON.parse(key) as string[], name }));
}
