/** The extension's entry: wires the rooms, nothing else. */
import * as vscode from 'vscode';
import { Api, type SurprisalApi } from './editor/api';
import { ModelChoice } from './editor/chooseModel';
import { registerCommands } from './editor/commands';
import { ModelComparison } from './editor/comparison';
import { logUnusableSettings, onDidChangeSetting } from './editor/configuration';
import { CurrentEditor } from './editor/current';
import { ModelDownloads } from './editor/downloads';
import { engineSettings } from './editor/engineSettings';
import { Heatmap } from './editor/heatmap';
import { HeatTypes } from './editor/heatTypes';
import { TokenHover } from './editor/hover';
import { IdleStop } from './editor/idle';
import { COMMANDS, CONTEXTS } from './editor/keys';
import { LegendView } from './editor/legend';
import { Log } from './editor/log';
import { Menu } from './editor/menu';
import { MistakeMarks } from './editor/mistakeMarks';
import { MistakeSearch } from './editor/mistakeSearch';
import { MistakeWatch } from './editor/mistakeWatch';
import { Navigator } from './editor/navigate';
import { EditorPanelSource } from './editor/panelSource';
import { TextReader } from './editor/reading';
import { DocumentScores } from './editor/scores';
import { StatusBar } from './editor/statusBar';
import { SurpriseList } from './editor/surpriseList';
import { HeatmapSwitch } from './editor/switch';
import { Trainings } from './editor/trainings';
import { WholeProgress } from './editor/wholeProgress';
import type { EngineSettings } from './engine/api';
import { Engine } from './engine/client';
import { ExplainerPanels } from './panel/panels';

export type { Losses, ScoredEvent, SurprisalApi } from './editor/api';

let engine: Engine | undefined;
let comparison: ModelComparison | undefined;

/** Called by VS Code once, after startup. The model's process starts with the first thing to score. */
export function activate(context: vscode.ExtensionContext): SurprisalApi {
  const log = new Log();
  const settings = () => engineSettings(context.extensionPath);
  const newEngine = (its: EngineSettings) =>
    new Engine({
      hostPath: context.asAbsolutePath('dist/engine.cjs'),
      settings: its,
      log: (line) => log.info(line),
    });
  const started = newEngine(settings());
  engine = started;
  const heatmap = new HeatmapSwitch();
  const current = new CurrentEditor();
  const types = new HeatTypes();
  const scores = new DocumentScores(started, heatmap, log);
  const drawing = new Heatmap(scores, heatmap, types);
  const hover = new TokenHover(scores, started, heatmap, log);
  const statusBar = new StatusBar(scores, started, heatmap, current);
  const wholeProgress = new WholeProgress(scores);
  const legend = new LegendView(types);
  const trainings = new Trainings(scores, started, log);
  const source = new EditorPanelSource(scores, started, current, trainings, heatmap);
  const panels = new ExplainerPanels(context.extensionUri, source, ({ canPin, canUnpin }) => {
    void vscode.commands.executeCommand('setContext', CONTEXTS.canPinPanel, canPin);
    void vscode.commands.executeCommand('setContext', CONTEXTS.canUnpinPanel, canUnpin);
  });
  const downloads = new ModelDownloads(context.asAbsolutePath('dist/checks.cjs'), log);
  const models = new ModelChoice({
    downloads,
    load: () => {
      if (started.state.kind === 'failed') {
        void vscode.commands.executeCommand(COMMANDS.restartEngine);
      }
    },
  });
  const comparing = new ModelComparison(
    started,
    {
      settings: (model) => engineSettings(context.extensionPath, model),
      engine: newEngine,
      pick: (question) => models.pick(question),
    },
    current,
    log,
  );
  comparison = comparing;
  const reader = new TextReader(started, log);
  const isBusy = () => scores.isWanted || trainings.isRunning || comparing.isRunning || reader.isRunning;
  const idleStop = new IdleStop(started, isBusy);
  const mistakeMarks = new MistakeMarks();
  const mistakeSearch = new MistakeSearch(reader, current, mistakeMarks);
  const mistakeWatch = new MistakeWatch(scores, started, current, mistakeMarks, log);
  const menu = new Menu(scores, started, heatmap, current, statusBar, comparing, mistakeMarks);
  const surprises = new SurpriseList(scores, current);
  const navigator = new Navigator(scores, current);
  const api = new Api(scores, drawing, trainings, panels);
  context.subscriptions.push(
    logUnusableSettings(log),
    registerCommands({
      extension: context.extensionUri,
      engine: started,
      heatmap,
      current,
      models,
      comparison: comparing,
      panels,
      legend,
      menu,
      surprises,
      mistakeSearch,
      mistakeMarks,
      navigator,
      log,
    }),
    onDidChangeSetting(['model', 'device', 'threads', 'weights', 'cache.size'], () => {
      // A setting may change without its value: in a file that another one overrides.
      if (started.configure(settings())) {
        scores.reset();
      }
    }),
    ...[
      idleStop,
      api,
      panels,
      source,
      trainings,
      comparing,
      downloads,
      legend,
      surprises,
      reader,
      mistakeWatch,
      mistakeMarks,
      navigator,
      wholeProgress,
      statusBar,
      hover,
      drawing,
      scores,
      types,
      current,
      heatmap,
      log,
    ],
  );
  return api;
}

/** Called by VS Code at the end; waits for the model's process to be gone. */
export async function deactivate(): Promise<void> {
  await Promise.all([engine?.stop(), comparison?.stop()]);
  engine?.dispose();
}
