/** The heatmap's colours in the page: the same steps as in the editor. */
import { heatOf } from '../src/loss/heat';

/** Colours an element by a surprisal in nats; without one it stays uncoloured. */
export function setHeat(element: HTMLElement, nats: number | undefined): void {
  const heat = nats === undefined ? 'none' : String(heatOf(nats));
  if (element.dataset.heat !== heat) {
    element.dataset.heat = heat;
  }
}
