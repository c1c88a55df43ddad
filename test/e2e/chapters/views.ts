/** What surrounds the chapters: the header, the line of tokens, a token’s numbers at a glance, the selection’s. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import type { ReportToken } from '../../../src/cli/report';
import { heatOf } from '../../../src/loss/heat';
import { type InformationUnit, toBits } from '../../../src/loss/units';
import { makeVisible } from '../../../src/text/visible';
import {
  DEMO_FILE,
  demoText,
  eventually,
  plain,
  type Reference,
  SCORED_WITHIN,
  scoreWithCommandLine,
} from '../support';
import { type ChapterPage, numberIn } from './page';
import {
  amounts,
  assertIsProbability,
  assertOneOf,
  assertSays,
  count,
  decimal,
  probabilities,
  rounded,
  SUM_NOISE,
  says,
  sentences,
  sumOf,
  surprisals,
  whole,
} from './sentences';

/** Digits that are no numbers of a token: the chapters' own. */
const ALLOWED = [/^tab-number: \d$/];
/** At most as many tokens are shown of a line, and of a selection. */
const MOST_TOKENS = 80;
/** A document with a line of more tokens than are shown, and characters that are several tokens. */
const LONG_FILE = 'parrots.md';
const PARROT = '🦜';
/** So many lines of code follow: a longer document takes longer to score. */
const CODE_LINES = 21;

