/**
 * The HTML format: one self-contained page. It loads nothing, its content security policy allows only the script and
 * the style that it carries (by hash), and document text reaches it only escaped.
 */
import { createHash } from 'node:crypto';
import { excessSurprisal } from '../../loss/formulas';
import { HEAT_BINS, heatOf } from '../../loss/heat';
import { formatCount, formatProbability, formatSurprisal } from '../../loss/units';
import { makeVisible, makeVisibleWithin, quoteVisible } from '../../text/visible';
import { nameOf } from '../input';
import type { Report, ReportToken } from '../report';
import { linesOf, type Piece, type Unit, unitsOf } from './document';
import { PAGE_SCRIPT } from './htmlScript';
import { PAGE_STYLE } from './htmlStyle';
import type { ReportFormat } from './reportFormat';
import {
  expectationOf,
  figuresOf,
  mostSurprisingOf,
  numbersOf,
  provenanceOf,
  type ReportUnit,
  shareSentence,
} from './summary';

/** How to write the HTML format. */
export interface HtmlOptions {
  readonly unit: ReportUnit;
}

/** What the page's script shows about a unit: label and value of each row, and the alternatives. */
interface Explanation {
  /** The unit's text, made visible. */
  readonly title: string;
  readonly rows: readonly (readonly [label: string, value: string])[];
  /** Text, probability in words, probability (the width of its bar), 1 when it is the token itself. */
  readonly top: readonly (readonly [text: string, shown: string, probability: number, isTarget: 0 | 1])[];
}

/**
 * Reports as one HTML page; nothing without any.
 * @param files number of files that were asked for: the page of one has its name as title
 */
export function htmlFormat(files: number, options: HtmlOptions): ReportFormat {
  return {
    *report(report, index) {
      yield index > 0 ? '\n' : pageStart(files === 1 ? `${nameOf(report.file)} · Surprisal` : 'Surprisal');
      yield* articleHtml(report, index, options);
    },
    *end(count) {
      if (count > 0) {
        yield PAGE_END;
      }
    },
  };
}

function pageStart(title: string): string {
  const policy =
    `default-src 'none'; script-src '${hashSource(PAGE_SCRIPT)}'; style-src '${hashSource(PAGE_STYLE)}'; ` +
    `base-uri 'none'; form-action 'none'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
${legendHtml()}
<main>
`;
}

const PAGE_END = `
</main>
<div id="tip" role="tooltip" hidden></div>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;

function hashSource(content: string): string {
  return `sha256-${createHash('sha256').update(content, 'utf8').digest('base64')}`;
}

function legendHtml(): string {
  const items = HEAT_BINS.map(
    ({ index, label, meaning }) =>
      `<li title="${escapeHtml(meaning)}"><span class="h${index}">${escapeHtml(label)}</span></li>`,
  );
  return `<header><p class="brand">Surprisal</p><ul class="legend" aria-label="Colours">${items.join('')}</ul></header>`;
}

function* articleHtml(report: Report, index: number, options: HtmlOptions): Generator<string> {
  const units = unitsOf(report);
  yield `<article data-document="${index}">
<h1>${escapeHtml(nameOf(report.file))}</h1>
<dl class="figures">${figuresOf(report, options.unit)
    .map(({ value, name }) => `<div><dd>${escapeHtml(value)}</dd><dt>${escapeHtml(name)}</dt></div>`)
    .join('')}</dl>
<p class="provenance">${escapeHtml(provenanceOf(report))}</p>
<p class="hint">${escapeHtml(shareSentence(report))} Point at a token, or move through the text with the arrow keys.</p>
<ol class="document" role="group" aria-label="Heatmap">`;
  yield* documentHtml(units);
  yield `</ol>
${surprisesHtml(units, options.unit)}
<script type="application/json">[`;
  for (const [at, unit] of units.entries()) {
    yield `${at === 0 ? '' : ','}${jsonForScript(explanationOf(unit, report, options.unit))}`;
  }
  yield `]</script>
