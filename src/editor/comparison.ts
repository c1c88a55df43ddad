/** Compares the model in use with another one on a document, and writes behind its lines where they differ. */
import { basename } from 'node:path';
import * as vscode from 'vscode';
import { CancelledError, type EngineApi, type EngineSettings, reasonOf } from '../engine/api';
import { gatherScores } from '../engine/gather';
import { lossesByLine, mostDifferent, pairedDifference } from '../loss/comparison';
import { lineStarts } from '../text/lines';
import { comparisonColourId } from '../text/palette';
import type { ModelQuestion } from './chooseModel';
import { onDidCloseDocument } from './closing';
import { type Compared, comparisonSentence, differenceText } from './comparisonText';
import { onDidChangeSetting, setting } from './configuration';
import type { CurrentEditor } from './current';
import { CONTEXTS } from './keys';
import { lineExcerpt } from './lineExcerpt';
import type { Log } from './log';
import { showError, showInformation } from './notices';
import { editorsOf } from './scores';

const t = vscode.l10n.t;

/** Nats from which on a difference is written behind its line: one bit. */
const WORTH_A_WORD = Math.LN2;
/** Lines behind which something is written at most, those with the largest differences. */
const MOST_WRITTEN = 2000;
/** Lines that are listed. */
const LISTED = 50;

/** Another model, as an engine can be had for it. */
export interface OtherModels {
  /** The settings with which the model in use runs, but for another model, as `surprisal.model` names it. */
  settings(model: string): EngineSettings;
  engine(settings: EngineSettings): EngineApi;
  /** Lets the user choose one. @returns what `surprisal.model` is for it; undefined when none was */
  pick(question: ModelQuestion): Promise<string | undefined>;
}

/** A comparison that is shown. */
interface Shown {
  readonly compared: Compared;
  /** The lines behind which something is written. */
  readonly lines: readonly number[];
}