/** Declares the tests. */
export function viewsTests(open: () => ChapterPage): void {
  it('shows the numbers of a token at a glance, in every unit', async () => {
    const page = open();
    const { reference, wrong } = page;
    const { tokens } = reference.report;
    const sure = tokens.reduce((best, token) => (token.nats < best.nats ? token : best));
    for (const [token, units] of [
      [tokens[0], ['bits']],
      [sure, ['nats']],
      [wrong, ['hartleys', 'bits']],
    ] as const) {
      await page.workbench.focusGroup(1);
      await page.workbench.goTo(token.line, token.column);
      await page.explains(token);
      for (const unit of units) {
        await page.startChecking();
        await countIn(page, unit);
        await checkHeader(page, reference, DEMO_FILE);
        await checkLine(page, reference, tokens.indexOf(token), unit);
        await checkSummary(page, reference, tokens.indexOf(token), unit);
        assert.deepEqual(await page.unchecked('surroundings', ALLOWED), []);
      }
    }
  });

  it('explains a selection together', async () => {
    const page = open();
    const { workbench, reference, wrong } = page;
    await workbench.focusGroup(1);
    await workbench.goTo(wrong.line);
    await workbench.page.keyboard.press('Home');
    await workbench.page.keyboard.press('Shift+End');
    await page.frame.getByTestId('selection').waitFor();
    const text = reference.lines[wrong.line - 1].trim();
    const start = reference.text.indexOf(text);
    for (const unit of ['nats', 'bits'] as const) {
      await page.startChecking();
      await countIn(page, unit);
      await checkSelection(page, reference, start, start + text.length, unit);
      assert.deepEqual(await page.unchecked('selection'), []);
    }
    await workbench.screenshot('panel-selection');
    await workbench.focusGroup(1);
    await workbench.goTo(wrong.line, wrong.column);
    await page.frame.getByTestId('selection').waitFor({ state: 'hidden' });
    await page.explains(wrong);
  });

  it('counts the tokens while it scores; shows long lines in part, and the pieces of a character', async () => {
    const page = open();
    const { workbench, wrong } = page;
    const text = await longText();
    await writeFile(join(workbench.workspace, LONG_FILE), text);
    const scored = scoreWithCommandLine([text]);
    // Quick Open may search the list of files that it made the last time: it makes one with the new file in it.
    await workbench.focusGroup(1);
    await workbench.openFile(DEMO_FILE);
    const [reference] = await scored;
    const { tokens } = reference.report;

    // The numbers while the document is being scored.
    await page.openChapter('sequence');
    await startRecording(page, LONG_FILE);
    await workbench.focusGroup(1);
    await workbench.openFile(LONG_FILE);
    await eventually(
      'the document should be scored',
      async () => `${await page.text('document')}: ${await page.text('sequence-tokens')}`,
      (shown) => shown === `${LONG_FILE}: ${count(tokens.length)}`,
      SCORED_WITHIN,
    );
    checkRecords(await recorded(page), reference);

    // A line of which only a part is shown.
    const middle = 70;
    await workbench.goTo(1, tokens[middle].column);
    await page.explains(tokens[middle]);
    const chips = await chipsOf(page);
    const first = Number(chips[0].token);
    assert.equal(chips.length, MOST_TOKENS);
    assert.ok(first > 0 && Math.abs(first + MOST_TOKENS / 2 - middle) <= 1, `${first} is the first token`);
    for (const [index, chip] of chips.entries()) {
      checkChip(chip, tokens, first + index, 'bits', middle);
    }

    // A character that is several tokens.
    const piece = tokens.findIndex((_, index) => partOf(tokens, index)?.number === 2);
    assert.ok(tokens[piece].text.includes(PARROT), tokens[piece].text);
    await workbench.goTo(tokens[piece].line, tokens[piece].column);
    const chip = page.frame.getByTestId('chip').and(page.frame.locator(`[data-token="${piece}"]`));
    await chip.click();
    await page.becomes('the panel should explain the piece', () =>
      page.showsText('token', [nameOf(tokens, piece)]),
    );
    await page.frame.locator('[data-testid="explained"][aria-busy="false"]').waitFor({ state: 'attached' });
    await page.startChecking();
    await checkHeader(page, reference, LONG_FILE);
    await checkLine(page, reference, piece, 'bits');
    await checkSummary(page, reference, piece, 'bits');
    assert.deepEqual(await page.unchecked('surroundings', ALLOWED), []);
    await workbench.screenshot('panel-piece');

    // All of it selected: more tokens than are shown, and a probability that is no number any more.
    await workbench.focusGroup(1);
    await workbench.page.keyboard.press('ControlOrMeta+a');
    await page.frame.getByTestId('selection').waitFor();
    await page.startChecking();
    await checkSelection(page, reference, 0, text.length, 'bits');
    assert.deepEqual(await page.unchecked('selection'), []);
    await workbench.screenshot('panel-selection-all');

    await workbench.focusGroup(1);
    await workbench.runCommand('View: Close Editor');
    await workbench.openFile(DEMO_FILE);
    await workbench.goTo(wrong.line, wrong.column);
    await page.explains(wrong);
  });
}

/** A line of more than a hundred tokens, a line with an emoji, and code: more than one chunk of the engine's. */
async function longText(): Promise<string> {
  const code = (await demoText('inventory.ts')).split('\n').slice(0, CODE_LINES);
  const numbers = Array.from({ length: 30 }, (_, index) => `${7 * index} parrots`).join(', ');
  return [numbers, `The ${PARROT} says hello, 1 < 2.`, '', ...code].join('\n');
}

/** Chooses a unit and waits until the token's numbers are in it. */
async function countIn(page: ChapterPage, unit: InformationUnit): Promise<void> {
  await page.chooseUnit(unit);
  await page.becomes(`the surprisal should be in ${unit}`, async () =>
    assert.equal(plain((await page.frame.locator('.summary .tile-unit').first().textContent()) ?? ''), unit),
  );
}

/** The document's and the model's name; the command line names the model by its folder. */
async function checkHeader(page: ChapterPage, { report }: Reference, file: string): Promise<void> {
  await page.showsText('document', [file]);
  const [model, device] = (await page.read(page.find('model'))).split(' · ');
  assert.equal(model.toLowerCase().replaceAll(' ', '-'), report.model.id);
  assert.equal(device, report.device.name);
}

