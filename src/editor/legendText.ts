/** The legend's text, and where its samples of the colours are. No vscode import. */
import { HEAT_BINS, type HeatBin } from '../loss/heat';
import type { Translate } from './localize';
import { SURPRISING_BITS } from './surprises';

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

/** What a sample holds: ordinary code, so that one sees how it reads over the colour. */
const SAMPLE = [' return value; ', ' yield 0x2A;   ', ' // a comment  '];
/** Longest line beside a sample, so that nothing wraps in half a window. */
const LONGEST_LINE = 40;
/** Columns before the sample, and after it. */
const MARGIN = 2;

/** A bin's range in bits, as short as possible. */
export function shortRange({ fromBits, toBits }: HeatBin): string {
  if (fromBits === 0) {
    return `<${toBits}`;
  }
  return Number.isFinite(toBits) ? `${fromBits}–${toBits}` : `${fromBits}+`;
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
  for (const { index, label, meaning } of HEAT_BINS) {
    for (const [row, text] of [label, ...wrap(meaning, LONGEST_LINE)].entries()) {
      const sample = SAMPLE[row % SAMPLE.length];
      samples.push({ bin: index, line: lines.length, start: MARGIN, end: MARGIN + sample.length });
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

/** Breaks a text between words into lines of at most so many characters, as far as its words allow. */
function wrap(text: string, length: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= length) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else {
      lines.push(word);
    }
  }
  return lines;
}
