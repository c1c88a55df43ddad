/** What the page shows instead of numbers: nothing to explain, something under way, something wrong. */
import type { FromPage, PanelState } from '../../src/panel/messages';
import { html, setShown, setText, svg } from '../dom';
import { strings } from '../strings';
import { button, progressRing } from '../toolkit';
import type { Host, View } from '../view';

interface Notice {
  readonly kind: 'quiet' | 'busy' | 'problem';
  readonly title: string;
  readonly message: string;
  readonly advice?: string;
  readonly action?: Action;
}

/** A button, and what it asks the extension for. */
interface Action {
  readonly label: string;
  readonly message: FromPage;
}

const RETRY: Action = { label: strings.retry, message: { type: 'retry' } };
const START: Action = { label: strings.start, message: { type: 'retry' } };
const OPEN_FILE: Action = { label: strings.openFile, message: { type: 'openFile' } };
const REMEDIES: Readonly<Record<'unpin', Action>> = {
  unpin: { label: strings.unpin, message: { type: 'pin', pinned: false } },
};

/** Makes the view of the states without numbers. */
export function makeStatus(host: Host): View {
  const ring = progressRing(strings.progress);
  const emblem = makeEmblem();
  const warning = makeWarning();
  const picture = html('div', { class: 'status-picture' }, ring, emblem, warning);
  const title = html('h2', { class: 'status-title', test: 'status-title' });
  const message = html('p', { class: 'status-message', test: 'status' });
  const advice = html('p', { class: 'status-advice quiet', test: 'advice' });
  let action: Action | undefined;
  const act = button('', () => {
    if (action) {
      host.post(action.message);
    }
  });
  act.setAttribute('data-testid', 'action');
  const element = html(
    'section',
    { class: 'status', attributes: { role: 'status' } },
    picture,
    title,
    message,
    advice,
    act,
  );
  return {
    element,
    update(state) {
      const notice = noticeOf(state);
      setShown(element, notice !== undefined);
      if (!notice) {
        return;
      }
      element.dataset.kind = notice.kind;
      setShown(ring, notice.kind === 'busy');
      emblem.classList.toggle('away', notice.kind !== 'quiet');
      warning.classList.toggle('away', notice.kind !== 'problem');
      setText(title, notice.title);
      setText(message, notice.message);
      setText(advice, notice.advice ?? '');
      setShown(advice, Boolean(notice.advice));
      action = notice.action;
      setText(act, action?.label ?? '');
      setShown(act, action !== undefined);
    },
  };
}

/** The notice for a state; undefined when the state has numbers to show. */
function noticeOf({ status, token }: PanelState): Notice | undefined {
  switch (status.kind) {
    case 'no-document':
      return {
        kind: 'quiet',
        title: strings.noDocumentTitle,
        message: strings.noDocument,
        action: OPEN_FILE,
      };
    case 'empty':
      return { kind: 'quiet', title: strings.emptyTitle, message: strings.empty };
    case 'off':
      return { kind: 'quiet', title: strings.offTitle, message: strings.off, action: START };
    case 'unsupported':
      return {
        kind: 'quiet',
        title: strings.unsupportedTitle,
        message: status.message,
        advice: status.advice,
        ...(status.remedy && { action: REMEDIES[status.remedy] }),
      };
    case 'failed':
      return {
        kind: 'problem',
        title: strings.failedTitle,
        message: status.message,
        advice: status.advice,
        action: RETRY,
      };
    default:
      break;
  }
  if (token) {
    return undefined;
  }
  if (status.kind === 'starting') {
    const message = status.model === undefined ? strings.starting : strings.modelName(status.model);
    return { kind: 'busy', title: strings.phases[status.phase], message };
  }
  return status.kind === 'scoring' && status.total > 0
    ? { kind: 'busy', title: strings.waitingTitle, message: strings.waiting }
    : { kind: 'busy', title: strings.preparingTitle, message: strings.preparing };
}

/** The curve −log q in a frame: the page's own emblem. */
function makeEmblem(): SVGElement {
  return svg(
    'svg',
    { class: 'emblem', attributes: { viewBox: '0 0 48 48', 'aria-hidden': 'true' } },
    svg('path', { class: 'emblem-axes', attributes: { d: 'M6 5V42H43' } }),
    svg('path', { class: 'emblem-curve', attributes: { d: 'M9 6C10 27 20 38 43 40' } }),
    svg('circle', { class: 'emblem-point', attributes: { cx: '15.4', cy: '27.5', r: '3.5' } }),
  );
}

function makeWarning(): SVGElement {
  return svg(
    'svg',
    { class: 'warning', attributes: { viewBox: '0 0 48 48', 'aria-hidden': 'true' } },
    svg('path', { attributes: { d: 'M24 6 44 41H4Z' } }),
    svg('path', { attributes: { d: 'M24 18V29M24 34V36' } }),
  );
}
