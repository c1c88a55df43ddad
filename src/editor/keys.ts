/** The names that package.json contributes, typed; a unit test holds the two together. No vscode import. */
import {
  DEFAULT_CACHE_SIZE,
  DEVICE_CHOICES,
  type DeviceChoice,
  MOST_THREADS,
  type WeightsChoice,
} from '../engine/protocol';
import { INFORMATION_UNITS, type InformationUnit } from '../loss/units';
import { WEIGHTS_CHOICES } from '../model/devices';

/** The section of all settings. */
export const SECTION = 'surprisal';

/** Every setting and the type of its value. */
export interface Settings {
  readonly 'heatmap.enabled': boolean;
  readonly 'mistakes.onScreen': boolean;
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
  'mistakes.onScreen': false,
  unit: 'bits',
  delay: 250,
  model: '',
  device: 'auto',
  threads: 0,
  weights: 'auto',
  'cache.size': DEFAULT_CACHE_SIZE,
};

/** The name of every setting. */
export const SETTING_NAMES = Object.keys(DEFAULTS) as readonly (keyof Settings)[];

/** The values of the settings that have a choice of them. */
export const CHOICES: { readonly [Name in keyof Settings]?: readonly Settings[Name][] } = {
  unit: INFORMATION_UNITS,
  device: DEVICE_CHOICES,
  weights: WEIGHTS_CHOICES,
};

/** The smallest and the largest value of the settings that are numbers. Those are whole but for the delay. */
export const LIMITS: { readonly [Name in keyof Settings]?: readonly [least: number, most: number] } = {
  delay: [0, 10_000],
  threads: [0, MOST_THREADS],
  'cache.size': [64, 65_536],
};

/** A setting's value as the code can rely on it: VS Code marks one that cannot be used, and passes it on all the same. */
export function usable<Name extends keyof Settings>(name: Name, value: unknown): Settings[Name] {
  const fallback: unknown = DEFAULTS[name];
  let used = fallback;
  const choices: readonly unknown[] | undefined = CHOICES[name];
  const limits = LIMITS[name];
  if (choices) {
    used = choices.includes(value) ? value : fallback;
  } else if (limits) {
    const isNumber = typeof value === 'number' && Number.isFinite(value);
    const within = isNumber ? Math.min(Math.max(value, limits[0]), limits[1]) : fallback;
    used = name === 'delay' ? within : Math.trunc(within as number);
  } else if (typeof value === typeof fallback) {
    used = value;
  }
  return used as Settings[Name];
}

/** Every command. */
export const COMMANDS = {
  toggleHeatmap: 'surprisal.toggleHeatmap',
  turnOffHeatmap: 'surprisal.turnOffHeatmap',
  openSample: 'surprisal.openSample',
  openPanel: 'surprisal.openPanel',
  pinPanel: 'surprisal.pinPanel',
  unpinPanel: 'surprisal.unpinPanel',
  showLegend: 'surprisal.showLegend',
  showMenu: 'surprisal.showMenu',
  chooseModel: 'surprisal.chooseModel',
  downloadModel: 'surprisal.downloadModel',
  compareModels: 'surprisal.compareModels',
  showDifferences: 'surprisal.showDifferences',
  clearComparison: 'surprisal.clearComparison',
  showSurprises: 'surprisal.showSurprises',
  showTypos: 'surprisal.showTypos',
  showTokens: 'surprisal.showTokens',
  findMistakesInDocument: 'surprisal.findMistakesInDocument',
  findMistakesInChanges: 'surprisal.findMistakesInChanges',
  toggleMistakes: 'surprisal.toggleMistakes',
  clearMistakes: 'surprisal.clearMistakes',
  dismissMistake: 'surprisal.dismissMistake',
  nextSurprise: 'surprisal.nextSurprise',
  previousSurprise: 'surprisal.previousSurprise',
  restartEngine: 'surprisal.restartEngine',
  stopEngine: 'surprisal.stopEngine',
  showLog: 'surprisal.showLog',
} as const;

/** Context keys for `when` clauses. */
export const CONTEXTS = {
  heatmapOn: 'surprisal.heatmapOn',
  /** The active editor shows by how much another model differs. */
  hasComparison: 'surprisal.hasComparison',
  /** Likely mistakes in what has changed are shown. */
  hasMistakes: 'surprisal.hasMistakes',
  /** There is an explainer panel to pin; the active one, if one is active. */
  canPinPanel: 'surprisal.canPinPanel',
  /** There is one to release. */
  canUnpinPanel: 'surprisal.canUnpinPanel',
} as const;
