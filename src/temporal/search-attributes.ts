import { defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';
import { SEARCH_ATTRIBUTE_TYPES, SEARCH_ATTRIBUTES, type SearchAttributeType } from '../model/wire.js';
import { SearchAttributesMissing } from './errors.js';
import { GRPC, toGrpcCode } from './translate-errors.js';

/** The typed keys of a site's search attributes. */
export const SITE_KEYS = {
  site: defineSearchAttributeKey(SEARCH_ATTRIBUTES.site, 'KEYWORD'),
  state: defineSearchAttributeKey(SEARCH_ATTRIBUTES.state, 'KEYWORD'),
  health: defineSearchAttributeKey(SEARCH_ATTRIBUTES.health, 'KEYWORD'),
  lag: defineSearchAttributeKey(SEARCH_ATTRIBUTES.lag, 'KEYWORD'),
  oldest: defineSearchAttributeKey(SEARCH_ATTRIBUTES.oldest, 'DATETIME'),
} as const;

/** `temporal.api.enums.v1.IndexedValueType`. */
const TYPE_CODES: Readonly<Record<SearchAttributeType, number>> = { Keyword: 2, Datetime: 6 };
const CALL_TIMEOUT_MS = 10_000;

/** What a client's connection and a worker's have in common. */
export interface OperatorConnection {
  readonly operatorService: {
    listSearchAttributes(request: { namespace: string }): Promise<{ customAttributes?: Record<string, number> | null }>;
    addSearchAttributes(request: { namespace: string; searchAttributes: Record<string, number> }): Promise<unknown>;
  };
  withDeadline<Result>(deadline: number, call: () => Promise<Result>): Promise<Result>;
}

/** What a namespace has of our search attributes. The sync works without any of them; sites are only harder to find in lists. */
export interface AttributesOfNamespace {
  /** Can be set at a start; null: the server does not tell. */
  readonly present: readonly string[] | null;
  /** Registered just now: a server may need some seconds until it takes them. */
  readonly registered: readonly string[];
  /** Why the others are not there, and what an administrator can do; null: all are. */
  readonly problem: SearchAttributesMissing | null;
}

/**
 * Registers the search attributes that the namespace lacks, as many as it has room for and lets us. Can be run at any time, and
 * by two programs at once.
 * @throws errors of a server that does not answer, as they come
 */
export async function ensureSearchAttributes(
  connection: OperatorConnection,
  namespace: string,
): Promise<AttributesOfNamespace> {
  const before = await readSearchAttributes(connection, namespace);
  if (before.present === null || before.missing.length === 0) return { ...before, registered: [] };
  const reason = await register(connection, namespace, before.missing);
  const after = await readSearchAttributes(connection, namespace, reason ?? undefined);
  const registered = before.missing.filter((name) => !after.missing.includes(name));
  return { present: after.present, registered, problem: after.problem };
}

/** What the namespace has and lacks, as the server tells. Nothing is changed. */
interface AttributesSeen extends Pick<AttributesOfNamespace, 'present' | 'problem'> {
  /** Not there under any type. */
  readonly missing: readonly string[];
}

/**
 * What the namespace has of our search attributes. `reason` is why they could not be registered, for the problem.
 * @throws errors of a server that does not answer, as they come
 */
export async function readSearchAttributes(
  connection: OperatorConnection,
  namespace: string,
  reason = 'they are not registered',
): Promise<AttributesSeen> {
  const known = await listKnown(connection, namespace);
  if (known === null) return { present: null, missing: [], problem: null };
  const missing = NAMES.filter((name) => known[name] === undefined);
  const wrong = NAMES.filter((name) => known[name] !== undefined && known[name] !== toTypeCode(name));
  const present = NAMES.filter((name) => known[name] === toTypeCode(name));
  if (missing.length > 0) return { present, missing, problem: new SearchAttributesMissing(namespace, missing, reason) };
  const problem = wrong.length === 0 ? null : new SearchAttributesMissing(namespace, wrong, OTHER_TYPE, ASK_FIRST);
  return { present, missing, problem };
}

function toTypeCode(name: string): number {
  return TYPE_CODES[SEARCH_ATTRIBUTE_TYPES[name] ?? 'Keyword'];
}

const OTHER_TYPE = 'they are there with another type';
const ASK_FIRST = 'Ask the administrator of Temporal who uses them; another type needs other names';
const NAMES: readonly string[] = Object.values(SEARCH_ATTRIBUTES);

/**
 * The attributes that a site is started with: only these does its workflow write later, see `publish.ts`. Each needs a value to be there at
 * all; the oldest reading is not known yet, so its attribute says when the site was started until the workflow takes it away.
 */
export function toStartAttributes(siteId: string, present: readonly string[] | null): SearchAttributePair[] {
  const all: SearchAttributePair[] = [
    { key: SITE_KEYS.site, value: siteId },
    { key: SITE_KEYS.state, value: 'idle' },
    { key: SITE_KEYS.health, value: 'unknown' },
    { key: SITE_KEYS.lag, value: 'unknown' },
    { key: SITE_KEYS.oldest, value: new Date() },
  ];
  return present === null ? all : all.filter(({ key }) => present.includes(key.name));
}

/** Temporal Cloud and some proxies in front of a cluster have no operator service; that says nothing of the namespace. */
async function listKnown(
  connection: OperatorConnection,
  namespace: string,
): Promise<Readonly<Record<string, number>> | null> {
  try {
    const { operatorService } = connection;
    const answer = await withDeadline(connection, () => operatorService.listSearchAttributes({ namespace }));
    return answer.customAttributes ?? {};
  } catch (error) {
    if (isDenied(error)) return null;
    throw error;
  }
}

/**
 * Registers one after the other: a namespace that has room for two of them takes two, and has room of its own for each type. Answers why
 * the first of those that it did not take was refused.
 */
async function register(
  connection: OperatorConnection,
  namespace: string,
  names: readonly string[],
): Promise<string | null> {
  let reason: string | null = null;
  for (const name of names) {
    try {
      const request = { namespace, searchAttributes: { [name]: toTypeCode(name) } };
      await withDeadline(connection, () => connection.operatorService.addSearchAttributes(request));
    } catch (error) {
      if (isOutage(error)) throw error;
      if (toGrpcCode(error) !== GRPC.alreadyExists) reason ??= toReason(error);
    }
  }
  return reason;
}

function withDeadline<Result>(connection: OperatorConnection, call: () => Promise<Result>): Promise<Result> {
  return connection.withDeadline(Date.now() + CALL_TIMEOUT_MS, call);
}

function isOutage(error: unknown): boolean {
  const code = toGrpcCode(error);
  return code === GRPC.unavailable || code === GRPC.deadlineExceeded;
}

function isDenied(error: unknown): boolean {
  const codes = [GRPC.permissionDenied, GRPC.unauthenticated, GRPC.unimplemented];
  return codes.some((code) => code === toGrpcCode(error));
}

function toReason(error: unknown): string {
  if (isDenied(error)) return 'this user may not register them';
  return `the server refused to register them: ${error instanceof Error ? error.message : String(error)}`;
}
