/** What the status bar says in each state. No vscode import. */
import type { EngineState, ScoreStatistics } from '../engine/protocol';
import { bitsPerByte, perplexity } from '../loss/formulas';
import { formatCount, formatSurprisal } from '../loss/units';
import type { Settings } from './keys';
import type { Translate } from './localize';

/** Totals over some text. */
export interface SpanTotals {
  readonly tokens: number;
  /** Sum of the surprisals in nats. */
  readonly nats: number;
  /** UTF-8 bytes of the scored text; undefined while not all of it is scored. */
  readonly bytes: number | undefined;
}

/** How the active document stands. */
export type DocumentStanding =
  /** Nobody has asked for its scores. */
  | { readonly kind: 'idle' }
  /** It is no text that somebody wrote. */
  | { readonly kind: 'unsupported' }
  | { readonly kind: 'waiting' }
  | { readonly kind: 'scoring'; readonly done: number; readonly total: number }
  | { readonly kind: 'scored'; readonly statistics: ScoreStatistics | undefined }
  /** What is on screen of a large document is scored, with what is around it: so many of its characters. */
  | {
      readonly kind: 'part';
      readonly characters: number;
      readonly of: number;
      readonly statistics: ScoreStatistics | undefined;
    }
  | { readonly kind: 'failed'; readonly message: string; readonly advice: string };

/** Everything that the status bar depends on. */
export interface StatusInput {
  readonly engine: EngineState;
  readonly heatmapOn: boolean;
  readonly unit: Settings['unit'];
  readonly document?:
    | {
        readonly name: string;
        readonly standing: DocumentStanding;
        /** Totals over what is shown: approximate until the document is scored. */
        readonly totals: SpanTotals;
        /** The totals are of the losses after training. */
        readonly trained?: boolean;
        /** The same over the selection, when there is one. */
        readonly selection: SpanTotals | undefined;
      }
    | undefined;
}

/** A line of the tooltip's table: a name, and its values for the document and for the selection. */
export interface StatusRow {
  readonly name: string;
  readonly values: readonly string[];
}

/** What the status bar shows. */
export interface StatusText {
  /** The item's text, with icons. */
  readonly text: string;
  /** The same for a screen reader. */
  readonly label: string;
  readonly severity: 'normal' | 'error';
  /** The tooltip's first lines. */
  readonly headline: string;
  readonly details: readonly string[];
  /** The document's numbers in one line; empty where there are none. */
  readonly summary: string;
  /** The numbers; two columns of values when there is a selection. */
  readonly rows: readonly StatusRow[];
  readonly hasSelection: boolean;
  /** Model and device. */
  readonly facts: readonly StatusRow[];
}

/** What the status bar shows in a state. */
export function statusText(input: StatusInput, t: Translate): StatusText {
  const { document, engine } = input;
  const hasSelection = document?.selection !== undefined;
  const rows =
    document && document.totals.tokens > 0 ? numbers(document.totals, document.selection, input, t) : [];
  const summary = rows.length > 0 ? summarise(rows, t) : '';
  return { severity: 'normal', summary, rows, hasSelection, facts: facts(engine, t), ...saying(input, t) };
}

type Saying = Pick<StatusText, 'text' | 'label' | 'headline' | 'details'> &
  Partial<Pick<StatusText, 'severity'>>;

function saying(input: StatusInput, t: Translate): Saying {
  const { document, engine, heatmapOn } = input;
  const standing = document?.standing;
  if (engine.kind === 'failed') {
    return failure(engine.problem.message, engine.problem.advice, t);
  }
  if (standing?.kind === 'failed') {
    return failure(standing.message, standing.advice, t);
  }
  if (engine.kind === 'starting') {
    return busy(t('starting'), t('The model\u2019s process is starting'));
  }
  if (engine.kind === 'loading') {
    return busy(t('loading model'), t('Loading {0}', engine.model));
  }
  if (!document || !standing || standing.kind === 'unsupported') {
    return quiet(
      '$(flame) Surprisal',
      heatmapOn ? t('The heatmap is on') : t('The heatmap is off'),
      document ? t('This kind of document is not scored.') : t('No document is open in an editor.'),
    );
  }
  if (standing.kind === 'idle') {
    return quiet(
      '$(flame) Surprisal',
      heatmapOn ? t('The heatmap is on') : t('The heatmap is off'),
      t('{0} is not scored.', document.name),
    );
  }
  return scores(input, document, standing, t);
}

