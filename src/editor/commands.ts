/** The extension's commands. */
import * as vscode from 'vscode';
import type { EngineApi } from '../engine/api';
import { messageOf } from '../model/errors';
import type { ExplainerPanels } from '../panel/panels';
import type { ModelChoice } from './chooseModel';
import type { ModelComparison } from './comparison';
import { setting, writeSetting } from './configuration';
import type { CurrentEditor } from './current';
import { COMMANDS } from './keys';
import type { LegendView } from './legend';
import type { Log } from './log';
import type { Menu } from './menu';
import type { MistakeMarks } from './mistakeMarks';
import type { MistakeSearch } from './mistakeSearch';
import type { Navigator } from './navigate';
import { moveCursor } from './reveal';
import { openSample } from './sample';
import type { SurpriseList } from './surpriseList';
import type { HeatmapSwitch } from './switch';

/** What the commands act on. */
export interface CommandTargets {
  /** The extension's folder. */
  readonly extension: vscode.Uri;
  readonly engine: EngineApi;
  readonly heatmap: HeatmapSwitch;
  readonly current: CurrentEditor;
  readonly models: ModelChoice;
  readonly comparison: ModelComparison;
  readonly panels: ExplainerPanels;
  readonly legend: LegendView;
  readonly menu: Menu;
  readonly surprises: SurpriseList;
  readonly mistakeSearch: MistakeSearch;
  readonly mistakeMarks: MistakeMarks;
  readonly navigator: Navigator;
  readonly log: Log;
}

/** Registers all commands. */
export function registerCommands(targets: CommandTargets): vscode.Disposable {
  const { extension, engine, heatmap, models, comparison, panels, legend, menu, surprises } = targets;
  const { mistakeSearch, mistakeMarks, navigator, log } = targets;
  const handlers: Record<string, (...parameters: never[]) => unknown> = {
    [COMMANDS.toggleHeatmap]: () => heatmap.turn(!heatmap.on),
    [COMMANDS.turnOffHeatmap]: () => heatmap.turn(false),
    [COMMANDS.openSample]: () => openSample(extension, heatmap),
    [COMMANDS.openPanel]: (uri?: unknown, offset?: unknown) => openPanel(targets, uri, offset),
    [COMMANDS.pinPanel]: () => panels.pin(true),
    [COMMANDS.unpinPanel]: () => panels.pin(false),
    [COMMANDS.showLegend]: () => legend.show(),
    [COMMANDS.showMenu]: () => menu.show(),
    [COMMANDS.chooseModel]: () => models.choose(),
    [COMMANDS.downloadModel]: (choice?: unknown) =>
      models.download(typeof choice === 'string' ? choice : undefined),
    [COMMANDS.compareModels]: () => comparison.compare(),
    [COMMANDS.showDifferences]: () => comparison.showLines(),
    [COMMANDS.clearComparison]: () => comparison.clear(),
    [COMMANDS.showSurprises]: () => surprises.show('word'),
    [COMMANDS.showTypos]: () => surprises.show('typo'),
    [COMMANDS.showTokens]: () => surprises.show('token'),
    [COMMANDS.findMistakesInDocument]: () => mistakeSearch.findInDocument(),
    [COMMANDS.findMistakesInChanges]: () => mistakeSearch.findInChanges(),
    [COMMANDS.toggleMistakes]: () => writeSetting('mistakes.onScreen', !setting('mistakes.onScreen')),
    [COMMANDS.clearMistakes]: () => mistakeMarks.clear(),
    [COMMANDS.dismissMistake]: (key: string) => mistakeMarks.dismiss(key),
    [COMMANDS.nextSurprise]: () => navigator.go('next'),
    [COMMANDS.previousSurprise]: () => navigator.go('previous'),
    [COMMANDS.restartEngine]: () =>
      engine.restart().catch((error: unknown) => {
        // The status bar shows the failure; the log keeps it.
        log.error(messageOf(error));
      }),
    [COMMANDS.stopEngine]: async () => {
      // With the heatmap on the next keystroke would start it again.
      await heatmap.turn(false);
      await Promise.all([engine.stop(), comparison.stop()]);
    },
    [COMMANDS.showLog]: () => log.show(),
  };
  return vscode.Disposable.from(
    ...Object.entries(handlers).map(([id, handler]) => vscode.commands.registerCommand(id, handler)),
  );
}

/** Opens the panel, on the token at an offset when the hover's link names one; a menu passes something else. */
function openPanel({ current, panels }: CommandTargets, uri: unknown, offset: unknown): void {
  if (typeof uri === 'string' && typeof offset === 'number') {
    const editors = [current.editor, ...vscode.window.visibleTextEditors];
    const editor = editors.find((candidate) => candidate?.document.uri.toString() === uri);
    if (editor) {
      moveCursor(editor, offset);
    }
  }
  panels.show();
}
