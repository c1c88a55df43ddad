/** All explainer panels: opens them, restores them, and knows which of them a command means. */
import * as vscode from 'vscode';
import { ExplainerPanel, TITLE } from './panel';
import { pinFrom } from './pin';
import type { PanelSource } from './source';

/**
 * The explainer panels. One that is not pinned follows the cursor; there can be as many pinned ones as one likes.
 * Create it once, when the extension is activated.
 */
export class ExplainerPanels implements vscode.Disposable {
  /** The panels' type; `onWebviewPanel:` with it is an activation event. */
  static readonly viewType = 'surprisal.explainer';

  readonly #extensionUri: vscode.Uri;
  readonly #source: PanelSource;
  readonly #serializer: vscode.Disposable;
  /** In the order in which they were active, the latest one last. */
  #panels: ExplainerPanel[] = [];
  readonly #tellPinned: (isPinned: boolean) => void;
  #isPinnedTold: boolean | undefined;

  /**
   * @param extensionUri the extension's folder; the pages may read its `dist` folder only
   * @param source the rest of the extension
   * @param tellPinned takes over whether the active panel is pinned, for `when` clauses
   */
  constructor(extensionUri: vscode.Uri, source: PanelSource, tellPinned: (isPinned: boolean) => void) {
    this.#extensionUri = extensionUri;
    this.#source = source;
    this.#tellPinned = tellPinned;
    this.#serializer = vscode.window.registerWebviewPanelSerializer(ExplainerPanels.viewType, {
      deserializeWebviewPanel: async (panel, kept: unknown) => {
        this.#adopt(panel, kept);
      },
    });
  }

  /** All open panels. */
  get panels(): readonly ExplainerPanel[] {
    return this.#panels;
  }

  /** Brings the panel that follows the cursor to the front, or opens one beside the editor, which keeps the focus. */
  show(): void {
    const following = this.#panels.findLast((panel) => !panel.pinned);
    if (following) {
      following.reveal();
      return;
    }
    const place = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    this.#adopt(vscode.window.createWebviewPanel(ExplainerPanels.viewType, TITLE, place));
  }

  /** Pins a panel to its token, or releases it: the active one, else the one that was active or opened last. */
  pin(pinned: boolean): void {
    const candidates = this.#panels.filter((panel) => panel.pinned !== pinned);
    const panel =
      this.#panels.find(({ active }) => active) ??
      candidates.findLast(({ visible }) => visible) ??
      candidates.at(-1);
    if (panel) {
      panel.pin(pinned);
    } else {
      void vscode.window.showInformationMessage(vscode.l10n.t('Open the explainer panel first.'));
    }
  }

  dispose(): void {
    this.#serializer.dispose();
    for (const panel of [...this.#panels]) {
      panel.dispose();
    }
  }

  #adopt(webviewPanel: vscode.WebviewPanel, kept?: unknown): void {
    const panel = new ExplainerPanel(webviewPanel, this.#extensionUri, this.#source, pinFrom(kept));
    this.#panels.push(panel);
    panel.onDidChange(() => {
      if (panel.active) {
        this.#panels = [...this.#panels.filter((other) => other !== panel), panel];
      }
      this.#tell();
    });
    panel.onDidClose(() => {
      this.#panels = this.#panels.filter((other) => other !== panel);
      this.#tell();
    });
    this.#tell();
  }

  #tell(): void {
    const isPinned = this.#panels.find(({ active }) => active)?.pinned ?? false;
    if (isPinned !== this.#isPinnedTold) {
      this.#isPinnedTold = isPinned;
      this.#tellPinned(isPinned);
    }
  }
}
