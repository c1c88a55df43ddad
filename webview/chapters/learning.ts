/** Learning: a step on one token's logits, and real training of the output layer's adapter. */
import { chapter } from '../chapter';
import { setShown } from '../dom';
import type { MakeView } from '../view';
import { makeStep } from './learning/step';
import { makeTraining } from './learning/training';
import { learningStrings as strings } from './learning.strings';
import './learning.css';

/** Makes the chapter on learning. */
export const makeLearning: MakeView = (host) => {
  const step = makeStep(host);
  const training = makeTraining(host);
  const { element, text } = chapter('learning', strings.title, step.element, training.element);
  // Each part has its own sentences.
  setShown(text, false);
  return {
    element,
    update(state) {
      step.update(state);
      training.update(state);
    },
  };
};
