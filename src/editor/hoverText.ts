/** What the hover says about a token, as Markdown. No vscode import. */
import type { Distribution } from '../engine/protocol';
import type { LossMap, Unit } from '../loss/lossMap';
import { formatCount, formatProbability, formatSurprisal } from '../loss/units';
import { type Encounter, standardised, type Verdict, verdictOf } from '../loss/verdict';
import { makeVisibleWithin } from '../text/visible';
import type { Settings } from './keys';
import type { Translate } from './localize';
import { codeBlock, codeSpan } from './markdown';

/** Number of alternatives that the hover shows. */
export const ALTERNATIVES = 5;
/** Width of the longest bar, in characters. */
const BAR_WIDTH = 12;
/** Longest text of a token that is shown, in characters. */
const LONGEST_TEXT = 60;

/** What the hover is about. */
export interface HoverSubject {
  readonly losses: LossMap;
  /** Index of the token under the mouse. */
  readonly token: number;
  /** The text of its unit. */
  readonly text: string;
  /** The word that it is a part of, where that has more: its text, and the unit of all of its tokens. */
  readonly word?: { readonly text: string; readonly of: Unit } | undefined;
  readonly unit: Settings['unit'];
  /** Size of the model's vocabulary; undefined while no model is loaded. */
  readonly vocabularySize: number | undefined;
  /** The losses of the model as it is, when `losses` are those after training. */
  readonly before?: LossMap | undefined;
  /** The distribution of the model as it is before the unit's first token, if it could be had. */
  readonly distribution: Distribution | undefined;
  /** It is being computed, and could not be waited for. */
  readonly isDistributionLate?: boolean;
  /** `losses` are about a part of a large document. */
  readonly isPart?: boolean;
}

/**
 * The hover's Markdown.
 * @param link Markdown of a link, put at the end
 */
export function hoverText(subject: HoverSubject, link: string, t: Translate): string {
  const { losses, token, text, unit, distribution, before } = subject;
  const { first, last, nats } = losses.unitOf(token);
  const other = unit === 'bits' ? 'nats' : 'bits';
  const sections = [
    `${codeSpan(visible(text))}&emsp;**${formatSurprisal(nats, unit)}** (${formatSurprisal(nats, other)}) · ${t(
      'probability {0}',
      formatProbability(nats),
    )}`,
  ];
  if (before) {
    sections.push(
      t(
        'After training; the model as it is: {0}, probability {1}.',
        formatSurprisal(before.unitOf(token).nats, unit),
        formatProbability(before.unitOf(token).nats),
      ),
    );
  }
  if (first === last) {
    sections.push(sentence(subject, t));
  } else {
    const parts = Array.from({ length: last - first + 1 }, (_, i) =>
      formatSurprisal(losses.nats[first + i], unit),
    );
    sections.push(t('The model reads this character as {0} tokens: {1}.', parts.length, parts.join(' + ')));
  }
  if (subject.word) {
    const { text: word, of } = subject.word;
    const tokens = formatCount(of.last - of.first + 1);
    const surprisal = formatSurprisal(of.nats, unit);
    sections.push(t('The word {0}, {1} tokens: **{2}**', codeSpan(visible(word)), tokens, surprisal));
  }
  if (distribution) {
    const heading =
      first === last
        ? before
          ? t('What the model expected here before training:')
          : t('What the model expected here:')
        : t('What the model expected in place of the first of them:');
    sections.push(heading, codeBlock(bars(distribution)));
  } else if (subject.isDistributionLate) {
    sections.push(t('The model is still computing what it expected here: point here again in a moment.'));
  }
  sections.push(`${placeOf(subject, first, t)} · ${link}`);
  return sections.join('\n\n');
}

/** In which page the token is, and how much the model has read before it. */
function placeOf({ losses, isPart }: HoverSubject, token: number, t: Translate): string {
  const context = losses.contextLength(token);
  if (isPart) {
    // Pages have no number where those before are not laid out.
    return context === 1 ? t('1 token of context') : t('{0} tokens of context', formatCount(context));
  }
  const page = formatCount(losses.pageOf(token) + 1);
  const pages = formatCount(losses.layout.pageStarts.length);
  return context === 1
    ? t('Page {0} of {1}, 1 token of context', page, pages)
    : t('Page {0} of {1}, {2} tokens of context', page, pages, formatCount(context));
}

/** Rank, entropy, and how the surprise compares with what the model expected. */
function sentence({ losses, token, unit, vocabularySize, distribution }: HoverSubject, t: Translate): string {
  const rank = formatCount(losses.rank[token]);
  const best = distribution?.top[0];
  return [
    vocabularySize === undefined
      ? t('rank {0}', rank)
      : t('rank {0} of {1}', rank, formatCount(vocabularySize)),
    t('entropy {0}', formatSurprisal(losses.entropy[token], unit)),
    comparison(losses.nats[token], losses.entropy[token], losses.varentropy[token], t, {
      rank: losses.rank[token],
      ...(best && { bestNats: best.nats }),
    }),
  ].join(' · ');
}

/** How the model met the token, in a short phrase with the standardised excess surprisal. */
export function comparison(
  nats: number,
  entropy: number,
  varentropy: number,
  t: Translate,
  favourite: Pick<Encounter, 'rank' | 'bestNats'> = {},
): string {
  const encounter = { nats, entropy, varentropy, ...favourite };
  const phrase = phraseOf(verdictOf(encounter), t);
  const deviations = standardised(encounter);
  return Number.isNaN(deviations)
    ? phrase
    : `${phrase} (${deviations < 0 ? '\u2212' : '+'}${Math.abs(deviations).toFixed(1)}\u202fσ)`;
}

function phraseOf(verdict: Verdict, t: Translate): string {
  switch (verdict) {
    case 'sure-right':
      return t('the model was sure, and right');
    case 'sure-wrong':
      return t('the model was sure, and wrong');
    case 'sure-near':
      return t('about as surprising as the model expected');
    case 'unsure-right':
    case 'unsure-expected':
      return t('the model was unsure');
    case 'unsure-surprised':
      return t('more surprising than the model expected');
  }
}

/** The top of the distribution as bars, and the token itself where it is not among them. */
function bars(distribution: Distribution): string[] {
  const top = distribution.top.slice(0, ALTERNATIVES);
  const rows = top.map((entry) => ({
    entry,
    rank: '',
    isTarget: entry.id === distribution.target.id,
  }));
  if (!rows.some((row) => row.isTarget)) {
    rows.push({ entry: distribution.target, rank: `#${formatCount(distribution.rank)}`, isTarget: true });
  }
  const probabilities = rows.map(({ entry }) => formatProbability(entry.nats));
  const width = Math.max(...probabilities.map((text) => text.length));
  return rows.map(({ entry, isTarget, rank }, index) => {
    const bar = barOf(Math.exp(-entry.nats)).padEnd(BAR_WIDTH);
    const mark = isTarget ? '▶' : ' ';
    const note = rank === '' ? '' : `  (${rank})`;
    return `${mark} ${bar} ${probabilities[index].padStart(width)}  ${visible(entry.text)}${note}`;
  });
}

const EIGHTHS = ' ▏▎▍▌▋▊▉';

/** A bar for a share of one, in eighths of a character; never empty for what is not zero. */
function barOf(share: number): string {
  const eighths = Math.max(share > 0 ? 1 : 0, Math.round(share * BAR_WIDTH * 8));
  const rest = eighths % 8;
  return '█'.repeat(eighths >> 3) + (rest > 0 ? EIGHTHS[rest] : '');
}

function visible(text: string): string {
  return makeVisibleWithin(text, LONGEST_TEXT);
}
