/** Sends the losses of a whole document to the page: when they have changed, and not too often. No vscode import. */
import type { LossMap, TokenLayout } from '../loss/lossMap';
import { SERIES_TOKENS } from '../loss/statistics';
import { lineAt, lineStarts } from '../text/lines';
import { makeVisible } from '../text/visible';
import type { PanelScoring, PanelSeries } from './messages';

/** Pause between two series of a document that is being scored, in milliseconds, at least. */
const INTERVAL = 250;
/** A long document is sent more rarely, for it is large: so many tokens per millisecond. */
const TOKENS_PER_MILLISECOND = 100;

/** Number of Unicode's code points, and the last one that is a single UTF-16 code unit. */
const CODE_POINTS = 0x110000;
const LAST_OF_ONE_UNIT = 0xffff;

/** A section of a large document. */
export interface SeriesSection {
  /** UTF-16 offsets in the document. */
  readonly start: number;
  readonly end: number;
  /** 0-based line on which it begins. */
  readonly line: number;
}

/** What a series is made from. */
export interface SeriesInput {
  /** What the losses come from. */
  readonly scoring: PanelScoring;
  /** The whole text that the losses belong to, or the text of the sections one after the other. */
  readonly text: () => string;
  /** The sections that are laid out of a large document: where each is in it. */
  readonly sections?: readonly SeriesSection[] | undefined;
  readonly losses: LossMap;
  /** The losses after training, if there was one. */
  readonly adapted: LossMap | undefined;
}

/** Decides when the page is told the losses of the whole document. */
export class SeriesSender {
  readonly #send: (series: PanelSeries) => void;
  readonly #later: () => void;
  #wanted = false;
  #revision = 0;
  #sent: { readonly input: SeriesInput; readonly scored: number; readonly at: number } | undefined;
  /** What was last found out about a text. */
  #text: (Pick<PanelSeries, 'lines' | 'visible'> & { readonly losses: LossMap }) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param send sends a series
   * @param later it is time to call {@link update} again
   */
  constructor(send: (series: PanelSeries) => void, later: () => void) {
    this.#send = send;
    this.#later = later;
  }

  /** The page wants series, or does not any more; a page that wants them anew has none. */
  want(wanted: boolean): void {
    this.#wanted = wanted;
    this.#sent = undefined;
    this.#text = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Sends the present losses if the page wants them and has others, soon or at once.
   * @returns the revision that the page has of them; undefined while it has none, none is scored, or they are too many
   */
  update(input: SeriesInput | undefined): number | undefined {
    // One without a score would only make the first one that has some wait.
    if (!input || !this.#wanted || input.losses.length > SERIES_TOKENS || input.losses.scored === 0) {
      return undefined;
    }
    const sent = this.#sent?.input.losses === input.losses ? this.#sent : undefined;
    const { scored } = input.losses;
    if (sent && sent.scored === scored && sent.input.adapted === input.adapted) {
      return this.#revision;
    }
    const wait = sent && !input.losses.complete ? sent.at + intervalOf(input.losses) - performance.now() : 0;
    if (wait > 0) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#later();
      }, wait);
      return this.#revision;
    }
    this.#revision++;
    this.#sent = { input, scored, at: performance.now() };
    this.#send(this.#series(input));
    return this.#revision;
  }

  #series({ scoring, text, sections, losses, adapted }: SeriesInput): PanelSeries {
    const whole = text();
    const { starts, ends } = sections ? inSections(losses.layout, sections) : losses.layout;
    if (this.#text?.losses !== losses) {
      this.#text = { losses, lines: linesOf(starts, whole, sections), visible: visibleCharacters(whole) };
    }
    return {
      scoring,
      revision: this.#revision,
      text: whole,
      visible: this.#text.visible,
      starts: alone(starts),
      ends: alone(ends),
      lines: this.#text.lines,
      nats: losses.nats,
      entropy: losses.entropy,
      ...(adapted && { adapted: adapted.nats }),
    };
  }
}

/**
 * An array on a buffer of its own: a message carries whole buffers, and what came from the engine may lie in a larger
 * one.
 */
export function alone<T extends Float32Array | Uint32Array>(array: T): T {
  return array.byteLength === array.buffer.byteLength ? array : (array.slice() as T);
}

function intervalOf(losses: LossMap): number {
  return Math.max(INTERVAL, losses.length / TOKENS_PER_MILLISECOND);
}

/** Tokens' offsets counted in the sections' texts one after the other. */
function inSections(
  { starts, ends }: TokenLayout,
  sections: readonly SeriesSection[],
): Pick<TokenLayout, 'starts' | 'ends'> {
  const moved = { starts: starts.slice(), ends: ends.slice() };
  let token = 0;
  let before = 0;
  for (const { start, end } of sections) {
    for (; token < starts.length && starts[token] < end; token++) {
      moved.starts[token] -= start - before;
      moved.ends[token] -= start - before;
    }
    before += end - start;
  }
  return moved;
}

/** How each invisible character of a text is shown. */
function visibleCharacters(text: string): Record<string, string> {
  const shown: Record<string, string> = {};
  const isSeen = new Uint8Array(CODE_POINTS);
  for (let at = 0; at < text.length; at++) {
    const code = text.codePointAt(at)!;
    if (code > LAST_OF_ONE_UNIT) {
      at++;
    }
    if (isSeen[code] === 0) {
      isSeen[code] = 1;
      const character = String.fromCodePoint(code);
      const visible = makeVisible(character);
      if (visible !== character) {
        shown[character] = visible;
      }
    }
  }
  return shown;
}

/** [N] 0-based line of the document on which each token begins. */
function linesOf(starts: Uint32Array, text: string, sections: readonly SeriesSection[] = []): Uint32Array {
  const borders = lineStarts(text);
  const lines = new Uint32Array(starts.length);
  let line = 0;
  // Of each section: where its text begins, and its first line in the document.
  let section = 0;
  let sectionEnd = 0;
  let shift = 0;
  for (let token = 0; token < starts.length; token++) {
    while (line + 1 < borders.length && borders[line + 1] <= starts[token]) {
      line++;
    }
    for (; section < sections.length && sectionEnd <= starts[token]; section++) {
      shift = sections[section].line - lineAt(borders, sectionEnd);
      sectionEnd += sections[section].end - sections[section].start;
    }
    lines[token] = line + shift;
  }
  return lines;
}
