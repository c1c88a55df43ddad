/** Files that programs write: nobody reads them, and their hashes and addresses surprise everywhere. */

const NAMES =
  /(?:^|[\\/])(?:[^\\/]*\.lock|bun\.lockb|package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|packages\.lock\.json|gradle\.lockfile|go\.sum|[^\\/]*\.min\.(?:js|css|mjs)|[^\\/]*\.(?:js|css|mjs|cjs)\.map)$/i;

/** Whether a file's name is one that package managers and bundlers give. */
export function isGenerated(path: string): boolean {
  return NAMES.test(path);
}
