import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareEnds, type Comparison, tellDrifts } from '../../src/model/drift.js';
import type { Column, QueueTable, TableShape } from '../../src/model/table.js';

const table = { schema: null, name: 'meter_readings' };
const queue: QueueTable = { table, key: ['id'], order: 'created_at', flag: 'is_synchronized' };
const id = column('id', 'uuid', { notNull: true });
const createdAt = column('created_at', 'timestamp with time zone');
const flag = column('is_synchronized', 'boolean');

describe('two tables of readings compared', () => {
  it('moves the columns that both have in binary, and never the flag', () => {
    const value = column('value', 'double precision');
    const { transfer, drifts } = compareEnds({
      queue,
      local: shape([createdAt, id, flag, value]),
      remote: shape([createdAt, id, flag, value, column('received_at', 'date')]),
    });
    expect(drifts).toEqual([]);
    expect(transfer.columns.map(({ name }) => name)).toEqual(['created_at', 'id', 'value']);
    expect(transfer.format).toBe('binary');
  });

  it('keeps nothing back in silence: a column that the remote does not store is a drift, unless the settings except it', () => {
    const [note, memo] = [column('note', 'text'), column('memo', 'text')];
    const { drifts } = compare([note, memo], []);
    expect(drifts.map(({ side, column: name, dropped }) => [side, name, dropped?.reason])).toEqual([
      ['remote', 'note', 'missing'],
      ['remote', 'memo', 'missing'],
    ]);
    const { problems, remedy } = tellDrifts(drifts, { ...queue, except: ['raw, old'] });
    expect(problems).toEqual(['the remote table has no columns note, memo, so these values would be lost']);
    expect(remedy).toContain('add note, memo to the remote table');
    expect(remedy).toContain('set METER_SYNC_READINGS_EXCEPT="raw, old",note,memo and restart the worker');
    const known = compare([note, memo], [note], { except: ['note', 'memo', 'other'] });
    expect({ drifts: known.drifts, excepted: known.excepted }).toEqual({ drifts: [], excepted: ['note', 'memo'] });
    expect(known.transfer.columns.map(({ name }) => name)).toEqual(['created_at', 'id']);
  });

  it('never excepts the key or the order, and offers that for none of them', () => {
    const settings = { ...queue, except: ['id', 'created_at'] };
    const both = compareEnds({ queue: settings, local: shape([createdAt, id, flag]), remote: shape([createdAt, id]) });
    expect(both.transfer.columns.map(({ name }) => name)).toEqual(['created_at', 'id']);
    const { drifts } = compareEnds({ queue, local: shape([createdAt, id, flag]), remote: shape([id]) });
    expect(drifts).toMatchObject([{ column: 'created_at' }]);
    expect(tellDrifts(drifts, queue).remedy).toBe(
      "Ask the remote's DBA to add created_at to the remote table as an ordinary column",
    );
  });

  it('refuses an exception that the remote wants filled', () => {
    const tariff = column('tariff', 'text', { notNull: true });
    expect(compare([tariff], [tariff], { except: ['tariff'] }).drifts).toMatchObject([
      { column: 'tariff', problem: expect.stringContaining('the settings keep it at the site') as unknown },
    ]);
  });

  it('asks for no column that the site computes from others, and for each that only an inheriting table has', () => {
    const total = column('total', 'integer', { isGenerated: true });
    expect(compare([total], []).drifts).toEqual([]);
    const local = { ...shape([createdAt, id, flag]), columnsOfParts: ['phase'] };
    const remote = shape([createdAt, id]);
    expect(compareEnds({ queue, local, remote }).drifts).toMatchObject([{ side: 'local', column: 'phase' }]);
    expect(compareEnds({ queue: { ...queue, except: ['phase'] }, local, remote }).drifts).toEqual([]);
  });

  it('moves the whole batch as text when one column needs it', () => {
    const { transfer, drifts } = compare([column('value', 'integer')], [column('value', 'bigint')]);
    expect({ format: transfer.format, drifts }).toEqual({ format: 'text', drifts: [] });
  });

  it('moves a type as text whose binary form holds object ids', () => {
    const kind = column('kind', 'kind[]', { isPortable: false });
    expect(compare([kind], [kind]).transfer.format).toBe('text');
  });

  it('sees through domains', () => {
    const kwh = (baseType: string): Column => column('value', 'kwh', { baseType });
    expect(compare([kwh('numeric(18,6)')], [kwh('numeric(18,2)')]).drifts).toMatchObject([{ column: 'value' }]);
    expect(compare([kwh('numeric(18,2)')], [column('value', 'numeric(18,6)')]).drifts).toEqual([]);
  });

  it('never writes a generated column, and refuses it unless both ends compute it', () => {
    const remote = column('total', 'integer', { isGenerated: true, notNull: true });
    for (const [change, dropped] of [
      [{}, ['total']],
      [{ isGenerated: true }, []],
      [{ isGenerated: true, isIdentity: true }, ['total']],
    ] as const) {
      const { transfer, drifts } = compare([column('total', 'numeric(18,6)', change)], [remote]);
      expect(transfer.columns.map(({ name }) => name)).not.toContain('total');
      expect(drifts.map(({ column: name }) => name)).toEqual(dropped);
    }
  });

  it('lets a column round when the settings name it, and never one of the key', () => {
    const [exact, short] = [column('value', 'numeric(9,3)'), column('value', 'numeric(9,1)')];
    const named = compare([exact], [short], { mayRound: ['value', 'other'] });
    expect({ drifts: named.drifts, rounded: named.transfer.rounded }).toEqual({ drifts: [], rounded: ['value'] });
    expect(compare([exact], [short], { mayRound: ['other'] }).drifts).toMatchObject([{ column: 'value' }]);
    const keyed = compareEnds({
      queue: { ...queue, mayRound: ['id'] },
      local: shape([column('id', 'numeric(9,3)', { notNull: true }), createdAt, flag]),
      remote: shape([column('id', 'numeric(9,1)', { notNull: true }), createdAt]),
    });
    expect(keyed.drifts).toMatchObject([
      { column: 'id', problem: expect.stringContaining('a key must not') as unknown },
    ]);
  });

  it('puts instants without a zone into the one that is set, and refuses them while there is none', () => {
    const [bare, zoned] = [column('at', 'timestamp without time zone'), column('at', 'timestamp with time zone')];
    expect(compare([bare], [zoned]).drifts).toMatchObject([
      { column: 'at', problem: expect.stringContaining('METER_SYNC_READINGS_TIME_ZONE') as unknown },
    ]);
    const { transfer, drifts } = compare([bare], [zoned], { timeZone: 'Asia/Kathmandu' });
    expect(drifts).toEqual([]);
    expect(transfer.columns.find(({ name }) => name === 'at')?.inZone).toBe('Asia/Kathmandu');
    expect(compare([zoned], [zoned], { timeZone: 'Asia/Kathmandu' }).transfer.columns[0]?.inZone).toBeNull();
  });

  it('warns of columns that refuse values, and moves them', () => {
    const { drifts, warnings } = compare([column('value', 'bigint')], [column('value', 'integer')]);
    expect({ drifts, warned: warnings.map((warning) => warning.column) }).toEqual({ drifts: [], warned: ['value'] });
  });

  it('moves labels and texts into an enum of any name as text, and warns', () => {
    const mood = column('mood', 'mood', { isEnum: true });
    for (const local of [column('mood', 'text'), column('mood', 'app.mood', { isEnum: true })]) {
      const { transfer, drifts, warnings } = compare([local], [mood]);
      expect([drifts, transfer.format, warnings.length]).toEqual([[], 'text', 1]);
    }
    expect(compare([mood], [mood]).transfer.format).toBe('binary');
    expect(compare([column('mood', 'integer')], [mood]).drifts).toHaveLength(1);
  });

  it("overrides the remote's own numbers in a key alone", () => {
    const number = column('id', 'bigint', { notNull: true, isGenerated: true, isIdentity: true });
    const { transfer, drifts } = compareEnds({
      queue,
      local: shape([number, createdAt, flag, { ...number, name: 'n' }]),
      remote: shape([number, createdAt, { ...number, name: 'n' }]),
    });
    expect(transfer.columns.map(({ name }) => name)).toEqual(['id', 'created_at']);
    expect(drifts).toMatchObject([{ column: 'n', dropped: { reason: 'generated' } }]);
  });

  it('tells every drift at once, each with its column', () => {
    const { drifts } = compareEnds({
      queue: { ...queue, key: ['site', 'id'] },
      local: shape([id, column('value', 'numeric(18,6)'), column('site', 'text')]),
      remote: shape([id, column('value', 'numeric(20,2)'), column('tariff', 'text', { notNull: true })]),
    });
    expect(drifts.map(({ side, column }) => [side, column])).toEqual([
      ['local', 'created_at'],
      ['local', 'is_synchronized'],
      ['local', 'site'],
      ['remote', 'site'],
      ['remote', 'tariff'],
      ['remote', 'value'],
    ]);
  });

  it('wants a unique key on exactly the key of the readings, in any order', () => {
    const both = { ...queue, key: ['meter', 'id'] };
    const columns = [id, createdAt, flag, column('meter', 'bigint', { notNull: true })];
    const driftsOf = (uniqueKeys: string[][]): number =>
      compareEnds({ queue: both, local: shape(columns), remote: { ...shape(columns), uniqueKeys } }).drifts.length;
    expect(driftsOf([['id', 'meter']])).toBe(0);
    expect(driftsOf([['id']])).toBe(1);
    expect(driftsOf([['id', 'meter', 'created_at']])).toBe(1);
    expect(driftsOf([])).toBe(1);
  });

  it('answers for any two tables that each local column moves, or is a drift, or is excepted', () => {
    const type = fc.constantFrom(
      'integer',
      'bigint',
      'real',
      'double precision',
      'numeric(9,3)',
      'numeric',
      'text',
      'date',
    );
    const columns = fc.uniqueArray(
      fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd'), type, notNull: fc.boolean(), hasDefault: fc.boolean() }),
      { selector: ({ name }) => name },
    );
    fc.assert(
      fc.property(columns, columns, fc.subarray(['a', 'b', 'c', 'd']), (local, remote, except) => {
        const { transfer, drifts, excepted } = compare(local.map(toColumn), remote.map(toColumn), { except });
        const told = new Set(drifts.map((drift) => drift.column));
        const moved = new Set(transfer.columns.map(({ name }) => name));
        for (const { name } of local) {
          expect(excepted.includes(name)).toBe(except.includes(name));
          expect(moved.has(name) || told.has(name) || excepted.includes(name)).toBe(true);
          expect(moved.has(name) && excepted.includes(name)).toBe(false);
        }
        if (drifts.length > 0) return;
        for (const { name, notNull, hasDefault } of remote)
          expect(moved.has(name) || !notNull || hasDefault).toBe(true);
      }),
    );
  });
});

function compare(local: Column[], remote: Column[], settings: Partial<QueueTable> = {}): Comparison {
  const [ours, theirs] = [
    [createdAt, id, flag, ...local],
    [createdAt, id, ...remote],
  ];
  return compareEnds({ queue: { ...queue, ...settings }, local: shape(ours), remote: shape(theirs) });
}

function shape(columns: Column[]): TableShape {
  return { table, columns, isOwnTable: true, isDurable: true, columnsOfParts: [], uniqueKeys: [['id']] };
}

function toColumn({ name, type, ...facts }: { name: string; type: string }): Column {
  return column(name, type, facts);
}

function column(name: string, type: string, facts: Partial<Column> = {}): Column {
  const defaults = {
    notNull: false,
    hasDefault: false,
    isGenerated: false,
    isIdentity: false,
    isPortable: true,
    isEnum: false,
  };
  return { name, type, baseType: type, ...defaults, ...facts };
}
