import { byName, type QueueTable } from '../../src/model/table.js';
import { readTableShape } from '../../src/postgres/catalog.js';
import { ident, relation } from '../../src/postgres/identifier.js';
import { type Database, run, runAll } from '../../src/postgres/session.js';
import { TEXT_FORMS } from '../../src/postgres/text-forms.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import { readQueue } from '../upload/plan/plan-upload.js';
import { countQuarantine } from '../upload/quarantine/list.js';
import { selectOldestKeys } from '../upload/queue/queue.js';
import { readFiguresOf } from '../upload/queue/queue-figures.js';

/** What waits at the site, and how much of it the remote has already. */
export interface VerifiedQueue {
  readonly waiting: number;
  readonly isEstimate: boolean;
  readonly inQuarantine: number;
  readonly oldest: string | null;
  /** Of so many of the oldest that were looked for ... */
  readonly looked: number;
  /** ... so many are on the remote already: a batch that was sent and not removed, which the next upload does. */
  readonly alreadyThere: number;
}

/** How it is told to stop, and how far it has come. */
interface QueueWatch {
  readonly isStopped: () => boolean;
  readonly onProgress: (looked: number, total: number) => void;
}

/** More would say the same: what was sent and not removed is among the oldest. */
const MAX_LOOKED = 200_000;
const CHUNK = 10_000;

/** Looks at the queue, and which of its oldest readings the remote has. */
export async function verifyQueue(
  { local, remote, readings }: { local: Database; remote: Database; readings: QueueTable },
  siteId: string,
  watch: QueueWatch,
): Promise<VerifiedQueue> {
  const { keys, ...figures } = await withTransaction(
    local,
    { isolation: 'repeatable read, read only' },
    async (session) => {
      await runAll(session, TEXT_FORMS);
      const queue = { ...(await readQueue(session, readings)), quarantineOf: siteId };
      const { queueSize, queueSizeIsEstimate, oldestUnsynced } = await readFiguresOf(session, queue);
      const [quarantine] = await run<{ rows: string }>(session, countQuarantine(siteId));
      const rows = await run<{ key: string }>(session, selectOldestKeys(queue, MAX_LOOKED));
      return {
        waiting: queueSize,
        isEstimate: queueSizeIsEstimate,
        oldest: oldestUnsynced,
        inQuarantine: Number(quarantine?.rows),
        keys: rows.map(({ key }) => key),
      };
    },
  );
  const { looked, alreadyThere } = await countPresent(remote, readings, keys, watch);
  return { ...figures, looked, alreadyThere };
}

async function countPresent(
  remote: Database,
  readings: QueueTable,
  keys: readonly string[],
  { isStopped, onProgress }: QueueWatch,
): Promise<{ looked: number; alreadyThere: number }> {
  let looked = 0;
  let alreadyThere = 0;
  while (looked < keys.length && !isStopped()) {
    const chunk = keys.slice(looked, looked + CHUNK);
    alreadyThere += await withTransaction(remote, { isolation: 'repeatable read, read only' }, async (session) => {
      await runAll(session, TEXT_FORMS);
      const types = byName((await readTableShape(session, readings.table)).columns);
      const same = readings.key.map(
        (name, at) => `r.${ident(name)} = (k.key::json ->> ${at})::${types.get(name)?.baseType ?? 'text'}`,
      );
      const [row] = await run<{ rows: string }>(session, {
        text: `
          select count(*)::text as rows
          from unnest($1::text[]) as k(key)
          where exists (select from ${relation(readings.table)} as r where ${same.join(' and ')})`,
        values: [chunk],
      });
      return Number(row?.rows);
    });
    looked += chunk.length;
    if (keys.length > CHUNK) onProgress(looked, keys.length);
  }
  return { looked, alreadyThere };
}
