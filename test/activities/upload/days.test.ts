import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BinaryRows } from '../../../activities/custody/days/binary-rows.js';
import { toDayText } from '../../../activities/custody/days/day-text.js';
import { LtHash } from '../../../activities/custody/days/lt-hash.js';

const field = fc.option(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  { nil: null },
);
const rows = fc.array(fc.array(field, { minLength: 2, maxLength: 5 }), { maxLength: 12 });

/** A COPY in binary format. */
function toCopy(all: readonly (readonly (Buffer | null)[])[]): { readonly bytes: Buffer; readonly rows: Buffer[] } {
  const int = (value: number, bytes: number): Buffer => {
    const buffer = Buffer.alloc(bytes);
    buffer.writeIntBE(value, 0, bytes);
    return buffer;
  };
  const encoded = all.map((fields) =>
    Buffer.concat([
      int(fields.length, 2),
      ...fields.flatMap((one) => (one === null ? [int(-1, 4)] : [int(one.length, 4), one])),
    ]),
  );
  const header = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), int(0, 4), int(0, 4)]);
  return { bytes: Buffer.concat([header, ...encoded, int(-1, 2)]), rows: encoded };
}

it('rows are cut out of a COPY whatever pieces it comes in', () => {
  fc.assert(
    fc.property(rows, fc.array(fc.nat({ max: 30 }), { minLength: 1 }), (all, lengths) => {
      const copy = toCopy(all);
      const found: Buffer[] = [];
      const fields: (Buffer | null)[] = [];
      const cutter = new BinaryRows(1, ({ bytes, field: second }) => {
        found.push(Buffer.from(bytes));
        fields.push(second === null ? null : Buffer.from(second));
      });
      for (let at = 0, turn = 0; at < copy.bytes.length; turn += 1) {
        const length = 1 + (lengths[turn % lengths.length] ?? 0);
        cutter.update(copy.bytes.subarray(at, at + length));
        at += length;
      }
      expect(found).toEqual(copy.rows);
      expect(fields).toEqual(all.map((one) => one[1]));
    }),
  );
});

it('a hash of rows has no order, and rows can be taken out again', () => {
  const bytes = fc.array(
    fc.uint8Array({ maxLength: 60 }).map((row) => Buffer.from(row)),
    { maxLength: 6 },
  );
  const hashOf = (all: readonly Buffer[]): LtHash => {
    const hash = LtHash.empty();
    for (const row of all) hash.add(row);
    return hash;
  };
  fc.assert(
    fc.property(bytes, bytes, (some, others) => {
      const all = hashOf([...others, ...some.toReversed()]);
      expect(all.toDigest()).toBe(hashOf(some).with(hashOf(others)).toDigest());
      expect(all.with(hashOf(others), -1).toDigest()).toBe(hashOf(some).toDigest());
      expect(LtHash.fromBytes(all.toBytes())?.toDigest()).toBe(all.toDigest());
      expect(hashOf([...some, Buffer.from('x')]).toDigest()).not.toBe(hashOf(some).toDigest());
    }),
    { numRuns: 30 },
  );
});

it('the hash is the one that the protocol defines', () => {
  // SHAKE128 of b'reading', 2048 bytes, as 1024 little endian numbers of 16 bits; added to itself; SHA-256 of that.
  const hash = LtHash.empty();
  expect(hash.toDigest()).toBe('e5a00aa9991ac8a5ee3109844d84a55583bd20572ad3ffcd42792f3c36b183ad');
  hash.add(Buffer.from('reading'));
  hash.add(Buffer.from('reading'));
  expect(hash.toDigest()).toBe('b29f0cb1db56d9cf88e29ea5408f7b6afb2620dfa40e5cee9a7123606123e0f6');
});

it.each([
  [0n, '2000-01-01'],
  [-1n, '1999-12-31'],
  [0x7fffffffffffffffn, 'infinity'],
  [-0x8000000000000000n, '-infinity'],
])('the day of %s microseconds is %s', (us, day) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(us);
  expect(toDayText(bytes, 'timestamp with time zone')).toBe(day);
});
