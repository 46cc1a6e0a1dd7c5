import type { DemEntry } from './dem-report.js';
import { createLocalClock, type LocalClock } from './local-time.js';
import { NUMBER_COLUMNS, type Reading, toReadingId, type ValueColumn } from './reading.js';
import { type SampleMeter, toMeterId, toSampleMeter } from './meters.js';

/** Columns by the channel names of the building's meters. */
const COLUMN_OF_CHANNEL: Readonly<Record<string, ValueColumn>> = {
  'CONSUMPTN HI': 'consumption_hi',
  'CONSUMPTN LO': 'consumption_lo',
  DEMAND: 'demand',
  'POWER FACTOR': 'power_factor',
  'CURRENT A': 'current_a',
  'CURRENT B': 'current_b',
  'CURRENT C': 'current_c',
  'VOLTAGE A.N': 'voltage_a',
  'VOLTAGE B.N': 'voltage_b',
  'VOLTAGE C.N': 'voltage_c',
  'DAY.NGT': 'day_night',
};
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const HOLDS_NUMBER: ReadonlySet<string> = new Set(NUMBER_COLUMNS);

/**
 * What became of every value of a report:
 * `values = stored + repeated + superseded + notNumeric + unknownChannel`.
 */
export interface PivotCounts {
  /** Values that the report holds. */
  values: number;
  /** Values that stand in a reading. */
  stored: number;
  /** Stored values that are text, not a number: the day or night flag. Part of `stored`. */
  storedText: number;
  /** Values that came a second time, equal, for one meter, instant and column. */
  repeated: number;
  /** Values that a later, different value of the same meter, instant and column has replaced. */
  superseded: number;
  /** Values that are no number in a column of numbers: left out. */
  notNumeric: number;
  /** Values of channels that the sample tables have no column for: left out. */
  unknownChannel: number;
  /** Values of the hour that autumn's clock change repeats, by the pass that they belong to. Any of the above as well. */
  firstPass: number;
  secondPass: number;
  /** Values at local times that spring's clock change skips; read as if the clock had not been changed yet. */
  skippedTime: number;
  points: number;
  /** Points that the report says it has nothing of. */
  emptyPoints: number;
  /** Places where the logger lost values. */
  dataLosses: number;
  unreadableLines: number;
  /** False when the report's last line is missing: it was cut off. */
  isComplete: boolean;
}

/** A report as readings and meters, with the account of its values. */
export interface PivotedReport {
  /** One for each meter and instant, oldest first. */
  readonly readings: readonly Reading[];
  readonly meters: readonly SampleMeter[];
  readonly counts: Readonly<PivotCounts>;
}

/** The building's clocks. The report itself names no zone. */
const FORRESTAL_TIME_ZONE = 'America/New_York';

/**
 * Makes readings of a report: one for each meter and instant, with its registers as columns. The whole report is held in
 * memory; the building prints one a day.
 *
 * Where autumn's clock change repeats an hour the report prints the same local times twice. A point's values are in the
 * order in which they were taken, so the first pass ends where its time goes back inside that hour; when it never does, all
 * of them are taken as the first pass. Loggers that restart go back in time, too (`00:15, 00:00`): outside the repeated
 * hour that is a repetition, and the later value stands, since the logger has read again.
 */
export async function pivotReport(
  entries: AsyncIterable<DemEntry>,
  timeZone = FORRESTAL_TIME_ZONE,
): Promise<PivotedReport> {
  const pivot = new Pivot(createLocalClock(timeZone));
  for await (const entry of entries) pivot.take(entry);
  return pivot.finish();
}

interface Draft {
  readonly meter: string;
  readonly instant: number;
  readonly values: Partial<Record<ValueColumn, string>>;
}

class Pivot {
  readonly #clock: LocalClock;
  readonly #drafts = new Map<string, Draft>();
  readonly #channels = new Map<string, Set<string>>();
  readonly #counts = noCounts();
  #previousInRepeatedHour = -Infinity;
  #isSecondPass = false;

