/** What tests with git share: the project does not need a git program, and says so where one is asked for. */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';

/** Whether there is one. */
export const hasGit = spawnSync('git', ['--version']).status === 0;

/**
 * What makes git independent of the machine: neither its configuration counts, nor a hook that runs the tests.
 * @param folder of the test, in which the repositories are
 * @returns variables to add to an environment, and those to leave out of it
 */
export function gitEnvironment(folder: string): {
  readonly added: Readonly<Record<string, string>>;
  readonly leftOut: readonly string[];
} {
  return {
    added: {
      HOME: folder,
      XDG_CONFIG_HOME: join(folder, 'config'),
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CEILING_DIRECTORIES: dirname(folder),
      GIT_AUTHOR_NAME: 'A',
      GIT_AUTHOR_EMAIL: 'a@example.org',
      GIT_COMMITTER_NAME: 'A',
      GIT_COMMITTER_EMAIL: 'a@example.org',
    },
    leftOut: Object.keys(process.env).filter((name) => name.startsWith('GIT_')),
  };
}
