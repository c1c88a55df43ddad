/** Lists the most surprising words or tokens of a document, and goes to one. */
import * as vscode from 'vscode';
import type { LossMap, Unit } from '../loss/lossMap';
import { formatCount, formatSurprisal } from '../loss/units';
import { quoteVisible } from '../text/visible';
import { wordWithin } from '../text/words';
import { setting } from './configuration';
import type { CurrentEditor } from './current';
import { lineExcerpt, withoutIcons } from './lineExcerpt';
import { showInformation } from './notices';
import { selectRange } from './reveal';
import { type DocumentScores, editorsOf } from './scores';
import { mostSurprisingUnits, wordsIn } from './surprises';

const t = vscode.l10n.t;

/** Words or tokens that are listed at most. */
const LISTED = 100;

/** Milliseconds between two states of the list while a document is being scored. */
const UPDATE_EVERY = 200;

interface TokenItem extends vscode.QuickPickItem {
  readonly range: vscode.Range;
}

/** What is listed: the one is the button's offer while the other is shown. */
const KINDS = {
  word: {
    title: t('Most Surprising Words'),
    other: { iconPath: new vscode.ThemeIcon('symbol-string'), tooltip: t('List Tokens') },
  },
  token: {
    title: t('Most Surprising Tokens'),
    other: { iconPath: new vscode.ThemeIcon('whole-word'), tooltip: t('List Words') },
  },
};

/** The command that lists them. */
export class SurpriseList implements vscode.Disposable {
  readonly #scores: DocumentScores;
  readonly #current: CurrentEditor;
  #shown: vscode.QuickPick<TokenItem> | undefined;
  /** As it was last listed. */
  #kind: keyof typeof KINDS = 'word';

  constructor(scores: DocumentScores, current: CurrentEditor) {
    this.#scores = scores;
    this.#current = current;
  }

  /**
   * Shows the list, which grows while the document is being scored: of words, which a typo breaks into tokens of which none need be
   * among the first, or of tokens. The editor shows what is pointed at, and what it showed before where nothing is chosen.
   */
  show(): void {
    const { editor } = this.#current;
    if (!editor) {
      void showInformation(t('Open a file first.'));
      return;
    }
    this.dispose();
    const { document, selection: before } = editor;
    const [seen] = editor.visibleRanges;
    const isComplete = this.#scores.get(document.uri)?.complete;
    const pick = vscode.window.createQuickPick<TokenItem>();
    this.#shown = pick;
    pick.placeholder = t('Type to filter by text or line');
    pick.matchOnDescription = true;
    pick.matchOnDetail = true;
    pick.keepScrollPosition = true;
    let isChosen = false;
    let isMoved = false;
    let timer: NodeJS.Timeout | undefined;
    const name = () => {
      pick.title = KINDS[this.#kind].title;
      pick.buttons = [KINDS[this.#kind].other];
    };
    const update = () => {
      timer = undefined;
      const [active] = pick.activeItems;
      const items = this.#items(document);
      pick.items = items;
      const again = isMoved && active && items.find(({ range }) => range.isEqual(active.range));
      if (again) {
        pick.activeItems = [again];
      }
    };
    const subscriptions = [
      pick,
      this.#scores.onDidChange((changed) => {
        if (changed === document) {
          timer ??= setTimeout(update, UPDATE_EVERY);
        }
      }),
      pick.onDidChangeActive(([item]) => {
        // The first one is pointed at by itself.
        isMoved ||= item !== undefined && item !== pick.items[0];
        if (isMoved && item) {
          selectRange(editor, item.range);
        }
      }),
      pick.onDidTriggerButton(() => {
        this.#kind = this.#kind === 'word' ? 'token' : 'word';
        name();
        update();
      }),
      pick.onDidAccept(() => {
        const [item] = pick.selectedItems;
        if (item) {
          isChosen = true;
          selectRange(editor, item.range);
        }
        pick.hide();
      }),
      pick.onDidHide(() => {
        clearTimeout(timer);
        vscode.Disposable.from(...subscriptions).dispose();
        this.#shown = undefined;
        if (isMoved && !isChosen && editorsOf(document).includes(editor)) {
          editor.selection = before;
          editor.revealRange(seen, vscode.TextEditorRevealType.AtTop);
        }
      }),
    ];
    name();
    update();
    pick.show();
    pick.busy = true;
    // Should it fail, the status bar says why.
    this.#scores
      .scorePart(document)
      .catch(() => {})
      .finally(() => {
        if (this.#shown === pick) {
          if (!isComplete) {
            update();
          }
          pick.busy = false;
          if (pick.items.length === 0) {
            pick.placeholder = t('No token of this document is scored');
          }
        }
      });
  }

  /** Takes the list away, and what it showed in the editor. */
  dispose(): void {
    // Hidden only, it would say so later, when there may be another one.
    this.#shown?.dispose();
  }

  #items(document: vscode.TextDocument): TokenItem[] {
    const { losses, trained } = this.#scores.get(document.uri) ?? {};
    // As the heatmap and the jumps have it.
    const shown = trained ?? losses;
    const unit = setting('unit');
    return (shown ? this.#unitsOf(document, shown) : []).map(({ nats, ...found }) => {
      const range = new vscode.Range(document.positionAt(found.start), document.positionAt(found.end));
      const text = document.getText(range);
      // What begins with a line break is seen on the line after it.
      const lead = /^[\r\n]+(?=[^\r\n])/.exec(text)?.[0].length ?? 0;
      const { line, character } = document.positionAt(found.start + lead);
      return {
        label: withoutIcons(quoteVisible(text)),
        description: t('{0}, line {1}', formatSurprisal(nats, unit), formatCount(line + 1)),
        detail: lineExcerpt(document.lineAt(line).text, character),
        range,
      };
    });
  }

  #unitsOf(document: vscode.TextDocument, losses: LossMap): Unit[] {
    if (this.#kind === 'token' || losses.length === 0) {
      return mostSurprisingUnits(losses, LISTED);
    }
    const { starts, ends } = losses.layout;
    const [from, to] = [starts[0], ends[losses.length - 1]];
    const text = document.getText(new vscode.Range(document.positionAt(from), document.positionAt(to)));
    return mostSurprisingUnits(losses, LISTED, wordsIn(text, from)).map((unit) => {
      const { start, end } = wordWithin(text.slice(unit.start - from, unit.end - from));
      return { ...unit, start: unit.start + start, end: unit.start + end };
    });
  }
}