/** What a chip shows and says of its token. */
interface Chip {
  readonly text: string;
  readonly name: string | null;
  readonly title: string | null;
  readonly token: string | null;
  readonly heat: string | null;
  readonly selected: string | null;
}

function chipsOf(page: ChapterPage): Promise<Chip[]> {
  return page.frame.getByTestId('chip').evaluateAll((chips) =>
    chips
      .filter((chip) => !chip.hidden)
      .map((chip) => ({
        text: chip.textContent,
        name: chip.getAttribute('aria-label'),
        title: chip.getAttribute('title'),
        token: chip.getAttribute('data-token'),
        heat: chip.getAttribute('data-heat'),
        selected: chip.getAttribute('aria-selected'),
      })),
  );
}

function checkChip(
  chip: Chip,
  tokens: readonly ReportToken[],
  index: number,
  unit: InformationUnit,
  explained: number,
): void {
  const { nats, text } = tokens[index];
  assert.equal(chip.token, String(index));
  assert.equal(chip.text, makeVisible(text));
  const names = surprisals(nats, unit).map((surprisal) => `${nameOf(tokens, index, true)}: ${surprisal}`);
  assertOneOf(chip.name, names);
  assert.equal(chip.title, chip.name);
  assert.equal(chip.heat, String(heatOf(nats)));
  assert.equal(chip.selected, String(index === explained));
}

/** The tokens of the explained token's line. */
async function checkLine(
  page: ChapterPage,
  { report: { tokens } }: Reference,
  explained: number,
  unit: InformationUnit,
): Promise<void> {
  const { line } = tokens[explained];
  const first = tokens.findIndex((token) => token.line === line);
  const chips = await chipsOf(page);
  assert.equal(chips.length, tokens.filter((token) => token.line === line).length);
  for (const [index, chip] of chips.entries()) {
    checkChip(chip, tokens, first + index, unit, explained);
  }
  await readAll(page, page.frame.getByTestId('chip'), chips.length);
  assert.equal(await page.frame.locator('#line-heading').textContent(), `Line ${line}`);
  assert.equal(
    await page.frame.getByTestId('line').getAttribute('aria-label'),
    `Tokens of line ${line}. The arrow keys go from token to token, and the editor follows.`,
  );
}

/** The explained token's numbers, and what is said aloud of it. */
async function checkSummary(
  page: ChapterPage,
  { report }: Reference,
  index: number,
  unit: InformationUnit,
): Promise<void> {
  const { tokens, model } = report;
  const { nats, entropy, rank, line, column } = tokens[index];
  await page.showsText('token', [nameOf(tokens, index)]);
  assert.equal(await page.find('token').getAttribute('data-heat'), String(heatOf(nats)));
  await says(page, 'position', 'Line #, column #', [whole(line), whole(column)]);
  // All documents here are shorter than a page.
  assert.equal(tokens[index].page, 0);
  if (index === 0) {
    await says(page, 'context', 'no context: the first token of page #', [whole(1)]);
  } else {
    await says(page, 'context', '# tokens of context, page #', [whole(index), whole(1)]);
  }
  await page.showsText('surprisal', amounts(nats, unit));
  await page.showsText('surprisal-note', surprisals(nats, unit === 'bits' ? 'nats' : 'bits'));
  await page.showsText('probability', probabilities(nats));
  const [equals, q] = (await page.read(page.find('probability-note'))).split(' = ');
  assert.equal(equals, 'q');
  assertIsProbability(q, nats);
  await says(page, 'rank', '#', [whole(rank)]);
  await says(page, 'rank-note', 'of #', [whole(model.vocabularySize)]);
  await page.showsText('entropy', amounts(entropy, unit));
  await page.showsText('entropy-note', ['expected']);
  const announced = sentences(
    (surprisal, probability) =>
      `Token ${nameOf(tokens, index, true)}: ${surprisal}, probability ${probability}, rank ${count(rank)} of ${count(model.vocabularySize)}.`,
    surprisals(nats, unit),
    probabilities(nats),
  );
  await page.becomes('the token should be announced', async () =>
    assertOneOf(await page.text('announcement'), announced),
  );
}

