// Drives the real VS Code in a real browser: what the end-to-end tests see is what a user sees.
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Browser, Frame, Locator, Page } from 'playwright-core';
import type { Server } from '../../scripts/vscode-server.mjs';

export type Theme = 'dark' | 'light' | 'hc-dark' | 'hc-light';

/** Every theme's name, and the class that the workbench carries under it. */
const themes: Record<Theme, { name: string; className: string }> = {
  dark: { name: 'Default Dark Modern', className: 'vs-dark' },
  light: { name: 'Default Light Modern', className: 'vs' },
  'hc-dark': { name: 'Default High Contrast', className: 'hc-black' },
  'hc-light': { name: 'Default High Contrast Light', className: 'hc-light' },
};

export interface WorkbenchOptions {
  /** The folder of which a copy is opened: what a test saves does not reach the original. */
  workspace: string;
  /** The extension under development; without one, this repository's. */
  extensionPath?: string;
  /** An extension's package (.vsix) that is installed, in place of an extension under development. */
  packageFile?: string;
  settings?: Record<string, unknown>;
  theme?: Theme;
  size?: { width: number; height: number };
  /** Pixels of a screenshot per pixel of the page. */
  scale?: number;
  /** Added to the environment of the extension host. */
  env?: NodeJS.ProcessEnv;
  /** A file of the workspace to open from the start. */
  openFile?: string;
  /** Runs in the page before anything else of it; refers to nothing outside itself. */
  initScript?: () => void;
}

/** A piece of text that a decoration covers. */
export interface DecoratedText {
  /** 1-based line number. */
  line: number;
  /** 1-based column of its first character, counted as the characters are drawn. */
  column: number;
  text: string;
  /** Computed background colour, as in `rgba(200, 30, 0, 0.4)`. */
  background: string;
  /** The class that VS Code made for the decoration's type. */
  className: string;
}

interface Line {
  line: number;
  text: string;
  boxes: { left: number; top: number; width: number; height: number }[];
  top: number;
  bottom: number;
}

/** The repository's root: the tests are started there. */
const root = process.cwd();
const outputFolder = resolve(root, 'out');

/** Starts the server and the browser, and waits until the workbench is there. */
export async function openWorkbench(options: WorkbenchOptions): Promise<Workbench> {
  const { installExtension, startServer } = await import('../../scripts/vscode-server.mjs');
  const { launchBrowser } = await import('../../scripts/browser.mjs');
  const { makeTemporary, removeTemporary } = await import('../../scripts/support.mjs');
  const theme = options.theme ?? 'dark';
  const temporary = await makeTemporary('workspace');
  const workspace = join(temporary, basename(resolve(options.workspace)));
  await cp(options.workspace, workspace, { recursive: true });
  const dataDir = join(temporary, 'server');
  const extensionsDir = join(dataDir, 'extensions');
  const start = async () => {
    if (options.packageFile) {
      await installExtension(options.packageFile, { dataDir, extensionsDir });
    }
    return startServer({
      workspace,
      dataDir,
      extensionsDir,
      ...(options.packageFile ? {} : { extensionPath: options.extensionPath ?? root }),
      settings: { 'workbench.colorTheme': themes[theme].name, ...options.settings },
      ...(options.openFile ? { openFile: join(workspace, options.openFile) } : {}),
      ...(options.env ? { env: options.env } : {}),
    });
  };
  const server = await start().catch(async (error) => {
    await removeTemporary(temporary);
    throw error;
  });
  let browser: Browser | undefined;
  let workbench: Workbench | undefined;
  try {
    browser = await launchBrowser();
    const context = await browser.newContext({
      viewport: options.size ?? { width: 1280, height: 800 },
      deviceScaleFactor: options.scale ?? 1,
      locale: 'en-US',
      reducedMotion: 'reduce',
    });
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    const page = await context.newPage();
    if (options.initScript) {
      await page.addInitScript(options.initScript);
    }
    workbench = new Workbench(server, browser, page, workspace);
    await page.goto(server.url);
    await page.locator('.explorer-folders-view .monaco-list-row').first().waitFor({ timeout: 60_000 });
    return workbench;
  } catch (error) {
    await workbench?.saveEvidence('open-workbench');
    await browser?.close();
    await server.stop();
    await removeTemporary(temporary);
    throw error;
  }
}

/**
 * Registers a hook in the mocha suite around it: when a test fails, what the workbench showed and logged is kept
 * under out/failures.
 */
export function keepEvidence(workbench: () => Workbench | undefined): void {
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') {
      await workbench()?.saveEvidence(this.currentTest.fullTitle());
    }
  });
}

/** One window of VS Code. */
export class Workbench {
  readonly #console: string[] = [];

