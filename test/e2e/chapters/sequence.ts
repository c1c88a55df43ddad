/** The chapter on the sequence: its numbers against the command line’s for the whole document. */
import assert from 'node:assert/strict';
import type { ReportToken } from '../../../src/cli/report';
import { bitsPerByte, perplexity } from '../../../src/loss/formulas';
import { HEAT_BIN_COUNT, heatOf } from '../../../src/loss/heat';
import { lossShareOfTop } from '../../../src/loss/statistics';
import { formatSurprisal, toBits } from '../../../src/loss/units';
import { eventually, plain } from '../support';
import { type ChapterPage, numberIn } from './page';

/** Declares the tests. */
export function sequenceTests(open: () => ChapterPage): void {
  it('shows where the loss of the document is, and goes there', async () => {
    const page = open();
    const { workbench, reference, wrong } = page;
    await page.openChapter('sequence');
    const nats = reference.report.tokens.map((token) => token.nats);
    const share = Math.round(100 * lossShareOfTop(nats, 0.2));
    await eventually(
      'the share of the top fifth should be there',
      () => page.text('loss-share'),
      (shown) => shown.includes('20 %') && shown.includes(`${share} %`),
    );
    // Tokens and loss by bin of the heatmap, and by kind of token.
    const total = nats.reduce((sum, value) => sum + value, 0);
    const bins = await page.tableOf('loss-histogram');
    assert.equal(bins.length, HEAT_BIN_COUNT);
    for (const [bin, [name, tokens, , loss]] of bins.entries()) {
      const inBin = nats.filter((value) => heatOf(value) === bin);
      assert.equal(numberIn(tokens), inBin.length, name);
      const expected = toBits(inBin.reduce((sum, value) => sum + value, 0));
      assert.ok(Math.abs(numberIn(loss) - expected) < 0.1, `${name}: ${loss} instead of ${expected}`);
    }
    const kinds = await page.tableOf('loss-kinds');
    const sumOf = (column: number) => kinds.reduce((sum, row) => sum + numberIn(row[column]), 0);
    assert.equal(sumOf(1), nats.length);
    assert.ok(Math.abs(sumOf(3) - toBits(total)) < 0.5, `${sumOf(3)} bits instead of ${toBits(total)}`);
    // The most expensive line, and a click that goes to its most surprising token.
    const lines = new Map<number, ReportToken[]>();
    for (const token of reference.report.tokens) {
      lines.set(token.line, [...(lines.get(token.line) ?? []), token]);
    }
    const sum = (tokens: readonly ReportToken[]) => tokens.reduce((total, token) => total + token.nats, 0);
    const [dearest] = [...lines.values()].sort((a, b) => sum(b) - sum(a));
    const first = page.frame.getByTestId('loss-line').first();
    const row = plain((await first.allInnerTexts())[0].replace(/\t/g, ' '));
    assert.ok(row.startsWith(`${dearest[0].line} `), row);
    assert.ok(row.includes(formatSurprisal(sum(dearest), 'bits')), row);
    await first.getByRole('button').click();
    await page.explains(dearest.reduce((best, token) => (token.nats > best.nats ? token : best)));
    await workbench.screenshot('chapter-sequence');
    await workbench.focusGroup(1);
    await workbench.goTo(wrong.line, wrong.column);
    await page.explains(wrong);
  });

  it('explains a selection together', async () => {
    const page = open();
    const { workbench, reference, wrong } = page;
    const tokens = reference.tokensOf(wrong.line, wrong.line + 1).filter((token) => token.text.trim() !== '');
    await workbench.focusGroup(1);
    await workbench.goTo(wrong.line);
    await workbench.page.keyboard.press('Home');
    await workbench.page.keyboard.press('Shift+End');
    const selected = reference.report.tokens.filter(
      ({ start, end }) => end > tokens[0].start && start < tokens[tokens.length - 1].end,
    );
    await page.frame.getByTestId('selection').waitFor();
    const shown = plain((await page.frame.getByTestId('selection').allInnerTexts())[0]);
    await workbench.screenshot('panel-selection');
    const nats = selected.reduce((total, token) => total + token.nats, 0);
    assert.ok(shown.includes(formatSurprisal(nats, 'bits').replace(' bits', '')), shown);
    const bytes = Buffer.byteLength(selected.map((token) => token.text).join(''));
    assert.ok(shown.includes(perplexity(nats / selected.length).toFixed(2)), shown);
    assert.ok(shown.includes(bitsPerByte(nats, bytes).toFixed(2)), shown);
    await workbench.goTo(wrong.line, wrong.column);
    await page.frame.getByTestId('selection').waitFor({ state: 'hidden' });
    await page.explains(wrong);
  });
}
