import { createHash } from 'node:crypto';

/** A row of the sample's `tenant`. */
export interface SampleTenant {
  readonly id: string;
  readonly name: string;
  readonly building: string;
}

/** A row of the sample's `meter`. */
export interface SampleMeter {
  readonly id: string;
  readonly name: string;
  readonly tenantId: string | null;
  readonly location: string | null;
  readonly channels: readonly string[];
}

/** The meters of the shipped report, in the order of their ids from 1001 on. Their case is their own. */
const NAMES =
  'NZA12 NZA13 NZA14 NZA17 NZA22 NZA23 NZB12 NZB13 NZB14 NZB17 nzb23 NZB28 NZBA22 ' +
  'SZD11 SZD12 SZD14 SZE13 SZE14 SZE22 WZC11 WZC12 WZC14 WZC22 WZC24 WZC25';
const IDS = new Map(NAMES.split(' ').map((name, index) => [name, String(1001 + index)]));

/** Made up, like which meter belongs to whom: see SOURCE.md. */
export const SAMPLE_TENANTS: readonly SampleTenant[] = [
  { id: '1', name: 'Forrestal North', building: 'James V. Forrestal Building, north' },
  { id: '2', name: 'Forrestal South', building: 'James V. Forrestal Building, south' },
  { id: '3', name: 'Forrestal West', building: 'James V. Forrestal Building, west' },
];
const TENANT_OF_LETTER: Readonly<Record<string, SampleTenant>> = {
  N: SAMPLE_TENANTS[0]!,
  S: SAMPLE_TENANTS[1]!,
  W: SAMPLE_TENANTS[2]!,
};

/**
 * The id of a meter by its name. Meters that the shipped report does not know get one from a digest of their name, so that
 * two reports of one building agree.
 */
export function toMeterId(name: string): string {
  const known = IDS.get(name);
  if (known) return known;
  return String(1_000_000 + createHash('sha256').update(name).digest().readUIntBE(0, 5));
}

/** The row of a meter, from its name and the channels that its report shows. */
export function toSampleMeter(name: string, channels: readonly string[]): SampleMeter {
  const tenant = IDS.has(name) ? TENANT_OF_LETTER[name[0]!.toUpperCase()] : undefined;
  return {
    id: toMeterId(name),
    name,
    tenantId: tenant?.id ?? null,
    location: tenant?.building ?? null,
    channels: [...channels].sort(),
  };
}
