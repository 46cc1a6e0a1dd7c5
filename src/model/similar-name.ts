/** The candidate that a name was most likely meant to be; null when none is close. The case of letters counts for nothing. */
export function findSimilarName(name: string, candidates: readonly string[]): string | null {
  const distances = candidates.map((candidate) => ({
    candidate,
    edits: countEdits(name.toLowerCase(), candidate.toLowerCase()),
  }));
  const [nearest] = distances.sort((one, other) => one.edits - other.edits);
  return nearest !== undefined && nearest.edits <= Math.ceil(name.length / 3) ? nearest.candidate : null;
}

/** The Levenshtein distance: how many letters must be inserted, removed or replaced. */
function countEdits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (const [at, letter] of [...from].entries()) {
    const next = [at + 1];
    for (const [place, other] of [...to].entries()) {
      const replaced = (row[place] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[place + 1] ?? 0) + 1, (next[place] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