/** The selection of [start, end): its tokens as one event. */
async function checkSelection(
  page: ChapterPage,
  { text, report }: Reference,
  start: number,
  end: number,
  unit: InformationUnit,
): Promise<void> {
  const tokens = report.tokens.filter((token) => token.end > start && token.start < end);
  const nats = sumOf(tokens);
  const mean = nats / tokens.length;
  const bytes = Buffer.byteLength(text.slice(tokens[0].start, tokens[tokens.length - 1].end));
  await says(page, 'selection-heading', '# tokens together', [whole(tokens.length)]);
  const spans = page.frame.locator('.selection-token');
  const shown = tokens.slice(0, MOST_TOKENS).map((token) => makeVisible(token.text));
  const heats = tokens.slice(0, MOST_TOKENS).map((token) => String(heatOf(token.nats)));
  const isCut = tokens.length > MOST_TOKENS;
  assert.deepEqual(await spans.allTextContents(), [...shown, ...(isCut ? ['…'] : [])]);
  assert.deepEqual(
    await spans.evaluateAll((elements) => elements.map((element): string => element.dataset.heat)),
    [...heats, ...(isCut ? ['none'] : [])],
  );
  await page.read(page.find('selection-tokens'));
  await page.showsText(
    'selection-joint',
    amounts(nats, unit, SUM_NOISE).map((amount) => `−${amount}`),
  );
  await page.showsText('selection-joint-note', ['log q = −Σ s']);
  assertIsProbability(await page.read(page.find('selection-probability')), nats, SUM_NOISE);
  await page.showsText('selection-probability-note', probabilities(nats, SUM_NOISE));
  await page.showsText('selection-mean', amounts(mean, unit));
  await page.showsText('selection-mean-note', ['per token']);
  await says(page, 'selection-perplexity', '#', [rounded(Math.exp(mean))]);
  await page.showsText('selection-perplexity-note', ['equal choices per token']);
  await says(page, 'selection-bits-per-byte', '#', [rounded(toBits(nats) / bytes)]);
  await says(page, 'selection-bits-per-byte-note', '# bytes of text', [whole(bytes)]);
  await page.becomes('the selection should be announced', async () => {
    const [before, joint, q] =
      /^(.*): joint log probability (.*), probability (.*)\.$/u
        .exec(await page.text('selection-announcement'))
        ?.slice(1) ?? [];
    assertSays(before ?? '', '# tokens selected', [whole(tokens.length)]);
    assertOneOf(
      joint,
      surprisals(nats, unit, SUM_NOISE).map((amount) => `−${amount}`),
    );
    assertIsProbability(q, nats, SUM_NOISE);
  });
}

/** Which of the tokens that share a character a token is; undefined when it shares none. */
function partOf(tokens: readonly ReportToken[], index: number): { number: number; of: number } | undefined {
  const isShared = (next: number) => tokens[next - 1]?.end > tokens[next]?.start;
  let first = index;
  let last = index;
  while (isShared(first)) {
    first--;
  }
  while (isShared(last + 1)) {
    last++;
  }
  return first === last ? undefined : { number: index - first + 1, of: last - first + 1 };
}

/** A token's visible text; in sentences, and where it is a piece of a character, in quotation marks. */
function nameOf(tokens: readonly ReportToken[], index: number, isQuoted = false): string {
  const visible = makeVisible(tokens[index].text);
  const part = partOf(tokens, index);
  return part ? `“${visible}” (piece ${part.number} of ${part.of})` : isQuoted ? `“${visible}”` : visible;
}

/** Counts the first elements as compared: the caller has compared their texts together. */
async function readAll(page: ChapterPage, elements: Locator, length: number): Promise<void> {
  for (let index = 0; index < length; index++) {
    await page.read(elements.nth(index));
  }
}

