/** The legend's text, and where its samples of the colours are. No vscode import. */
import { HEAT_BINS, type HeatBin, SURPRISING_BITS } from '../loss/heat';
import { formatProbability, NATS_PER_BIT } from '../loss/units';
import type { Translate } from './localize';

/** A sample of one colour in the legend's text. */
export interface Sample {
  readonly bin: number;
  /** 0-based line and columns. */
  readonly line: number;
  readonly start: number;
  readonly end: number;
}

export interface Legend {
  readonly text: string;
  readonly samples: readonly Sample[];
}

/** What a sample holds: ordinary code, so that one sees how it reads over the colour. One line for each line of text. */
const SAMPLE = [' return value; ', ' yield 0x2A;   '];
/** Columns before the sample, and after it: few, so that nothing wraps in half a window. */
const MARGIN = 1;

/** A bin's range in bits, as short as possible. */
export function shortRange({ fromBits, toBits }: HeatBin): string {
  if (fromBits === 0) {
    return `<${toBits}`;
  }
  return Number.isFinite(toBits) ? `${fromBits}–${toBits}` : `${fromBits}+`;
}

/** A bin's range in probability. */
function probabilityRange({ fromBits, toBits }: HeatBin, t: Translate): string {
  const probability = (bits: number) => formatProbability(bits * NATS_PER_BIT);
  if (fromBits === 0) {
    return t('over {0}', probability(toBits));
  }
  return Number.isFinite(toBits)
    ? `${probability(toBits)} – ${probability(fromBits)}`
    : t('{0} or less', probability(fromBits));
}

/** The whole legend. */
export function legendText(t: Translate): Legend {
  const lines = [
    t('How to read the colours'),
    '',
    t(
      'Every token is coloured by its surprisal: the number of bits that it takes to tell the model which token comes, −log₂ of the probability that it gave to the token. One bit more is half the probability.',
    ),
    '',
    t('The colours stand for the same amounts in every file and for every model.'),
    '',
  ];
  const samples: Sample[] = [];
  for (const bin of HEAT_BINS) {
    const label = Number.isFinite(bin.toBits) ? bin.label : t('{0} bits', shortRange(bin));
    const range = `${label}, ${probabilityRange(bin, t)}`;
    for (const [row, text] of [range, bin.character].entries()) {
      const sample = SAMPLE[row];
      samples.push({ bin: bin.index, line: lines.length, start: MARGIN, end: MARGIN + sample.length });
      lines.push(`${' '.repeat(MARGIN)}${sample}${' '.repeat(MARGIN)}${text}`);
    }
  }
  lines.push(
    '',
    t('Point at a token to see its numbers and what the model expected instead.'),
    '',
    t(
      '“Surprisal: Go to Next Surprising Token” jumps to the next token of {0} bits or more.',
      SURPRISING_BITS,
    ),
    '',
    t(
      'The colours can be changed in the setting “workbench.colorCustomizations”: “surprisal.heat0” to “surprisal.heat7”.',
    ),
    '',
  );
  return { text: lines.join('\n'), samples };
}
