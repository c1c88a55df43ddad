/** The explainer panel's page: puts the views together, and keeps them at the state that the extension sends. */
import './style.css';
import type {
  FromPage,
  PanelSeries,
  PanelState,
  PanelTraining,
  PanelUnit,
  ToPage,
} from '../src/panel/messages';
import { makeDistribution } from './chapters/distribution';
import { makeLearning } from './chapters/learning';
import { makeLogarithm } from './chapters/logarithm';
import { makeLoss } from './chapters/loss';
import { isTooLarge, makeSequence } from './chapters/sequence';
import { html, setAttribute, setProperty, setShown } from './dom';
import { followLinks } from './link';
import { makePatterns } from './patterns';
import { restoreScroll, type ScrollPlace } from './scroll';
import { type ChapterName, type PageSettings, readSettings } from './settings';
import { strings } from './strings';
import { makeTabs } from './tabs';
import { registerControls } from './toolkit';
import type { Host, MakeView, PageState, View } from './view';
import { makeHeader } from './views/header';
import { makeLine } from './views/line';
import { makeSelection } from './views/selection';
import { makeStatus } from './views/status';
import { makeSummary } from './views/summary';

/** What VS Code lets a page do. */
interface VsCode {
  postMessage(message: FromPage): void;
  getState(): unknown;
  setState(state: Saved): void;
}

declare function acquireVsCodeApi(): VsCode;

/** What is kept while the page is hidden, and over a reload of the window; the extension reads `state` from it. */
interface Saved {
  readonly version: 2;
  readonly state?: PanelState;
  readonly settings: PageSettings;
  readonly scroll: number;
}

/** Each stands alone. */
const CHAPTERS: Readonly<Record<ChapterName, MakeView>> = {
  distribution: makeDistribution,
  logarithm: makeLogarithm,
  loss: makeLoss,
  sequence: makeSequence,
  learning: makeLearning,
};

/** The chapter that shows the losses of the whole document. */
const WITH_SERIES: ChapterName = 'sequence';

/** How long changes are gathered before they are kept, in milliseconds. */
const GATHER = 200;

/** How long the extension's settings may take to agree with a choice in the page, in milliseconds. */
const SETTINGS_AGREE = 2000;

start();

