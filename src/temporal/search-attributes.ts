import { defineSearchAttributeKey } from '@temporalio/common';
import { SEARCH_ATTRIBUTES } from '../model/wire.js';
import { SearchAttributesMissing } from './errors.js';
import { GRPC, toGrpcCode } from './translate-errors.js';

/** The typed keys of a site's search attributes. */
export const SITE_KEYS = {
  site: defineSearchAttributeKey(SEARCH_ATTRIBUTES.site, 'KEYWORD'),
  state: defineSearchAttributeKey(SEARCH_ATTRIBUTES.state, 'KEYWORD'),
  health: defineSearchAttributeKey(SEARCH_ATTRIBUTES.health, 'KEYWORD'),
  lag: defineSearchAttributeKey(SEARCH_ATTRIBUTES.lag, 'KEYWORD'),
} as const;

/** `temporal.api.enums.v1.IndexedValueType`: Keyword. */
const KEYWORD = 2;
const CALL_TIMEOUT_MS = 10_000;

/** What a client's connection and a worker's have in common. */
export interface OperatorConnection {
  readonly operatorService: {
    listSearchAttributes(request: { namespace: string }): Promise<{ customAttributes?: Record<string, number> | null }>;
    addSearchAttributes(request: { namespace: string; searchAttributes: Record<string, number> }): Promise<unknown>;
  };
  withDeadline<Result>(deadline: number, call: () => Promise<Result>): Promise<Result>;
}

/**
 * Registers the search attributes that the namespace lacks. Can be run at any time, and by two programs at once.
 * @returns the names that were registered now; a server may need some seconds until it takes them
 * @throws SearchAttributesMissing - they may not be registered by us; says the commands of an administrator
 */
export async function ensureSearchAttributes(
  connection: OperatorConnection,
  namespace: string,
): Promise<readonly string[]> {
  const missing = await findMissingSearchAttributes(connection, namespace);
  if (missing.length === 0) return [];
  const { operatorService } = connection;
  const searchAttributes = Object.fromEntries(missing.map((name) => [name, KEYWORD]));
  try {
    await withDeadline(connection, () => operatorService.addSearchAttributes({ namespace, searchAttributes }));
    return missing;
  } catch (error) {
    const left = await findMissingSearchAttributes(connection, namespace);
    if (left.length === 0) return []; // somebody else registered them at the same time
    if (isOutage(error)) throw error;
    throw new SearchAttributesMissing(namespace, left, toReason(error));
  }
}

/**
 * The names that the namespace lacks.
 * @throws SearchAttributesMissing - one is there with another type; or the server does not tell which there are
 */
export async function findMissingSearchAttributes(
  connection: OperatorConnection,
  namespace: string,
): Promise<readonly string[]> {
  const names = Object.values(SEARCH_ATTRIBUTES);
  const { operatorService } = connection;
  const answer = await withDeadline(connection, () => operatorService.listSearchAttributes({ namespace }));
  const known = answer.customAttributes ?? {};
  const wrong = names.filter((name) => known[name] !== undefined && known[name] !== KEYWORD);
  if (wrong.length > 0) throw new SearchAttributesMissing(namespace, wrong, 'they are there with another type');
  return names.filter((name) => known[name] === undefined);
}

function withDeadline<Result>(connection: OperatorConnection, call: () => Promise<Result>): Promise<Result> {
  return connection.withDeadline(Date.now() + CALL_TIMEOUT_MS, call);
}

function isOutage(error: unknown): boolean {
  const code = toGrpcCode(error);
  return code === GRPC.unavailable || code === GRPC.deadlineExceeded;
}

function toReason(error: unknown): string {
  const isDenied = [GRPC.permissionDenied, GRPC.unauthenticated, GRPC.unimplemented].some(
    (code) => code === toGrpcCode(error),
  );
  if (isDenied) return 'this user may not register them';
  return `the server refused to register them: ${error instanceof Error ? error.message : String(error)}`;
}
