/** The top of the page: which document, which model, in which unit, pinned or not, and how far the scoring is. */
import type { PanelState, PanelUnit } from '../../src/panel/messages';
import { html, setAttribute, setShown, setText, svg } from '../dom';
import { count } from '../format';
import { progressBar } from '../progress';
import { strings } from '../strings';
import { button, choice } from '../toolkit';
import type { Host, View } from '../view';

/** Makes the header. */
export function makeHeader(host: Host): View {
  const documentName = html('h1', { class: 'document', test: 'document' });
  const model = html('p', { class: 'model quiet small', test: 'model' });
  const degraded = html('p', { class: 'notice', test: 'degraded' });
  const partText = html('span', { test: 'part' });
  const scoreAll = button(strings.scoreAll, () => host.post({ type: 'score' }));
  scoreAll.setAttribute('data-testid', 'score-all');
  const part = html('div', { class: 'notice' }, partText, ' ', scoreAll);
  const unit = choice<PanelUnit>(
    strings.unit,
    (['bits', 'nats', 'hartleys'] as const).map((value) => ({ value, label: strings[value] })),
    (value) => host.post({ type: 'unit', unit: value }),
  );
  unit.element.setAttribute('data-testid', 'unit');
  unit.element.classList.add('unit');
  const pin = makePin((pinned) => host.post({ type: 'pin', pinned }));
  const track = progressBar(strings.progress);
  const progressText = html('p', { class: 'quiet small', test: 'progress' });
  const progress = html('div', { class: 'progress' }, track.element, progressText);
  const element = html(
    'header',
    { class: 'header' },
    html('div', { class: 'header-names' }, documentName, model),
    unit.element,
    pin,
    degraded,
    part,
    progress,
  );
  return {
    element,
    update(state) {
      setShown(element, state.document !== undefined);
      setText(documentName, state.document?.name ?? '');
      setAttribute(documentName, 'title', state.document?.name);
      setText(model, state.model ? strings.modelOnDevice(state.model.name, state.model.device) : '');
      setText(degraded, state.model?.degraded ?? '');
      setShown(degraded, state.model?.degraded !== undefined);
      setShown(part, state.part !== undefined);
      if (state.part) {
        setText(partText, strings.partly(count(state.part.characters), count(state.part.of)));
        setShown(scoreAll, !state.part.growing);
      }
      unit.select(state.unit);
      setAttribute(pin, 'aria-pressed', String(state.pinned));
      // Without a token there is nothing to stay with; what is pinned can always be let go.
      setShown(pin, state.token !== undefined || state.pinned);
      const { done, label } = progressOf(state);
      setShown(progress, label !== '');
      setText(progressText, label);
      track.set(done);
    },
  };
}

/** The button that pins the panel to its token; what it shows is the state's, so that it tells no lie. */
function makePin(onToggle: (pinned: boolean) => void): HTMLButtonElement {
  const element = html(
    'button',
    {
      class: 'pin',
      test: 'pin',
      attributes: { type: 'button', title: strings.pinTitle, 'aria-pressed': 'false' },
    },
    svg(
      'svg',
      { attributes: { viewBox: '0 0 16 16', width: '14', height: '14', 'aria-hidden': 'true' } },
      svg('path', { class: 'pin-head', attributes: { d: 'M5.5 1.5h5l-.8 5 2.3 2.2v.8H4v-.8l2.3-2.2z' } }),
      svg('path', { class: 'pin-needle', attributes: { d: 'M8 9.5v5' } }),
    ),
    strings.pin,
  );
  element.addEventListener('click', () => onToggle(element.getAttribute('aria-pressed') !== 'true'));
  return element;
}

/** Progress is shown here only beside numbers; without any, the page's middle shows it. */
function progressOf({ status, token }: PanelState): { done: number | undefined; label: string } {
  if (status.kind === 'scoring' && status.total > 0) {
    return {
      done: status.done / status.total,
      label: strings.scoring(count(status.done), count(status.total)),
    };
  }
  if (token && status.kind === 'starting') {
    return { done: undefined, label: strings.phases[status.phase] };
  }
  return { done: undefined, label: '' };
}