  constructor(
    readonly server: Server,
    readonly browser: Browser,
    readonly page: Page,
    /** The copy of the workspace that is open. */
    readonly workspace: string,
  ) {
    page.on('console', (message) => this.#console.push(`[${message.type()}] ${message.text()}`));
    page.on('pageerror', (error) => this.#console.push(`[uncaught] ${error.message}`));
  }

  /** Opens a file of the workspace by its name or its path in the workspace. */
  async openFile(name: string): Promise<void> {
    await this.#quickInput('ControlOrMeta+p', name, (label) => label === basename(name));
    await this.#quickInputCloses();
    await this.page
      .locator('.tab.active .label-name', { hasText: basename(name) })
      .first()
      .waitFor();
    await this.page.locator('.editor-group-container.active .view-line').first().waitFor();
  }

  /** Runs a command by its full title, as in `Surprisal: Toggle Heatmap`. */
  async runCommand(title: string): Promise<void> {
    await this.startCommand(title);
    await this.#quickInputCloses();
  }

  /** Runs a command that asks for something in the quick input. */
  async startCommand(title: string): Promise<void> {
    await this.#quickInput('F1', `>${title}`, (label) => label === title);
  }

  async #quickInputCloses(): Promise<void> {
    await this.page.locator('.quick-input-widget').waitFor({ state: 'hidden' });
  }

  /** Opens the quick input, types, and takes the first entry that fits as soon as there is one. */
  async #quickInput(key: string, text: string, fits: (label: string) => boolean): Promise<void> {
    const widget = this.page.locator('.quick-input-widget');
    const deadline = Date.now() + 20_000;
    const open = async () => {
      await this.page.keyboard.press(key);
      await widget.waitFor({ state: 'visible', timeout: 3000 });
      await widget.locator('.quick-input-box input').fill(text, { timeout: 1000 });
    };
    // A change of focus that is still under way closes it again.
    while (
      !(await open().then(
        () => true,
        () => false,
      ))
    ) {
      if (Date.now() > deadline) {
        throw new Error(`The quick input does not open for “${text}”.`);
      }
    }
    const rows = widget.locator('.quick-input-list .monaco-list-row');
    let labels: string[] = [];
    while (Date.now() < deadline) {
      labels = await rows.evaluateAll((elements) =>
        elements.map((element): string => element.querySelector('.label-name')?.textContent ?? ''),
      );
      const index = labels.findIndex(fits);
      if (index >= 0) {
        // The list may still change under a click: then the next look finds the entry where it is now.
        const clicked = await rows
          .nth(index)
          .click({ timeout: 2000 })
          .then(
            () => true,
            () => false,
          );
        if (clicked) {
          return;
        }
      }
      await this.page.waitForTimeout(100);
    }
    await this.page.keyboard.press('Escape');
    throw new Error(`“${text}” is not offered, but only ${JSON.stringify(labels)}.`);
  }

  /** Gives the focus to the text editor of a group; the leftmost group is number 1. */
  async focusGroup(number: number): Promise<void> {
    const editor = this.page
      .locator('.editor-group-container')
      .nth(number - 1)
      .and(this.page.locator('.active'))
      .locator('.monaco-editor.focused');
    // A key pressed while a webview is being put together may get lost.
    for (let attempt = 1; ; attempt++) {
      await this.page.keyboard.press(`ControlOrMeta+${number}`);
      try {
        await editor.waitFor({ timeout: 5000 });
        return;
      } catch (error) {
        if (attempt === 3) {
          throw error;
        }
      }
    }
  }

  /** Puts the cursor at a position, both numbers 1-based, and focuses the editor. */
  async goTo(line: number, column = 1): Promise<void> {
    const widget = this.page.locator('.quick-input-widget');
    await this.page.keyboard.press('ControlOrMeta+g');
    await widget.waitFor({ state: 'visible' });
    await widget.locator('.quick-input-box input').fill(`:${line}:${column}`);
    await this.page.keyboard.press('Enter');
    await widget.waitFor({ state: 'hidden' });
    await this.#linesOnScreen(line);
  }

