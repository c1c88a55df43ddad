/** The menu behind the status bar item: everything that can be done, each with a word on it. */
import * as vscode from 'vscode';
import type { EngineApi } from '../engine/api';
import type { DeviceInfo } from '../engine/protocol';
import { SURPRISING_BITS } from '../loss/heat';
import { formatCount, INFORMATION_UNITS, type InformationUnit } from '../loss/units';
import { hubName } from '../model/found';
import type { ModelComparison } from './comparison';
import { comparisonSentence } from './comparisonText';
import { setting, writeSetting } from './configuration';
import type { CurrentEditor } from './current';
import { COMMANDS, SECTION } from './keys';
import type { MistakeMarks } from './mistakeMarks';
import type { DocumentScores } from './scores';
import type { StatusBar } from './statusBar';
import { describeDevice, describeStatistics } from './statusText';
import type { HeatmapSwitch } from './switch';

const t = vscode.l10n.t;

interface MenuItem extends vscode.QuickPickItem {
  readonly run?: () => unknown;
}

/** Shows the menu. */
export class Menu {
  readonly #scores: DocumentScores;
  readonly #engine: EngineApi;
  readonly #heatmap: HeatmapSwitch;
  readonly #current: CurrentEditor;
  readonly #statusBar: StatusBar;
  readonly #comparison: ModelComparison;
  readonly #marks: MistakeMarks;

  constructor(
    scores: DocumentScores,
    engine: EngineApi,
    heatmap: HeatmapSwitch,
    current: CurrentEditor,
    statusBar: StatusBar,
    comparison: ModelComparison,
    marks: MistakeMarks,
  ) {
    this.#scores = scores;
    this.#engine = engine;
    this.#heatmap = heatmap;
    this.#current = current;
    this.#statusBar = statusBar;
    this.#comparison = comparison;
    this.#marks = marks;
  }

