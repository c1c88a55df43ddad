/** The chapter on the logarithm: its numbers against the command line’s. */
import { jointLogProbability } from '../../../src/loss/formulas';
import { formatSurprisal, toBits, toHartleys } from '../../../src/loss/units';
import { eventually } from '../support';
import type { ChapterPage } from './page';

/** Declares the tests. */
export function logarithmTests(open: () => ChapterPage): void {
  it('takes the logarithm to three bases', async () => {
    const page = open();
    const { reference, wrong } = page;
    await page.openChapter('logarithm');
    const line = reference.tokensOf(wrong.line, wrong.line + 1).map(({ nats }) => nats);
    for (const [unit, convert] of [
      ['nats', (nats: number) => nats],
      ['hartleys', toHartleys],
      ['bits', toBits],
    ] as const) {
      await page.chooseUnit(unit);
      await eventually(
        `the summary should count in ${unit}`,
        () => page.text('surprisal'),
        (shown) =>
          shown === formatSurprisal(wrong.nats, unit).replace(/ \w+$/, '') ||
          shown === formatSurprisal(wrong.nats, unit),
      );
      await page.showsNear('joint-sum', convert(-jointLogProbability(line)), 1e-3);
      if (unit === 'hartleys') {
        await page.showsNear('surprisal-hartleys', toHartleys(wrong.nats), 2e-4);
      }
    }
  });
}
