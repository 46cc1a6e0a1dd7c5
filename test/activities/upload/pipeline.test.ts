import { describe, expect, it } from 'vitest';
import { Pipeline, type Stages } from '../../../activities/upload/pipeline.js';
import type { Overlap } from '../../../activities/upload/plan/overlap.js';

/** A batch whose every step the test takes: what it takes and what it comes to are its name. */
interface FakeBatch {
  readonly stages: Stages<string, string>;
  /** Settles as `start` does. */
  readonly taken: Promise<string | null>;
  readonly succeed: (result?: string | null) => void;
  readonly fail: (error: Error) => void;
}

interface Bench {
  readonly pipeline: Pipeline<string, string>;
  readonly done: { readonly name: string; readonly durationMs: number }[];
  readonly start: (name: string) => FakeBatch;
}

function openPipeline(overlap: Overlap = 'sent', maxInFlight = 2): Bench {
  const pipeline = new Pipeline<string, string>(maxInFlight, overlap);
  const done: { name: string; durationMs: number }[] = [];
  const start = (name: string): FakeBatch => {
    let batch: Omit<FakeBatch, 'taken'> | undefined;
    const taken = pipeline.start(
      (stages) =>
        new Promise((resolve, reject) => {
          batch = { stages, succeed: (result = name) => resolve(result), fail: reject };
        }),
      (result, durationMs) => void done.push({ name: result, durationMs }),
    );
    taken.catch(() => undefined); // looked at by the tests that mean it
    if (batch === undefined) throw new Error('a batch begins at once');
    return { ...batch, taken };
  };
  return { pipeline, done, start };
}

/** Whether a promise has settled by now, and how: all that is due is done before the next turn of the event loop. */
async function stateOf(promise: Promise<unknown>): Promise<string> {
  const settled = promise.then(
    () => 'settled',
    (error: Error) => error.message,
  );
  const pending = new Promise((resolve) => setImmediate(resolve, 'waits'));
  return (await Promise.race([settled, pending])) as string;
}

describe('how many are under way', () => {
  it('two at most: the third waits for the first, not for the second', async () => {
    const { pipeline, start } = openPipeline();
    const first = start('1');
    expect(await stateOf(pipeline.room())).toBe('settled');
    const second = start('2');
    const room = pipeline.room();
    second.succeed();
    expect(await stateOf(room)).toBe('waits');
    first.succeed();
    expect(await stateOf(room)).toBe('settled');
  });

  it('one at a time where no more are wanted', async () => {
    const { pipeline, start } = openPipeline('sent', 1);
    const first = start('1');
    const room = pipeline.room();
    expect(await stateOf(room)).toBe('waits');
    first.succeed();
    expect(await stateOf(room)).toBe('settled');
  });
});

describe('where the next one begins', () => {
  it('is known once the batch has told what it takes', async () => {
    const { taken, stages } = openPipeline().start('1');
    expect(await stateOf(taken)).toBe('waits');
    stages.taken('readings 1 to 100');
    expect(await taken).toBe('readings 1 to 100');
  });

  it('is nowhere when the batch ends and has found nothing: it is not counted', async () => {
    const { pipeline, start, done } = openPipeline();
    const batch = start('1');
    batch.succeed(null);
    expect(await batch.taken).toBeNull();
    await pipeline.end();
    expect(done).toEqual([]);
  });
});

it('a batch that has found nothing is passed over: the next one follows the one before it', async () => {
  const { start } = openPipeline();
  const first = start('1');
  first.stages.taken('1');
  await first.taken;
  const empty = start('2');
  empty.succeed(null);
  await empty.taken;
  const third = start('3');
  const mayRecord = third.stages.mayRecord();
  expect(await stateOf(mayRecord)).toBe('waits');
  first.succeed();
  expect(await mayRecord).toBe('1');
});

describe('a batch streams', () => {
  it('at once when it is the first', async () => {
    expect(await stateOf(openPipeline('done').start('1').stages.mayStream())).toBe('settled');
  });

  it.each([
    { overlap: 'sent', reach: ({ stages }: FakeBatch) => stages.sent(), before: () => undefined },
    { overlap: 'arrived', reach: ({ stages }: FakeBatch) => stages.arrived(), before: ({ stages }) => stages.sent() },
    {
      overlap: 'done',
      reach: ({ succeed }: FakeBatch) => succeed(),
      before: ({ stages }) => (stages.sent(), stages.arrived()),
    },
  ] satisfies { overlap: Overlap; reach: (batch: FakeBatch) => void; before: (batch: FakeBatch) => void }[])(
    'when the one before it is $overlap, and not earlier',
    async ({ overlap, reach, before }) => {
      const { start } = openPipeline(overlap);
      const [first, second] = [start('1'), start('2')];
      const mayStream = second.stages.mayStream();
      before(first);
      expect(await stateOf(mayStream)).toBe('waits');
      reach(first);
      expect(await stateOf(mayStream)).toBe('settled');
    },
  );

  it('for as long as it is told to have taken: the wait for the one before does not count', async () => {
    const { pipeline, start, done } = openPipeline();
    const [first, second] = [start('1'), start('2')];
    const mayStream = second.stages.mayStream();
    const waitedSince = performance.now();
    while (performance.now() - waitedSince < 50) await stateOf(mayStream);
    first.stages.sent();
    await mayStream;
    const streamsSince = performance.now();
    first.succeed();
    second.succeed();
    await pipeline.end();
    expect(done[1]?.durationMs).toBeLessThanOrEqual(Math.ceil(performance.now() - streamsSince) + 1);
    expect(done[0]?.durationMs).toBeGreaterThanOrEqual(50);
  });

  it('a second time without another wait, and its time goes on from the first', async () => {
    const { pipeline, start, done } = openPipeline();
    const batch = start('1');
    await batch.stages.mayStream();
    const since = performance.now();
    while (performance.now() - since < 20) await stateOf(batch.taken);
    await batch.stages.mayStream();
    batch.succeed();
    await pipeline.end();
    expect(done[0]?.durationMs).toBeGreaterThanOrEqual(19);
  });
});

