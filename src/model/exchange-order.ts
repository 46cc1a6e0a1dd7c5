/** Rows that exchange values among themselves alone, and the order in which they can take them. */
export interface Ring {
  /** These give up their values first. */
  readonly movedFirst: readonly string[];
  /** The rows of a step can be written at once, and all of them after those of the steps before. */
  readonly steps: readonly (readonly string[])[];
}

/**
 * Orders rows that wait for values of one another. A row that waits for one that does not move, and those that wait for such a row,
 * are left out.
 * @param holders - of each row that is to be written those that hold a value which it wants
 */
export function orderExchange(holders: ReadonlyMap<string, readonly string[]>): readonly Ring[] {
  const movable = leaveStuck(holders);
  return groupRings(movable).map((rows) => orderRing(rows, movable));
}

type Holders = ReadonlyMap<string, readonly string[]>;

function leaveStuck(holders: Holders): Holders {
  let left = holders;
  for (;;) {
    const before = left;
    left = new Map([...before].filter(([, of]) => of.every((holder) => before.has(holder))));
    if (left.size === before.size) return left;
  }
}

/** Rows that wait for one another in any way, each group for itself: what one is refused shall not keep the others. */
function groupRings(holders: Holders): string[][] {
  const neighbours = new Map([...holders].map(([row, of]) => [row, [...of]]));
  for (const [row, of] of holders) for (const holder of of) neighbours.get(holder)?.push(row);
  const seen = new Set<string>();
  return [...holders.keys()].flatMap((start) => {
    if (seen.has(start)) return [];
    const group = [start];
    seen.add(start);
    for (const row of group) {
      const others = (neighbours.get(row) ?? []).filter((other) => !seen.has(other));
      for (const other of new Set(others)) group.push(other);
      others.forEach((other) => seen.add(other));
    }
    return [group];
  });
}

function orderRing(rows: readonly string[], holders: Holders): Ring {
  const movedFirst: string[] = [];
  const steps: string[][] = [];
  const hasMoved = new Set<string>();
  const waitsFor = (row: string): string | undefined => holders.get(row)?.find((holder) => !hasMoved.has(holder));
  let left = [...rows];
  for (let [first] = left; first !== undefined; [first] = left) {
    const step = left.filter((row) => waitsFor(row) === undefined);
    if (step.length === 0) {
      const row = findInRing(first, waitsFor);
      movedFirst.push(row);
      hasMoved.add(row);
      continue;
    }
    steps.push(step);
    step.forEach((row) => hasMoved.add(row));
    const written = new Set(step);
    left = left.filter((row) => !written.has(row));
  }
  return { movedFirst, steps };
}

/** Who follows from row to row, each waiting for the next, comes to one twice: it is part of a ring. */
function findInRing(start: string, next: (row: string) => string | undefined): string {
  const seen = new Set<string>();
  let row = start;
  while (!seen.has(row)) {
    seen.add(row);
    row = next(row) ?? row;
  }
  return row;
}
