/** What is wrong, in words for the operator. */
export interface Doubt {
  readonly what:
    | 'record missing'
    | 'record altered'
    | 'record not signed'
    | 'record makes no sense'
    | 'key not vouched for'
    | 'seal does not fit'
    | 'places differ'
    | 'readings differ'
    | 'lost at the remote';
  /** A UTC day, where the doubt is about one. */
  readonly day: string | null;
  readonly message: string;
  readonly next: string;
}
