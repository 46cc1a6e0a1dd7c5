import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import type { LogFormat, LogLevel } from '../../src/config/define/site-schema.js';
import { createLogger, type WorkerLogger } from '../../src/worker/logger.js';

interface Written {
  readonly logger: WorkerLogger;
  readonly lines: () => Promise<string[]>;
}

function logTo({ format = 'auto', isTTY = false, level = 'info' }: Partial<Options> = {}): Written {
  const stream = Object.assign(new PassThrough(), { isTTY });
  const logger = createLogger({ level, format, stream });
  const lines = async (): Promise<string[]> => {
    await logger.close();
    stream.end();
    return (await text(stream)).split('\n').slice(0, -1);
  };
  return { logger, lines };
}

interface Options {
  readonly format: LogFormat;
  readonly isTTY: boolean;
  readonly level: LogLevel;
}

test('a log that nobody watches is one JSON object a line', async () => {
  const { logger, lines } = logTo();
  logger.info('batch uploaded', { site: 'north', rows: 3, at: new Date(0), big: 5n });

  const [line = ''] = await lines();
  expect(JSON.parse(line)).toEqual({
    time: expect.stringMatching(/^\d{4}-.*Z$/),
    level: 'info',
    message: 'batch uploaded',
    site: 'north',
    rows: 3,
    at: '1970-01-01T00:00:00.000Z',
    big: '5',
  });
});

test('a log on a terminal is for people: colours, the facts behind the message, no ids of Temporal', async () => {
  const { logger, lines } = logTo({ isTTY: true });
  logger.warn('cycle failed', { site: 'north', problem: 'no link', workflowId: 'meter-sync:north' });

  const [line = ''] = await lines();
  expect(line).toContain('\u001b[');
  expect(line.replace(/\u001b\[\d+m/g, '')).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} warn {2}cycle failed site=north problem="no link"$/,
  );
});

test('the format can be chosen whatever the log goes to', async () => {
  const json = logTo({ isTTY: true, format: 'json' });
  json.logger.info('up to date');
  const pretty = logTo({ format: 'pretty' });
  pretty.logger.info('up to date');

  expect((await json.lines())[0]).toMatch(/^\{"time":/);
  expect((await pretty.lines())[0]).toMatch(/ info {2}up to date$/);
});

test('lines below the level are left out', async () => {
  const { logger, lines } = logTo({ level: 'warn' });
  logger.debug('a');
  logger.info('b');
  logger.warn('c');
  logger.error('d');

  expect((await lines()).map((line) => (JSON.parse(line) as { message: string }).message)).toEqual(['c', 'd']);
});

test('no secret is ever written: not in messages, facts, errors or their causes', async () => {
  const { logger, lines } = logTo();
  logger.hide('s3cr"et/1');
  const cause = new Error('connect to postgresql://meter:pa@ss:word@db/site failed');
  logger.error('s3cr"et/1 in a message', {
    list: ['s3cr"et/1'],
    deep: { password: 's3cr"et/1' },
    encoded: `postgresql://u:${encodeURIComponent('s3cr"et/1')}@db`,
    pair: 'host=db password=hunter22 user=me',
    error: new Error('s3cr"et/1', { cause }),
  });

  const [line = ''] = await lines();
  expect(line).not.toMatch(/s3cr|pa@ss|word@|hunter22/);
  expect(line).toContain('(set, hidden)');
  expect(JSON.parse(line)).toMatchObject({ pair: 'host=db password=(set, hidden) user=me' });
});

test('an error is written with its type, message and cause, and a fact cannot take the place of the message', async () => {
  const { logger, lines } = logTo();
  logger.error('worker failed', { message: 'other', level: 7, error: new TypeError('a', { cause: new Error('b') }) });

  expect(JSON.parse((await lines())[0] ?? '')).toMatchObject({
    level: 'error',
    message: 'worker failed',
    message_: 'other',
    level_: 7,
    error: { type: 'TypeError', message: 'a', cause: { type: 'Error', message: 'b' } },
  });
});

test('a fact that leads back to itself does not stop the log', async () => {
  const { logger, lines } = logTo();
  const loop: Record<string, unknown> = { name: 'loop' };
  loop['self'] = loop;
  logger.info('odd', { loop });

  expect(JSON.parse((await lines())[0] ?? '')).toMatchObject({ loop: { name: 'loop' } });
});

test('a line that comes after the log was closed is left out and harms nothing', async () => {
  const { logger, lines } = logTo();
  logger.info('before');
  await logger.close();
  logger.info('after');

  expect(await lines()).toHaveLength(1);
});
