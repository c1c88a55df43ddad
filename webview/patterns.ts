/** The hatchings of marks that must not be told apart by colour alone; style sheets refer to them by their ids. */
import { svg } from './dom';

/** Makes the definitions; they have to be in the page once. */
export function makePatterns(): SVGSVGElement {
  return svg(
    'svg',
    { class: 'patterns', attributes: { 'aria-hidden': 'true', width: '0', height: '0' } },
    svg(
      'defs',
      {},
      hatching('hatch-rest', 'M-1 1 1 -1M0 5 5 0M4 6 6 4'),
      hatching('hatch-bad', 'M0 0 5 5M-1 4 1 6M4 -1 6 1'),
    ),
  );
}

function hatching(id: string, strokes: string): SVGPatternElement {
  return svg(
    'pattern',
    { id, attributes: { width: '5', height: '5', patternUnits: 'userSpaceOnUse' } },
    svg('path', { class: id, attributes: { d: strokes } }),
  );
}
