/** Two databases with a table `meter`, which the remote owns; by value, since it goes to another process. */
export interface DownloadSite {
  readonly localUrl: string;
  /** The remote as the site reaches it: by the slow or counting way, when there is one. */
  readonly remoteUrl: string;
}
