/** The names that package.json contributes, typed; a unit test holds the two together. No vscode import. */
import { DEFAULT_CACHE_SIZE, type DeviceChoice, type WeightsChoice } from '../engine/protocol';
import type { InformationUnit } from '../loss/units';

/** The section of all settings. */
export const SECTION = 'surprisal';

/** Every setting and the type of its value. */
export interface Settings {
  readonly 'heatmap.enabled': boolean;
  readonly unit: InformationUnit;
  readonly delay: number;
  readonly model: string;
  readonly device: DeviceChoice;
  readonly threads: number;
  readonly weights: WeightsChoice;
  readonly 'cache.size': number;
}

/** Every setting and its default. */
export const DEFAULTS: Settings = {
  'heatmap.enabled': false,
  unit: 'bits',
  delay: 250,
  model: '',
  device: 'auto',
  threads: 0,
  weights: 'auto',
  'cache.size': DEFAULT_CACHE_SIZE,
};

/** Every command. */
export const COMMANDS = {
  toggleHeatmap: 'surprisal.toggleHeatmap',
  turnOffHeatmap: 'surprisal.turnOffHeatmap',
  openPanel: 'surprisal.openPanel',
  pinPanel: 'surprisal.pinPanel',
  unpinPanel: 'surprisal.unpinPanel',
  showLegend: 'surprisal.showLegend',
  showMenu: 'surprisal.showMenu',
  nextSurprise: 'surprisal.nextSurprise',
  previousSurprise: 'surprisal.previousSurprise',
  restartEngine: 'surprisal.restartEngine',
  stopEngine: 'surprisal.stopEngine',
  showLog: 'surprisal.showLog',
} as const;

/** Context keys for `when` clauses. */
export const CONTEXTS = {
  heatmapOn: 'surprisal.heatmapOn',
  /** There is an explainer panel to pin; the active one, if one is active. */
  canPinPanel: 'surprisal.canPinPanel',
  /** There is one to release. */
  canUnpinPanel: 'surprisal.canUnpinPanel',
} as const;
