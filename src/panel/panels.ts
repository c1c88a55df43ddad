/** All explainer panels: opens them, restores them, and knows which of them a command means. */
import * as vscode from 'vscode';
import { ExplainerPanel, TITLE } from './panel';
import { pinFrom } from './pin';
import type { PanelSource } from './source';

/** What the commands to pin and to unpin would find; of the active panel, if one is active. */
export interface Pinning {
  readonly canPin: boolean;
  readonly canUnpin: boolean;
}

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
  readonly #tellPinning: (pinning: Pinning) => void;
  #pinningTold: Pinning | undefined;

  /**
   * @param extensionUri the extension's folder; the pages may read its `dist` folder only
   * @param source the rest of the extension
   * @param tellPinning takes over what can be pinned, for `when` clauses
   */
  constructor(extensionUri: vscode.Uri, source: PanelSource, tellPinning: (pinning: Pinning) => void) {
    this.#extensionUri = extensionUri;
    this.#source = source;
    this.#tellPinning = tellPinning;
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
    const panel = this.#pinnable(pinned);
    if (panel) {
      panel.pin(pinned);
      return;
    }
    void vscode.window.showInformationMessage(
      this.#panels.length === 0
        ? vscode.l10n.t('Open the explainer panel first.')
        : pinned
          ? vscode.l10n.t('The explainer panel is pinned already.')
          : vscode.l10n.t('The explainer panel is not pinned.'),
    );
  }

  dispose(): void {
    this.#serializer.dispose();
    for (const panel of [...this.#panels]) {
      panel.dispose();
    }
  }

  /** The panel that can be pinned, or released: the active one, if there is one. */
  #pinnable(pinned: boolean): ExplainerPanel | undefined {
    const active = this.#panels.find((panel) => panel.active);
    const candidates = (active ? [active] : this.#panels).filter((panel) => panel.pinned !== pinned);
    return candidates.findLast(({ visible }) => visible) ?? candidates.at(-1);
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
      for (const document of panel.trained) {
        this.#endTraining(document);
      }
      this.#tell();
    });
    this.#tell();
  }

  /** Ends a closed panel's training, unless another panel shows its document: nobody could switch the editor back. */
  #endTraining(document: vscode.TextDocument): void {
    const heir = this.#panels.find((panel) => panel.document === document);
    if (heir) {
      heir.takeOver(document);
    } else {
      this.#source.endTraining(document);
    }
  }

  #tell(): void {
    const canPin = this.#pinnable(true) !== undefined;
    const canUnpin = this.#pinnable(false) !== undefined;
    const told = this.#pinningTold;
    if (canPin !== told?.canPin || canUnpin !== told.canUnpin) {
      this.#pinningTold = { canPin, canUnpin };
      this.#tellPinning(this.#pinningTold);
    }
  }
}
