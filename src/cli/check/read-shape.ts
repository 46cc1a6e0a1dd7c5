import { type TableRef, type TableShape, toTableName } from '../../model/table.js';
import { readTableShape } from '../../postgres/catalog.js';
import { relation } from '../../postgres/identifier.js';
import { type Database, run } from '../../postgres/session.js';
import { withTransaction } from '../../postgres/transaction.js';
import type { Findings } from './finding.js';
import { selectMissingRights, selectRowSecurity } from './statements.js';

/** Both databases, each null when it could not be reached. */
export interface Ends {
  readonly local: Database | null;
  readonly remote: Database | null;
}

/** The shape of a table, or null after an error of why it cannot be had. Rights that are missing are told beside it. */
export async function readShape(
  database: Database | null,
  table: TableRef,
  rights: readonly string[],
  findings: Findings,
): Promise<TableShape | null> {
  if (database === null) return null;
  let shape: TableShape | null = null;
  await findings.attempt(async () => {
    shape = await withTransaction(database, { isolation: 'read committed' }, (session) =>
      readTableShape(session, table),
    );
  });
  if (shape !== null) await findings.attempt(() => checkRights(database, table, rights, findings));
  return shape;
}

async function checkRights(
  database: Database,
  table: TableRef,
  rights: readonly string[],
  findings: Findings,
): Promise<void> {
  const [missing, security, user] = await withTransaction(
    database,
    { isolation: 'read committed' },
    async (session) => [
      await run<{ right: string }>(session, selectMissingRights(table, rights)),
      await run<{ active: string }>(session, selectRowSecurity(table)),
      await run<{ name: string }>(session, { text: 'select quote_ident(current_user) as name', values: [] }),
    ],
  );
  const where = `${toTableName(table)} in the ${database.side} database`;
  if (missing.length > 0) {
    const names = missing.map(({ right }) => right).join(', ');
    const grant = `grant ${names.toLowerCase()} on ${relation(table)} to ${user[0]?.name ?? 'the user'}`;
    findings.error(`no right to ${names} on ${where}`, `Let its owner run: ${grant}`);
  }
  if (security[0]?.active === 'true') {
    findings.warning(
      `row-level security may hide rows of ${where}`,
      'Give this user a policy for all rows, or the attribute bypassrls',
    );
  }
}
