/** What a user sees in the text editor and the status bar, with the bundled model over the demo folder. */
import assert from 'node:assert/strict';
import { SURPRISING_WORD_BITS } from '../../src/loss/heat';
import { formatCount, formatProbability, formatSurprisal } from '../../src/loss/units';
import { makeVisible } from '../../src/text/visible';
import { DEMO } from '../support/paths';
import { keepEvidence, openWorkbench, type Workbench } from '../support/workbench';
import {
  assertShows,
  DEMO_FILE,
  demoText,
  eventually,
  heatBecomes,
  heatGoes,
  legendBins,
  plain,
  type Reference,
  SCORED_WITHIN,
  SETTINGS,
  scoreWithCommandLine,
  statusShows,
  undoUntil,
  ways,
  withEnginePaused,
} from './support';

const OTHER_FILE = 'inventory.ts';
/** What is typed, and where. */
const BEFORE = 'Return the sample';
const STRANGE = ' xylophone';
const STILL_COMPUTING = 'The model is still computing what it expected here: point here again in a moment.';

describe('the editor', () => {
  let workbench: Workbench;
  let original: Reference;
  let edited: Reference;
  let other: Reference;
  keepEvidence(() => workbench);

  before(async function () {
    this.timeout(240_000);
    const text = await demoText();
    const [scored, opened] = await Promise.all([
      scoreWithCommandLine([text, text.replace(BEFORE, BEFORE + STRANGE), await demoText(OTHER_FILE)]),
      openWorkbench({ workspace: DEMO, settings: SETTINGS }),
    ]);
    [original, edited, other] = scored;
    workbench = opened;
  });

  after(() => workbench?.close());

  const toggle = () => workbench.runCommand('Surprisal: Toggle Heatmap');
  const titleButton = (name: string) =>
    workbench.page.locator('.editor-group-container.active').getByRole('button', { name, exact: true });

  /** The hover with the alternatives, which may not come in time while the engine goes over to faster weights. */
  const wholeHoverAt = (line: number, where: string) =>
    eventually(
      'the hover should have all there is',
      async () => plain(await workbench.hoverAt(line, where)),
      (shown) => !shown.includes(STILL_COMPUTING),
    );

  const closePanel = async () => {
    const tab = workbench.page.locator('.tab', { hasText: /^Surprisal$/ });
    await tab.getByRole('button', { name: /^Close/ }).click();
    await tab.waitFor({ state: 'detached' });
  };

  it('colours every token of the open file by its surprisal', async () => {
    await workbench.openFile(DEMO_FILE);
    assert.equal(await workbench.statusBarText(), 'Surprisal');
    assert.deepEqual(await workbench.decoratedSpans(), []);
    await toggle();
    const said = new Set<string>();
    await eventually(
      'the document should be scored',
      async () => {
        const text = await workbench.statusBarText();
        said.add(text);
        return text;
      },
      (text) => /^\d[^~%]*\/token$/.test(text),
      SCORED_WITHIN,
    );
    assert.ok(
      [...said].some((text) => /^(starting|loading model|scoring|.*\d+%)$/.test(text)),
      `no progress was shown: ${[...said].join(', ')}`,
    );
    await statusShows(workbench, original.report.tokens);
    const lines = await heatBecomes(workbench, original);
    await workbench.screenshot('heatmap');

    const heatAt = (line: number, text: string) => {
      const { heat, text: whole } = lines.find((candidate) => candidate.line === line)!;
      return [...heat.slice(whole.indexOf(text), whole.indexOf(text) + text.length)].map(Number);
    };
    const wrong = original.lineOf('- median)');
    const misspelt = original.lineOf('proprosed');
    assert.ok(Math.min(...heatAt(wrong, ' median')) >= 5, 'the wrong variable is not hot');
    assert.ok(Math.max(...heatAt(misspelt, ' proprosed')) >= 6, 'the misspelt word is not hot');
    assert.deepEqual(heatAt(wrong, ' in values'), new Array(' in values'.length).fill(0));
    assert.ok(new Set(lines.flatMap(({ heat }) => [...heat])).size >= 6, 'few colours are on screen');

    await workbench.goTo(original.lines.length);
    await heatBecomes(workbench, original);
    await workbench.goTo(1);
  });

  it('lists the most surprising words or tokens, shows the one that is pointed at, and goes to the one that is chosen', async () => {
    const { page } = workbench;
    const widget = page.locator('.quick-input-widget');
    const row = widget.locator('.monaco-list-row');
    const focused = () => widget.locator('.monaco-list-row.focused').getAttribute('aria-label');
    const cursor = (line: number) => page.locator('.statusbar-item', { hasText: `Ln ${line}, Col ` });
    const tokens = [...original.report.tokens].sort((a, b) => b.nats - a.nats);
    const words = wordsOf(original).sort((a, b) => b.nats - a.nats);
    const listed = async (expected: readonly Listed[]) => {
      for (const { text, nats, line } of expected.slice(0, 4)) {
        const [, shown, bits, at] = /^“(.+)”, (.+) bits, line (\d+)/.exec((await focused()) ?? '') ?? [];
        assert.equal(shown, text.replaceAll(' ', '·'));
        assertShows(`${bits} bits`, nats, (value) => formatSurprisal(value, 'bits'));
        assert.equal(Number(at), line);
        await page.keyboard.press('ArrowDown');
      }
    };

    await workbench.goTo(1);
    await workbench.startCommand('Surprisal: Show Most Surprising Words');
    await row.first().waitFor();
    await workbench.screenshot('most-surprising');
    await listed(words);
    // The fifth is shown while it is pointed at; then all is as it was.
    await cursor(words[4].line).waitFor();
    await page.keyboard.press('Escape');
    await cursor(1).waitFor();
    assert.equal(await page.locator('.line-numbers.active-line-number').textContent(), '1');

    await workbench.startCommand('Surprisal: Show Most Surprising Words');
    await row.first().waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await cursor(words[2].line).waitFor();
    await widget.getByRole('button', { name: 'List Tokens' }).click();
    await widget.getByText('Most Surprising Tokens').waitFor();
    await widget.getByRole('button', { name: 'List Words' }).waitFor();
    await listed(tokens);
    await workbench.screenshot('most-surprising-tokens');
    await page.keyboard.press('Escape');
    await cursor(1).waitFor();

    await workbench.startCommand('Surprisal: Show Most Surprising Tokens');
    await widget.getByText('Most Surprising Tokens').waitFor();
    await widget.getByRole('button', { name: 'List Words' }).click();
    await widget.getByText('Most Surprising Words').waitFor();
    await page.keyboard.type('squares =');
    await eventually('the list should be filtered', focused, (label) => /squares/.test(label ?? ''));
    const found = words.find(({ line }) => original.lines[line - 1].includes('squares = '));
    await page.keyboard.press('Enter');
    await cursor(found!.line).waitFor();
    await workbench.goTo(1);
  });

  it('lists likely typos: surprising words with a part that is nowhere else in the document', async () => {
    const { page } = workbench;
    const widget = page.locator('.quick-input-widget');
    const rows = widget.locator('.monaco-list-row');
    const text = original.lines.join('\n').toLowerCase();
    const isUnique = (word: string) =>
      [...word.matchAll(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g)].some(
        ([part]) =>
          part.length >= 3 && text.split(new RegExp(`(?<![a-z])${part.toLowerCase()}(?![a-z])`)).length === 2,
      );
    const expected = wordsOf(original)
      .filter((word) => word.nats >= SURPRISING_WORD_BITS * Math.LN2 && isUnique(word.text))
      .sort((a, b) => b.nats - a.nats)
      .map((word) => `“${word.text}”`);
    assert.equal(expected[0], '“proprosed”');

    await workbench.startCommand('Surprisal: Show Likely Typos');
    await rows.first().waitFor();
    await workbench.screenshot('likely-typos');
    const labels = await rows.evaluateAll((all) => all.map((row) => row.getAttribute('aria-label') ?? ''));
    assert.deepEqual(
      labels.map((label) => label.split(',')[0]),
      expected,
    );
    await page.keyboard.type('no such word');
    await rows.first().waitFor({ state: 'detached' });
    await page.keyboard.press('Escape');
  });

  it('shows a token’s numbers and the alternatives when one points at it', async () => {
    const line = original.lineOf('- median)');
    const token = original.token(line, ' median');
    const text = await wholeHoverAt(line, 'median');
    await workbench.screenshot('hover');
    const parts =
      /^(\S+) (.+?) \((.+?)\) · probability (.+?) rank (.+?) of (.+?) · entropy (.+? bits) · .*? What the model expected here: (.*?) Page (\d+) of (\d+)\W+(.+?) tokens of context/.exec(
        text,
      );
    assert.ok(parts, text);
    const [, name, bits, nats, probability, rank, vocabulary, entropy, bars, page, pages, context] = parts;
    assert.equal(name, '·median');
    assertShows(bits, token.nats, (value) => formatSurprisal(value, 'bits'));
    assertShows(nats, token.nats, (value) => formatSurprisal(value, 'nats'));
    assertShows(probability, token.nats, formatProbability);
    assert.equal(rank, formatCount(token.rank));
    assert.equal(vocabulary, '49,152');
    assertShows(entropy, token.entropy, (value) => formatSurprisal(value, 'bits'));
    let rest = bars;
    for (const alternative of token.top!.slice(0, 5)) {
      const rows = ways(alternative.nats, formatProbability).map(
        (value) => `${value} ${makeVisible(alternative.text)}`,
      );
      const row = rows.find((candidate) => rest.includes(candidate));
      assert.ok(row, `“${rows[0]}” is not next in “${rest}”`);
      rest = rest.slice(rest.indexOf(row) + row.length);
    }
    assert.ok(rest.includes(`·median (#${rank})`), rest);
    assert.equal(page, String(token.page + 1));
    assert.equal(pages, '1');
    assert.equal(context, formatCount(original.report.tokens.indexOf(token)));
  });

  it('opens the panel on the token from the hover', async () => {
    await workbench.hover().getByRole('link', { name: 'Explain this token' }).click();
    const frame = await workbench.panelFrame();
    await eventually(
      'the panel should explain the token',
      () => frame.getByTestId('token').textContent(),
      (text) => text === '·median',
    );
    const { line, column } = original.token(original.lineOf('- median)'), ' median');
    assert.equal(await frame.getByTestId('position').textContent(), `Line ${line}, column ${column}`);
    await workbench.dismissHover();
    await closePanel();
  });

  it('says in the hover that the model has not computed the alternatives yet', async () => {
    const line = original.lineOf('proprosed');
    const { nats } = original.token(line, ' pro');
    await withEnginePaused(async () => {
      const text = plain(await workbench.hoverAt(line, 'proprosed'));
      await workbench.screenshot('hover-waiting');
      assertShows(/\((.+?)\)/.exec(text)?.[1] ?? '', nats, (value) => formatSurprisal(value, 'nats'));
      assert.ok(text.includes(STILL_COMPUTING), text);
    });
    const text = await wholeHoverAt(line, 'proprosed');
    await workbench.screenshot('hover-word');
    assert.match(text, /What the model expected here:/);
    const [, count, bits] = /The word proprosed, (\d) tokens: (.+? bits) /.exec(text) ?? [];
    const word = wordsOf(original).find((listed) => listed.text === 'proprosed')!;
    assert.equal(Number(count), word.tokens);
    assertShows(bits, word.nats, (value) => formatSurprisal(value, 'bits'));
    await workbench.dismissHover();
  });

  it('follows what is typed, and what is taken back', async () => {
    const line = original.lineOf(BEFORE);
    await workbench.goTo(line, original.lines[line - 1].indexOf(BEFORE) + BEFORE.length + 1);
    await workbench.type(STRANGE);
    await statusShows(workbench, edited.report.tokens);
    await heatBecomes(workbench, edited);
    await workbench.screenshot('heatmap-after-typing');

    // Hasty: words come and go faster than they can be scored.
    for (const word of [' quickly', ' and', ' again']) {
      await workbench.page.keyboard.type(word, { delay: 35 });
      for (let count = 0; count < word.length; count++) {
        await workbench.page.keyboard.press('Backspace', { delay: 15 });
      }
    }
    await statusShows(workbench, edited.report.tokens);
    await heatBecomes(workbench, edited);

    await undoUntil(workbench, line, original.lines[line - 1]);
    await statusShows(workbench, original.report.tokens);
    await heatBecomes(workbench, original);
  });

  it('shows the numbers of the selection', async () => {
    const line = original.lineOf('def variance');
    await workbench.goTo(line);
    for (let count = 0; count < 4; count++) {
      await workbench.page.keyboard.press('Shift+ArrowDown');
    }
    await statusShows(workbench, original.tokensOf(line, line + 4));
    await workbench.screenshot('selection');
    // A word as a double click selects it: its token begins with the blank before it.
    const column = original.lines[line - 1].indexOf('variance') + 1;
    await workbench.goTo(line, column);
    await workbench.page.keyboard.press('ControlOrMeta+Shift+ArrowRight');
    await statusShows(workbench, [original.token(line, ' variance')]);
    await workbench.goTo(line);
    await statusShows(workbench, original.report.tokens);
  });

  it('takes all colours away and brings them back at once', async () => {
    await toggle();
    await heatGoes(workbench);
    await toggle();
    await heatBecomes(workbench, original, { timeout: 10_000 });
    await statusShows(workbench, original.report.tokens);
  });

  it('can be switched in the editor’s title, and says there whether it is on', async () => {
    await titleButton('Turn Off Heatmap').click();
    await heatGoes(workbench);
    await titleButton('Toggle Heatmap').click();
    await heatBecomes(workbench, original, { timeout: 10_000 });
    await titleButton('Turn Off Heatmap').waitFor();
    // Not where there is no text to be coloured.
    await workbench.runCommand('Preferences: Open Settings (UI)');
    await workbench.page.locator('.settings-editor').waitFor();
    await titleButton('Turn Off Heatmap').waitFor({ state: 'detached' });
    await workbench.runCommand('View: Close Editor');
    await titleButton('Turn Off Heatmap').waitFor();
  });

  it('offers everything in the menu behind the status bar, the legend among it', async () => {
    await workbench.clickStatusBar();
    const menu = workbench.page.locator('.quick-input-widget');
    await menu.getByText(`Surprisal: ${DEMO_FILE} is scored`).waitFor();
    await workbench.screenshot('menu');
    // The list is longer than what is drawn of it.
    const rows = menu.locator('.monaco-list-row');
    const filter = menu.locator('.quick-input-box input');
    await filter.fill('perplexity');
    await rows.filter({ hasText: 'Turn Off Heatmap' }).waitFor({ state: 'detached' });
    const labels = (await rows.allInnerTexts()).map(plain);
    const { meanNats } = original.report.summary;
    const numbers = ways(meanNats, (nats) => `${formatSurprisal(nats, 'bits')} per token · perplexity`);
    assert.ok(
      labels.some((label) => numbers.some((text) => label.includes(text))),
      labels.join('\n'),
    );
    await filter.fill('legend');
    await rows.filter({ hasText: 'Show Legend' }).click();
    await workbench.page.locator('.tab.active', { hasText: 'Surprisal Legend' }).waitFor();
    await eventually(
      'the legend should have all colours',
      () => legendBins(workbench),
      (found) => found === '01234567',
    );
    await workbench.screenshot('legend');
    await workbench.runCommand('View: Close Editor');
    await workbench.page.locator('.tab', { hasText: 'Surprisal Legend' }).waitFor({ state: 'detached' });
  });

  it('colours each editor of a split, and each file with its own scores', async () => {
    await workbench.openFile(DEMO_FILE);
    await workbench.runCommand('View: Split Editor');
    await workbench.page.locator('.editor-group-container').nth(1).waitFor();
    await heatBecomes(workbench, original);
    await workbench.focusGroup(1);
    await heatBecomes(workbench, original);
    await workbench.openFile(OTHER_FILE);
    await heatBecomes(workbench, other);
    await statusShows(workbench, other.report.tokens);
    await workbench.screenshot('two-files');
    await workbench.focusGroup(2);
    await heatBecomes(workbench, original);
    await statusShows(workbench, original.report.tokens);
    await workbench.focusGroup(1);
    await workbench.openFile(DEMO_FILE);
    await heatBecomes(workbench, original, { timeout: 10_000 });
  });
});

interface Listed {
  readonly text: string;
  readonly nats: number;
  readonly line: number;
}

interface Word extends Listed {
  /** Number of its tokens. */
  readonly tokens: number;
}

/** The words of a document of plain letters, and the tokens between them: without white space around, but for white space alone. */
function wordsOf({ report }: Reference): Word[] {
  const groups: { text: string; nats: number; line: number; tokens: number }[] = [];
  for (const { text, nats, line } of report.tokens) {
    const last = groups.at(-1);
    if (last && /\w$/.test(last.text) && /^\w/.test(text)) {
      last.text += text;
      last.nats += nats;
      last.tokens++;
    } else {
      groups.push({ text, nats, line, tokens: 1 });
    }
  }
  return groups.map(({ text, nats, line, tokens }) => {
    const lead = text.trim() === '' ? '' : /^\s*/.exec(text)![0];
    return { text: text.trim() || text, nats, line: line + lead.split('\n').length - 1, tokens };
  });
}