/** What the page showed at one moment of the scoring; empty texts where it showed nothing. */
interface Moment {
  readonly progress: string;
  readonly share: string | null;
  readonly partial: string;
  readonly tokens: string;
  readonly nats: string;
  readonly mean: string;
  readonly perplexity: string;
  readonly bytes: string;
  readonly chips: readonly { readonly token: number; readonly name: string }[];
}

/** Begins to note what the page shows of a document, at every change of the page. */
async function startRecording(page: ChapterPage, file: string): Promise<void> {
  await page.frame.locator('html').evaluate((root, name) => {
    const window = root.ownerDocument.defaultView;
    const find = (test: string) => root.querySelector(`[data-testid="${test}"]`);
    const textOf = (test: string) => find(test).textContent;
    window.moments = [];
    window.recorder = new window.MutationObserver(() => {
      if (textOf('document') === name) {
        const progress = find('progress').parentElement;
        window.moments.push({
          progress: progress.hidden ? '' : textOf('progress'),
          share: progress.querySelector('[role="progressbar"]').getAttribute('aria-valuenow'),
          partial: find('partial').hidden ? '' : textOf('partial'),
          tokens: textOf('sequence-tokens'),
          nats: textOf('sequence-nats'),
          mean: textOf('mean-loss-nats'),
          perplexity: textOf('perplexity-value'),
          bytes: textOf('sequence-bytes'),
          chips: [...root.querySelectorAll('.line:not([hidden]) [data-testid="chip"]:not([hidden])')].map(
            (chip) => ({ token: Number(chip.dataset.token), name: chip.getAttribute('aria-label') }),
          ),
        });
      }
    });
    window.recorder.observe(root, { subtree: true, childList: true, characterData: true, attributes: true });
  }, file);
}

/** What was noted; nothing is noted any more. */
function recorded(page: ChapterPage): Promise<Moment[]> {
  return page.frame.locator('html').evaluate((root) => {
    const window = root.ownerDocument.defaultView;
    window.recorder.disconnect();
    return window.moments;
  });
}

/** The numbers while a document is scored are those of its tokens up to there. */
function checkRecords(moments: readonly Moment[], { text, report: { tokens } }: Reference): void {
  const scoring = moments.filter(({ progress }) => progress !== '');
  const parts = moments.filter(({ partial }) => partial !== '');
  assert.ok(scoring.length > 0 && parts.length > 0, `${scoring.length} and ${parts.length} moments`);
  assert.ok(parts.every(({ progress }) => progress !== ''));
  for (const { progress, share, partial, nats, mean, perplexity, bytes, chips, ...moment } of scoring) {
    const [done] = progress.match(/\d[\d,]*/) ?? [''];
    const scored = numberIn(done);
    assertSays(progress, 'Scoring: # of # tokens', [whole(scored), whole(tokens.length)]);
    assert.equal(share, String(Math.round((100 * scored) / tokens.length)));
    for (const { token, name } of chips) {
      const isScored = token < scored;
      const names = isScored ? surprisals(tokens[token].nats, 'bits') : ['not scored yet'];
      assertOneOf(
        name,
        names.map((amount) => `${nameOf(tokens, token, true)}: ${amount}`),
      );
    }
    if (partial !== '') {
      const part = tokens.slice(0, scored);
      const total = sumOf(part);
      assertSays(partial, 'So far # of # tokens are scored, and the numbers are those of this part.', [
        whole(scored),
        whole(tokens.length),
      ]);
      assertSays(moment.tokens, '#', [whole(scored)]);
      assertSays(nats, '#', [decimal(total, 1, SUM_NOISE)]);
      assertSays(mean, '#', [decimal(total / scored, 4)]);
      assertSays(perplexity, '#', [rounded(Math.exp(total / scored))]);
      assertSays(bytes, '#', [whole(Buffer.byteLength(text.slice(0, part[scored - 1].end)))]);
    }
  }
}
