import { randomBytes } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { createPool } from '../../../src/postgres/pool.js';
import type { TestDatabase } from '../../support/postgres.js';
import { openSite, setForDatabase, toSite } from './site-under-test.js';

const USAGE = 'usage on schema meter_sync';
const STATE = [
  USAGE,
  'select, insert, delete on meter_sync.upload_state',
  'select, insert, update, delete on meter_sync.upload_claim',
  'select, insert, update, delete on meter_sync.quarantine',
  'select on meter_sync.site_key',
  'select, insert, delete on meter_sync.day_state',
  'select, insert, delete on meter_sync.delivered_batch',
  'select, insert on meter_sync.delivered_columns',
  'select, insert, update on meter_sync.lost_at_remote',
  'select, insert, delete on meter_sync.kept_reading',
];
const COMPANIONS = [
  'select, insert on meter_sync.custody_columns',
  'select, insert on meter_sync.custody_key',
  'select, insert on meter_sync.custody_seal',
];
const CUSTODY = [USAGE, 'select, insert on meter_sync.custody', ...COMPANIONS];
const READ_STATE = [
  USAGE,
  ...['upload_state', 'upload_claim', 'quarantine', 'site_key', 'lost_at_remote', 'kept_reading'].map(
    (name) => `select on meter_sync.${name}`,
  ),
];
const REMOVE = 'select, delete on meter_readings';
const SEND = ['insert (id, created_at, value) on meter_readings', 'select (id, created_at, value) on meter_readings'];
const TEMPORARY = 'temporary on database';

it('a user with the least rights moves readings, also those that are there already', async (context) => {
  const site = await openSite(context);
  const { database: local } = await asUser(site.local, [...STATE, REMOVE]);
  const { database: remote } = await asUser(site.remote, [...SEND, TEMPORARY, ...CUSTODY]);
  const least = toSite({ local, remote }, site.ends.readings);
  for (const expected of [
    { inserted: 10, alreadyThere: 0 },
    { inserted: 5, alreadyThere: 10 },
  ]) {
    await site.queueReadings(1, expected.inserted + expected.alreadyThere);
    expect(await least.upload()).toMatchObject(expected);
  }
});

it('a user who is to mark readings needs the right to update the flag alone, and is told so', async (context) => {
  const site = await openSite(context, { readings: { keepDays: 7 } });
  await site.queueReadings(1, 10);
  const without = await asUser(site.local, [...STATE, REMOVE]);
  await expect(toSite({ ...site, local: without.database }, site.ends.readings).upload()).rejects.toMatchObject({
    kind: 'credentials',
    message: expect.stringContaining(`grant update ("is_synchronized") on "meter_readings" to ${without.role}`) as unknown,
  });
  const { database: local } = await asUser(site.local, [...STATE, REMOVE, 'update (is_synchronized) on meter_readings']);
  const least = toSite({ ...site, local }, site.ends.readings);
  expect(await least.upload()).toMatchObject({ inserted: 10, removed: 10 });
  await site.local.sql(`update meter_sync.kept_reading set kept_at = '2020-01-01'`);
  await least.upload();
  expect([await site.count(site.local), least.logged.filter(({ level }) => level === 'warn')]).toEqual([0, []]);
}); // prettier-ignore

it('a user who lacks a right moves nothing, and is told what to grant', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 10);
  for (const [side, rights, wanted] of [
    ['local', STATE, 'grant select, delete on "meter_readings"'],
    ['local', [...STATE, 'select on meter_readings'], 'grant delete on "meter_readings"'],
    ['local', [...READ_STATE, REMOVE], 'grant insert, delete on meter_sync.upload_state to'],
    ['local', [...READ_STATE, REMOVE], 'grant insert, update, delete on meter_sync.quarantine'],
    ['remote', [TEMPORARY, ...CUSTODY], 'grant select, insert on "meter_readings"'],
    [
      'remote',
      [TEMPORARY, ...CUSTODY, SEND[0]!, 'select (id) on meter_readings'],
      'grant select \\("created_at", "value"\\) on "meter_readings"',
    ],
    ['remote', [...SEND, ...CUSTODY], 'grant temporary on database'],
    [
      'remote',
      [...SEND, TEMPORARY, USAGE, 'select on meter_sync.custody', ...COMPANIONS],
      'grant insert on meter_sync.custody',
    ],
  ] as const) {
    const { database, role } = await asUser(site[side], rights);
    const lacking = toSite({ ...site, [side]: database }, site.ends.readings);
    await expect(lacking.upload()).rejects.toMatchObject({
      kind: 'credentials',
      message: expect.stringMatching(new RegExp(`${wanted}.* to ${role}$`)) as unknown,
      place: { side, table: 'meter_readings' },
    });
    expect([await site.count(site.local), await site.count(site.remote)]).toEqual([10, 0]);
  }
});

it('a user who may not even read the bookkeeping is told how to get the rights', async (context) => {
  const site = await openSite(context);
  for (const [side, rights, wanted] of [
    ['local', [...STATE.slice(0, 2), REMOVE], /meter-sync init --print$/],
    [
      'remote',
      [...SEND, TEMPORARY],
      /grant usage on schema meter_sync to \w+; grant select, insert on meter_sync.custody to/,
    ],
  ] as const) {
    const { database } = await asUser(site[side], rights);
    await expect(toSite({ ...site, [side]: database }, site.ends.readings).upload()).rejects.toMatchObject({
      kind: 'credentials',
      message: expect.stringMatching(wanted) as unknown,
      place: { side },
    });
  }
});

it('a local database that only reads is told before anything moves', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 10);
  await site.local.sql(setForDatabase('default_transaction_read_only', 'on'));
  const pool = createPool(site.local.settings, () => undefined);
  onTestFinished(() => pool.end());
  const reading = toSite({ ...site, local: { ...site.local, pool } }, site.ends.readings);
  await expect(reading.upload()).rejects.toMatchObject({ kind: 'schema', place: { side: 'local' } });
  expect(await site.count(site.remote)).toBe(0);
});

/** The database as a fresh user sees it, who has the rights given and no other. */
async function asUser(
  admin: TestDatabase,
  rights: readonly string[],
): Promise<{ database: TestDatabase; role: string }> {
  const role = `worker_${randomBytes(4).toString('hex')}`;
  const here = (await admin.value('select quote_ident(current_database())'))!;
  const grants = rights.map((right) => `grant ${right === TEMPORARY ? `${right} ${here}` : right} to ${role};`);
  await admin.sql(`
    create role ${role} login password 'a';
    revoke temporary on database ${here} from public;
    ${grants.join('\n')}`);
  const pool = createPool({ ...admin.settings, user: role, password: () => 'a' }, () => undefined);
  onTestFinished(async () => {
    await pool.end();
    await admin.sql(`drop owned by ${role}; drop role ${role}`);
  });
  return { database: { ...admin, pool }, role };
}
