/** Real training of the output layer's adapter on the document: what to train, the curves, and what was learnt. */
import { perplexity } from '../../../src/loss/formulas';
import { TRAINING_LIMITS, type TrainingOptions, type TrainingPoint } from '../../../src/loss/training';
import type { PanelTraining, PanelUnit } from '../../../src/panel/messages';
import { numberField, select, slider, textButton } from '../../controls';
import { html, setShown, setText } from '../../dom';
import { count, rounded, shortAmount } from '../../format';
import { linked } from '../../link';
import { progressBar } from '../../progress';
import type { Host, PageState, View } from '../../view';
import { learningStrings as strings } from '../learning.strings';
import { makeAdapterFormula } from './adapterFormula';
import { significant, significantText } from './numbers';
import { bestPoint, finitePoints, makeTrainingChart } from './trainingChart';

/** Makes the part on training. */
export function makeTraining(host: Host): View {
  const formula = makeAdapterFormula();
  const form = makeForm(host, () => latest?.settings.training);
  const results = makeResults();
  const chart = makeTrainingChart();
  let latest: PageState | undefined;

  const train = textButton({
    test: 'train',
    label: strings.train,
    onClick: () => {
      if (latest) {
        host.post({ type: 'train', options: usable(latest) });
      }
    },
  });
  const stop = textButton({
    test: 'stop-training',
    label: strings.stop,
    onClick: () => host.post({ type: 'stopTraining' }),
  });
  stop.classList.add('secondary');
  const hint = html('p', { class: 'quiet small', test: 'training-hint' });

  const kind = html('strong', { test: 'training-state', attributes: { role: 'status' } });
  const reached = html('span', { class: 'quiet', test: 'training-progress' });
  const track = progressBar(strings.progress);
  const tokens = html('p', { class: 'quiet', test: 'training-tokens' });
  const problem = html('p', { class: 'notice', test: 'training-problem', attributes: { role: 'alert' } });
  const otherOptions = html('p', {
    class: 'quiet small',
    test: 'training-other-options',
    text: strings.otherOptions,
  });
  const status = html(
    'div',
    { class: 'learning-status' },
    html('p', {}, kind, ' ', reached),
    track.element,
    tokens,
    problem,
  );

  const showTrained = html('input', { test: 'show-trained', attributes: { type: 'checkbox' } });
  showTrained.addEventListener('change', () =>
    host.post({ type: 'showTrained', shown: showTrained.checked }),
  );
  const check = html(
    'label',
    { class: 'learning-check' },
    showTrained,
    html('span', { text: strings.showTrained }),
  );
  const outcome = html(
    'div',
    { class: 'learning-columns' },
    chart.element,
    html('div', { class: 'learning-stack' }, results.element, otherOptions, check),
  );
  const element = html(
    'section',
    { class: 'learning-part', test: 'learning-training' },
    html('h3', { text: strings.training }),
    html('p', { class: 'prose', text: strings.trainingText }),
    html(
      'div',
      { class: 'learning-columns' },
      html('div', { class: 'learning-stack' }, formula.element),
      html(
        'div',
        { class: 'learning-stack' },
        form.element,
        html('div', { class: 'learning-buttons' }, train, stop, hint),
        status,
      ),
    ),
    outcome,
  );

  const updateStatus = (training: PanelTraining | undefined, last: TrainingPoint | undefined) => {
    const state = training?.state ?? 'none';
    const isRunning = state === 'running';
    const scored = training?.scored;
    setText(kind, scored ? strings.scoring : strings.states[state]);
    setText(reached, reachedText(training, last));
    setShown(track.element, isRunning);
    const trained = training && last ? Math.min(1, last.epoch / training.options.epochs) : 0;
    track.set(scored ? scored.done / scored.total : trained);
    setShown(tokens, training !== undefined && training.tokens.training > 0);
    if (training) {
      const sentence = training.options.evaluation === 'split' ? strings.tokens : strings.tokensOfAnother;
      setText(tokens, sentence(count(training.tokens.training), count(training.tokens.evaluation)));
    }
    setShown(problem, training?.problem !== undefined);
    setText(
      problem,
      training?.problem ? strings.problem(training.problem.message, training.problem.advice) : '',
    );
  };
  return {
    element,
    update(state) {
      latest = state;
      const { unit } = state;
      // What is left of another document is not this one's.
      const training = state.training?.uri === state.document?.uri ? state.training : undefined;
      const points = finitePoints(training);
      const isRunning = training?.state === 'running';
      const isScored = state.sequence !== undefined && state.sequence.scored === state.sequence.tokens;
      const canTrain = state.document !== undefined && isScored && !state.stale && state.sequence!.tokens > 0;

      form.update(state, isRunning);
      formula.update(state);
      setText(train, training ? strings.trainAgain : strings.train);
      const focused = document.activeElement;
      train.disabled = !canTrain || isRunning;
      setShown(stop, isRunning);
      setText(stop, training?.scored ? strings.stopScoring : strings.stop);
      // The focus does not get lost with the button that had it.
      if (focused === train && isRunning) {
        stop.focus();
      } else if (focused === stop && !isRunning) {
        train.focus();
      }
      setShown(hint, !canTrain && !isRunning);
      setText(hint, state.document ? strings.wait : strings.noDocument);
      updateStatus(training, points[points.length - 1]);

      const hasPoints = training !== undefined && points.length > 0;
      setShown(outcome, hasPoints);
      if (hasPoints) {
        chart.update(training, unit);
        results.update(points, unit);
        setShown(otherOptions, !isRunning && !sameOptions(training.options, usable(state)));
      }
      showTrained.checked = training?.shown === true;
      showTrained.disabled = training?.hasAdapted !== true;
    },
  };
}

