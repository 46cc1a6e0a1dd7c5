export function findDownloader(_name: string): undefined {
  return undefined;
}
