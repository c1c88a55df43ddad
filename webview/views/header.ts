/** The top of the page: which document, which model, in which unit, and how far the scoring is. */
import type { PanelState, PanelUnit } from '../../src/panel/messages';
import { html, setAttribute, setProperty, setShown, setText } from '../dom';
import { count } from '../format';
import { strings } from '../strings';
import { choice } from '../toolkit';
import type { Host, View } from '../view';

/** Makes the header. */
export function makeHeader(host: Host): View {
  const documentName = html('h1', { class: 'document', test: 'document' });
  const model = html('p', { class: 'model quiet', test: 'model' });
  const degraded = html('p', { class: 'notice', test: 'degraded' });
  const unit = choice<PanelUnit>(
    strings.unit,
    [
      { value: 'bits', label: strings.bits },
      { value: 'nats', label: strings.nats },
    ],
    (value) => host.post({ type: 'unit', unit: value }),
  );
  unit.element.setAttribute('data-testid', 'unit');
  const bar = html('div', { class: 'progress-bar' });
  const track = html(
    'div',
    {
      class: 'progress-track',
      attributes: {
        role: 'progressbar',
        'aria-label': strings.progress,
        'aria-valuemin': '0',
        'aria-valuemax': '100',
      },
    },
    bar,
  );
  const progressText = html('p', { class: 'quiet', test: 'progress' });
  const progress = html('div', { class: 'progress' }, track, progressText);
  const element = html(
    'header',
    { class: 'header' },
    html('div', { class: 'header-names' }, documentName, model),
    unit.element,
    degraded,
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
      unit.select(state.unit);
      const { done, label } = progressOf(state);
      setShown(progress, label !== '');
      setText(progressText, label);
      setProperty(bar, '--share', done ?? 0);
      bar.classList.toggle('endless', done === undefined);
      setAttribute(track, 'aria-valuenow', done === undefined ? undefined : String(Math.round(100 * done)));
    },
  };
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
    return { done: status.progress, label: strings.phases[status.phase] };
  }
  return { done: undefined, label: '' };
}
