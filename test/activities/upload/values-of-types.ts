import fc from 'fast-check';

type Texts = fc.Arbitrary<string>;

const text = fc
  .oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: 'binary' }), // every plane of Unicode, and every control character
    fc.constantFrom('', ' ', '\\N', '\\.', 'a\tb\nc\r\\', '"x,y"', "it's", '$$', '😀é\u{1F1E8}', '\u{10FFFF}', 'e\u0301', '\uFEFF'),
  )
  .map((value) => value.replaceAll('\0', '')); // prettier-ignore
const inArray = text.map((value) => value.replace(/[\u0000-\u001f\u007f-\u009f]/gu, ''));
const integer = (bits: number): Texts =>
  fc.bigInt({ min: -(2n ** BigInt(bits - 1)), max: 2n ** BigInt(bits - 1) - 1n }).map(String);
const digits = (maxLength: number): Texts =>
  fc.array(fc.constantFrom(...'0123456789'), { minLength: 1, maxLength }).map((all) => all.join(''));
const decimal = (before: number, after: number): Texts =>
  fc.tuple(fc.constantFrom('', '-'), digits(before), digits(after)).map(([sign, a, b]) => `${sign}${a}.${b}`);
const float = (value: fc.Arbitrary<number>): Texts =>
  fc.oneof(value, fc.constantFrom(-0, NaN, Infinity, -Infinity)).map((n) => (Object.is(n, -0) ? '-0' : String(n)));
const double = fc.double({ noNaN: true });
const clock = fc.oneof(
  fc
    .tuple(fc.nat(23), fc.nat(59), fc.nat(59), fc.nat(999_999))
    .map(([h, m, s, us]) => `${h}:${m}:${s}.${String(us).padStart(6, '0')}`),
  fc.constantFrom('24:00:00', '00:00:00'),
);
const year = fc.oneof(
  fc.integer({ min: 1, max: 294_275 }).map((value) => [String(value).padStart(4, '0'), ''] as const),
  fc.integer({ min: 2, max: 4_712 }).map((value) => [String(value).padStart(4, '0'), ' BC'] as const),
);
const day = fc
  .tuple(year, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 28 }))
  .map(([[value, era], month, date]) => ({ iso: `${value}-${month}-${date}`, era }));
const date = fc.oneof(
  day.map(({ iso, era }) => `${iso}${era}`),
  fc.constantFrom('2024-02-29', 'infinity', '-infinity', '5874897-12-31', '4713-01-01 BC'),
);
const moment = fc.oneof(
  fc.tuple(day, clock).map(([{ iso, era }, time]) => `${iso} ${time}${era}`),
  fc.constantFrom('infinity', '-infinity', '4713-01-01 00:00:00 BC', '294276-12-30 23:59:59.999999'),
);
const interval = fc
  .tuple(fc.integer({ min: -9_999, max: 9_999 }), fc.integer({ min: -99_999, max: 99_999 }), clock)
  .map(([months, days, time]) => `${months} mons ${days} days -${time}`);
const json = fc
  .tuple(fc.json(), fc.constantFrom('', ' ', '\n\t'))
  .map(([value, blank]) => `${blank}${value.replaceAll('\\u0000', '')}${blank}`);
const spelled = fc.constantFrom(
  '{"b":1,"a":1.00,"b":2}',
  '[1e2, 100,  1E+2]',
  '"\\u00e9"',
  '{"n":12345678901234567890.10}',
);
const bytes = fc.uint8Array({ maxLength: 40 }).map((value) => `\\x${Buffer.from(value).toString('hex')}`);
const bits = fc.array(fc.constantFrom('0', '1'), { maxLength: 70 }).map((all) => all.join(''));
const network = fc.oneof(
  fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })).map(([address, length]) => `${address}/${length}`),
  fc.ipV6(),
  fc.constantFrom('10.0.0.1/8', '::ffff:1.2.3.4/128'),
);
const point = fc.tuple(double, float(double)).map(([x, y]) => `(${x},${y})`);
const finitePoint = fc.tuple(double, double).map(([x, y]) => `(${x},${y})`);
const array = (item: Texts): Texts =>
  fc
    .array(fc.option(item, { freq: 5 }), { maxLength: 4 })
    .map((items) => `{${items.map((one) => (one === null ? 'NULL' : JSON.stringify(one))).join(',')}}`);
const range = (low: string, high: string): Texts =>
  fc.constantFrom('empty', `[${low},${high})`, `(${low},${high}]`, '(,)', `[${low},)`, `(,${high})`);
const ranges = (low: string, high: string): Texts => fc.constantFrom('{}', `{(,${low}),[${high},)}`, '{(,)}');