  /** The lines of the active editor that are on screen, as it shows them. */
  async linesOnScreen(): Promise<{ line: number; text: string }[]> {
    return (await this.#lines()).map(({ line, text }) => ({ line, text }));
  }

  /** The text of a line on screen as the editor shows it. */
  async lineText(line: number): Promise<string> {
    return (await this.#lines()).find((one) => one.line === line)?.text ?? '';
  }

  /**
   * The middle of a character on screen. `where` is a 1-based column, or a text in the line whose first character is
   * meant. Columns count characters as they are drawn: a tab is as many as it is wide.
   */
  async pointOf(line: number, where: number | string): Promise<{ x: number; y: number }> {
    if (!(await this.#lines()).some((one) => one.line === line)) {
      await this.goTo(line);
    }
    const found = (await this.#lines()).find((one) => one.line === line);
    const index = typeof where === 'number' ? where - 1 : (found?.text.indexOf(where) ?? -1);
    const box = found?.boxes[index];
    if (!box) {
      throw new Error(`Line ${line} shows no ${JSON.stringify(where)}: ${JSON.stringify(found?.text)}`);
    }
    return { x: box.left + box.width / 2, y: box.top + box.height / 2 };
  }

  /** Moves the mouse over a character and returns the hover's text once it is complete. */
  async hoverAt(line: number, where: number | string, timeout = 15_000): Promise<string> {
    await this.dismissHover();
    const point = await this.pointOf(line, where);
    await this.page.mouse.move(point.x - 1, point.y);
    await this.page.mouse.move(point.x, point.y);
    const hover = this.hover();
    await hover.waitFor({ state: 'visible', timeout });
    const deadline = Date.now() + timeout;
    let before = '';
    for (;;) {
      const text = ((await hover.allInnerTexts())[0] ?? '').trim();
      if (text !== '' && text === before && !/Loading\.\.\.$/.test(text)) {
        return text;
      }
      if (Date.now() > deadline) {
        return text;
      }
      before = text;
      await this.page.waitForTimeout(250);
    }
  }

  /** The hover that is on screen, for a look inside or a click. */
  hover(): Locator {
    return this.page.locator('.monaco-resizable-hover .monaco-hover:not(.hidden)').first();
  }

  async dismissHover(): Promise<void> {
    const { height } = this.page.viewportSize() ?? { height: 800 };
    await this.page.mouse.move(3, height - 60);
    await this.hover()
      .waitFor({ state: 'hidden', timeout: 3000 })
      .catch(() => this.page.keyboard.press('Escape'));
  }

  /** The texts of the status bar's items whose id (`publisher.extension.item`) has this in it. */
  async statusBarText(id = 'surprisal'): Promise<string> {
    const items = this.page.locator(`.statusbar-item[id*="${id}" i]`);
    return (await items.allInnerTexts()).map((text) => text.trim()).join(' | ');
  }

  /** Clicks the status bar's item whose id has this in it. */
  async clickStatusBar(id = 'surprisal'): Promise<void> {
    await this.page.locator(`.statusbar-item[id*="${id}" i] a`).first().click();
  }

  /** The page inside a webview: the last one opened, once its content is there. */
  async panelFrame(timeout = 20_000): Promise<Frame> {
    const outer = await this.page.waitForSelector('iframe.webview.ready', { timeout });
    const middle = await outer.contentFrame();
    const inner = await middle?.waitForSelector('iframe#active-frame', { timeout, state: 'attached' });
    const frame = await inner?.contentFrame();
    if (!frame) {
      throw new Error('The webview has no page in it.');
    }
    await frame.waitForSelector('body *', { timeout, state: 'attached' });
    return frame;
  }

  /** The texts on screen that an extension's decorations cover, in reading order. */
  async decoratedSpans(): Promise<DecoratedText[]> {
    const lines = await this.#lines();
    const overlays = await (await this.#editor())
      .locator('.view-overlays .cdr[class*="ced-"]')
      .evaluateAll((elements) =>
        elements.map((element) => {
          const { left, right, top, bottom } = element.getBoundingClientRect();
          const background: string =
            element.ownerDocument.defaultView.getComputedStyle(element).backgroundColor;
          const className: string = [...element.classList].find((name) => name.startsWith('ced-')) ?? '';
          return { left, right, middle: (top + bottom) / 2, background, className };
        }),
      );
    const spans: (DecoratedText & { left: number })[] = [];
    for (const overlay of overlays) {
      for (const { line, text, boxes, top, bottom } of lines) {
        if (overlay.middle < top || overlay.middle > bottom) {
          continue;
        }
        const covered = boxes
          .map((box, index) => ({ index, middle: box.left + box.width / 2, text: text.charAt(index) }))
          .filter(({ middle }) => middle > overlay.left && middle < overlay.right);
        spans.push({
          line,
          column: (covered[0]?.index ?? 0) + 1,
          text: covered.map((character) => character.text).join(''),
          background: overlay.background,
          className: overlay.className,
          left: overlay.left,
        });
      }
    }
    spans.sort((a, b) => a.line - b.line || a.left - b.left);
    return spans.map(({ left: _, ...span }) => span);
  }

  /** Waits until a line is on screen. */
  async #linesOnScreen(line: number): Promise<void> {
    const deadline = Date.now() + 5000;
    while (!(await this.#lines()).some((one) => one.line === line)) {
      if (Date.now() > deadline) {
        throw new Error(`Line ${line} does not come on screen.`);
      }
      await this.page.waitForTimeout(50);
    }
  }

  /** The active text editor; the first one on screen while a panel is active. */
  async #editor(): Promise<Locator> {
    const active = this.page
      .locator('.editor-group-container.active .monaco-editor:has(.view-lines)')
      .first();
    return (await active.count()) > 0
      ? active
      : this.page.locator('.editor-group-container .monaco-editor:has(.view-lines)').first();
  }

  /** The lines of that editor on screen: number, text and every character's box. */
  async #lines(): Promise<Line[]> {
    const editor = await this.#editor();
    if ((await editor.count()) === 0) {
      return [];
    }
    return editor.evaluate((element): Line[] => {
      const document = element.ownerDocument;
      const view = element.getBoundingClientRect();
      const numbers = new Map<number, number>();
      for (const number of element.querySelectorAll('.margin-view-overlays .line-numbers')) {
        numbers.set(Math.round(number.getBoundingClientRect().top), Number(number.textContent));
      }
      const lines: Line[] = [];
      for (const row of element.querySelectorAll('.view-lines .view-line')) {
        const { top, bottom } = row.getBoundingClientRect();
        const line = numbers.get(Math.round(top));
        if (!line || top < view.top - 1 || bottom > view.bottom + 1) {
          continue;
        }
        const boxes: Line['boxes'] = [];
        let text = '';
        const walker = document.createTreeWalker(row, 4 /* text nodes */);
        for (let node = walker.nextNode(); node; node = walker.nextNode()) {
          const range = document.createRange();
          for (let index = 0; index < node.data.length; index++) {
            range.setStart(node, index);
            range.setEnd(node, index + 1);
            const box = range.getBoundingClientRect();
            boxes.push({ left: box.left, top: box.top, width: box.width, height: box.height });
          }
          text += node.data;
        }
        lines.push({ line, text: text.replaceAll('\u00a0', ' '), boxes, top, bottom });
      }
      return lines.sort((a, b) => a.line - b.line);
    });
  }

  /** Types into what has the focus. */
  async type(text: string): Promise<void> {
    await this.page.keyboard.type(text, { delay: 5 });
  }

  /** Reloads the window as the user does, and waits until the workbench is there again. */
  async reloadWindow(): Promise<void> {
    // What a page has kept reaches VS Code's storage a moment later.
    await this.page.waitForTimeout(1000);
    const loaded = this.page.waitForEvent('load', { timeout: 60_000 });
    await this.runCommand('Developer: Reload Window');
    await loaded;
    await this.page.locator('.explorer-folders-view .monaco-list-row').first().waitFor({ timeout: 60_000 });
  }

  /** Changes settings, as an edit of settings.json does; undefined removes one. */
  async changeSettings(changes: Record<string, unknown>): Promise<void> {
    await this.server.changeSettings(changes);
  }

  /** Changes the colour theme and waits until the workbench has it. */
  async setTheme(theme: Theme): Promise<void> {
    await this.changeSettings({ 'workbench.colorTheme': themes[theme].name });
    await this.page.locator(`.monaco-workbench.${themes[theme].className}`).waitFor({ timeout: 15_000 });
  }

  /** Saves what is on screen as out/screenshots/NAME.png and returns the file. */
  async screenshot(name: string): Promise<string> {
    const file = join(outputFolder, 'screenshots', `${name}.png`);
    await mkdir(join(outputFolder, 'screenshots'), { recursive: true });
    await this.page.screenshot({ path: file });
    return file;
  }

  /** Saves a screenshot, the server's logs and the page's console under out/failures/NAME. */
  async saveEvidence(name: string): Promise<void> {
    const folder = join(outputFolder, 'failures', name.replace(/[^\w-]+/g, '-').slice(0, 100));
    await mkdir(folder, { recursive: true });
    await this.page.screenshot({ path: join(folder, 'screen.png'), timeout: 10_000 }).catch(() => {});
    await writeFile(join(folder, 'console.log'), this.#console.join('\n'));
    await writeFile(join(folder, 'server.log'), `${this.server.log()}\n${await this.server.logs()}`);
    console.error(`What the workbench showed and logged is in ${folder}`);
  }

  /** Closes the browser and ends the server with all its processes. */
  async close(): Promise<void> {
    await this.browser.close().catch(() => {});
    await this.server.stop();
    const { removeTemporary } = await import('../../scripts/support.mjs');
    await removeTemporary(dirname(this.workspace));
  }
}
