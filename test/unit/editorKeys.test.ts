import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { CHOICES, COMMANDS, CONTEXTS, DEFAULTS, LIMITS, SECTION, usable } from '../../src/editor/keys';
import { isScorable, LEGEND_SCHEME } from '../../src/editor/scorable';

const { contributes } = JSON.parse(readFileSync('package.json', 'utf8'));

describe('names that package.json contributes', () => {
  it('has exactly the commands that the code registers', () => {
    const contributed = contributes.commands.map(({ command }: { command: string }) => command);
    assert.deepEqual(contributed.sort(), Object.values(COMMANDS).sort());
  });

  it('has exactly the settings that the code reads, with the same defaults', () => {
    const { properties } = contributes.configuration;
    const defaults = Object.fromEntries(
      Object.entries<{ default: unknown }>(properties).map(([name, { default: value }]) => [
        name.replace(`${SECTION}.`, ''),
        value,
      ]),
    );
    assert.deepEqual(defaults, DEFAULTS);
    for (const [name, choices] of Object.entries(CHOICES)) {
      assert.deepEqual(properties[`${SECTION}.${name}`].enum, choices, name);
    }
    for (const [name, limits] of Object.entries(LIMITS)) {
      const { minimum, maximum } = properties[`${SECTION}.${name}`];
      assert.deepEqual([minimum, maximum], limits, name);
    }
  });

  it('lets no value through that cannot be used', () => {
    for (const [name, value, used] of [
      ['cache.size', 0, 64],
      ['cache.size', null, 256],
      ['cache.size', 1e9, 65_536],
      ['threads', 2.5, 2],
      ['threads', '2', 0],
      ['threads', -1, 0],
      ['delay', 0.5, 0.5],
      ['delay', Number.NaN, 250],
      ['device', 'gpu', 'auto'],
      ['device', 'cuda', 'cuda'],
      ['unit', undefined, 'bits'],
      ['model', 7, ''],
      ['heatmap.enabled', 'yes', false],
    ] as const) {
      assert.equal(usable(name, value), used, `${name}: ${value}`);
    }
  });

  it('has every context key that a condition asks for', () => {
    const conditions = JSON.stringify(contributes.menus).match(/surprisal\.(can|has|heatmapOn)\w*/g) ?? [];
    assert.deepEqual(new Set(conditions), new Set<string>(Object.values(CONTEXTS)));
  });

  it('offers in menus only commands that there are', () => {
    const ids = new Set<string>(Object.values(COMMANDS));
    for (const entries of Object.values<{ command: string }[]>(contributes.menus)) {
      for (const { command } of entries) {
        assert.ok(ids.has(command), command);
      }
    }
  });

  it('names in the walkthrough only commands that there are', () => {
    const named = JSON.stringify(contributes.walkthroughs).match(/(?<=ommand:)surprisal\.\w+/g) ?? [];
    assert.ok(named.length > 0);
    const ids = new Set<string>(Object.values(COMMANDS));
    assert.deepEqual(
      named.filter((id) => !ids.has(id)),
      [],
    );
  });
});

describe('documents worth scoring', () => {
  it('takes files, untitled ones, notebooks\u2019 cells, other file systems and both sides of a diff', () => {
    for (const scheme of ['file', 'untitled', 'vscode-notebook-cell', 'vscode-vfs', 'git', 'vscode-remote']) {
      assert.ok(isScorable({ scheme, path: '/a' }), scheme);
    }
    assert.ok(isScorable({ scheme: 'debug', path: '/source.js' }));
  });

  it('leaves out output, input boxes and the legend', () => {
    for (const scheme of [
      'output',
      'vscode-scm',
      'comment',
      'chat-editing-snapshot-text-model',
      LEGEND_SCHEME,
    ]) {
      assert.ok(!isScorable({ scheme, path: '/a' }), scheme);
    }
    assert.ok(!isScorable({ scheme: 'debug', path: 'replinput' }));
  });
});
