/** Lists the most surprising words or tokens of a document, or likely typos, and goes to one. */
import * as vscode from 'vscode';
import { isLikelyTypo, mostSurprisingUnits, wordsIn } from '../find/surprises';
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

const t = vscode.l10n.t;

/** Words or tokens that are listed at most. */
const LISTED = 100;

/** Milliseconds between two states of the list while a document is being scored. */
const UPDATE_EVERY = 200;

interface TokenItem extends vscode.QuickPickItem {
  readonly range: vscode.Range;
}

/** What can be listed. */
export type ListKind = 'word' | 'typo' | 'token';

interface KindButton extends vscode.QuickInputButton {
  readonly kind: ListKind;
}

/** Which words of a part of a text are likely typos. */
interface TypoChoice {
  readonly text: string;
  readonly from: number;
  readonly is: ReturnType<typeof isLikelyTypo>;
}

/** How a list is called, what is written where one types, and how it is offered while another one is shown. */
interface KindOfList {
  readonly title: string;
  readonly placeholder: string;
  readonly button: KindButton;
}

const KINDS: { readonly [Kind in ListKind]: KindOfList } = {
  word: {
    title: t('Most Surprising Words'),
    placeholder: t('Type to filter by text or line'),
    button: { kind: 'word', iconPath: new vscode.ThemeIcon('whole-word'), tooltip: t('List Words') },
  },
  typo: {
    title: t('Likely Typos'),
    placeholder: t('Surprising words with a part that occurs only once here; type to filter'),
    button: { kind: 'typo', iconPath: new vscode.ThemeIcon('edit'), tooltip: t('List Likely Typos') },
  },
  token: {
    title: t('Most Surprising Tokens'),
    placeholder: t('Type to filter by text or line'),
    button: { kind: 'token', iconPath: new vscode.ThemeIcon('symbol-string'), tooltip: t('List Tokens') },
  },
};

/** The command that lists them. */
export class SurpriseList implements vscode.Disposable {
  readonly #scores: DocumentScores;
  readonly #current: CurrentEditor;
  #shown: vscode.QuickPick<TokenItem> | undefined;
  /** What is listed, or was last. */
  #kind: ListKind = 'word';
  #typos: TypoChoice | undefined;

  constructor(scores: DocumentScores, current: CurrentEditor) {
    this.#scores = scores;
    this.#current = current;
  }

  /**
   * Shows the list, which grows while the document is being scored: of words, which a typo breaks into tokens of which none need be
   * among the first, of likely typos, or of tokens. The editor shows what is pointed at, and what it showed before where nothing is
   * chosen.
   * @param kind what is listed at first
   */
  show(kind: ListKind): void {
    const { editor } = this.#current;
    if (!editor) {
      void showInformation(t('Open a file first.'));
      return;
    }
    this.dispose();
    this.#kind = kind;
    const { document, selection: before } = editor;
    const [seen] = editor.visibleRanges;
    const isComplete = this.#scores.get(document.uri)?.complete;
    const pick = vscode.window.createQuickPick<TokenItem>();
    this.#shown = pick;
    pick.matchOnDescription = true;
    pick.matchOnDetail = true;
    pick.keepScrollPosition = true;
    let isChosen = false;
    let isMoved = false;
    let timer: NodeJS.Timeout | undefined;
    const name = () => {
      pick.title = KINDS[this.#kind].title;
      pick.placeholder = KINDS[this.#kind].placeholder;
      pick.buttons = Object.values(KINDS)
        .map(({ button }) => button)
        .filter((button) => button.kind !== this.#kind);
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
      if (items.length === 0 && !pick.busy) {
        const isScored = (this.#scores.get(document.uri)?.losses?.length ?? 0) > 0;
        pick.placeholder =
          isScored && this.#kind === 'typo'
            ? t('No likely typos in this document')
            : t('No token of this document is scored');
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
      pick.onDidTriggerButton((button) => {
        this.#kind = (button as KindButton).kind;
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
        this.#typos = undefined;
        if (isMoved && !isChosen && editorsOf(document).includes(editor)) {
          editor.selection = before;
          editor.revealRange(seen, vscode.TextEditorRevealType.AtTop);
        }
      }),
    ];
    name();
    pick.busy = true;
    update();
    pick.show();
    // Should it fail, the status bar says why.
    this.#scores
      .scorePart(document)
      .catch(() => {})
      .finally(() => {
        if (this.#shown === pick) {
          pick.busy = false;
          if (!isComplete || pick.items.length === 0) {
            update();
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
    const isInside = wordsIn(text, from);
    const choice = this.#kind === 'word' ? { isInside } : { isInside, isMeant: this.#typosOf(text, from) };
    return mostSurprisingUnits(losses, LISTED, choice).map((unit) => {
      const { start, end } = wordWithin(text.slice(unit.start - from, unit.end - from));
      return { ...unit, start: unit.start + start, end: unit.start + end };
    });
  }

  /** The words of a text are counted once, however often the list grows. */
  #typosOf(text: string, from: number): TypoChoice['is'] {
    if (this.#typos?.text !== text || this.#typos.from !== from) {
      this.#typos = { text, from, is: isLikelyTypo(text, from) };
    }
    return this.#typos.is;
  }
}