/** As a server of another language reads an amount of money. */
const DECIMAL_POINT = process.env['METER_SYNC_TEST_SERVER'] === 'system' ? ',' : '.';

/** Types of columns that a table of readings can hold, each with values as text. */
export const VALUES_OF_TYPES: Readonly<Record<string, Texts>> = {
  smallint: integer(16),
  integer: integer(32),
  bigint: integer(64),
  numeric: fc.oneof(decimal(100, 100), decimal(3, 20), fc.constantFrom('NaN', 'Infinity', '-Infinity', '1e130000', '1e-16000', '0.00')),
  'numeric(18,6)': fc.oneof(decimal(12, 6), fc.constant('NaN')),
  'numeric(1000,900)': decimal(100, 900),
  real: float(fc.float({ noNaN: true })),
  'double precision': float(double),
  text,
  'varchar(400)': text.map((value) => [...value].slice(0, 400).join('')),
  'char(12)': fc.string({ maxLength: 12 }).map((value) => value.replaceAll('\0', '')),
  '"char"': fc.constantFrom('a', ''),
  name: fc.constantFrom('a name', ''),
  bytea: bytes,
  boolean: fc.constantFrom('t', 'f'),
  uuid: fc.uuid(),
  date,
  timestamp: moment,
  timestamptz: moment.map((value) => value.replace(/( BC)?$/, (era) => (value.includes('infinity') ? '' : `+05:45${era}`))),
  'timestamptz(2)': moment,
  'timestamp(0)': moment,
  time: clock,
  'time(3)': clock,
  timetz: clock.map((value) => `${value}-15:59:59`),
  interval,
  'interval day to second(2)': interval,
  json: fc.oneof(json, spelled),
  jsonb: fc.oneof(json, spelled),
  xml: fc.constantFrom('<a b="1">é&amp;</a>', 'only text', '<?xml version="1.0"?><!-- c --><x/>'),
  jsonpath: fc.constantFrom('$."a"[*]?(@ > 1.00)'),
  inet: network,
  cidr: fc.constantFrom('10.0.0.0/8', '2001:db8::/32'),
  macaddr: fc.constantFrom('08:00:2b:01:02:03'),
  macaddr8: fc.constantFrom('08:00:2b:01:02:03:04:05'),
  'bit(5)': fc.constantFrom('00000', '10101'),
  varbit: bits,
  money: fc.constantFrom('-1.05', '92233720368547758.07').map((amount) => amount.replace('.', DECIMAL_POINT)),
  point: fc.oneof(point, fc.constantFrom('(1,-0)', '(NaN,Infinity)', '(0.1,0.2)')),
  line: fc.constantFrom('{1,-1,0.1}', '{0,-1,2}'),
  lseg: fc.tuple(finitePoint, point).map(([a, b]) => `[${a},${b}]`),
  box: fc.tuple(finitePoint, finitePoint).map(([a, b]) => `${a},${b}`),
  path: fc.tuple(fc.constantFrom('()', '[]'), finitePoint, point).map(([ends, a, b]) => `${ends[0]}${a},${b}${ends[1]}`),
  polygon: fc.tuple(finitePoint, finitePoint, finitePoint).map((points) => `(${points.join(',')})`),
  circle: fc.tuple(finitePoint, fc.constantFrom('0', '0.1', '1e300')).map(([center, radius]) => `<${center},${radius}>`),
  tsvector: fc.constantFrom(`'a':1A 'b c':2`, ''),
  tsquery: fc.constantFrom(`'a' & !'b c':*A`, `'x' <2> 'y'`),
  oid: fc.constantFrom('0', '4294967295'),
  pg_lsn: fc.constantFrom('0/0', 'FFFFFFFF/FFFFFFFF'),
  int4range: range('-5', '7'),
  int8range: range('-9223372036854775808', '9223372036854775806'),
  numrange: range('1.50', '2.000'),
  tsrange: range('2026-01-01', '2026-01-01 00:00:00.000001'),
  tstzrange: range('"0044-03-15 00:00:00+00 BC"', 'infinity'),
  daterange: range('2026-01-01', 'infinity'),
  int4multirange: ranges('-5', '7'),
  nummultirange: ranges('1.50', '2.000'),
  tstzmultirange: ranges('2026-01-01', '2026-01-02'),
  'integer[]': array(integer(32)),
  'text[]': array(inArray),
  'bytea[]': array(bytes),
  'double precision[]': array(float(double)),
  'timestamptz[]': array(moment),
  'uuid[]': array(fc.uuid()),
  'boolean[]': array(fc.constantFrom('t', 'f')),
  'json[]': array(spelled),
  'numeric[]': fc.constantFrom('{{1.0,2.00},{NaN,-3}}', '[2:3]={1,2}', '{{{1}},{{NULL}}}'),
}; // prettier-ignore