  /** Lets the user choose, and does it. */
  async show(): Promise<void> {
    const status = this.#statusBar.text;
    const model = [separator(t('Model and device')), ...this.#model()];
    const rest = [...this.#views(), separator(t('Document')), ...this.#document()];
    // After a failure, what helps comes first.
    const items =
      status.severity === 'error' ? [...model, separator(t('Views')), ...rest] : [...rest, ...model];
    const chosen = await vscode.window.showQuickPick(items, {
      title: `Surprisal: ${status.headline}`,
      placeHolder: status.details[0] ?? t('Choose what to do'),
      matchOnDetail: true,
    });
    await chosen?.run?.();
  }

  #views(): MenuItem[] {
    const { on } = this.#heatmap;
    const unit = setting('unit');
    const next = INFORMATION_UNITS[(INFORMATION_UNITS.indexOf(unit) + 1) % INFORMATION_UNITS.length];
    return [
      {
        label: on ? t('$(flame) Turn Off Heatmap') : t('$(flame) Turn On Heatmap'),
        detail: on
          ? t('Take the colours away')
          : t('Colour every token of the visible editors by its surprisal'),
        run: () => this.#heatmap.turn(!on),
      },
      command(
        t('$(graph) Open Explainer Panel'),
        t('What the model expected at the cursor, and how the loss comes about'),
        COMMANDS.openPanel,
      ),
      command(
        t('$(list-ordered) Show Most Surprising Words'),
        t('All over the document, with their lines'),
        COMMANDS.showSurprises,
      ),
      command(
        t('$(edit) Show Likely Typos'),
        t('Surprising words with a part that occurs only once in the document'),
        COMMANDS.showTypos,
      ),
      command(
        t('$(checklist) Find Likely Mistakes in Document'),
        t('Misspelt words, and wrong ones, on the selected lines or on all'),
        COMMANDS.findMistakesInDocument,
      ),
      command(
        t('$(git-compare) Find Likely Mistakes in Changes'),
        t('In all files, on the lines that have changed since the last commit, or on the branch'),
        COMMANDS.findMistakesInChanges,
      ),
      setting('mistakes.onScreen')
        ? command(
            t('$(eye-closed) Stop Marking Likely Mistakes on Screen'),
            t('And take those away that were marked without being asked for'),
            COMMANDS.toggleMistakes,
          )
        : command(
            t('$(eye) Mark Likely Mistakes on Screen'),
            t('Without being asked for, wherever you scroll and write'),
            COMMANDS.toggleMistakes,
          ),
      ...(this.#marks.any
        ? [
            command(
              t('$(clear-all) Clear Likely Mistakes'),
              t('Take them away from the Problems view'),
              COMMANDS.clearMistakes,
            ),
          ]
        : []),
      command(
        t('$(arrow-down) Go to Next Surprising Token'),
        t('The next token of {0} bits or more', SURPRISING_BITS),
        COMMANDS.nextSurprise,
      ),
      command(
        t('$(symbol-color) Show Legend'),
        t('What the colours mean, in the current theme'),
        COMMANDS.showLegend,
      ),
      {
        label: showUnit(next),
        detail: t('Surprisal is shown in {0} now; the colours stay the same', unit),
        run: () => writeSetting('unit', next),
      },
    ];
  }

  #document(): MenuItem[] {
    const document = this.#current.editor?.document;
    if (!document) {
      return [{ label: t('$(info) No document is open'), detail: t('Open a file to score it') }];
    }
    const { summary } = this.#statusBar.text;
    const state = this.#scores.get(document.uri);
    if (state?.whole) {
      return [
        {
          label: t('$(debug-stop) Stop Scoring This Document'),
          detail: t('What is scored so far stays; what is on screen goes on being scored'),
          run: () => this.#scores.cancelWhole(document),
        },
      ];
    }
    const isScored = state?.complete || (state?.part && state.losses?.complete);
    const score: MenuItem = {
      label: t('$(play) Score This Document'),
      detail: state?.part
        ? t(
            'All of its {0} characters; this may take long, and can be stopped',
            formatCount(state.textLength),
          )
        : t('Compute its surprisal now, whether the heatmap is on or not'),
      run: () => this.#score(document),
    };
    if (summary === '' || !state || !isScored) {
      return [score];
    }
    const { losses, trained } = state;
    return [
      ...(state.part ? [score] : []),
      ...(losses && trained
        ? [
            {
              label: t('$(discard) Show the Model as It Is'),
              detail: t('The numbers and colours are those after training in the explainer panel'),
              run: () => this.#scores.showTrained(document, losses, undefined),
            },
          ]
        : []),
      {
        label: `$(list-flat) ${summary}`,
        detail: state.part
          ? t('The part that is scored')
          : state.statistics
            ? describeStatistics(state.statistics, t)
            : t('The document as a whole'),
      },
    ];
  }

