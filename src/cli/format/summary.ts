/** The sentences about a whole document that the text and HTML formats share. */
import { lossShareOfTop, mostSurprising } from '../../loss/statistics';
import { formatCount, formatProbability, formatSurprisal, type InformationUnit } from '../../loss/units';
import { quoteVisible } from '../../text/visible';
import type { Report } from '../report';
import type { Unit } from './document';

/** The units that the command line offers. */
export type ReportUnit = Exclude<InformationUnit, 'hartleys'>;

/** Alternatives that are named for a surprising token. */
const NAMED_ALTERNATIVES = 3;

/** Length of the list of the most surprising tokens. */
const LISTED = 10;

/** Part of the tokens in "20 % of the tokens carry … of the surprisal". */
const TOP_FRACTION = 0.2;

/** One figure of the summary. */
export interface Figure {
  readonly value: string;
  readonly name: string;
}

/** The document's figures, in reading order. */
export function figuresOf({ summary }: Report, unit: ReportUnit): Figure[] {
  const [mean, unitName] = formatSurprisal(summary.meanNats, unit).split(/ (?=\S+$)/);
  return [
    { value: formatCount(summary.tokens), name: 'tokens' },
    { value: mean, name: `${unitName} per token` },
    { value: formatNumber(summary.perplexity), name: 'perplexity' },
    { value: summary.bitsPerByte.toFixed(3), name: 'bits per byte' },
  ];
}

/** What ran where and how fast: "tiny on cpu (AMD …): 5,130 characters, 5,204 bytes in 2.10 s, 588 tokens/s". */
export function provenanceOf({ model, device, summary }: Report): string {
  return (
    `${model.id} on ${device.provider} (${device.name}): ` +
    `${formatCount(summary.characters)} characters, ${formatCount(summary.bytes)} bytes ` +
    `in ${summary.seconds.toFixed(2)} s, ${formatCount(summary.tokensPerSecond)} tokens/s`
  );
}

/** "20 % of the tokens carry 71 % of the surprisal."; empty for a document without any. */
export function shareSentence(report: Report): string {
  const nats = report.tokens.map((token) => token.nats);
  const share = lossShareOfTop(nats, TOP_FRACTION);
  return share === 0
    ? ''
    : `${100 * TOP_FRACTION} % of the tokens carry ${Math.round(100 * share)} % of the surprisal.`;
}

/** Indices of the units that are listed as the most surprising, most surprising first. */
export function mostSurprisingOf(units: readonly Unit[]): number[] {
  return mostSurprising(
    units.map(({ nats }) => nats),
    LISTED,
  );
}

/** The unit's surprisal and probability: "18.3 bits", "1 in 320,000". */
export function numbersOf(unit: Unit, shown: ReportUnit): { surprisal: string; probability: string } {
  return { surprisal: formatSurprisal(unit.nats, shown), probability: formatProbability(unit.nats) };
}

/**
 * What the model found most probable, as "“bar” 62.0 %, “baz” 10.3 %": in place of a word, what may begin there. Empty without
 * alternatives, and for several tokens that share a character: the alternatives to its first byte are none to the character.
 */
export function expectationOf({ tokens: [first, second] }: Unit): string {
  const alternatives = second && second.start < first.end ? [] : (first.top ?? []);
  return alternatives
    .slice(0, NAMED_ALTERNATIVES)
    .map(({ text, nats }) => `${quoteVisible(text)} ${formatProbability(nats)}`)
    .join(', ');
}

/** Three significant digits below a thousand, a count from there on. */
function formatNumber(value: number): string {
  return value >= 1000 ? formatCount(value) : String(Number(value.toPrecision(3)));
}
