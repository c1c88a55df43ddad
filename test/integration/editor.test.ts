import assert from 'node:assert/strict';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { Losses, SurprisalApi } from '../../src/editor/api';
import { COMMANDS, DEFAULTS, SECTION, type Settings } from '../../src/editor/keys';
import { LARGE_DOCUMENT } from '../../src/editor/scorable';
import { heatOf } from '../../src/loss/heat';
import { toBits } from '../../src/loss/units';

/** Largest difference of two computations of the same score, in nats. */
const TOLERANCE = 1e-4;

let api: SurprisalApi;
let folder: vscode.Uri;

async function configure<Name extends keyof Settings>(name: Name, value: Settings[Name] | undefined) {
  await vscode.workspace.getConfiguration(SECTION).update(name, value, vscode.ConfigurationTarget.Global);
}

function open(name: string): Thenable<vscode.TextDocument> {
  return vscode.workspace.openTextDocument(vscode.Uri.joinPath(folder, name));
}

async function show(name: string, column = vscode.ViewColumn.One): Promise<vscode.TextEditor> {
  return vscode.window.showTextDocument(await open(name), column);
}

/** Waits until a condition holds. */
async function until(condition: () => boolean, what: string, timeout = 60_000): Promise<void> {
  const deadline = Date.now() + timeout;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `timed out: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Waits until a document's present version is scored and drawn. */
async function drawn(document: vscode.TextDocument): Promise<Losses> {
  const isDrawn = () => {
    const losses = api.losses(document.uri);
    const decorations = api.decorations(document.uri);
    return (
      losses?.complete === true &&
      losses.version === document.version &&
      decorations?.version === document.version &&
      heatOfCharacters(document, losses).every((bin, offset) => bin === drawnBins(document)[offset])
    );
  };
  await until(() => api.losses(document.uri)?.complete === true, `scores of ${document.uri}`);
  try {
    await until(isDrawn, `decorations of ${document.uri}`, 5000);
  } catch (error) {
    // Says where they differ.
    const losses = api.losses(document.uri)!;
    assert.deepEqual(drawnBins(document), heatOfCharacters(document, losses));
    throw error;
  }
  return api.losses(document.uri)!;
}

/** The bin that each UTF-16 code unit of the text should be drawn in, from the losses; −1 for line breaks. */
function heatOfCharacters(document: vscode.TextDocument, { starts, ends, nats }: Losses): number[] {
  const text = document.getText();
  const sums = new Array<number>(text.length).fill(0);
  for (let token = 0; token < starts.length; token++) {
    for (let offset = starts[token]; offset < ends[token]; offset++) {
      sums[offset] += nats[token];
    }
  }
  return sums.map((sum, offset) => (/[\r\n]/.test(text[offset]) ? -1 : heatOf(sum)));
}

/** The bin that each UTF-16 code unit is drawn in; −1 where nothing is drawn. */
function drawnBins(document: vscode.TextDocument): number[] {
  const bins = new Array<number>(document.getText().length).fill(-1);
  api.decorations(document.uri)?.bins.forEach((ranges, bin) => {
    for (const range of ranges) {
      for (let offset = document.offsetAt(range.start); offset < document.offsetAt(range.end); offset++) {
        assert.equal(bins[offset], -1, `offset ${offset} is drawn twice`);
        bins[offset] = bin;
      }
    }
  });
  return bins;
}

function edit(
  document: vscode.TextDocument,
  offset: number,
  remove: number,
  text: string,
): Thenable<boolean> {
  const change = new vscode.WorkspaceEdit();
  const range = new vscode.Range(document.positionAt(offset), document.positionAt(offset + remove));
  change.replace(document.uri, range, text);
  return vscode.workspace.applyEdit(change);
}

async function hoverTexts(document: vscode.TextDocument, offset: number): Promise<string[]> {
  const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
    'vscode.executeHoverProvider',
    document.uri,
    document.positionAt(offset),
  );
  return hovers.flatMap(({ contents }) =>
    contents.map((content) => (typeof content === 'string' ? content : content.value)),
  );
}

function assertSameScores(actual: Losses, expected: Losses): void {
  assert.deepEqual(actual.ids, expected.ids);
  assert.deepEqual(actual.starts, expected.starts);
  for (let token = 0; token < expected.nats.length; token++) {
    const difference = Math.abs(actual.nats[token] - expected.nats[token]);
    assert.ok(
      difference < TOLERANCE,
      `token ${token}: ${actual.nats[token]} instead of ${expected.nats[token]}`,
    );
  }
}

describe('the extension in a real extension host', function () {
  this.timeout(90_000);

  before(async () => {
    const extension = vscode.extensions.getExtension<SurprisalApi>('surprisal.surprisal');
    assert.ok(extension, 'the extension is not installed');
    api = await extension.activate();
    folder = vscode.workspace.workspaceFolders![0].uri;
    // In a browser VS Code saves by itself, and the edits below are not meant for the files.
    await vscode.workspace
      .getConfiguration('files')
      .update('autoSave', 'off', vscode.ConfigurationTarget.Global);
    await configure('device', 'cpu');
    await configure('delay', 60);
  });

  afterEach(async () => {
    await configure('heatmap.enabled', false);
    for (const editor of vscode.window.visibleTextEditors) {
      if (editor.document.isDirty) {
        await vscode.window.showTextDocument(editor.document);
        await vscode.commands.executeCommand('workbench.action.files.revert');
      }
    }
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });

  it('registers all its commands', async () => {
    const commands = new Set(await vscode.commands.getCommands(true));
    for (const command of Object.values(COMMANDS)) {
      assert.ok(commands.has(command), command);
    }
  });

  it('scores a document that nobody sees, and draws nothing', async () => {
    const document = await open('statistics.py');
    const events: number[] = [];
    const subscription = api.onDidScore(({ uri, version }) => {
      assert.equal(uri.toString(), document.uri.toString());
      events.push(version);
    });
    const losses = await api.score(document);
    subscription.dispose();
    assert.deepEqual(events, [document.version]);
    assert.ok(losses.complete);
    assert.equal(losses.starts[0], 0);
    assert.equal(losses.ends.at(-1), document.getText().length);
    for (let token = 0; token < losses.nats.length; token++) {
      assert.ok(Number.isFinite(losses.nats[token]) && losses.nats[token] >= 0);
      assert.ok(losses.rank[token] >= 1);
      assert.ok(token === 0 || losses.starts[token] <= losses.ends[token - 1], 'a hole between tokens');
    }
    assert.equal(api.decorations(document.uri), undefined);
    // A model that was pretrained on code knows Python, and knows how words are spelt.
    const typo = document.getText().indexOf('proprosed');
    const token = losses.starts.findIndex((start, index) => start <= typo && losses.ends[index] > typo);
    assert.ok(toBits(losses.nats[token]) > 8, `${toBits(losses.nats[token])} bits`);
    const mean = losses.nats.reduce((sum, nats) => sum + nats, 0) / losses.nats.length;
    assert.ok(toBits(mean) < 3, `${toBits(mean)} bits per token`);
  });

  it('colours what is visible, in the colour of its surprisal, and takes the colours away again', async () => {
    const { document } = await show('statistics.py');
    await vscode.commands.executeCommand(COMMANDS.toggleHeatmap);
    assert.equal(vscode.workspace.getConfiguration(SECTION).get('heatmap.enabled'), true);
    await drawn(document);
    await vscode.commands.executeCommand(COMMANDS.toggleHeatmap);
    await until(() => api.decorations(document.uri) === undefined, 'colours taken away');
    // The scores are still there for whoever asks.
    assert.ok(api.losses(document.uri)?.complete);
  });

  it('follows an edit, with the scores that the text would have had from the start', async () => {
    const { document } = await show('statistics.py');
    await configure('heatmap.enabled', true);
    const before = await drawn(document);
    const versions: number[] = [];
    const subscription = api.onDidScore(({ version }) => {
      assert.equal(version, document.version, 'an older version was reported');
      versions.push(version);
    });
    const at = document.getText().indexOf('average = mean');
    await edit(document, at, 'average'.length, 'mean_of_values');
    const waiting = api.losses(document.uri);
    assert.ok(waiting === undefined || waiting.version === document.version);
    const after = await drawn(document);
    subscription.dispose();
    assert.notEqual(after.version, before.version);
    assert.deepEqual(versions, [document.version]);
    // Text before the edit has kept its scores.
    const unchanged = after.starts.findIndex((_, token) => after.ends[token] > at - 8);
    assert.ok(unchanged > 50);
    for (let token = 0; token < unchanged; token++) {
      assert.ok(Math.abs(after.nats[token] - before.nats[token]) < TOLERANCE);
    }
    // From scratch: another process that has never seen the text, and sees it once.
    await configure('heatmap.enabled', false);
    await vscode.commands.executeCommand(COMMANDS.restartEngine);
    const copy = await vscode.workspace.openTextDocument({ content: document.getText() });
    assertSameScores(after, await api.score(copy));
  });

  it('never draws or reports an older version while somebody types', async () => {
    const editor = await show('inventory.ts');
    const { document } = editor;
    await configure('heatmap.enabled', true);
    await drawn(document);
    const versions: number[] = [];
    const subscription = api.onDidScore(({ version }) => {
      assert.equal(version, document.version);
      versions.push(version);
    });
    const start = document.getText().indexOf('\n') + 1;
    for (const [index, character] of [...'// typed'].entries()) {
      await edit(document, start + index, 0, character);
      await new Promise((resolve) => setTimeout(resolve, index % 3 === 0 ? 90 : 10));
      const losses = api.losses(document.uri);
      assert.ok(losses === undefined || losses.version === document.version);
      const decorations = api.decorations(document.uri);
      if (decorations?.version === document.version) {
        const lines = document.getText().split(/\r?\n/);
        for (const range of decorations.bins.flat()) {
          assert.ok(range.end.character <= lines[range.end.line].length, 'a range beyond its line');
        }
      }
    }
    const final = await drawn(document);
    subscription.dispose();
    assert.equal(versions.at(-1), document.version);
    assert.equal(final.version, document.version);
    // Everything away again in one step: the older scores must not come back with it.
    await edit(document, start, '// typed'.length, '');
    await drawn(document);
  });

  it('draws every editor of a document, and every document on screen', async () => {
    const { document } = await show('statistics.py');
    await configure('heatmap.enabled', true);
    const other = await show('inventory.ts', vscode.ViewColumn.Two);
    const split = await vscode.window.showTextDocument(document, vscode.ViewColumn.Three);
    await drawn(document);
    await drawn(other.document);
    await edit(document, 0, 0, '# A comment\n');
    await drawn(document);
    assert.equal(vscode.window.visibleTextEditors.length, 3);
    // One of the two editors goes away; the other stays as it is.
    await vscode.window.showTextDocument(split.document, split.viewColumn);
    await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
    await drawn(document);
  });

  it('draws a file again when the user comes back to it', async () => {
    const first = await show('statistics.py');
    await configure('heatmap.enabled', true);
    await drawn(first.document);
    const second = await show('origin.md');
    await drawn(second.document);
    const again = await show('statistics.py');
    await drawn(again.document);
  });

  it('handles line breaks of both kinds, astral characters and text without spaces', async () => {
    const content = 'caf\u00e9 \u{1F469}\u200d\u{1F680} \u4f60\u597d\r\n\r\n\tx\u0301 = "\u0000"\r\nlast';
    const document = await vscode.workspace.openTextDocument({ content });
    await vscode.window.showTextDocument(document);
    await configure('heatmap.enabled', true);
    await drawn(document);
    await vscode.window.activeTextEditor!.edit((builder) => builder.setEndOfLine(vscode.EndOfLine.LF));
    await drawn(document);
  });

  it('scores an empty document', async () => {
    const document = await vscode.workspace.openTextDocument({ content: '' });
    assert.equal((await api.score(document)).nats.length, 0);
  });

  it('leaves a very large document alone until somebody asks', async () => {
    const line = `${'lorem ipsum '.repeat(80)}\n`;
    const content = line.repeat(Math.ceil(LARGE_DOCUMENT / line.length) + 1);
    const document = await vscode.workspace.openTextDocument({ content });
    await vscode.window.showTextDocument(document);
    await configure('heatmap.enabled', true);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(api.losses(document.uri), undefined);
    assert.equal(api.decorations(document.uri), undefined);
  });

  it('answers a hover with numbers, alternatives and one link', async () => {
    const { document } = await show('statistics.py');
    await configure('heatmap.enabled', true);
    await drawn(document);
    const [text] = (await hoverTexts(document, document.getText().indexOf('proprosed') + 2)).filter((value) =>
      value.includes(COMMANDS.openPanel),
    );
    assert.match(text, /`·proprosed`|`·prop`|`·pro/);
    assert.match(text, /\*\*[\d.]+ bits\*\* \([\d.]+ nats\)/);
    assert.match(text, /rank [\d,]+ of 49,152/);
    assert.match(text, /What the model expected here:\n\n```/);
    assert.match(text, /Page 1 of 1, \d+ tokens of context/);
    assert.match(text, /\[Explain this token\]\(command:surprisal\.openPanel\?/);
  });

  it('says in the hover that a token is being scored', async () => {
    const { document } = await show('statistics.py');
    await configure('heatmap.enabled', true);
    await drawn(document);
    await configure('delay', 3000);
    await edit(document, 0, 0, 'x');
    assert.match((await hoverTexts(document, 40)).join('\n'), /being scored/);
    await configure('delay', 60);
  });

  it('goes to surprising tokens and around the end', async () => {
    const editor = await show('statistics.py');
    const losses = await api.score(editor.document);
    editor.selection = new vscode.Selection(0, 0, 0, 0);
    const visited: number[] = [];
    for (let jump = 0; jump < 60; jump++) {
      await vscode.commands.executeCommand(COMMANDS.nextSurprise);
      const start = editor.document.offsetAt(editor.selection.start);
      if (start === visited[0]) {
        break;
      }
      visited.push(start);
    }
    const expected = Array.from(losses.starts).filter((_, token) => toBits(losses.nats[token]) >= 8);
    assert.deepEqual(visited, expected);
    await vscode.commands.executeCommand(COMMANDS.previousSurprise);
    assert.equal(editor.document.offsetAt(editor.selection.start), expected.at(-1));
  });

  it('shows the legend without scoring it', async () => {
    await show('statistics.py');
    await configure('heatmap.enabled', true);
    await vscode.commands.executeCommand(COMMANDS.showLegend);
    const document = vscode.window.activeTextEditor!.document;
    assert.match(document.getText(), /How to read the colours/);
    assert.equal(document.languageId, 'surprisal-legend');
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(api.losses(document.uri), undefined);
  });

  it('says what is wrong with a model folder, and goes on with a good one', async () => {
    const document = await open('origin.md');
    const missing = join(folder.fsPath, 'no-such-model');
    await configure('model', missing);
    await assert.rejects(api.score(document), (error: Error) => error.message.includes('no-such-model'));
    await configure('model', DEFAULTS.model);
    assert.ok((await api.score(document)).complete);
  });
});