  /** What can be done with two models on the document. */
  #comparisons(): MenuItem[] {
    const document = this.#current.editor?.document;
    if (!document) {
      return [];
    }
    const compared = this.#comparison.of(document);
    return [
      command(
        t('$(diff) Compare Models'),
        t('Have another model read the document, and see by how much the two differ, and where'),
        COMMANDS.compareModels,
      ),
      ...(compared
        ? [
            command(
              t('$(list-ordered) Show Lines Where Models Differ'),
              comparisonSentence(compared, t),
              COMMANDS.showDifferences,
            ),
            command(
              t('$(clear-all) Clear Comparison'),
              t('Take away what is written behind the lines'),
              COMMANDS.clearComparison,
            ),
          ]
        : []),
    ];
  }

  #model(): MenuItem[] {
    const engine = this.#engine.state;
    const items: MenuItem[] = [];
    if (engine.kind === 'ready') {
      const { model, device, degraded } = engine;
      items.push({
        label: `$(chip) ${model.name}`,
        description: describeDevice(device.provider, device.name, device.threads, t),
        detail: degraded ?? t('Why this device was chosen'),
        run: () => this.#showReasons(device, degraded),
      });
    }
    const named = setting('model').trim();
    if (engine.kind === 'failed' && engine.problem.code === 'model-missing' && hubName(named)) {
      items.push({
        label: t('$(cloud-download) Download {0}', named),
        detail: t('From Hugging Face\u2019s hub'),
        run: () => vscode.commands.executeCommand(COMMANDS.downloadModel, named),
      });
    }
    items.push(
      command(
        t('$(package) Choose Model'),
        t('The bundled one, another one that is on this computer, or one to download'),
        COMMANDS.chooseModel,
      ),
      ...this.#comparisons(),
      ...(engine.kind === 'off'
        ? [
            command(
              t('$(play) Start Engine'),
              t('Start the model\u2019s process now; it starts by itself with the next thing to score'),
              COMMANDS.restartEngine,
            ),
          ]
        : [
            command(
              t('$(debug-restart) Restart Engine'),
              t('End the model\u2019s process and start it anew'),
              COMMANDS.restartEngine,
            ),
            command(
              t('$(debug-stop) Stop Engine'),
              t('Turn the heatmap off and free the model\u2019s memory'),
              COMMANDS.stopEngine,
            ),
          ]),
      {
        label: t('$(settings-gear) Open Settings'),
        detail: t('Model, device, threads, memory, delay, unit'),
        run: () => vscode.commands.executeCommand('workbench.action.openSettings', SECTION),
      },
      command(t('$(output) Show Log'), t('What the engine has reported'), COMMANDS.showLog),
    );
    return items;
  }

  async #score(document: vscode.TextDocument): Promise<void> {
    try {
      await this.#scores.score(document);
    } catch {
      // The status bar says what went wrong; closing the document, or stopping, is no failure.
    }
  }

  async #showReasons({ reasons, int8 }: DeviceInfo, degraded: string | undefined): Promise<void> {
    // What is amiss first; it is one of the reasons as well.
    const lines = new Set([...(degraded === undefined ? [] : [degraded]), ...reasons]);
    const items: MenuItem[] = Array.from(lines, (reason) => ({ label: reason }));
    items.push(separator(''), ...weightsItems(int8), {
      label: t('$(settings-gear) Choose Another Device'),
      run: () => vscode.commands.executeCommand('workbench.action.openSettings', `${SECTION}.device`),
    });
    const chosen = await vscode.window.showQuickPick(items, { title: t('Why this device') });
    await chosen?.run?.();
  }
}

/** Offers what the weights are not in: 8 bits, or exact. */
function weightsItems(int8: DeviceInfo['int8']): MenuItem[] {
  switch (int8) {
    case 'possible':
      return [
        {
          label: t('$(zap) Use 8-Bit Weights'),
          detail: t(
            'Faster on most such processors; a surprisal is 0.06 to 0.07 bits off on average, bits per byte 0.001',
          ),
          run: () => writeSetting('weights', 'int8'),
        },
      ];
    case 'taken':
      return [
        {
          label: t('$(discard) Use Exact Weights'),
          detail: t('The published values, as float32 or in 4 bits'),
          run: () => writeSetting('weights', 'auto'),
        },
      ];
    default:
      return [];
  }
}

function showUnit(unit: InformationUnit): string {
  switch (unit) {
    case 'bits':
      return t('$(symbol-ruler) Show Bits');
    case 'nats':
      return t('$(symbol-ruler) Show Nats');
    case 'hartleys':
      return t('$(symbol-ruler) Show Hartleys');
  }
}

function command(label: string, detail: string, id: string): MenuItem {
  return { label, detail, run: () => vscode.commands.executeCommand(id) };
}

function separator(label: string): MenuItem {
  return { label, kind: vscode.QuickPickItemKind.Separator };
}
