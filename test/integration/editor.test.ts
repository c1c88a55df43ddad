import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { Losses, PanelHandle, SurprisalApi } from '../../src/editor/api';
import { COMMANDS, DEFAULTS, SECTION } from '../../src/editor/keys';
import { CHUNK } from '../../src/engine/layout';
import { heatOf } from '../../src/loss/heat';
import { TRAINING_DEFAULTS } from '../../src/loss/training';
import { toBits } from '../../src/loss/units';
import type { PanelSeries, PanelState, PanelTraining } from '../../src/panel/messages';
import { lineStarts } from '../../src/text/lines';
import { layOutPages, PAGE_LIMITS } from '../../src/text/pages';
import { configure, until } from '../support/extension';

/** Largest difference of two computations of the same score, in nats. */
const TOLERANCE = 1e-4;

/** The tests' `surprisal.delay`, in milliseconds. */
const DELAY = 60;

let api: SurprisalApi;
let folder: vscode.Uri;

function open(name: string): Thenable<vscode.TextDocument> {
  return vscode.workspace.openTextDocument(vscode.Uri.joinPath(folder, name));
}

async function show(name: string, column = vscode.ViewColumn.One): Promise<vscode.TextEditor> {
  return vscode.window.showTextDocument(await open(name), column);
}

/** What an explainer panel's page has been told. */
class Page {
  state: PanelState | undefined;
  series: PanelSeries | undefined;
  training: PanelTraining | undefined;
  logits: { readonly answer: number; readonly logits: Float32Array } | undefined;
  logitsMessages = 0;

  constructor(readonly panel: PanelHandle) {
    panel.onDidPost((message) => {
      switch (message.type) {
        case 'state':
          this.state = message.state;
          break;
        case 'series':
          this.series = message.series;
          break;
        case 'training':
          this.training = message.training;
          break;
        case 'logits':
          this.logits = message;
          this.logitsMessages++;
          break;
      }
    });
  }

  /** Waits until the page shows the token that begins at an offset, and nothing is on its way. */
  async shows(document: vscode.TextDocument, offset: number): Promise<void> {
    const isShown = () => {
      const losses = api.losses(document.uri);
      const { token, pending, document: shown } = this.state ?? {};
      return (
        token !== undefined &&
        !pending &&
        shown?.uri === document.uri.toString() &&
        losses !== undefined &&
        losses.starts[token.index] <= offset &&
        losses.ends[token.index] > offset
      );
    };
    await until(isShown, `the panel shows offset ${offset} of ${document.uri}`);
  }
}

/** Opens the panel that follows the cursor, or another one, and waits for its page. */
async function openPage(): Promise<Page> {
  const before = new Set(api.panels());
  await vscode.commands.executeCommand(COMMANDS.openPanel);
  const panel = api.panels().find((candidate) => !before.has(candidate));
  assert.ok(panel, 'no panel was opened');
  const page = new Page(panel);
  await until(() => page.state !== undefined, 'the page is ready');
  // The page may still ask for what its chapter needs.
  await new Promise((resolve) => setTimeout(resolve, 300));
  return page;
}

function moveTo(editor: vscode.TextEditor, offset: number, end = offset): void {
  const { document } = editor;
  editor.selection = new vscode.Selection(document.positionAt(offset), document.positionAt(end));
}

/** Waits until the heatmap shows the losses after training. */
async function trainedDrawn(document: vscode.TextDocument): Promise<void> {
  const trained = api.trainedLosses(document.uri);
  assert.ok(trained, 'no losses after training');
  const expected = heatOfCharacters(document, trained);
  await until(
    () => drawnBins(document).every((bin, offset) => bin === expected[offset]),
    'the heatmap after training',
    10_000,
  );
}

