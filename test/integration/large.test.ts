import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { SurprisalApi } from '../../src/editor/api';
import { SECTION_LIMITS } from '../../src/text/sections';
import { configure, until } from '../support/extension';

/** Lines of the large file. */
const LINES = 100_000;
/** UTF-16 length of each of them, its line break included. */
const LINE = 200;

/** So many of the lines on screen are waited for: a slow machine takes a while for a whole screen. */
const FEW_LINES = 10;

let api: SurprisalApi;

/** A file of 20 MB: a log whose lines differ. */
function largeText(): string {
  const words = 'request served cached after timeout from upstream retry token session closed'.split(' ');
  const lines: string[] = [];
  for (let i = 0; i < LINES; i++) {
    const said = Array.from({ length: 40 }, (_, k) => words[(i * 31 + k * k * 7 + (i >> 3)) % words.length]);
    lines.push(`${i} ${said.join(' ')}`.slice(0, LINE - 1).padEnd(LINE - 1, '.'));
  }
  return `${lines.join('\n')}\n`;
}

/** Whether each column of a line, up to a number of them, is coloured in the present version. */
function isDrawn(document: vscode.TextDocument, line: number, columns: number): boolean {
  const decorations = api.decorations(document.uri);
  if (decorations?.version !== document.version) {
    return false;
  }
  const drawn = decorations.bins
    .flat()
    .filter((range) => range.start.line === line)
    .reduce((sum, range) => sum + range.end.character - range.start.character, 0);
  return drawn >= Math.min(columns, document.lineAt(line).text.length);
}

/** Waits until the first of the lines that an editor shows are coloured. */
async function visibleDrawn({ document, visibleRanges }: vscode.TextEditor, columns = LINE): Promise<void> {
  const isAllDrawn = () =>
    visibleRanges.every(({ start, end }) => {
      for (let line = start.line; line <= Math.min(end.line, start.line + FEW_LINES); line++) {
        if (!isDrawn(document, line, columns)) {
          return false;
        }
      }
      return true;
    });
  await until(isAllDrawn, `lines ${visibleRanges[0].start.line} and on are coloured`);
}

/** The scores of the line's tokens, with their places in the line. */
function scoresOf(document: vscode.TextDocument, line: number): (readonly number[])[] {
  const losses = api.losses(document.uri) ?? assert.fail('no losses');
  const start = document.offsetAt(new vscode.Position(line, 0));
  const end = start + document.lineAt(line).text.length;
  const scores: (readonly number[])[] = [];
  losses.starts.forEach((offset, token) => {
    if (offset >= start && offset < end) {
      scores.push([offset - start, losses.ids[token], losses.nats[token]]);
    }
  });
  return scores;
}

/** Whether all tokens of a line have their scores in the present version. */
function isScored(document: vscode.TextDocument, line: number): boolean {
  const scores = api.losses(document.uri) ? scoresOf(document, line) : [];
  return scores.length > 0 && scores.every(([, , nats]) => !Number.isNaN(nats));
}

async function reveal(editor: vscode.TextEditor, line: number): Promise<void> {
  const position = new vscode.Position(line, 0);
  editor.selection = new vscode.Selection(position, position);
  editor.revealRange(new vscode.Range(position, position), vscode.TextEditorRevealType.AtTop);
  await until(() => editor.visibleRanges.some((range) => range.contains(position)), `line ${line} is shown`);
}

