/** Whether there is a git program: the project does not need one, and says so where one is asked for. */
import { spawnSync } from 'node:child_process';

export const hasGit = spawnSync('git', ['--version']).status === 0;