/** How far a training has come, in words. */
function reachedText(training: PanelTraining | undefined, last: TrainingPoint | undefined): string {
  if (training?.scored) {
    return strings.scoringText(count(training.scored.done), count(training.scored.total));
  }
  if (training && last) {
    return strings.progressText(
      significantText(last.epoch),
      count(training.options.epochs),
      count(last.step),
    );
  }
  return training?.state === 'running' ? strings.starting : '';
}

/** The options with an evaluation that there is: the other document may have been closed. */
function usable({ settings, others }: PageState): TrainingOptions {
  const { training } = settings;
  const isThere = others?.some(({ uri }) => uri === training.evaluation);
  return isThere ? training : { ...training, evaluation: 'split' };
}

function sameOptions(a: TrainingOptions, b: TrainingOptions): boolean {
  return (Object.keys(a) as (keyof TrainingOptions)[]).every(
    // The rank is the low-rank adapter's alone.
    (name) => a[name] === b[name] || (name === 'rank' && a.adapter === 'bias' && b.adapter === 'bias'),
  );
}

interface Form {
  readonly element: HTMLElement;
  update(state: PageState, isRunning: boolean): void;
}

function makeForm(host: Host, options: () => TrainingOptions | undefined): Form {
  const set = (changed: Partial<TrainingOptions>) => {
    const now = options();
    if (now) {
      host.set({ training: { ...now, ...changed } });
    }
  };
  const field = (
    name: 'rank' | 'weightDecay' | 'epochs' | 'batch' | 'seed',
    min: number,
    max: number,
    step: number,
  ) =>
    numberField({
      test: `training-${name}`,
      label: strings[name],
      min,
      max,
      step,
      onChange: (value) => set({ [name]: value }),
    });
  const adapter = select({
    test: 'training-adapter',
    label: strings.adapter,
    options: Object.entries(strings.adapters).map(([value, label]) => ({ value, label })),
    onChange: (value) => set({ adapter: value as TrainingOptions['adapter'] }),
  });
  const rank = field('rank', 1, TRAINING_LIMITS.rank, 1);
  const epochs = field('epochs', 1, TRAINING_LIMITS.epochs, 1);
  const batch = field('batch', 1, TRAINING_LIMITS.batch, 1);
  const weightDecay = field('weightDecay', 0, 100, 0.1);
  const seed = field('seed', 0, 2 ** 31 - 1, 1);
  const learningRate = slider({
    test: 'training-learningRate',
    label: strings.learningRate,
    min: 1e-4,
    max: 1,
    step: 1e-6,
    scale: 'log',
    format: significantText,
    onInput: (value) => set({ learningRate: significant(value) }),
  });
  const evaluation = select({
    test: 'training-evaluation',
    label: strings.evaluation,
    options: [{ value: 'split', label: strings.split }],
    onChange: (value) => set({ evaluation: value }),
  });
  // What the formula's symbols stand for is set here.
  linked('parameters', adapter.element);
  linked('parameters', rank.element);
  linked('learning-rate', learningRate.element);
  linked('weight-decay', weightDecay.element);
  for (const { element } of [learningRate, evaluation]) {
    element.classList.add('learning-wide');
  }
  const element = html(
    'fieldset',
    { class: 'learning-form', attributes: { 'aria-label': strings.training } },
    ...[adapter, rank, epochs, batch, weightDecay, seed, learningRate, evaluation].map(
      (control) => control.element,
    ),
  );
  return {
    element,
    update(state, isRunning) {
      const now = usable(state);
      element.disabled = isRunning;
      adapter.set(now.adapter);
      rank.set(now.rank);
      setShown(rank.element, now.adapter === 'low-rank');
      epochs.set(now.epochs);
      batch.set(now.batch);
      weightDecay.set(now.weightDecay);
      seed.set(now.seed);
      learningRate.set(now.learningRate);
      evaluation.set(now.evaluation, [
        { value: 'split', label: strings.split },
        ...(state.others ?? []).map(({ uri, name }) => ({ value: uri, label: name })),
      ]);
    },
  };
}