</article>`;
}

function* documentHtml(units: readonly Unit[]): Generator<string> {
  const lines = linesOf(units);
  if (lines.length > 1 && lines.at(-1)!.length === 0) {
    lines.pop();
  }
  // The one tab stop of the document; the script moves it with the arrow keys.
  let tabIndex = 0;
  for (const [index, pieces] of lines.entries()) {
    yield `${index === 0 ? '' : '\n'}<li><code>`;
    for (const piece of pieces) {
      yield pieceHtml(piece, tabIndex--);
    }
    yield `${pieces.length === 0 ? '\u200B' : ''}</code></li>`;
  }
}

function pieceHtml({ unit, index, text, lineBreak }: Piece, tabIndex: number): string {
  const mark = lineBreak === '' ? '' : `<span class="break">${makeVisible(lineBreak)}</span>`;
  const focusable = tabIndex === 0 ? 0 : -1;
  return `<span class="t h${unit.heat}" tabindex="${focusable}" data-unit="${index}">${textHtml(text)}${mark}</span>`;
}

/** Spaces and tabs stay; whatever else hides or controls is made visible. */
function textHtml(text: string): string {
  return text
    .split(/([ \t]+)/)
    .map((part, i) => (i % 2 === 1 ? part : escapeHtml(makeVisible(part))))
    .join('');
}

function surprisesHtml(units: readonly Unit[], shown: ReportUnit): string {
  const order = mostSurprisingOf(units);
  if (order.length === 0) {
    return '';
  }
  const rows = order.map((index) => surpriseHtml(units[index], index, shown)).join('\n');
  return `<section><h2>Most surprising</h2><div class="scroll"><table>
<thead><tr><th>Place</th><th>Token</th><th>Surprisal</th><th>Probability</th><th>Expected instead</th></tr></thead>
<tbody>${rows}</tbody></table></div></section>`;
}

function surpriseHtml(unit: Unit, index: number, shown: ReportUnit): string {
  const [token] = unit.tokens;
  const { surprisal, probability } = numbersOf(unit, shown);
  return `<tr><td><button type="button" data-goto="${index}">${token.line}:${token.column}</button></td>
<td><span class="h${unit.heat}">${escapeHtml(quoteVisible(unit.text))}</span></td><td>${escapeHtml(surprisal)}</td>
<td>${escapeHtml(probability)}</td><td>${escapeHtml(expectationOf(unit))}</td></tr>`;
}

function explanationOf(unit: Unit, report: Report, shown: ReportUnit): Explanation {
  const [token] = unit.tokens;
  const other = shown === 'bits' ? 'nats' : 'bits';
  const rows: [string, string][] = [
    ['Surprisal', `${formatSurprisal(unit.nats, shown)} (${formatSurprisal(unit.nats, other)})`],
    ['Probability', formatProbability(unit.nats)],
  ];
  // Rank and entropy belong to one token's distribution.
  if (unit.tokens.length === 1) {
    rows.push(...distributionRows(token, report, shown));
  } else {
    rows.push(['Tokens', `${unit.tokens.length} tokens share this character`]);
  }
  rows.push(['Heat', HEAT_BINS[heatOf(unit.nats)].label]);
  rows.push(['Place', `line ${token.line}, column ${token.column}, page ${token.page + 1}`]);
  return { title: makeVisibleWithin(unit.text, 80), rows, top: unit.tokens.length === 1 ? bars(token) : [] };
}

function distributionRows(token: ReportToken, report: Report, shown: ReportUnit): [string, string][] {
  const excess = excessSurprisal(token.nats, token.entropy);
  return [
    ['Rank', `${formatCount(token.rank)} of ${formatCount(report.model.vocabularySize)}`],
    ['Entropy', formatSurprisal(token.entropy, shown)],
    ['Surprisal − entropy', formatSurprisal(excess, shown)],
  ];
}

function bars(token: ReportToken): Explanation['top'] {
  return (token.top ?? []).map(
    ({ id, text, nats }) =>
      [
        makeVisibleWithin(text, 40),
        formatProbability(nats),
        Math.round(1e4 * Math.exp(-nats)) / 1e4,
        id === token.id ? 1 : 0,
      ] as const,
  );
}

/** JSON that cannot end the script element that it stands in. */
function jsonForScript(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003C');
}

/** Text as HTML text or as the value of a quoted attribute. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