/** The comparisons that are shown, at most one of each document. */
export class ModelComparison implements vscode.Disposable {
  readonly #engine: EngineApi;
  readonly #others: OtherModels;
  readonly #current: CurrentEditor;
  readonly #log: Log;
  readonly #shown = new Map<vscode.TextDocument, Shown>();
  readonly #subscriptions: vscode.Disposable[];
  /** What gives each comparison under way up. */
  readonly #running = new Map<AbortController, vscode.TextDocument>();
  /** All that runs, and the other engines' ends. */
  readonly #ends = new Set<Promise<unknown>>();
  #comparisons = 0;
  #has: boolean | undefined;
  readonly #types = {
    more: annotation(comparisonColourId('more')),
    less: annotation(comparisonColourId('less')),
  };

  constructor(engine: EngineApi, others: OtherModels, current: CurrentEditor, log: Log) {
    this.#engine = engine;
    this.#others = others;
    this.#current = current;
    this.#log = log;
    this.#subscriptions = [
      this.#types.more,
      this.#types.less,
      current.onDidChange(() => this.#tell()),
      vscode.window.onDidChangeVisibleTextEditors((editors) => this.#draw(editors)),
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        if (contentChanges.length > 0) {
          // The numbers were of another text.
          this.#forget(document);
        }
      }),
      onDidCloseDocument((document) => {
        this.#forget(document);
        this.#giveUp((read) => read === document);
      }),
      onDidChangeSetting(['unit'], () => this.#draw(vscode.window.visibleTextEditors)),
      onDidChangeSetting(['model'], () => {
        for (const document of [...this.#shown.keys()]) {
          this.#forget(document);
        }
        // What is read by then would be another model's.
        if (this.#giveUp()) {
          void showInformation(t('The comparison was given up, for another model is in use now.'));
        }
      }),
    ];
    this.#tell();
  }

  /** Whether a model is reading. */
  get isRunning(): boolean {
    return this.#running.size > 0;
  }

  /** What is shown of a document. */
  of(document: vscode.TextDocument | undefined): Compared | undefined {
    return document && this.#shown.get(document)?.compared;
  }

  /** Lets the user choose the other model, has both read the document, and shows what came of it. */
  async compare(): Promise<void> {
    const document = this.#current.editor?.document;
    if (!document) {
      void showInformation(t('Open a file first.'));
      return;
    }
    if (document.getText().length === 0) {
      void showInformation(t('There is no text to compare models on.'));
      return;
    }
    const model = await this.#others.pick({
      title: t('Surprisal: Compare Models'),
      placeHolder: t('With which model'),
      isOther: true,
    });
    if (model === undefined) {
      return;
    }
    if (document.isClosed) {
      // A download may have come between.
      void showInformation(t('{0} was closed meanwhile.', basename(document.uri.path)));
      return;
    }
    const { version } = document;
    let compared: Compared;
    const controller = new AbortController();
    this.#running.set(controller, document);
    const run = this.#compareWith(model, document, controller);
    const end = run.catch(() => {});
    this.#ends.add(end);
    try {
      compared = await run;
    } catch (error) {
      if (!(error instanceof CancelledError)) {
        const reason = reasonOf(error);
        this.#log.error(reason);
        void showError(reason);
      }
      return;
    } finally {
      this.#running.delete(controller);
      this.#ends.delete(end);
    }
    if (document.isClosed) {
      return;
    }
    const sentence = comparisonSentence(compared, t);
    if (document.version !== version) {
      void showInformation(
        t('{0} The text has changed since then, so that its lines are not marked.', sentence),
      );
      return;
    }
    const [first, second] = compared.losses;
    const lines = mostDifferent(first, second, MOST_WRITTEN).filter(
      (line) => Math.abs(second[line] - first[line]) >= WORTH_A_WORD,
    );
    this.#shown.set(document, { compared, lines });
    this.#draw(vscode.window.visibleTextEditors);
    this.#tell();
    const [list, clear] = [t('Show Lines'), t('Clear')];
    const chosen = await showInformation(sentence, list, clear);
    if (this.of(document) !== compared) {
      if (chosen === list) {
        void showInformation(
          t('The text or the model has changed since then, so that there are no lines to show.'),
        );
      }
    } else if (chosen === list) {
      await this.showLines(document);
    } else if (chosen === clear) {
      this.#forget(document);
    }
  }

  /** Lists the lines on which the models differ most, to go there. */
  async showLines(document = this.#current.editor?.document): Promise<void> {
    const compared = this.of(document);
    if (!document || !compared) {
      void showInformation(t('No models were compared on this document.'));
      return;
    }
    const [first, second] = compared.losses;
    const unit = setting('unit');
    const items = mostDifferent(first, second, LISTED).map((line) => ({
      label: differenceText(first[line], second[line], unit),
      description: t('line {0}', line + 1),
      detail: lineExcerpt(document.lineAt(line).text) || t('(blank)'),
      line,
    }));
    const chosen = await vscode.window.showQuickPick(items, {
      title: comparisonSentence(compared, t),
      placeHolder: t('Lines where {0} differs most from {1}', compared.models[1], compared.models[0]),
      matchOnDetail: true,
    });
    if (chosen) {
      // Where it is on screen: in the active group there may be the panel.
      const [shown] = editorsOf(document);
      const editor =
        shown && (shown === vscode.window.activeTextEditor || shown.viewColumn === undefined)
          ? shown
          : await vscode.window.showTextDocument(document, shown?.viewColumn);
      const { range } = document.lineAt(chosen.line);
      editor.selection = new vscode.Selection(range.start, range.start);
      editor.revealRange(range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
    }
  }

  /** Takes away what is shown of the current document. */
  clear(): void {
    const document = this.#current.editor?.document;
    if (document) {
      this.#forget(document);
    }
  }

  /** Gives up what is being compared. Resolves when the other models' processes are gone. */
  async stop(): Promise<void> {
    this.#giveUp();
    await Promise.all(this.#ends);
  }

  dispose(): void {
    this.#giveUp();
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
  }

  /** @throws EngineError | CancelledError */
  async #compareWith(
    model: string,
    document: vscode.TextDocument,
    controller: AbortController,
  ): Promise<Compared> {
    const text = document.getText();
    const name = basename(document.uri.path);
    // Of its own: two comparisons may read the same document at once.
    const key = `comparison ${++this.#comparisons}`;
    return vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: t('Surprisal: comparing models on {0}', name),
        cancellable: true,
      },
      async (progress, cancellation) => {
        cancellation.onCancellationRequested(() => controller.abort());
        const starts = lineStarts(text);
        const read = async (engine: EngineApi, number: number): Promise<readonly [string, Float64Array]> => {
          let told = 0;
          try {
            progress.report({ message: t('model {0} of 2', number) });
            const ready = engine.ensureReady();
            // It is waited for below, unless the scoring tells first what is wrong.
            ready.catch(() => {});
            const { losses } = await gatherScores(
              engine,
              key,
              text,
              {
                progress: (done, total) => {
                  const percent = Math.floor((100 * done) / total);
                  if (percent > told) {
                    told = percent;
                    progress.report({ message: t('model {0} of 2, {1} %', number, percent) });
                  }
                },
              },
              { signal: controller.signal },
            );
            const { name: modelName } = (await ready).model;
            return [modelName, lossesByLine(losses.layout.starts, losses.nats, starts)];
          } finally {
            engine.forget(key);
          }
        };
        const first = await read(this.#engine, 1);
        const other = this.#others.engine(this.#others.settings(model));
        try {
          const second = await read(other, 2);
          return {
            name,
            bytes: Buffer.byteLength(text),
            models: [first[0], second[0]],
            losses: [first[1], second[1]],
            difference: pairedDifference(first[1], second[1]),
          };
        } finally {
          await other.stop();
          other.dispose();
        }
      },
    );
  }

  /** @returns whether there was something to give up */
  #giveUp(isMeant: (document: vscode.TextDocument) => boolean = () => true): boolean {
    const meant = [...this.#running].filter(([, document]) => isMeant(document));
    for (const [controller] of meant) {
      controller.abort();
    }
    return meant.length > 0;
  }

  #forget(document: vscode.TextDocument): void {
    if (this.#shown.delete(document)) {
      this.#draw(vscode.window.visibleTextEditors);
      this.#tell();
    }
  }

  #tell(): void {
    const has = this.of(this.#current.editor?.document) !== undefined;
    if (has !== this.#has) {
      this.#has = has;
      void vscode.commands.executeCommand('setContext', CONTEXTS.hasComparison, has);
    }
  }

  #draw(editors: readonly vscode.TextEditor[]): void {
    const unit = setting('unit');
    for (const editor of editors) {
      const written: Record<'more' | 'less', vscode.DecorationOptions[]> = { more: [], less: [] };
      const shown = this.#shown.get(editor.document);
      if (shown) {
        const [first, second] = shown.compared.losses;
        for (const line of shown.lines) {
          const { end } = editor.document.lineAt(line).range;
          written[second[line] > first[line] ? 'more' : 'less'].push({
            range: new vscode.Range(end, end),
            renderOptions: { after: { contentText: differenceText(first[line], second[line], unit) } },
          });
        }
      }
      editor.setDecorations(this.#types.more, written.more);
      editor.setDecorations(this.#types.less, written.less);
    }
  }
}

/** What is written behind lines. */
function annotation(colour: string): vscode.TextEditorDecorationType {
  const color = new vscode.ThemeColor(colour);
  return vscode.window.createTextEditorDecorationType({
    after: { color, margin: '0 0 0 3em' },
    overviewRulerColor: color,
    overviewRulerLane: vscode.OverviewRulerLane.Center,
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedOpen,
  });
}