interface Results {
  readonly element: HTMLElement;
  update(points: readonly TrainingPoint[], unit: PanelUnit): void;
}

const COLUMNS = ['before', 'best', 'last'] as const;

/** Losses and perplexities before training, at the best evaluation and after the last step. */
function makeResults(): Results {
  const measures = [
    { name: strings.trainingLoss, test: 'training-loss', part: 'training', isLoss: true },
    { name: strings.trainingPerplexity, test: 'training-perplexity', part: 'training', isLoss: false },
    { name: strings.evaluationLoss, test: 'evaluation-loss', part: 'evaluation', isLoss: true },
    { name: strings.evaluationPerplexity, test: 'evaluation-perplexity', part: 'evaluation', isLoss: false },
  ] as const;
  const rows = measures.map((measure) => ({
    ...measure,
    head: html('th', { text: measure.name, attributes: { scope: 'row' } }),
    cells: COLUMNS.map((column) => html('td', { test: `${measure.test}-${column}` })),
  }));
  const element = html(
    'table',
    { class: 'learning-results', test: 'training-results' },
    html('caption', { class: 'spoken', text: strings.results }),
    html(
      'thead',
      {},
      html(
        'tr',
        {},
        html('td'),
        ...[strings.beforeTraining, strings.atBest, strings.afterTraining].map((text) =>
          html('th', { text, attributes: { scope: 'col' } }),
        ),
      ),
    ),
    html('tbody', {}, ...rows.map(({ head, cells }) => html('tr', {}, head, ...cells))),
  );
  return {
    element,
    update(points, unit) {
      const shown = [points[0], bestPoint(points)!.point, points[points.length - 1]];
      for (const { name, part, isLoss, head, cells } of rows) {
        setText(head, isLoss ? strings.withUnit(name, unit) : name);
        shown.forEach((point, i) => {
          const nats = point[part];
          setText(cells[i], isLoss ? shortAmount(nats, unit) : rounded(perplexity(nats)));
        });
      }
    },
  };
}
