import { ApplicationFailure } from '@temporalio/activity';
import { timed } from '../../activities/timed.js';
import type { FailureKind } from '../../src/model/failures.js';
import type { HeldDownload } from '../../src/model/guard.js';
import type { Timed } from '../../src/model/loop-clock.js';
import type {
  Activities,
  DecideDownloadInput,
  DownloadInput,
  DownloadResult,
  ProbeResult,
  UploadReadingsInput,
  UploadReadingsResult,
} from '../../src/model/operations.js';
import { aDownload, aFailure, aHeldDownload, anUpload } from '../model/builders.js';

/** Activities without databases: what they answer can be set, and what was called is told in its order. */
export class FakeActivities implements Activities {
  readonly called: (keyof Activities)[] = [];
  upload: () => Promise<UploadReadingsResult> | UploadReadingsResult = () => anUpload();
  meters: () => Promise<DownloadResult> | DownloadResult = () => aDownload();
  tenants: () => Promise<DownloadResult> | DownloadResult = () => aDownload();
  probed: () => ProbeResult = () => aProbe();

  uploadReadings = async (input: UploadReadingsInput): Promise<Timed<UploadReadingsResult>> => {
    (this.inputs.uploadReadings ??= []).push(input);
    return this.answer('uploadReadings', this.upload);
  };
  downloadMeters = async (input: DownloadInput): Promise<Timed<DownloadResult>> => {
    (this.inputs.downloadMeters ??= []).push(input);
    return this.answer('downloadMeters', this.meters);
  };
  downloadTenants = async (): Promise<Timed<DownloadResult>> => this.answer('downloadTenants', this.tenants);
  decided: () => HeldDownload = () => aHeldDownload();
  /** What the activities of that name were asked for, in their order. */
  readonly inputs: Partial<Record<keyof Activities, unknown[]>> = {};
  probe = async (): Promise<Timed<ProbeResult>> => this.answer('probe', this.probed);

  decideDownload = async (input: DecideDownloadInput): Promise<Timed<HeldDownload>> => {
    (this.inputs.decideDownload ??= []).push(input);
    return this.answer('decideDownload', this.decided);
  };

  countOf(name: keyof Activities): number {
    return this.called.filter((called) => called === name).length;
  }

  private async answer<Result>(name: keyof Activities, give: () => Promise<Result> | Result): Promise<Timed<Result>> {
    this.called.push(name);
    return timed(async () => give())(undefined);
  }
}

/** An activity that fails as the real ones do: the kind is the type, the report is the detail. */
export function failsWith(kind: FailureKind): () => never {
  return () => {
    const report = aFailure(kind, { side: 'remote' });
    throw ApplicationFailure.create({ message: report.message, type: kind, nonRetryable: true, details: [report] });
  };
}

export function aProbe(changes: Partial<ProbeResult> = {}): ProbeResult {
  return {
    localDbConnected: true,
    remoteDbConnected: true,
    queueSize: 7,
    queueSizeIsEstimate: false,
    oldestUnsynced: '2026-01-01T00:00:00.000Z',
    quarantined: 0,
    localMeterCount: 1,
    remoteMeterCount: 2,
    localTenantCount: 3,
    remoteTenantCount: 4,
    observedAt: new Date().toISOString(),
    ...changes,
  };
}

/** A door that an activity waits at until the test opens it. */
export function aDoor(): { readonly opened: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}