function start(): void {
  const vscode = acquireVsCodeApi();
  registerControls();
  // The page as it was, until the extension has answered: no empty moment when the panel comes back.
  const saved = readSaved(vscode.getState());
  let settings = saved.settings;
  let state = saved.state;
  let logits: { readonly answer: number; readonly logits: Float32Array } | undefined;
  let losses: PanelSeries | undefined;
  /** The latest state with losses of its document. */
  let scored: PanelState | undefined;
  let training: PanelTraining | undefined;
  /** The unit that the user has just chosen; the extension's settings may take a moment to agree. */
  let chosenUnit: PanelUnit | undefined;
  let chosenTimer: ReturnType<typeof setTimeout> | undefined;
  let seriesWanted = false;
  let place: ScrollPlace | undefined;

  const host: Host = {
    post(message) {
      if (message.type === 'unit') {
        chosenUnit = message.unit;
        clearTimeout(chosenTimer);
        // A state with the same unit may be one of before an earlier choice: only time tells that all are told.
        chosenTimer = setTimeout(() => {
          chosenUnit = undefined;
          update();
        }, SETTINGS_AGREE);
        update();
      }
      vscode.postMessage(message);
    },
    set(changed) {
      const before = settings.chapter;
      settings = { ...settings, ...changed };
      update();
      if (settings.chapter !== before) {
        askForSeries();
        scrollToChapter();
      }
      save();
    },
  };

  const line = makeLine(host);
  const status = makeStatus(host);
  const summary = makeSummary();
  const selection = makeSelection();
  const header = makeHeader(host);
  const frame: readonly View[] = [header, line, status, summary, selection];
  const chapters = Object.fromEntries(
    Object.entries(CHAPTERS).map(([name, make]) => [name, make(host)]),
  ) as Record<ChapterName, View>;
  const tabs = makeTabs(
    Object.fromEntries(Object.entries(chapters).map(([name, { element }]) => [name, element])) as Record<
      ChapterName,
      HTMLElement
    >,
    (chapter) => host.set({ chapter }),
  );
  const numbers = html('div', { class: 'numbers' }, summary.element, selection.element);
  const top = html(
    'div',
    { class: 'top', test: 'surroundings' },
    header.element,
    line.element,
    numbers,
    tabs.list,
  );
  const explained = html('div', { class: 'explained', test: 'explained' }, tabs.content);
  const page = document.getElementById('surprisal') ?? document.body.appendChild(html('main'));
  page.setAttribute('aria-label', strings.page);
  page.append(top, status.element, explained);
  document.body.append(makePatterns());
  followLinks(page);

  function update(): void {
    // Nothing is known yet: an empty page for a moment is calmer than empty frames.
    setShown(page, state !== undefined);
    if (!state) {
      return;
    }
    const shown = pageState(state);
    for (const view of frame) {
      view.update(shown);
    }
    const hasToken = state.token !== undefined;
    setShown(tabs.list, hasToken);
    setShown(numbers, hasToken);
    setShown(explained, hasToken);
    tabs.show(settings.chapter);
    // The others are brought up to date when they are shown.
    chapters[settings.chapter].update(shown);
    const isWaiting = String((shown.pending || shown.stale) && hasToken);
    setAttribute(numbers, 'aria-busy', isWaiting);
    setAttribute(explained, 'aria-busy', isWaiting);
    page.dataset.status = state.status.kind;
    if (isComplete(shown)) {
      place?.contentIsThere();
    }
  }

  /** The latest of everything that belongs together. */
  function pageState(current: PanelState): PageState {
    if (current.sequence?.scored) {
      scored = current;
    }
    const former = isToBeScored(current) ? scored : undefined;
    const latest = former ? withFormer(current, former) : current;
    const { document: shown } = latest;
    const isFitting = losses && losses.scoring.uri === shown?.uri && losses.revision === latest.series;
    return {
      ...latest,
      stale: former !== undefined,
      ...(chosenUnit && { unit: chosenUnit }),
      settings,
      ...(isFitting && losses && { losses }),
      ...(training && training.uri === shown?.uri && { training }),
    };
  }

  /** Whether a text that was edited has no losses yet, and those from before the edit are here. */
  function isToBeScored({ document: shown, pending, sequence }: PanelState): boolean {
    const isWaiting = sequence ? sequence.scored === 0 : pending;
    return isWaiting && shown !== undefined && scored?.document?.uri === shown.uri;
  }

  /** Once for each state, so that its token stays the same object. */
  function withLogits(latest: PanelState): PanelState {
    const { token } = latest;
    return token && logits && logits.answer === token.answer
      ? { ...latest, token: { ...token, logits: logits.logits } }
      : latest;
  }

  function askForSeries(): void {
    const wanted = settings.chapter === WITH_SERIES;
    if (wanted !== seriesWanted) {
      seriesWanted = wanted;
      host.post({ type: 'series', wanted });
    }
  }

  /** Whoever has read to the end of a chapter wants to begin the next one at its top. */
  function scrollToChapter(): void {
    const isSticky = getComputedStyle(top).position === 'sticky';
    const begin = isSticky
      ? explained.offsetTop - top.offsetHeight
      : explained.offsetTop - tabs.list.offsetHeight;
    if (window.scrollY > begin) {
      window.scrollTo(0, Math.max(0, begin));
    }
  }

  let saving: ReturnType<typeof setTimeout> | undefined;
  function save(): void {
    clearTimeout(saving);
    saving = setTimeout(() => {
      vscode.setState({
        version: 2,
        ...(state && { state: stateToKeep(state) }),
        settings,
        scroll: place?.kept ?? saved.scroll,
      });
    }, GATHER);
  }

  window.addEventListener('message', ({ data }: MessageEvent<ToPage>) => {
    switch (data?.type) {
      case 'state':
        state = withLogits(data.state);
        update();
        save();
        break;
      case 'logits':
        // The state that they belong to comes next.
        logits = data;
        break;
      case 'series':
        losses = data.series;
        // A state that speaks of a newer series than the last one follows at once.
        if (losses.revision === state?.series) {
          update();
        }
        break;
      case 'training':
        training = data.training;
        update();
        break;
      default:
        break;
    }
  });
  window.addEventListener('scroll', save, { passive: true });
  // What gets the focus is not scrolled to a place behind the top of the page.
  new ResizeObserver(() => {
    const isSticky = getComputedStyle(top).position === 'sticky';
    const covered = isSticky ? top.offsetHeight : tabs.list.offsetHeight;
    setProperty(document.documentElement, '--covered', `${covered}px`);
  }).observe(top);

  update();
  place = restoreScroll(page, saved.scroll);
  host.post({ type: 'ready' });
  askForSeries();
}

/** Whether the page has everything that its chapter shows: nothing is on its way, and nothing is of an earlier text. */
function isComplete({ token, pending, stale, settings, losses, sequence }: PageState): boolean {
  const hasSeries = settings.chapter !== WITH_SERIES || losses !== undefined || isTooLarge(sequence);
  return token !== undefined && !pending && !stale && hasSeries;
}

/** A state with what a former one says of the whole document: the page keeps its height while it is typed in. */
function withFormer(latest: PanelState, former: PanelState): PanelState {
  const {
    sequence: _s,
    line: _l,
    part: _p,
    scoring: _c,
    focus: _f,
    selection: _n,
    series: _r,
    ...rest
  } = latest;
  return { ...former, ...rest };
}

/**
 * What is kept of a state: no logits, for a hundred thousand numbers are too many for JSON; and not what its indices
 * belong to, for after a reload of the window the scorings are numbered anew.
 */
function stateToKeep({ token, scoring: _s, ...state }: PanelState): PanelState {
  if (!token) {
    return state;
  }
  const { logits: _l, ...kept } = token;
  return { ...state, token: kept };
}

/** What was kept, made fit for this version of the page. */
function readSaved(kept: unknown): Pick<Saved, 'state' | 'settings' | 'scroll'> {
  const { version, state, settings, scroll } = (kept ?? {}) as Partial<Saved>;
  return {
    settings: readSettings(settings),
    scroll: typeof scroll === 'number' ? scroll : 0,
    // The state of another version may lack what this one shows.
    ...(version === 2 && state && { state: { ...state, pending: true } }),
  };
}
