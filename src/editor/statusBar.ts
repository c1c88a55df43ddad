/** The status bar item: the current document in numbers, and how the engine stands. */
import * as vscode from 'vscode';
import type { EngineApi } from '../engine/api';
import { HEAT_BINS } from '../loss/heat';
import { heatColourId } from '../text/palette';
import { onDidChangeSetting, setting } from './configuration';
import type { CurrentEditor } from './current';
import { COMMANDS } from './keys';
import { shortRange } from './legendText';
import { commandLink, escapeMarkdown } from './markdown';
import { isScorable } from './scorable';
import type { DocumentScores, DocumentState } from './scores';
import {
  type DocumentStanding,
  describeStatistics,
  type SpanTotals,
  type StatusInput,
  type StatusRow,
  type StatusText,
  statusText,
} from './statusText';
import type { HeatmapSwitch } from './switch';
import { approximateTotals, exactTotals } from './totals';

/** The item is updated at most this often, in milliseconds. */
const INTERVAL = 100;

const t = vscode.l10n.t;

/** Shows the document's numbers, or the selection's; clicking it opens the menu. */
export class StatusBar implements vscode.Disposable {
  readonly #scores: DocumentScores;
  readonly #engine: EngineApi;
  readonly #heatmap: HeatmapSwitch;
  readonly #current: CurrentEditor;
  readonly #item: vscode.StatusBarItem;
  readonly #subscriptions: vscode.Disposable[];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #counted: { readonly losses: unknown; readonly totals: SpanTotals } | undefined;

  constructor(scores: DocumentScores, engine: EngineApi, heatmap: HeatmapSwitch, current: CurrentEditor) {
    this.#scores = scores;
    this.#engine = engine;
    this.#heatmap = heatmap;
    this.#current = current;
    this.#item = vscode.window.createStatusBarItem('surprisal.status', vscode.StatusBarAlignment.Right, 100);
    this.#item.name = 'Surprisal';
    this.#item.command = COMMANDS.showMenu;
    const update = () => this.#schedule();
    this.#subscriptions = [
      this.#item,
      engine.onDidChangeState(update),
      heatmap.onDidChange(update),
      current.onDidChange(update),
      vscode.window.onDidChangeActiveTextEditor(update),
      scores.onDidChange((document) => {
        if (document === current.editor?.document) {
          update();
        }
      }),
      onDidChangeSetting(['unit'], update),
    ];
    this.#update();
    this.#item.show();
  }

  /** What the item says now. */
  get text(): StatusText {
    return statusText(this.#input(), t);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#update();
    }, INTERVAL);
  }

  #update(): void {
    const input = this.#input();
    const status = statusText(input, t);
    this.#item.text = status.text;
    this.#item.tooltip = tooltipOf(status, input, this.#heatmap.on);
    this.#item.accessibilityInformation = { label: status.label, role: 'button' };
    this.#item.backgroundColor =
      status.severity === 'error' ? new vscode.ThemeColor('statusBarItem.errorBackground') : undefined;
  }

  #input(): StatusInput {
    const base = { engine: this.#engine.state, heatmapOn: this.#heatmap.on, unit: setting('unit') };
    const editor = this.#current.editor ?? vscode.window.activeTextEditor;
    if (!editor) {
      return base;
    }
    const state = this.#scores.get(editor.document.uri);
    return {
      ...base,
      document: {
        name: vscode.workspace.asRelativePath(editor.document.uri),
        standing: standingOf(editor.document, state),
        totals: this.#totals(state),
        trained: state?.trained !== undefined,
        selection: selectionTotals(editor, state),
      },
    };
  }

  #totals(state: DocumentState | undefined): SpanTotals {
    if (!state?.losses?.complete) {
      return approximateTotals(state?.losses, state?.carried);
    }
    // Counting bytes takes all of the text: once per scoring, not per move of the cursor.
    const losses = state.trained ?? state.losses;
    if (this.#counted?.losses !== losses) {
      const bytes = bytesOf(state);
      this.#counted = { losses, totals: { ...losses.totals(), bytes } };
    }
    return this.#counted.totals;
  }
}

/** UTF-8 bytes of the text that a document's losses are about. */
function bytesOf({ document, part }: DocumentState): number {
  if (!part) {
    return Buffer.byteLength(document.getText());
  }
  return part.sections.reduce((bytes, { start, end }) => {
    const range = new vscode.Range(document.positionAt(start), document.positionAt(end));
    return bytes + Buffer.byteLength(document.getText(range));
  }, 0);
}

