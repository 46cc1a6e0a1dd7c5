/** A command in a sentence: its words, then its options, each with a value at most; a variable may stand before it. */
const COMMAND =
  /(?:\b[A-Z][A-Z_]+=\S+ )?\b(?:meter-sync|temporal)(?: [a-z][a-z-]*(?=[ .,;:)]|$)){1,2}(?: --[a-z-]+(?: (?!--)[^\s;,)]*[^\s;,.)])?)*/g;
/** Where a second word is none of the command: `run meter-sync check and look`. */
const PROSE = /^((?:[A-Z_]+=\S+ )?\S+ [a-z-]+) (?:and|or|as|again|at|for|in|of|on|then|to|with)$/;

/** A sentence with each command in it as `mark` gives it back: a reader copies a command, and reads the rest. */
export function markCommands(text: string, mark: (command: string) => string): string {
  return text.replace(COMMAND, (found) => {
    const command = PROSE.exec(found)?.[1] ?? found;
    return mark(command) + found.slice(command.length);
  });
}
