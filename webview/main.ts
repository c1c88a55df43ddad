/** The explainer panel's page: puts the views together, and keeps them at the state that the extension sends. */
import type { FromPage, PanelState, PanelUnit, ToPage } from '../src/panel/messages';
import { html, setAttribute } from './dom';
import { strings } from './strings';
import { registerControls } from './toolkit';
import type { MakeView, View } from './view';
import { makeDistribution } from './views/distribution';
import { makeHeader } from './views/header';
import { makeLine } from './views/line';
import { makeLogarithm } from './views/logarithm';
import { makeSequence } from './views/sequence';
import { makeStatus } from './views/status';
import { makeSummary } from './views/summary';
import { makeSurprise } from './views/surprise';

/** What VS Code lets a page do. */
interface VsCode {
  postMessage(message: FromPage): void;
  getState(): unknown;
  setState(state: Saved): void;
}

declare function acquireVsCodeApi(): VsCode;

/** What is kept while the page is hidden, and over a reload of the window. */
interface Saved {
  readonly version: 1;
  readonly state: PanelState;
  readonly scroll: number;
}

/** The chapters, in order. Each stands alone; more can be added here. */
const CHAPTERS: readonly MakeView[] = [makeDistribution, makeLogarithm, makeSurprise, makeSequence];

start();

function start(): void {
  const vscode = acquireVsCodeApi();
  registerControls();

  let state: PanelState | undefined;
  /** The unit that the user has just chosen; the extension's settings may take a moment to agree. */
  let chosenUnit: PanelUnit | undefined;

  const post = (message: FromPage) => {
    if (message.type === 'unit') {
      chosenUnit = message.unit;
      update();
    }
    vscode.postMessage(message);
  };
  const host = { post };

  const header = makeHeader(host);
  const status = makeStatus(host);
  const line = makeLine(host);
  const summary = makeSummary();
  const chapters = CHAPTERS.map((make) => make(host));
  const views: readonly View[] = [header, status, line, summary, ...chapters];
  const explained = html(
    'div',
    { class: 'explained', test: 'explained' },
    summary.element,
    html('div', { class: 'chapters' }, ...chapters.map(({ element }) => element)),
  );
  const page = document.getElementById('surprisal') ?? document.body.appendChild(html('main'));
  page.setAttribute('aria-label', strings.page);
  page.append(header.element, line.element, status.element, explained);

  function update(): void {
    if (!state) {
      return;
    }
    const shown = chosenUnit === undefined ? state : { ...state, unit: chosenUnit };
    for (const view of views) {
      view.update(shown);
    }
    explained.hidden = state.token === undefined;
    const isWaiting = state.pending && state.token !== undefined;
    setAttribute(explained, 'aria-busy', String(isWaiting));
    page.dataset.status = state.status.kind;
  }

  let saving: ReturnType<typeof setTimeout> | undefined;
  const save = () => {
    clearTimeout(saving);
    saving = setTimeout(() => {
      if (state) {
        vscode.setState({ version: 1, state, scroll: window.scrollY });
      }
    }, 200);
  };

  window.addEventListener('message', (event: MessageEvent<ToPage>) => {
    if (event.data?.type !== 'state') {
      return;
    }
    state = event.data.state;
    if (state.unit === chosenUnit) {
      chosenUnit = undefined;
    }
    update();
    save();
  });
  window.addEventListener('scroll', save, { passive: true });

  // The page as it was, until the extension has answered: no empty moment when the panel comes back.
  const saved = vscode.getState() as Saved | undefined;
  if (saved?.version === 1) {
    state = { ...saved.state, pending: true };
    update();
    window.scrollTo(0, saved.scroll);
  }
  post({ type: 'ready' });
}