describe('very large documents', function () {
  this.timeout(180_000);

  before(async () => {
    const extension = vscode.extensions.getExtension<SurprisalApi>('surprisal.surprisal');
    api = (await extension?.activate()) ?? assert.fail('the extension is not installed');
    await configure('heatmap.enabled', true);
    await configure('delay', 60);
  });

  after(async () => {
    await configure('heatmap.enabled', undefined);
    await configure('delay', undefined);
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });

  it('are coloured where one looks: 20 MB in 100,000 lines, at the top, far down, while typing', async () => {
    const folder = vscode.workspace.workspaceFolders?.[0].uri ?? assert.fail('no folder');
    const uri = vscode.Uri.joinPath(folder, 'large.log');
    const text = largeText();
    await vscode.workspace.fs.writeFile(uri, Buffer.from(text));
    assert.equal(text.length, LINES * LINE);
    const document = await vscode.workspace.openTextDocument(uri);
    assert.equal(document.lineCount, LINES + 1);
    const before = process.memoryUsage().arrayBuffers;
    const editor = await vscode.window.showTextDocument(document);
    await visibleDrawn(editor);
    const top = scoresOf(document, 2);
    assert.ok(top.length > 10);

    await reveal(editor, 70_000);
    await visibleDrawn(editor);
    const losses = api.losses(uri) ?? assert.fail('no losses');
    assert.equal(losses.complete, false);
    // Some sections, and not the millions of tokens of the whole.
    assert.ok(losses.starts.length < (10 * SECTION_LIMITS.maximum) / 2);
    assert.ok(losses.starts.some((start) => start > 70_000 * LINE && start < 70_010 * LINE));
    assert.ok(process.memoryUsage().arrayBuffers - before < 100 << 20);

    const far = scoresOf(document, 70_002);
    await editor.edit((builder) => builder.insert(new vscode.Position(70_010, 0), 'something new '));
    await visibleDrawn(editor);
    // What was drawn so far may be what was carried over the edit.
    await until(() => isScored(document, 70_010), 'scored after the edit');
    assert.deepEqual(scoresOf(document, 70_002), far, 'what comes before the edit');

    // Back at the top the scores are the same, whatever was on screen meanwhile.
    await reveal(editor, 0);
    await visibleDrawn(editor);
    await until(() => isScored(document, 2), 'scored again');
    assert.deepEqual(scoresOf(document, 2), top);
  });

  it('have a line of 1 MB, of text or of blanks', async () => {
    for (const content of [
      Array.from({ length: 120_000 }, (_, i) => (i * 2654435761) % 100_003).join(', '),
      ' '.repeat(1 << 20),
    ]) {
      const document = await vscode.workspace.openTextDocument({ content });
      const editor = await vscode.window.showTextDocument(document);
      await visibleDrawn(editor, 1000);
      const losses = api.losses(document.uri) ?? assert.fail('no losses');
      assert.ok((losses.ends.at(-1) ?? 0) < content.length / 2, 'not all of it is laid out');
      const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
        'vscode.executeHoverProvider',
        document.uri,
        new vscode.Position(0, 500),
      );
      const said = hovers.flatMap(({ contents }) =>
        contents.map((part) => (part as vscode.MarkdownString).value),
      );
      assert.match(said.join('\n'), /tokens of context/);
    }
  });

  it('are scored as a whole on request, and only then', async () => {
    // Lines of few tokens, in pages that are found again in the cache: a whole document in a short time.
    const line = `${' '.repeat(199)}\n`;
    const content = line.repeat(Math.ceil((1.5 * SECTION_LIMITS.large) / line.length));
    const document = await vscode.workspace.openTextDocument({ content });
    const editor = await vscode.window.showTextDocument(document);
    await until(() => (api.losses(document.uri)?.nats.length ?? 0) > 0, 'the visible part is laid out');
    assert.ok((api.losses(document.uri)?.ends.at(-1) ?? 0) < content.length);
    const losses = await api.score(document);
    assert.equal(losses.complete, true);
    assert.equal(losses.ends.at(-1), content.length);
    assert.ok(!losses.nats.some(Number.isNaN));
    assert.ok(losses.starts.every((start, token) => token === 0 || start === losses.ends[token - 1]));
    // An edit goes back to the part on screen.
    await editor.edit((builder) => builder.insert(new vscode.Position(1, 0), 'x'));
    await until(() => (api.losses(document.uri)?.nats.length ?? 0) > 0, 'laid out again');
    assert.ok((api.losses(document.uri)?.ends.at(-1) ?? 0) < content.length);
  });

  it('tell whoever waits for all of one that it was closed', async () => {
    const line = `${'lorem ipsum '.repeat(16)}\n`;
    const content = line.repeat(Math.ceil(SECTION_LIMITS.large / line.length) + 1);
    const document = await vscode.workspace.openTextDocument({ content });
    const whole = api.score(document);
    whole.catch(() => {});
    await until(() => api.losses(document.uri) !== undefined, 'it has begun');
    await vscode.window.showTextDocument(document);
    await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
    await assert.rejects(whole);
  });
});
