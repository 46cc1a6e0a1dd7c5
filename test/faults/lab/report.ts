import { FAULT_KINDS, FAULT_WORDS, type FaultKind } from './faults.js';
import type { Flavour } from './flavour.js';
import type { Tried } from './run.js';
import type { MadeRun, Series } from './series.js';

/** What a series has come to. */
export interface Totals {
  readonly runs: number;
  readonly runsThroughPooler: number;
  readonly readings: number;
  readonly faults: number;
  readonly lost: number;
  readonly doubled: number;
  readonly changed: number;
  /** Everything else that must not be: a chain out of order, a reading in quarantine without a reason, a wedged engine. */
  readonly other: number;
}

/** Adds up the runs of a series. */
export function totalsOf({ made }: Series): Totals {
  const sum = (count: (run: MadeRun) => number): number => made.reduce((total, run) => total + count(run), 0);
  return {
    runs: made.length,
    runsThroughPooler: sum(({ plan }) => (plan.isPooled ? 1 : 0)),
    readings: sum(({ result }) => result.findings.readings),
    faults: sum(({ result }) => result.tried.filter(isReached).length),
    lost: sum(({ result }) => result.findings.lost.length),
    doubled: sum(({ result }) => result.findings.doubled.length),
    changed: sum(({ result }) => result.findings.changed.length),
    other: sum(({ result: { findings, strange } }) => {
      return findings.misplaced.length + findings.chainFaults.length + strange.length;
    }),
  };
}

/** True when nothing went wrong that must not. */
export function isWell({ lost, doubled, changed, other }: Totals): boolean {
  return lost + doubled + changed + other === 0;
}

/** A kind of fault that is dealt so often and never finds anyone there is no chance. */
const DEALT = 3;

/** What a series has not tried, so that its silence proves nothing; empty when it has. */
export function describeUntried({ made }: Series): string[] {
  const tried = made.flatMap(({ result }) => result.tried);
  const missed = FAULT_KINDS.filter((kind) => {
    const own = tried.filter(({ fault }) => fault.kind === kind);
    return own.length >= DEALT && !own.some(isReached);
  });
  const reached = tried.filter(isReached).length;
  return [
    ...missed.map((kind) => `no fault of the kind ${kind} was made`),
    ...(reached < made.length ? [`only ${reached} faults were made in ${made.length} runs`] : []),
  ];
}

/** The closing words of a series: faults by kind, readings, what was lost, doubled or changed, the longest recovery. */
export function describeSeries(series: Series): string[] {
  const totals = totalsOf(series);
  const tried = series.made.flatMap(({ result }) => result.tried);
  const reached = tried.filter(isReached);
  const places = new Set(reached.map(({ fault }) => `${fault.side} ${fault.statement} ${fault.moment}`)).size;
  const all = new Set(tried.map(({ fault }) => `${fault.side} ${fault.statement} ${fault.moment}`)).size;
  const count = (name: keyof MadeRun['result']['writings']): number =>
    series.made.reduce((total, { result }) => total + result.writings[name], 0);
  const conflicts = series.made.reduce((total, { result }) => total + result.findings.conflicts, 0);
  return [
    ...FAULT_KINDS.flatMap((kind) => describeKind(kind, series, reached)),
    `places: ${series.statements} statements of the protocol; ${places} of ${all} places that were dealt came by, ${tried.length - reached.length} faults found no one there`,
    `writers: ${count('inserted')} readings arrived while faults were made, ${count('updated')} were updated, ${count('deleted')} deleted, ${count('longTransactions')} long transactions; ${conflicts} conflicts told`,
    `${totals.runs} runs (${totals.runsThroughPooler} through PgBouncer), ${totals.faults} faults, ${totals.readings} readings in ${Math.round(series.durationMs / 1_000)} s`,
    describeFlavours(series),
    `lost ${totals.lost}, doubled ${totals.doubled}, changed ${totals.changed}, other findings ${totals.other}`,
    `longest recovery: ${describeLongest(reached)}`,
  ];
}

function describeFlavours({ made }: Series): string {
  const count = (is: (flavour: Flavour) => boolean): number => made.filter(({ plan }) => is(plan.flavour)).length;
  return (
    `runs with kept readings ${count(({ keeps }) => keeps !== null)} (moved in ${count(({ keeps }) => keeps === 'moved')}), ` +
    `custody chain ${count(({ custody }) => custody === 'chain')}, custody off ${count(({ custody }) => custody === 'off')}, ` +
    `as text ${count(({ isText }) => isText)}, with a trigger on the remote ${count(({ hasTrigger }) => hasTrigger)}`
  );
}

function describeKind(kind: FaultKind, { hasToxiproxy }: Series, reached: readonly Tried[]): string[] {
  const own = reached.filter(({ fault }) => fault.kind === kind);
  if (own.length === 0) return [];
  const isReplaced = kind === 'toxiproxy' && !hasToxiproxy;
  const words = isReplaced ? 'the link cut by our own proxy (no Toxiproxy here)' : FAULT_WORDS[kind];
  return [`${kind.padEnd(10)} ${String(own.length).padStart(5)}  ${words}; longest recovery ${describeLongest(own)}`];
}

function describeLongest(tried: readonly Tried[]): string {
  const longest = [...tried].sort((a, b) => (b.recoveryMs ?? 0) - (a.recoveryMs ?? 0))[0];
  if (longest === undefined) return 'none';
  const { kind, side, statement, moment } = longest.fault;
  return `${((longest.recoveryMs ?? 0) / 1_000).toFixed(1)} s (${kind}, ${side}, ${moment} ${statement})`;
}

/** How many findings of a run are shown. */
const SHOWN = 5;

/** What is wrong with a run, and how to see it again; empty when nothing is. */
export function describeFindings({ plan, result: { findings, strange, tried } }: MadeRun, seed: number): string[] {
  const { lost, doubled, changed, misplaced, chainFaults } = findings;
  const lists = { lost, doubled, changed, misplaced, chain: chainFaults, engine: strange };
  const lines = Object.entries(lists).flatMap(([name, list]) => [
    ...list.slice(0, SHOWN).map((line) => `  ${name}: ${line}`),
    ...(list.length > SHOWN ? [`  ${name}: and ${list.length - SHOWN} more`] : []),
  ]);
  if (lines.length === 0) return [];
  const faults = tried.map(({ fault: { kind, side, statement, moment, skip }, recoveryMs }) => {
    const fate = recoveryMs === null ? 'not reached' : `${Math.round(recoveryMs)} ms`;
    return `  fault: ${kind}, ${side}, ${moment} ${statement}, skip ${skip}: ${fate}`;
  });
  const title = `run ${plan.number}${plan.isPooled ? ' (through PgBouncer)' : ''}: npm run lab -- --seed ${seed} --run ${plan.number}`;
  return [title, ...faults, ...lines];
}

function isReached({ recoveryMs }: Tried): boolean {
  return recoveryMs !== null;
}