describe('a batch is recorded', () => {
  it('at once when it is the first, which follows no other', async () => {
    expect(await openPipeline().start('1').stages.mayRecord()).toBeNull();
  });

  it.each(['sent', 'arrived', 'done'] as const)(
    'when the one before it is done at both ends, whenever it might stream (%s), and learns what that one came to',
    async (overlap) => {
      const { start } = openPipeline(overlap);
      const [first, second] = [start('1'), start('2')];
      const mayRecord = second.stages.mayRecord();
      first.stages.sent();
      first.stages.arrived();
      expect(await stateOf(mayRecord)).toBe('waits');
      first.succeed('what it left');
      expect(await mayRecord).toBe('what it left');
    },
  );

  it('in the order in which the batches began', async () => {
    const { pipeline, start } = openPipeline('sent', 3);
    const [first, second, third] = [start('1'), start('2'), start('3')];
    const recorded: string[] = [];
    for (const { stages, succeed, name } of [
      { ...third, name: '3' },
      { ...second, name: '2' },
      { ...first, name: '1' },
    ]) {
      void stages.mayRecord().then((before) => {
        recorded.push(`${name} after ${before}`);
        succeed();
      });
    }
    await pipeline.end();
    expect(recorded).toEqual(['1 after null', '2 after 1', '3 after 2']);
  });
});

describe('when a batch fails', () => {
  const broken = new Error('the first broke');

  it.each(['sent', 'arrived', 'done'] as const)(
    'the next one is told wherever it waits for it (%s), and nothing waits for ever',
    async (overlap) => {
      const { pipeline, start } = openPipeline(overlap);
      const [first, second] = [start('1'), start('2')];
      const waits = [second.stages.mayStream(), second.stages.mayRecord()];
      first.fail(broken);
      expect(await Promise.all(waits.map(stateOf))).toEqual(['the first broke', 'the first broke']);
      expect(await stateOf(first.taken)).toBe('the first broke');
      expect(await stateOf(pipeline.room())).toBe('the first broke');
    },
  );

  it('the next one is told even where it has streamed beside it already', async () => {
    const { start } = openPipeline('sent');
    const [first, second] = [start('1'), start('2')];
    first.stages.sent();
    await second.stages.mayStream();
    first.fail(broken);
    expect(await stateOf(second.stages.mayRecord())).toBe('the first broke');
  });

  it('the earlier failure is thrown, whichever came first, and only when no batch is under way', async () => {
    const { pipeline, start } = openPipeline();
    const [first, second] = [start('1'), start('2')];
    second.fail(new Error('the second broke'));
    const end = pipeline.end();
    expect(await stateOf(end)).toBe('waits');
    first.fail(broken);
    await expect(end).rejects.toBe(broken);
  });

  it('the failure is thrown when the next one has rolled back, not while it is at it', async () => {
    const { pipeline, start } = openPipeline();
    const [first, second] = [start('1'), start('2')];
    first.fail(broken);
    const end = pipeline.end();
    expect(await stateOf(end)).toBe('waits');
    second.fail(broken);
    await expect(end).rejects.toBe(broken);
  });

  it('the earlier failure is thrown also when it was met while waiting for room', async () => {
    const { pipeline, start } = openPipeline();
    const [first, second] = [start('1'), start('2')];
    const room = pipeline.room();
    first.fail(broken);
    second.fail(new Error('the second broke'));
    await expect(room).rejects.toBe(broken);
    await expect(pipeline.end()).rejects.toBe(broken);
  });

  it('those before it are done and stay counted', async () => {
    const { pipeline, start, done } = openPipeline();
    const [first, second] = [start('1'), start('2')];
    first.succeed();
    second.fail(new Error('the second broke'));
    await expect(pipeline.end()).rejects.toThrow('the second broke');
    expect(done.map(({ name }) => name)).toEqual(['1']);
  });

  it('a failure that nobody waits for ends no process', async () => {
    const { start, pipeline } = openPipeline();
    start('1').fail(broken);
    await stateOf(new Promise(() => undefined)); // an unheard rejection would be told by now
    await expect(pipeline.end()).rejects.toBe(broken);
  });
});
