/** Takes one line about work that takes a while. The caller decides where it goes; it must not be standard output of `--json`. */
export type Tell = (line: string) => void;
