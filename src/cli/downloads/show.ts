import { type OpenHold, readHolds } from '../../../activities/download/guard/hold.js';
import { describeEffect, describeReasons, type HeldDownload } from '../../model/guard.js';
import type { Database } from '../../postgres/session.js';
import { withTransaction } from '../../postgres/transaction.js';
import type { Answer } from '../command.js';
import { toCount } from '../../model/words.js';
import { toInstant } from '../instant.js';
import type { Output } from '../output.js';

/** What is held at a site, from its own database: no worker is needed. */
export async function showHolds(
  output: Output,
  local: Database,
  { siteId, table }: { readonly siteId: string; readonly table: string | null },
): Promise<Answer> {
  const isolated = { isolation: 'repeatable read, read only' } as const;
  const holds = await withTransaction(local, isolated, (here) => readHolds(here, siteId, table));
  const document = { ok: true, siteId, held: holds.map(({ id: _id, ...held }) => held) };
  if (holds.length === 0) {
    const what = table === null ? 'No download' : `No download of table ${table}`;
    return { document, text: `${what} of site ${siteId} is held.` };
  }
  const now = Date.now();
  return { document, text: holds.map((hold) => renderHold(siteId, hold, now, output)).join('\n\n') };
}

function renderHold(siteId: string, hold: OpenHold, now: number, { paint, table }: Output): string {
  const { table: name, since, remoteRows, localRows, reasons, examples, decided } = hold;
  const rows = examples.map(({ kind, key, name: title, fields }) => [
    kind,
    key.length === 1 ? (key[0] ?? '') : JSON.stringify(key),
    title ?? '',
    fields.join(', '),
  ]);
  return [
    paint('warning', `Table ${name} of site ${siteId}: the download is held since ${toInstant(since, now)}`),
    `Why:      ${describeReasons(reasons)}`,
    `Rows:     ${toCount(remoteRows)} on the remote, ${toCount(localRows)} here. Nothing was changed here`,
    ...(decided === null
      ? ['Decided:  by nobody yet']
      : [`Decided:  ${decided.decision}, by ${decided.by}, ${toInstant(decided.at, now)}`]),
    ...(rows.length === 0 ? [] : ['', 'Some of the rows:', table(['kind', 'key', 'name', 'columns'], rows)]),
    '',
    'If the remote is wrong, fix it there: the hold then ends by itself. Otherwise one of:',
    ...toChoices(siteId, hold).map(([what, command]) => `- ${what}:\n    ${command}`),
  ].join('\n');
}

function toChoices(siteId: string, hold: HeldDownload): [string, string][] {
  const command = (decision: string): string =>
    `meter-sync downloads ${decision} --site ${siteId} --table ${hold.table} --change ${hold.change}`;
  return [
    [`approve: the next cycle ${describeEffect(hold)}`, command('approve')],
    ['reject: the site keeps what it has, without a warning, until the remote has other changes', command('reject')],
  ];
}
