import { expect, test } from 'vitest';
import { toCloudCommand } from '../../src/temporal/errors.js';
import { ensureSearchAttributes, type OperatorConnection } from '../../src/temporal/search-attributes.js';

const PERMISSION_DENIED = 7;
const UNIMPLEMENTED = 12;

function refuse(code: number): never {
  throw Object.assign(new Error('no'), { code, details: '', metadata: {} });
}

/** A server that answers so. */
function aConnection(service: OperatorConnection['operatorService']): OperatorConnection {
  return { operatorService: service, withDeadline: (_, call) => call() };
}

test('each search attribute that is missing is told with the command that registers it, with its own type', async () => {
  const denying = aConnection({
    listSearchAttributes: () => Promise.resolve({ customAttributes: { MeterSyncSite: 2 } }),
    addSearchAttributes: async () => refuse(PERMISSION_DENIED),
  });
  const { present, problem } = await ensureSearchAttributes(denying, 'meters');
  expect(present).toEqual(['MeterSyncSite']);
  expect(problem?.message).toMatch(/MeterSyncState, MeterSyncHealth, MeterSyncLag, MeterSyncOldest; this user may not/);
  const commands = problem?.next.split(' && ') ?? [];
  expect(commands).toHaveLength(4);
  expect(commands[0]).toMatch(/--namespace meters --name MeterSyncState --type Keyword$/);
  expect(commands[3]).toMatch(/--namespace meters --name MeterSyncOldest --type Datetime$/);
});

test.each([PERMISSION_DENIED, UNIMPLEMENTED])(
  'a server that lists none (%i) is no problem, and nothing is registered',
  async (code) => {
    const silent = aConnection({
      listSearchAttributes: async () => refuse(code),
      addSearchAttributes: async () => expect.unreachable(),
    });
    expect(await ensureSearchAttributes(silent, 'meters')).toMatchObject({
      present: null,
      registered: [],
      problem: null,
    });
  },
);

test("Temporal Cloud's own tool registers all of them with one command", () => {
  expect(toCloudCommand('meters.a1b2c')).toBe(
    'tcld namespace search-attributes add --namespace meters.a1b2c --search-attribute "MeterSyncSite=Keyword"' +
      ' --search-attribute "MeterSyncState=Keyword" --search-attribute "MeterSyncHealth=Keyword"' +
      ' --search-attribute "MeterSyncLag=Keyword" --search-attribute "MeterSyncOldest=Datetime"',
  );
});
