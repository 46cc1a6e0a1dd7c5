import { type QueueTable, type TableRef, toTableName } from '../../model/table.js';
import { relation } from '../../postgres/identifier.js';
import { type Database, run } from '../../postgres/session.js';
import type { Statement } from '../../postgres/statement.js';
import { withTransaction } from '../../postgres/transaction.js';
import type { Findings } from './finding.js';

/** Bits of `pg_trigger.tgtype`: for each row, before it, insert or delete. */
const BEFORE_ROW = { insert: 1 + 2 + 4, delete: 1 + 2 + 8 } as const;
/** `pg_rewrite.ev_type` of a rule. */
const RULE_ON = { insert: '3', delete: '4' } as const;

/** What the upload does to the table of each side, and what a trigger before it can do to a reading. */
const RISK = {
  local: {
    event: 'delete',
    what: 'may keep a reading from being removed: then its batch is rolled back, in each cycle anew',
    next: 'Let it leave the user of the sync alone',
  },
  remote: {
    event: 'insert',
    what:
      'may change or drop a reading: what it drops stays at the site with its whole batch, ' +
      'and what it changes is told as a conflict when the reading comes twice',
    next: 'Let it leave the user of the sync alone, or do its work in a trigger after the insert',
  },
} as const;

/** Tells triggers and rules of the readings table that come before the upload's own work on each row. */
export async function checkTriggers(database: Database, { table }: QueueTable, findings: Findings): Promise<void> {
  const { event, what, next } = RISK[database.side];
  const found = await withTransaction(database, { isolation: 'read committed' }, (session) =>
    run<{ name: string }>(session, selectTriggers(table, event)),
  );
  for (const { name } of found) {
    findings.warning(`${toTableName(table)} in the ${database.side} database: ${name} ${what}`, next);
  }
}

/** Active triggers before each row, those of partitions too, and rules, which COPY passes by and an insert does not. */
function selectTriggers(table: TableRef, event: 'insert' | 'delete'): Statement {
  return {
    text: `
      with recursive parts(id) as (
        select to_regclass($1)::oid
        union
        select i.inhrelid
        from parts p
        join pg_catalog.pg_inherits i on i.inhparent = p.id
      )
      select distinct 'trigger ' || quote_ident(t.tgname) as name
      from parts p
      join pg_catalog.pg_trigger t on t.tgrelid = p.id
      where not t.tgisinternal
        and t.tgenabled in ('O', 'A')
        and t.tgtype::integer & $2::integer = $2::integer
      union
      select 'rule ' || quote_ident(r.rulename)
      from parts p
      join pg_catalog.pg_rewrite r on r.ev_class = p.id
      where r.ev_type = $3::"char"
        and r.ev_enabled in ('O', 'A')
      order by 1`,
    values: [relation(table), BEFORE_ROW[event], RULE_ON[event]],
  };
}
