import { expect } from 'vitest';
import { until } from '../support/wait.js';
import { AT_ONCE, type Failure } from './failures.js';
import { type Seen, type Shown, type Surface, SURFACES, type Surfaces, verdictOf } from './surfaces.js';
import type { WatchedSite } from './watched-sites.js';

/** Seconds until a surface has told; absent: it has not. */
export type Seconds = Partial<Record<Surface, number>>;

/** What a failure came to. */
export interface Measured {
  readonly name: string;
  readonly told: Seconds;
  readonly over: Seconds;
}

/** 15 seconds are promised to operators; the machine of a test is busy. */
const AT_ONCE_SECONDS = 25;
/** Tries after 2, 4, 8, 16 and 32 seconds, and the machine of a test is busy. */
const WITH_TRIES_SECONDS = 110;
/** An interval or 15 seconds, and the machine of a test is busy. */
const WITHOUT_SECONDS = 40;
const OVER_SECONDS = 30;
const START_SECONDS = 90;
const LOOK_EVERY_MS = 500;

/** Brings a failure about at a site that is healthy, looks at every surface, ends it, and looks again. */
export async function suffer(failure: Failure, site: WatchedSite, surfaces: Surfaces): Promise<Measured> {
  const { name, orAs, knownTo = SURFACES } = failure;
  const right = [failure, ...(orAs === undefined ? [] : [orAs])];
  const { run } = surfaces;
  expect(await run(['start', '--site', site.siteId, '--json'])).toMatchObject({ exitCode: 0 });
  await measure(site, surfaces, { what: 'a healthy site', seconds: START_SECONDS, holds: isHealthy });
  await failure.happen(site, run);
  await site.addReading();
  const told = await measure(site, surfaces, {
    what: 'everybody knows',
    seconds: failure.isTriedLong === true ? WITH_TRIES_SECONDS : WITHOUT_SECONDS,
    holds: (shown) => right.some((finding) => isShown(finding, shown)),
    knownTo,
  });
  const { withinSeconds = AT_ONCE_SECONDS } = failure;
  for (const surface of AT_ONCE) expect(told[surface], surface).toBeLessThan(withinSeconds);
  await expectTold(failure, site, surfaces);
  await failure.mend(site, run);
  const over = await measure(site, surfaces, {
    what: 'everybody knows that it is over',
    seconds: OVER_SECONDS,
    holds: isHealthy,
  });
  expect(await run(['status', '--site', site.siteId, '--probe'])).toMatchObject({
    exitCode: 0,
    text: expect.stringContaining('OK') as string,
  });
  expect(await run(['check', '--site', site.siteId, '--quiet'])).toMatchObject({ exitCode: 0 });
  await run(['stop', '--site', site.siteId]);
  return { name, told, over };
}

type Right = Pick<Failure, 'verdict' | 'card' | 'actor'>;

function isShown({ verdict, card, actor }: Right, shown: Shown): boolean {
  return shown.verdict === verdict && (shown.card ?? card) === card && (shown.actor ?? actor) === actor;
}

/** Nothing is wrong any more. */
export function isHealthy({ verdict }: Shown): boolean {
  return verdict === 'healthy';
}

interface Wanted {
  readonly what: string;
  readonly seconds: number;
  readonly holds: (shown: Shown) => boolean;
  /** Absent: all. */
  readonly knownTo?: readonly Surface[];
}

/** Looks until it holds on these surfaces, and answers when it did on each; one that has told and then tells otherwise has not told. */
export async function measure(
  site: WatchedSite,
  surfaces: Surfaces,
  { what, seconds, holds, knownTo = SURFACES }: Wanted,
): Promise<Seconds> {
  const since = Date.now();
  const told: Seconds = {};
  let seen: Seen = {};
  const isAllTold = async (): Promise<boolean> => {
    const isTold = (surface: Surface): boolean => told[surface] !== undefined;
    const isLast = knownTo.every(isTold);
    seen = {
      ...seen,
      ...(await surfaces.look(site, isLast ? knownTo : knownTo.filter((surface) => !isTold(surface)))),
    };
    for (const surface of knownTo) {
      const holdsNow = seen[surface] !== undefined && holds(seen[surface]);
      if (!holdsNow) delete told[surface];
      else told[surface] ??= (Date.now() - since) / 1_000;
    }
    return isLast && knownTo.every(isTold);
  };
  await until(isAllTold, { what, timeoutMs: seconds * 1_000, everyMs: LOOK_EVERY_MS }).catch((error: unknown) => {
    throw new Error(`${what}, ${seconds} s: ${JSON.stringify({ seen, told })}`, { cause: error });
  });
  return told;
}

/** The same words everywhere, with who must act and the next command. */
async function expectTold(failure: Failure, { siteId }: WatchedSite, { run }: Surfaces): Promise<void> {
  const { reason, next } = failure;
  const status = await run(['status', '--site', siteId, '--json']);
  const finding = verdictOf(status.document);
  const { verdict, card } = finding ?? {};
  expect([failure, ...(failure.orAs === undefined ? [] : [failure.orAs])]).toContainEqual(
    expect.objectContaining({ verdict, card, actor: finding?.actor }),
  );
  const exitCode = verdict === 'warning' ? 0 : 1;
  expect(finding?.reason).toMatch(reason);
  expect(finding?.next).toMatch(next);
  expect(status.exitCode).toBe(exitCode);

  const text = await run(['status', '--site', siteId]);
  expect(text.exitCode).toBe(exitCode);
  expect(text.text).toMatch(new RegExp(`^Site ${siteId}: ${verdict}`));
  expect(text.text).toMatch(reason);
  expect(text.text).toMatch(next);

  const probe = await run(['status', '--site', siteId, '--probe']);
  expect(probe.exitCode).toBeGreaterThan(0);
  expect(probe.text).toMatch(card === 'quarantine' ? /1 reading in quarantine/ : reason);

  const check = await run(['check', '--site', siteId, '--quiet']);
  const words = [failure.verdict, ...(failure.orAs === undefined ? [] : [failure.orAs.verdict])];
  expect(check.text).toMatch(new RegExp(`(${words.join('|')}): `));
  expect(check.text).toMatch(reason);
  if (!next.test('meter-sync check --site')) expect(check.text).toMatch(next); // which does not advise itself
  if (exitCode === 1 && words.length === 1) expect(check.exitCode).toBe(1);
}