function scores(
  input: StatusInput,
  document: NonNullable<StatusInput['document']>,
  standing: Extract<DocumentStanding, { kind: 'waiting' | 'scoring' | 'scored' | 'part' }>,
  t: Translate,
): Saying {
  const { engine, unit } = input;
  const span = document.selection ?? document.totals;
  const isFinal = standing.kind === 'scored' || standing.kind === 'part';
  const degraded = engine.kind === 'ready' ? engine.degraded : undefined;
  const icon = isFinal ? (degraded === undefined ? '$(flame)' : '$(warning)') : '$(loading~spin)';
  const share =
    standing.kind === 'scoring' && standing.total > 0 ? percent(standing.done, standing.total) : '';
  const parts: string[] = [];
  let spoken: string;
  if (span.tokens > 0) {
    const value = formatSurprisal(span.nats / span.tokens, unit);
    parts.push(`${isFinal ? '' : '~'}${t('{0}/token', value)}`);
    spoken = document.selection ? t('{0} per token in the selection', value) : t('{0} per token', value);
  } else if (!isFinal) {
    spoken = t('no scores yet');
  } else if (document.selection) {
    // Text that is selected has tokens, unless it is outside of what is scored of a large document.
    spoken = t('no scores in the selection');
    parts.push(t('selection not scored'));
  } else {
    spoken = t('nothing to score');
    parts.push(t('empty'));
  }
  if (document.trained) {
    parts.push(t('after training'));
  }
  if (standing.kind === 'part') {
    parts.push(t('visible part'));
  }
  if (share !== '') {
    parts.push(share);
  } else if (parts.length === 0) {
    parts.push(t('scoring'));
  }
  const progress = headline(document.name, standing, share, t);
  const details: string[] = [];
  if (standing.kind === 'part') {
    details.push(
      t(
        'It is large: {0} of its {1} characters are scored, those on screen and around them. The numbers are theirs. The rest follows as you scroll, or all of it when you choose "Score This Document" in the menu.',
        formatCount(standing.characters),
        formatCount(standing.of),
      ),
    );
  }
  if (!isFinal && document.totals.tokens > 0) {
    details.push(t('Until then the numbers are approximate.'));
  }
  if (document.trained) {
    details.push(
      t('The numbers and colours are those after training in the explainer panel. An edit switches back.'),
    );
  }
  if (degraded !== undefined) {
    details.push(degraded);
  }
  return {
    text: `${icon} ${parts.join(' · ')}${document.selection ? ' $(selection)' : ''}`,
    label: t('Surprisal: {0}. {1}.', document.trained ? t('after training, {0}', spoken) : spoken, progress),
    headline: progress,
    details,
  };
}

function headline(
  name: string,
  standing: Extract<DocumentStanding, { kind: 'waiting' | 'scoring' | 'scored' | 'part' }>,
  share: string,
  t: Translate,
): string {
  switch (standing.kind) {
    case 'scored':
      return t('{0} is scored', name);
    case 'part':
      return t('The visible part of {0} is scored', name);
    case 'waiting':
      return t('{0} was edited and will be scored again in a moment', name);
    case 'scoring':
      return t('Scoring {0}: {1}', name, share || t('waiting for the model'));
  }
}

function failure(message: string, advice: string, t: Translate): Saying {
  return {
    text: t('$(error) Surprisal'),
    label: t('Surprisal failed: {0} {1}', message, advice),
    severity: 'error',
    headline: message,
    details: [advice],
  };
}

function busy(short: string, long: string): Saying {
  return { text: `$(loading~spin) ${short}`, label: `Surprisal: ${long}`, headline: long, details: [] };
}

function quiet(text: string, headline: string, detail: string): Saying {
  return { text, label: `Surprisal: ${headline}. ${detail}`, headline, details: [detail] };
}

/** The table of numbers over the document and the selection. */
function numbers(
  totals: SpanTotals,
  selection: SpanTotals | undefined,
  { unit }: StatusInput,
  t: Translate,
): StatusRow[] {
  const spans = selection ? [totals, selection] : [totals];
  const row = (name: string, value: (span: SpanTotals) => string): StatusRow => ({
    name,
    values: spans.map((span) => (span.tokens > 0 ? value(span) : '–')),
  });
  return [
    row(t('Mean surprisal per token'), ({ nats, tokens }) => formatSurprisal(nats / tokens, unit)),
    row(t('Perplexity'), ({ nats, tokens }) => formatRatio(perplexity(nats / tokens))),
    row(t('Bits per byte'), ({ nats, bytes }) => (bytes ? formatRatio(bitsPerByte(nats, bytes)) : '–')),
    row(t('Sum'), ({ nats }) => formatSurprisal(nats, unit)),
    row(t('Tokens'), ({ tokens }) => formatCount(tokens)),
  ];
}

/** The first of the numbers in one line. */
function summarise([mean, ratio, density]: readonly StatusRow[], t: Translate): string {
  return t(
    '{0} per token · perplexity {1} · {2} bits per byte',
    mean.values[0],
    ratio.values[0],
    density.values[0],
  );
}

/** What computes. */
function facts(engine: EngineState, t: Translate): StatusRow[] {
  if (engine.kind !== 'ready') {
    return [];
  }
  const { model, device } = engine;
  return [
    { name: t('Model'), values: [model.name] },
    { name: t('Device'), values: [describeDevice(device.provider, device.name, device.threads, t)] },
  ];
}

/** A device in a few words. */
export function describeDevice(provider: string, name: string, threads: number, t: Translate): string {
  if (provider !== 'cpu') {
    return `${provider}: ${name}`;
  }
  return threads === 1 ? t('CPU, 1 thread ({0})', name) : t('CPU, {0} threads ({1})', threads, name);
}

/** What scoring cost, in a sentence. */
export function describeStatistics(statistics: ScoreStatistics, t: Translate): string {
  const { seconds, tokensRun, pages, pagesCached } = statistics;
  const rate = seconds > 0 ? formatCount(Math.round(tokensRun / seconds)) : '–';
  return t(
    '{0} s; {1} tokens run, {2} per second; {3} of {4} pages from the cache',
    seconds.toFixed(1),
    formatCount(tokensRun),
    rate,
    formatCount(pagesCached),
    formatCount(pages),
  );
}

/** A plain number with the digits that matter: 0.838, 6.23, 10.7, 1,240. */
function formatRatio(value: number): string {
  return value < 1000 ? value.toPrecision(3) : Number.isFinite(value) ? formatCount(value) : '∞';
}

function percent(done: number, total: number): string {
  // Never 100 % before the end.
  return total > 0 ? `${Math.min(99, Math.floor((100 * done) / total))}%` : '0%';
}