function meanOf({ nats }: Losses): number {
  return nats.reduce((sum, value) => sum + value, 0) / nats.length;
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
    await configure('delay', DELAY);
  });

  afterEach(async () => {
    await configure('heatmap.enabled', false);
    await configure('model', DEFAULTS.model);
    await configure('delay', DELAY);
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

  it('reads up to where the cursor rests in a text that is edited, so that typing there takes little', async () => {
    const extension = vscode.extensions.getExtension('surprisal.surprisal')!;
    await configure('model', join(extension.extensionPath, 'test/fixtures/models/tiny'));
    await configure('heatmap.enabled', true);
    // What is read during the delay is not counted.
    await configure('delay', 0);
    const source = await readFile(join(extension.extensionPath, 'src/engine/client.ts'), 'utf8');
    let tokensRun = Number.POSITIVE_INFINITY;
    // Time enough on a slow machine, in the end.
    for (let pause = 1000; tokensRun > 2 * CHUNK; pause *= 2) {
      assert.ok(pause < 20_000, `${tokensRun} tokens were run`);
      // Of no text before has anything to be known.
      const content = source.replaceAll('\n', ` // ${pause}\n`);
      const editor = await vscode.window.showTextDocument(
        await vscode.workspace.openTextDocument({ content }),
      );
      const { document } = editor;
      const { ids, starts } = await api.score(document);
      const lastPage = layOutPages({ ids, starts }, lineStarts(content), PAGE_LIMITS).pageStarts.at(-1)!;
      assert.ok(ids.length - lastPage > 3 * CHUNK, `${ids.length - lastPage} tokens on the last page`);
      await edit(document, 0, 0, '//');
      await api.score(document);
      const end = document.getText().length;
      moveTo(editor, end);
      editor.revealRange(editor.selection);
      await new Promise((resolve) => setTimeout(resolve, pause));
      const subscription = api.onDidScore(({ uri, statistics }) => {
        if (uri.toString() === document.uri.toString() && statistics) {
          ({ tokensRun } = statistics);
        }
      });
      await edit(document, end, 0, 'x');
      await api.score(document);
      subscription.dispose();
    }
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

  it('follows edits that leave fewer lines than are on screen, and their undoing', async () => {
    const { document } = await show('inventory.ts');
    await configure('heatmap.enabled', true);
    await drawn(document);
    const editor = vscode.window.activeTextEditor!;
    await until(() => editor.visibleRanges[0].end.line > 3, 'lines on screen');
    const lines = document.lineCount;
    await edit(document, 0, document.getText().length, 'let total = 0;\n');
    assert.equal((await drawn(document)).ends.at(-1), 15);
    await vscode.commands.executeCommand('undo');
    assert.equal(document.lineCount, lines);
    await drawn(document);
    await vscode.commands.executeCommand('redo');
    assert.equal((await drawn(document)).ends.at(-1), 15);
    await edit(document, 0, document.getText().length, '');
    await until(() => api.losses(document.uri)?.complete === true, 'the scores of nothing');
    await until(
      () => !api.decorations(document.uri)?.bins.some(({ length }) => length > 0),
      'no colours left',
    );
  });

  it('keeps the scores of a document that gets another language, and goes on with them', async () => {
    const editor = await show('statistics.py');
    const { document } = editor;
    moveTo(editor, 0);
    await configure('heatmap.enabled', true);
    const before = await drawn(document);
    const page = await openPage();
    await page.shows(document, 0);
    await vscode.languages.setTextDocumentLanguage(document, 'plaintext');
    assert.equal(document.languageId, 'plaintext');
    assert.deepEqual(api.losses(document.uri)?.nats, before.nats);
    assert.ok(api.decorations(document.uri));
    const { state } = page;
    await edit(document, 0, 0, '# An edit\n');
    await drawn(document);
    await until(() => page.state !== state, 'the panel goes on');
    await page.shows(document, document.offsetAt(editor.selection.active));
    await vscode.languages.setTextDocumentLanguage(document, 'python');
  });

  it('keeps the scores when a setting changes to what it was', async () => {
    const { document } = await show('origin.md');
    const losses = await api.score(document);
    const seen: boolean[] = [];
    const changed = vscode.workspace.onDidChangeConfiguration((event) => {
      seen.push(event.affectsConfiguration(`${SECTION}.threads`));
    });
    // To the default, spelt out.
    await configure('threads', DEFAULTS.threads);
    await configure('threads', undefined);
    await until(() => seen.length > 0, 'the event').catch(() => {});
    changed.dispose();
    assert.equal(api.losses(document.uri)?.nats, losses.nats);
  });

  it('stops the engine on request, and starts it again for what is to be explained', async () => {
    const { document } = await show('statistics.py');
    await configure('heatmap.enabled', true);
    const before = await drawn(document);
    await vscode.commands.executeCommand(COMMANDS.stopEngine);
    assert.equal(vscode.workspace.getConfiguration(SECTION).get('heatmap.enabled'), false);
    await until(() => api.decorations(document.uri) === undefined, 'colours taken away');
    assert.deepEqual(api.losses(document.uri)?.nats, before.nats);
    await configure('heatmap.enabled', true);
    // The scores are there; the model's process comes back for the alternatives.
    const at = document.getText().indexOf('proprosed') + 2;
    await until(() => api.decorations(document.uri) !== undefined, 'colours');
    let hover = '';
    for (
      const deadline = Date.now() + 60_000;
      Date.now() < deadline && !hover.includes('model expected here:');
    ) {
      hover = (await hoverTexts(document, at)).join('\n');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.match(hover, /What the model expected here:/);
    assertSameScores(await drawn(document), before);
  });

  it('scores an empty document', async () => {
    const document = await vscode.workspace.openTextDocument({ content: '' });
    assert.equal((await api.score(document)).nats.length, 0);
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

  it('does not go to a surprising token once the user has gone on working', async () => {
    const editor = await show('statistics.py');
    const { document } = editor;
    moveTo(editor, 0);
    for (const goOn of [
      () => moveTo(editor, 7),
      () => edit(document, 0, 0, 'x'),
      () => show('origin.md'),
    ] as (() => unknown)[]) {
      // Nothing is scored yet, and nothing will be before the engine is back.
      await vscode.commands.executeCommand(COMMANDS.stopEngine);
      await configure('threads', 1);
      await configure('threads', undefined);
      const jump = vscode.commands.executeCommand(COMMANDS.nextSurprise);
      await goOn();
      const { selection } = editor;
      await jump;
      await api.score(document);
      assert.deepEqual(editor.selection, selection);
    }
  });

  it('shows again what it showed before the list of surprising tokens, where that was asked for twice', async () => {
    const editor = await show('statistics.py');
    await api.score(editor.document);
    moveTo(editor, 0);
    for (let times = 0; times < 2; times++) {
      await vscode.commands.executeCommand(COMMANDS.showSurprises);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const { selection } = editor;
      await vscode.commands.executeCommand('workbench.action.quickOpenSelectNext');
      await until(() => !editor.selection.isEqual(selection), 'a token of the list is shown');
    }
    await vscode.commands.executeCommand('workbench.action.closeQuickOpen');
    await until(() => editor.selection.isEmpty, 'what was shown before the list');
    assert.equal(editor.document.offsetAt(editor.selection.start), 0);
  });

  it('explains the token under the cursor, with its logits', async () => {
    const editor = await show('statistics.py');
    const { document } = editor;
    const losses = await api.score(document);
    moveTo(editor, 0);
    const page = await openPage();
    await page.shows(document, 0);
    for (let token = 5; token < 205; token += 10) {
      const begun = performance.now();
      moveTo(editor, losses.starts[token]);
      while (page.state?.token?.index !== token || page.state.pending) {
        assert.ok(performance.now() - begun < 10_000, `token ${token} is not shown`);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      const { answer, rank, logSumExp, target, top } = page.state.token;
      assert.equal(page.logits?.answer, answer);
      const { logits } = page.logits!;
      assert.equal(logits.length, page.state.token.vocabularySize);
      assert.equal(logits.byteLength, logits.buffer.byteLength, 'more travels than the logits');
      assert.ok(Math.abs(logits[target.id] - target.logit) < 1e-3);
      assert.ok(Math.abs(logSumExp - target.logit - losses.nats[token]) < 1e-3);
      assert.equal(top.length, 50);
      assert.ok(rank > 50 || top[rank - 1].id === target.id);
    }
    const messages = page.logitsMessages;
    page.panel.receive({ type: 'unit', unit: 'hartleys' });
    await until(() => page.state?.unit === 'hartleys', 'the unit');
    assert.equal(page.logitsMessages, messages, 'logits travel once');
    await configure('unit', undefined);
  });

  it('explains what is selected together, and selects what the page asks for', async () => {
    const editor = await show('statistics.py');
    const { document } = editor;
    const losses = await api.score(document);
    const page = await openPage();
    const start = document.offsetAt(new vscode.Position(2, 0));
    const end = document.offsetAt(new vscode.Position(5, 0));
    moveTo(editor, start, end);
    const first = losses.ends.findIndex((offset) => offset > start);
    const after = losses.starts.findIndex((offset) => offset >= end);
    await until(() => page.state?.selection !== undefined, 'the selection');
    const selection = page.state!.selection!;
    assert.deepEqual([selection.first, selection.end, selection.scored], [first, after, after - first]);
    const nats = losses.nats.subarray(first, after).reduce((sum, value) => sum + value, 0);
    assert.ok(Math.abs(selection.nats - nats) < 1e-3);
    const { scoring } = page.state!;
    assert.ok(scoring);
    page.panel.receive({ type: 'select', scoring, first: 10, end: 14 });
    await until(() => document.offsetAt(editor.selection.start) === losses.starts[10], 'the selected tokens');
    assert.equal(document.offsetAt(editor.selection.end), losses.ends[13]);
    await until(() => page.state?.selection?.first === 10, 'the new selection');
    moveTo(editor, 0);
    await until(() => page.state?.selection === undefined, 'no selection');
  });

  it('explains and selects no token by its number in an earlier text or another document', async () => {
    const editor = await show('statistics.py');
    const { document } = editor;
    await api.score(document);
    moveTo(editor, 0);
    const page = await openPage();
    await page.shows(document, 0);
    const { scoring: earlier } = page.state!;
    assert.equal(earlier?.uri, document.uri.toString());
    await edit(document, 0, 0, '# One more line\n');
    const losses = await api.score(document);
    const isNew = () => page.state?.scoring !== undefined && page.state.scoring.score !== earlier.score;
    await until(isNew, 'the new scoring');
    const { scoring } = page.state!;
    assert.ok(scoring);
    const before = editor.selection;
    for (const other of [earlier, { ...scoring, uri: `${scoring.uri}x` }]) {
      page.panel.receive({ type: 'reveal', scoring: other, token: 20 });
      page.panel.receive({ type: 'select', scoring: other, first: 20, end: 24 });
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.deepEqual(editor.selection, before);
    page.panel.receive({ type: 'reveal', scoring, token: 20 });
    await until(() => document.offsetAt(editor.selection.active) === losses.starts[20], 'the token');
    await page.shows(document, losses.starts[20]);
  });

  it('sends the losses of the whole document when the page wants them', async () => {
    const { document } = await show('statistics.py');
    const losses = await api.score(document);
    const page = await openPage();
    page.panel.receive({ type: 'series', wanted: true });
    await until(() => page.series !== undefined && page.state?.series === page.series.revision, 'the series');
    const { scoring, text, starts, ends, lines, nats } = page.series!;
    assert.equal(scoring.uri, document.uri.toString());
    assert.deepEqual(page.state?.scoring, scoring);
    assert.equal(text, document.getText());
    assert.deepEqual([...starts], [...losses.starts]);
    assert.deepEqual([...ends], [...losses.ends]);
    assert.deepEqual([...nats], [...losses.nats]);
    assert.deepEqual(
      [...lines],
      Array.from(starts, (offset) => document.positionAt(offset).line),
    );
    const { revision } = page.series!;
    await edit(document, 0, 0, '# New\n');
    await until(() => api.losses(document.uri)?.complete === true, 'scored again');
    await until(
      () => page.state?.series === page.series?.revision && page.series!.revision > revision,
      'anew',
    );
    await until(
      () => page.series!.text === document.getText() && !page.series!.nats.some(Number.isNaN),
      'all',
    );
  });

  it('stays with a token when pinned, through edits and beside another panel', async () => {
    const editor = await show('statistics.py');
    const { document } = editor;
    await api.score(document);
    const typo = () => document.getText().indexOf('proprosed') + 1;
    moveTo(editor, typo());
    const pinned = await openPage();
    await pinned.shows(document, typo());
    assert.deepEqual([pinned.state?.pinned, pinned.panel.title], [false, 'Surprisal']);
    await vscode.commands.executeCommand(COMMANDS.pinPanel);
    await until(() => pinned.state?.pinned === true, 'pinned');
    assert.equal(pinned.panel.title, 'Surprisal: statistics.py (pinned)');
    assert.ok(pinned.state!.pinnedOffset! <= typo());
    moveTo(editor, 0);
    await edit(document, 0, 0, '# One more line\n');
    await until(() => api.losses(document.uri)?.complete === true, 'scored again');
    await pinned.shows(document, typo());
    // Another document, which the pinned panel does not care about, and another panel, which does.
    const other = await show('inventory.ts', vscode.ViewColumn.Three);
    const following = await openPage();
    assert.equal(api.panels().length, 2);
    await until(() => following.state?.document?.uri === other.document.uri.toString(), 'the other document');
    moveTo(other, 0);
    await following.shows(other.document, 0);
    const last = await show('origin.md');
    moveTo(last, 0);
    await following.shows(last.document, 0);
    await pinned.shows(document, typo());
    assert.deepEqual([pinned.state?.pinned, following.state?.pinned], [true, false]);
    // Its document is not on screen any more, and is scored all the same.
    await edit(document, 0, 0, '# And another one\n');
    await pinned.shows(document, typo());
    // The panel that follows is the one that the command means.
    await vscode.commands.executeCommand(COMMANDS.openPanel);
    assert.equal(api.panels().length, 2);
    pinned.panel.receive({ type: 'pin', pinned: false });
    await pinned.shows(last.document, 0);
    assert.equal(pinned.panel.title, 'Surprisal');
  });

  it('trains on a document, shows what was learnt, and goes back after an edit', async () => {
    const { document } = await show('statistics.py');
    await configure('heatmap.enabled', true);
    const before = await drawn(document);
    const page = await openPage();
    assert.equal(page.training, undefined);
    // Evaluated on the same text, so that what is learnt is certain to be kept.
    const copy = await vscode.workspace.openTextDocument({ content: document.getText() });
    const options = { ...TRAINING_DEFAULTS, epochs: 3, evaluation: copy.uri.toString() };
    page.panel.receive({ type: 'train', options });
    await until(() => page.training?.state === 'finished', 'the training');
    const { points, best, tokens, shown, uri } = page.training!;
    assert.deepEqual([uri, shown, points[0].step], [document.uri.toString(), false, 0]);
    assert.equal(
      page.training!.hasAdapted,
      true,
      'there are losses after training, whether or not they are sent',
    );
    assert.equal(tokens.training, tokens.evaluation);
    assert.ok(points.at(-1)!.training < points[0].training, 'it has learnt nothing');
    assert.ok(points.every(({ evaluation }) => evaluation >= points[best!].evaluation));
    const trained = api.trainedLosses(document.uri)!;
    assert.ok(meanOf(trained) < meanOf(before));
    assert.equal(page.series, undefined);
    page.panel.receive({ type: 'series', wanted: true });
    await until(() => page.series?.adapted !== undefined, 'the series after training');
    assert.deepEqual([...page.series!.adapted!], [...trained.nats]);
    page.panel.receive({ type: 'showTrained', shown: true });
    await trainedDrawn(document);
    await until(() => page.training?.shown === true, 'shown');
    const hover = (await hoverTexts(document, document.getText().indexOf('proprosed') + 2)).join('\n');
    assert.match(hover, /After training; the model as it is: [\d.]+ bits/);
    // The model's own losses are what they were.
    assert.deepEqual(api.losses(document.uri)!.nats, before.nats);
    page.panel.receive({ type: 'showTrained', shown: false });
    await drawn(document);
    page.panel.receive({ type: 'showTrained', shown: true });
    await trainedDrawn(document);
    await edit(document, 0, 0, '# An edit\n');
    await drawn(document);
    await until(() => page.training === undefined, 'the training is over');
    assert.equal(api.trainedLosses(document.uri), undefined);
  });

  it('stops training at any moment, and shows the model as it is once the panel is closed', async () => {
    const { document } = await show('statistics.py');
    await configure('heatmap.enabled', true);
    await drawn(document);
    const page = await openPage();
    page.panel.receive({ type: 'train', options: { ...TRAINING_DEFAULTS, epochs: 1000 } });
    await until(() => page.training?.state === 'running' && page.training.points.length > 1, 'some points');
    assert.equal(page.training!.hasAdapted, false, 'nothing to be shown before the end');
    page.panel.receive({ type: 'stopTraining' });
    await until(() => page.training?.state === 'stopped', 'stopped', 10_000);
    page.panel.receive({ type: 'showTrained', shown: true });
    await trainedDrawn(document);
    page.panel.dispose();
    await drawn(document);
    assert.equal(api.panels().length, 0);
  });

  it('computes nothing for a training whose last panel is closed', async () => {
    const { document } = await show('statistics.py');
    await api.score(document);
    const page = await openPage();
    page.panel.receive({ type: 'train', options: { ...TRAINING_DEFAULTS, epochs: 1000 } });
    await until(() => page.training?.state === 'running' && page.training.points.length > 1, 'some points');
    page.panel.dispose();
    const next = await openPage();
    await until(() => next.training?.state === 'stopped', 'given up', 5000);
    assert.ok(next.training!.points.length > 1, 'the curves stay');
    assert.equal(next.training!.hasAdapted, false, 'the document was scored with what was learnt');
  });

  it('says how far a document is scored with what was learnt, and stops that', async () => {
    const part = (await open('statistics.py')).getText();
    const document = await vscode.workspace.openTextDocument({ content: part.repeat(4) });
    await vscode.window.showTextDocument(document);
    const page = await openPage();
    await until(() => api.losses(document.uri)?.complete === true, 'the scores');
    const { length } = api.losses(document.uri)!.nats;
    page.panel.receive({ type: 'train', options: { ...TRAINING_DEFAULTS, epochs: 1 } });
    await until(() => page.training?.scored !== undefined, 'the scoring');
    const { scored, points } = page.training!;
    assert.ok(scored!.done > 0 && scored!.done <= length);
    assert.equal(scored!.total, length);
    page.panel.receive({ type: 'stopTraining' });
    await until(() => page.training?.state === 'stopped', 'stopped', 5000);
    assert.deepEqual(page.training!.points, points);
    assert.equal(page.training!.hasAdapted, false);
    assert.equal(page.training!.scored, undefined);
  });

  it('goes on with a training as long as a panel shows its document', async () => {
    const editor = await show('statistics.py');
    const { document } = editor;
    // VS Code remembers where the cursor was.
    moveTo(editor, 0);
    await configure('heatmap.enabled', true);
    await drawn(document);
    const first = await openPage();
    await first.shows(document, 0);
    await vscode.commands.executeCommand(COMMANDS.pinPanel);
    const second = await openPage();
    first.panel.receive({ type: 'train', options: { ...TRAINING_DEFAULTS, epochs: 1000 } });
    await until(() => (second.training?.points.length ?? 0) > 1, 'the other panel shows the training');
    first.panel.dispose();
    const { length } = second.training!.points;
    await until(() => second.training!.points.length > length, 'the training goes on');
    assert.equal(second.training!.state, 'running');
    second.panel.receive({ type: 'stopTraining' });
    await until(() => second.training?.hasAdapted === true, 'stopped', 10_000);
    second.panel.receive({ type: 'showTrained', shown: true });
    await trainedDrawn(document);
    // A panel on another document changes nothing, and the last one on this document ends it.
    await vscode.commands.executeCommand(COMMANDS.pinPanel);
    const other = await show('inventory.ts', vscode.ViewColumn.One);
    moveTo(other, 0);
    const third = await openPage();
    await third.shows(other.document, 0);
    third.panel.dispose();
    await show('statistics.py');
    await trainedDrawn(document);
    second.panel.dispose();
    await drawn(document);
    assert.equal(api.panels().length, 0);
  });

  it('evaluates training on another document, and says what is wrong with one that is gone', async () => {
    const other = await open('inventory.ts');
    await show('statistics.py');
    const page = await openPage();
    await until(
      () => page.state?.others?.some(({ uri }) => uri === other.uri.toString()) === true,
      'the other document is offered',
    );
    const options = { ...TRAINING_DEFAULTS, epochs: 1 };
    page.panel.receive({ type: 'train', options: { ...options, evaluation: 'file:///no/such/file' } });
    await until(() => page.training?.state === 'failed', 'the failure');
    assert.match(page.training!.problem!.message, /not open/);
    page.panel.receive({ type: 'train', options: { ...options, evaluation: other.uri.toString() } });
    await until(() => page.training?.state === 'finished', 'the training');
    assert.ok(page.training!.tokens.evaluation > 100);
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
