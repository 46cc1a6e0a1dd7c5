import { expect, it } from 'vitest';
import { ageRecords } from '../activities/upload/forge-record.js';
import { openSite, type SiteUnderTest } from '../activities/upload/site-under-test.js';
import { type CliRun, runCli } from './run-cli.js';

const cli = ({ local, remote }: SiteUnderTest, args: readonly string[], there = remote.url): Promise<CliRun> =>
  runCli([...args, '--site', 'test'], { POSTGRES_SYNC_URL: local.url, POSTGRES_CLIENT_URL: there });

it('custody shows the key, seals, prunes after a preview, changes the key; verify says behind which seal it began', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 20);
  await site.upload({ batchRows: 5 });
  await ageRecords(site, 40);

  const { key } = (await cli(site, ['custody', 'show', '--json'])).json() as { key: Record<string, string> };
  expect(key).toMatchObject({ isAnnounced: true, fingerprint: expect.stringMatching(/^([\da-f]{4} ){7}[\da-f]{4}$/) as unknown });
  expect(Buffer.from(key['publicKey']!, 'base64').toString('hex')).toBe(
    await site.remote.value(`select encode(public_key, 'hex') from meter_sync.custody_key`),
  );

  const sealed = await cli(site, ['custody', 'seal']);
  expect(sealed.stdout).toContain('4 records checked and sealed, up to record 4');
  const seal = /^Seal: (4:[\da-f]{64})$/m.exec(sealed.stdout)?.[1] ?? '';
  const verified = await cli(site, ['verify', '--from-seal', seal]);
  expect(verified).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/those up to 4 by their seal/) as unknown });
  expect(verified.stdout).toContain(`${key['fingerprint']} (fingerprint)`);
  const other = await cli(site, ['verify', '--from-seal', seal.replace(/.$/, (end) => (end === '0' ? '1' : '0'))]);
  expect(other).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('the seal behind custody record 4 is missing or does not fit') as unknown });

  const prune = (...more: string[]): Promise<CliRun> => cli(site, ['custody', 'prune', ...more]);
  expect(await prune()).toMatchObject({ exitCode: 2 });
  expect((await prune('--older-than', '31d')).stdout).toContain('Nothing to remove'); // the site's place is at its last record
  await site.queueReadings(21, 25);
  await site.upload();
  expect((await prune('--older-than', '50d')).stdout).toContain('no record under a seal is older than 50 days and followed by another one');
  const preview = await prune('--older-than', '31d');
  expect(preview.stdout).toMatch(/would remove 4 records of site test.*next: meter-sync custody prune --site test --older-than 31d --yes/s);
  expect(await site.count(site.remote, 'meter_sync.custody')).toBe(5);
  expect(await prune('--older-than', '31d', '--yes')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('grant select, delete') as unknown });
  const removed = await cli(site, ['custody', 'prune', '--older-than', '31d', '--yes'], site.remote.admin.url);
  expect(removed.stdout).toContain('Removed 4 records');
  expect(await site.count(site.remote, 'meter_sync.custody')).toBe(1);

  const rotated = (await cli(site, ['custody', 'rotate-key', '--json'])).json() as { key: Record<string, string> };
  expect(rotated.key['fingerprint']).not.toBe(key['fingerprint']);
  const shown = await cli(site, ['custody', 'show']);
  expect(shown.stdout).toContain('not on the remote yet: it comes with the next record');
  expect(shown.stdout).toContain(rotated.key['publicKey']);
  await site.queueReadings(26, 30);
  await site.upload();
  expect(await cli(site, ['verify', '--whole'])).toMatchObject({ exitCode: 0 });
}); // prettier-ignore