function standingOf(document: vscode.TextDocument, state: DocumentState | undefined): DocumentStanding {
  if (!isScorable(document.uri)) {
    return { kind: 'unsupported' };
  }
  if (state?.problem) {
    return { kind: 'failed', message: state.problem.message, advice: state.problem.advice };
  }
  if (state?.progress) {
    return { kind: 'scoring', ...(state.whole ?? state.progress) };
  }
  if (state?.waiting) {
    return { kind: 'waiting' };
  }
  if (state?.complete) {
    return { kind: 'scored', statistics: state.statistics };
  }
  if (state?.part && state.losses) {
    return {
      kind: 'part',
      characters: state.part.characters,
      of: state.textLength,
      statistics: state.statistics,
    };
  }
  return { kind: 'idle' };
}

/** Totals over all selected text; undefined when nothing is selected or nothing is known about it. */
function selectionTotals(
  editor: vscode.TextEditor,
  state: DocumentState | undefined,
): SpanTotals | undefined {
  const losses = state?.trained ?? state?.losses ?? state?.carried?.losses;
  const selections = editor.selections.filter((selection) => !selection.isEmpty);
  if (!losses || selections.length === 0) {
    return undefined;
  }
  const { document } = editor;
  const textOf = (start: number, end: number) =>
    document.getText(new vscode.Range(document.positionAt(start), document.positionAt(end)));
  const ranges = selections.map(({ start, end }) => ({
    start: document.offsetAt(start),
    end: document.offsetAt(end),
  }));
  return exactTotals(losses, ranges, textOf);
}

function tooltipOf(status: StatusText, input: StatusInput, heatmapOn: boolean): vscode.MarkdownString {
  const sections = [`**${escapeMarkdown(status.headline)}**`, ...status.details.map(escapeMarkdown)];
  if (status.rows.length > 0) {
    const columns = status.hasSelection ? ['', t('Document'), t('Selection')] : ['', t('Document')];
    sections.push(table(columns, status.rows));
  }
  if (status.facts.length > 0) {
    sections.push(
      status.facts
        .map(({ name, values }) => `${escapeMarkdown(name)}: ${escapeMarkdown(values[0])}`)
        .join('  \n'),
    );
  }
  const standing = input.document?.standing;
  if ((standing?.kind === 'scored' || standing?.kind === 'part') && standing.statistics) {
    sections.push(escapeMarkdown(describeStatistics(standing.statistics, t)));
  }
  sections.push(
    swatches(),
    [
      commandLink(heatmapOn ? t('Turn Off Heatmap') : t('Turn On Heatmap'), COMMANDS.toggleHeatmap),
      commandLink(t('How to Read the Colours'), COMMANDS.showLegend),
      commandLink(t('Explainer Panel'), COMMANDS.openPanel),
      ...(status.severity === 'error'
        ? [
            commandLink(t('Restart Engine'), COMMANDS.restartEngine),
            commandLink(t('Show Log'), COMMANDS.showLog),
          ]
        : []),
    ].join(' · '),
  );
  const markdown = new vscode.MarkdownString(sections.join('\n\n'));
  // For the swatches only: everything that was not written here is escaped.
  markdown.supportHtml = true;
  markdown.isTrusted = {
    enabledCommands: [
      COMMANDS.toggleHeatmap,
      COMMANDS.showLegend,
      COMMANDS.openPanel,
      COMMANDS.restartEngine,
      COMMANDS.showLog,
    ],
  };
  return markdown;
}

function table(columns: readonly string[], rows: readonly StatusRow[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escapeMarkdown).join(' | ')} |`;
  return [
    line(columns),
    `|${columns.map((_, index) => (index === 0 ? ':--' : '--:')).join('|')}|`,
    ...rows.map(({ name, values }) => line([name, ...values])),
  ].join('\n');
}

/** The heatmap's colours in the current theme, with what they stand for. */
function swatches(): string {
  const colors = HEAT_BINS.map((bin) => {
    const variable = `--vscode-${heatColourId(bin.index).replace('.', '-')}`;
    return `<span style="background-color:var(${variable});">&nbsp;${escapeMarkdown(shortRange(bin))}&nbsp;</span>`;
  });
  return `${colors.join(' ')} ${escapeMarkdown(t('bits'))}`;
}
