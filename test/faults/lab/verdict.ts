/** What the writers noted of a reading. */
export interface Known {
  /** Its contents, oldest first. */
  readonly versions: readonly string[];
  readonly isPlanted: boolean;
  readonly isDeleted: boolean;
}

/** Both ends, by the key of the reading. */
interface Ends {
  readonly known: ReadonlyMap<string, Known>;
  readonly here: ReadonlyMap<string, { readonly content: string; readonly isBad: boolean }>;
  readonly there: ReadonlyMap<string, string>;
  /** The SQLSTATE of the refusal; null: a conflict. */
  readonly quarantine: ReadonlyMap<string, string | null>;
}

/** What is wrong, reading by reading; empty lists when all is well. */
export interface Verdict {
  readonly readings: number;
  readonly conflicts: number;
  /** At neither end, or still here although the queue was said to be empty. */
  readonly lost: readonly string[];
  /** At both ends without a conflict that was told, deleted here and here again, or never made at all. */
  readonly doubled: readonly string[];
  /** On the remote with a content that it never had, or an older one and nobody was told. */
  readonly changed: readonly string[];
  /** In quarantine without a reason, or not there with one. */
  readonly misplaced: readonly string[];
}

/** Judges every reading that was ever made, and every one that is at either end. */
export function judgeReadings({ known, here, there, quarantine }: Ends): Verdict {
  const lost: string[] = [];
  const doubled: string[] = [];
  const changed: string[] = [];
  const misplaced: string[] = [];
  let conflicts = 0;
  for (const [id, { versions, isDeleted }] of known) {
    const [mine, theirs, last] = [here.get(id), there.get(id), versions.at(-1)];
    const isTold = quarantine.has(id);
    const isConflict =
      mine !== undefined && theirs !== undefined && theirs !== mine.content && quarantine.get(id) === null;
    if (isConflict && isTold) conflicts += 1;
    if (!isDeleted && mine === undefined && theirs === undefined) lost.push(`${id}: at neither end`);
    if (mine !== undefined && theirs === undefined && !(mine.isBad && isTold)) lost.push(`${id}: left behind`);
    if (mine !== undefined && isDeleted) doubled.push(`${id}: deleted here, and here again`);
    if (mine !== undefined && theirs !== undefined && !(isConflict && isTold)) doubled.push(`${id}: at both ends`);
    if (theirs !== undefined && !versions.includes(theirs)) changed.push(`${id}: a content that it never had`);
    else if (theirs !== undefined && theirs !== last && !isDeleted && !isConflict)
      changed.push(`${id}: an update is lost`);
    if (mine !== undefined && mine.content !== last) changed.push(`${id}: another content here than was written`);
    if (isTold && !isConflict && mine?.isBad !== true) misplaced.push(`${id}: in quarantine without a reason`);
  }
  for (const id of [...here.keys(), ...there.keys()]) if (!known.has(id)) doubled.push(`${id}: nobody made it`);
  for (const id of quarantine.keys()) if (!known.has(id)) misplaced.push(`${id}: in quarantine, and nobody made it`);
  return { readings: known.size, conflicts, lost, doubled, changed, misplaced };
}