  constructor(clock: LocalClock) {
    this.#clock = clock;
  }

  take(entry: DemEntry): void {
    switch (entry.kind) {
      case 'point':
        return this.#beginPoint(entry.point);
      case 'value':
        return this.#store(entry.point, this.#toInstant(entry.localMs), entry.value);
      case 'dataLoss':
        this.#counts.dataLosses += 1;
        return;
      case 'noData':
        this.#counts.emptyPoints += 1;
        return;
      case 'unreadable':
        this.#counts.unreadableLines += 1;
        return;
      case 'end':
        this.#counts.isComplete = true;
    }
  }

  finish(): PivotedReport {
    const drafts = [...this.#drafts.values()].sort((a, b) => a.instant - b.instant || compare(a.meter, b.meter));
    const meters = [...this.#channels].map(([name, channels]) => toSampleMeter(name, [...channels]));
    return { readings: drafts.map(toReading), meters, counts: this.#counts };
  }

  #beginPoint(point: string): void {
    this.#counts.points += 1;
    const { meter, channel } = splitPoint(point);
    const channels = this.#channels.get(meter) ?? new Set<string>();
    this.#channels.set(meter, channels.add(channel));
    this.#previousInRepeatedHour = -Infinity;
    this.#isSecondPass = false;
  }

  #toInstant(localMs: number): number {
    const { kind, instants } = this.#clock(localMs);
    if (kind === 'skipped') this.#counts.skippedTime += 1;
    if (kind !== 'repeated') return instants[0];
    if (localMs < this.#previousInRepeatedHour) this.#isSecondPass = true;
    this.#previousInRepeatedHour = localMs;
    this.#counts[this.#isSecondPass ? 'secondPass' : 'firstPass'] += 1;
    return this.#isSecondPass ? instants[1]! : instants[0];
  }

  #store(point: string, instant: number, value: string): void {
    const { meter, channel } = splitPoint(point);
    const column = COLUMN_OF_CHANNEL[channel];
    this.#counts.values += 1;
    if (column === undefined) this.#counts.unknownChannel += 1;
    else if (HOLDS_NUMBER.has(column) && !NUMBER.test(value)) this.#counts.notNumeric += 1;
    else this.#write(this.#draft(meter, instant), column, value);
  }

  #write({ values }: Draft, column: ValueColumn, value: string): void {
    const earlier = values[column];
    if (earlier === value) this.#counts.repeated += 1;
    else if (earlier !== undefined) this.#counts.superseded += 1;
    else {
      this.#counts.stored += 1;
      if (!HOLDS_NUMBER.has(column)) this.#counts.storedText += 1;
    }
    values[column] = value;
  }

  #draft(meter: string, instant: number): Draft {
    const key = `${instant} ${meter}`;
    const draft = this.#drafts.get(key) ?? { meter, instant, values: {} };
    this.#drafts.set(key, draft);
    return draft;
  }
}

function toReading({ meter, instant, values }: Draft): Reading {
  const createdAt = new Date(instant).toISOString();
  return { id: toReadingId(meter, instant), meterId: toMeterId(meter), createdAt, values };
}

/** `NZA12:VOLTAGE A.N` is the channel `VOLTAGE A.N` of the meter `NZA12`. */
function splitPoint(point: string): { readonly meter: string; readonly channel: string } {
  const colon = point.indexOf(':');
  return colon < 0
    ? { meter: point, channel: '' }
    : { meter: point.slice(0, colon).trim(), channel: point.slice(colon + 1).trim() };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function noCounts(): PivotCounts {
  const values = { values: 0, stored: 0, storedText: 0, repeated: 0, superseded: 0, notNumeric: 0, unknownChannel: 0 };
  const times = { firstPass: 0, secondPass: 0, skippedTime: 0 };
  return { ...values, ...times, points: 0, emptyPoints: 0, dataLosses: 0, unreadableLines: 0, isComplete: false };
}
