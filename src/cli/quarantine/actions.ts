import {
  type Quarantined,
  type QuarantineChoice,
  type QuarantineGroup,
  readGroups,
  readQuarantined,
  releaseQuarantined,
} from '../../../activities/upload/quarantine/list.js';
import { toReason } from '../../model/refusal.js';
import type { Database } from '../../postgres/session.js';
import { TEXT_FORMS } from '../../postgres/text-forms.js';
import { runAll, type Session } from '../../postgres/session.js';
import { withTransaction } from '../../postgres/transaction.js';
import type { Answer } from '../command.js';
import type { Output } from '../output.js';
import { parseKey, toKeyText } from './key-text.js';
import { renderList, renderReading } from './render-quarantine.js';

/** Whose quarantine, and where it is. */
interface AskedQuarantine {
  readonly database: Database;
  readonly siteId: string;
  readonly keyColumns: readonly string[];
}

/** What is in quarantine, by reason, and the newest readings of it. */
export async function list(output: Output, { database, siteId }: AskedQuarantine, limit: number): Promise<Answer> {
  const { groups, readings } = await reading(database, async (session) => ({
    groups: await readGroups(session, siteId),
    readings: await readQuarantined(session, siteId, { by: 'all' }, limit),
  }));
  const total = groups.reduce((sum, group) => sum + group.readings, 0);
  return {
    document: { ok: true, siteId, total, reasons: groups.map(withReason), readings: readings.map(withReason) },
    text: renderList({ siteId, total, groups, readings }, Date.now(), output),
  };
}

/** All that is known of one reading. */
export async function show(output: Output, asked: AskedQuarantine, text: string): Promise<Answer> {
  const { database, siteId } = asked;
  const key = parseKey(text, asked.keyColumns, siteId);
  const [found] = await reading(database, (session) =>
    readQuarantined(session, siteId, { by: 'keys', keys: [key] }, 1),
  );
  if (found === undefined) return { exitCode: 1, ...notThere(siteId, [key]) };
  return {
    document: { ok: true, siteId, reading: withReason(found) },
    text: renderReading(found, asked, Date.now(), output),
  };
}

/** What to try again: keys, or a SQLSTATE or `conflict`, or with neither all of it. */
interface Retry {
  readonly keys: readonly string[];
  readonly reason: string | null;
}

/** Lets the next cycle take readings again. Keys that are not in quarantine are named, and the others go on. */
export async function retry(
  { database, siteId, keyColumns }: AskedQuarantine,
  { keys, reason }: Retry,
): Promise<Answer> {
  const wanted = keys.map((text) => parseKey(text, keyColumns, siteId));
  const which: QuarantineChoice =
    wanted.length > 0
      ? { by: 'keys', keys: wanted }
      : reason === null
        ? { by: 'all' }
        : { by: 'reason', sqlstate: reason.toLowerCase() === 'conflict' ? null : reason.toUpperCase() };
  const { released, found } = await withTransaction(database, { isolation: 'read committed' }, async (session) => ({
    released: await releaseQuarantined(session, siteId, which),
    found: which.by === 'keys' ? await readQuarantined(session, siteId, which, wanted.length) : [],
  }));
  const there = new Set(found.map(({ key }) => toKeyText(key)));
  const missing = which.by === 'keys' ? wanted.filter((key) => !there.has(toKeyText(key))) : [];
  if (released === 0 && missing.length > 0) return { exitCode: 1, ...notThere(siteId, missing) };
  const next = `meter-sync sync-now --site ${siteId} --wait`;
  const absent = missing.map((key) => `Not in quarantine: ${toKeyText(key)}`);
  const said =
    released === 0
      ? [`Nothing of that kind is in quarantine at site ${siteId}.`]
      : [
          `${released} ${released === 1 ? 'reading is' : 'readings are'} tried again with the next cycle.`,
          ...absent,
          `next: ${next}`,
        ];
  return {
    exitCode: missing.length > 0 ? 1 : 0,
    document: {
      ok: missing.length === 0,
      siteId,
      released,
      notInQuarantine: missing,
      next: released === 0 ? null : next,
    },
    text: said.join('\n'),
  };
}

function notThere(siteId: string, keys: readonly (readonly string[])[]): Pick<Answer, 'document' | 'text'> {
  const names = keys.map(toKeyText).join(', ');
  const message = `Site ${siteId} has no reading in quarantine with the key ${names}; it may have been uploaded since`;
  const next = `meter-sync quarantine list --site ${siteId}`;
  return {
    document: { ok: false, error: { code: 'notInQuarantine', message, next, keys } },
    text: `${message}\nnext: ${next}`,
  };
}

function reading<Result>(database: Database, read: (session: Session) => Promise<Result>): Promise<Result> {
  return withTransaction(database, { isolation: 'repeatable read, read only' }, async (session) => {
    await runAll(session, TEXT_FORMS);
    return read(session);
  });
}

function withReason<Item extends Quarantined | QuarantineGroup>(item: Item): Item & { reason: string } {
  return { ...item, reason: toReason(item) };
}
