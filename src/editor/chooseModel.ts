/** Lets the user choose a model: what `surprisal.model` names. */
import { homedir } from 'node:os';
import { basename } from 'node:path';
import * as vscode from 'vscode';
import { formatBytes } from '../loss/units';
import { folderOf, hubName, huggingFaceCache, locateModel, modelsIn, modelsInCache } from '../model/found';
import { setting, writeSetting } from './configuration';
import type { ModelDownloads } from './downloads';
import { namedModel } from './engineSettings';
import { showInformation } from './notices';

const t = vscode.l10n.t;

interface ModelItem extends vscode.QuickPickItem {
  /** The setting's new value; undefined if that was given up. */
  readonly value?: () => string | Thenable<string | undefined>;
}

/** How to ask for a model. */
export interface ModelQuestion {
  readonly title: string;
  readonly placeHolder: string;
  /** Whether another one than that in use is asked for. */
  readonly isOther: boolean;
}

/** What a model is chosen with. */
export interface ModelChoiceTargets {
  readonly downloads: ModelDownloads;
  /** Loads what `surprisal.model` names, where that is there only now. */
  load(): void;
}

/** Lets the user choose a model: one that is on this computer, or on Hugging Face's hub. */
export class ModelChoice {
  readonly #downloads: ModelDownloads;
  readonly #load: () => void;

  constructor({ downloads, load }: ModelChoiceTargets) {
    this.#downloads = downloads;
    this.#load = load;
  }

  /** Lets the user choose a model, and takes it. */
  async choose(): Promise<void> {
    const value = await this.pick({
      title: t('Surprisal: Choose Model'),
      placeHolder: t('Which model reads along'),
      isOther: false,
    });
    if (value !== undefined) {
      await this.#take(value);
    }
  }

  /** Fetches a model and offers to take it. @param choice what to fetch; without it, the user is asked */
  async download(choice?: string): Promise<void> {
    const value = await (choice === undefined ? this.#downloads.choose() : this.#downloads.fetch(choice));
    if (value === undefined) {
      return;
    }
    const named = hubName(setting('model').trim());
    const got = hubName(value);
    if (named && named.repository === got?.repository && (named.file ?? got.file) === got.file) {
      // It is what was missing.
      this.#load();
      return;
    }
    const use = t('Use It');
    if ((await showInformation(t('{0} is on this computer now.', value), use)) === use) {
      await this.#take(value);
    }
  }

  /**
   * Shows the bundled model, those that are on this computer, and how to get or name another one.
   * @returns what `surprisal.model` is for the chosen one; undefined when none was
   */
  async pick({ title, placeHolder, isOther }: ModelQuestion): Promise<string | undefined> {
    const chosen = await vscode.window.showQuickPick(items(title, isOther, this.#downloads), {
      title,
      placeHolder,
      matchOnDescription: true,
      matchOnDetail: true,
    });
    return chosen?.value?.();
  }

  async #take(value: string): Promise<void> {
    if (value === setting('model').trim()) {
      this.#load();
    } else {
      await writeSetting('model', value);
    }
  }
}

async function items(title: string, isOther: boolean, downloads: ModelDownloads): Promise<ModelItem[]> {
  const current = setting('model').trim();
  const named = current === '' ? undefined : namedModel(current);
  // A model of the hub that is not on this computer goes by its name.
  const path = named && (locateModel(named, process.env, homedir()) ?? named);
  const beside = path === undefined ? [] : await modelsIn(path.endsWith('.onnx') ? folderOf(path) : path);
  const cached = await modelsInCache(huggingFaceCache(process.env, homedir()));
  // Of a folder the first decoder is taken.
  const taken = path?.endsWith('.onnx') ? path : (beside[0]?.path ?? path);
  const found = new Map([...beside, ...cached].map((model) => [model.path, model]));
  const marked = (label: string, isInUse: boolean) =>
    // With room for the mark, unless the one in use is left out.
    isOther ? label : `${isInUse ? '$(check)' : '$(blank)'} ${label}`;
  const bundled: ModelItem = {
    label: marked('SmolLM2-135M-Instruct', taken === undefined),
    description: t('in the extension'),
    detail: t('135 million parameters; 4-bit weights, as they were published'),
    value: () => '',
  };
  const own: ModelItem[] =
    taken === undefined || found.has(taken) || isOther
      ? []
      : [
          {
            label: marked(hubName(taken) ? taken : basename(taken), true),
            detail: taken,
            value: () => current,
          },
        ];
  if (isOther && taken !== undefined) {
    found.delete(taken);
  }
  const others = Array.from(found.values(), ({ name, source, path: file, choice, bytes }) => ({
    label: marked(name, file === taken),
    description: t('{0}, {1}', basename(file), formatBytes(bytes)),
    detail: source,
    value: () => choice,
  }));
  return [
    ...(isOther && taken === undefined ? [] : [bundled]),
    ...own,
    ...(others.length > 0 ? [separator(t('On this computer')), ...others] : []),
    separator(t('Another one')),
    {
      label: t('$(cloud-download) Download a Model'),
      detail: t('One of Hugging Face\u2019s hub; it is searched for there'),
      value: () => downloads.choose(),
    },
    {
      label: t('$(folder-opened) Choose a Folder'),
      detail: t('One with config.json, tokenizer.json and ONNX files, or one that was made for Surprisal'),
      value: () => ask({ title, canSelectFolders: true, canSelectFiles: false }),
    },
    {
      label: t('$(file) Choose an ONNX File'),
      detail: t('One of the forms that a model is there in: model.onnx, model_q4.onnx, model_fp16.onnx'),
      value: () => ask({ title, filters: { ONNX: ['onnx'] } }),
    },
  ];
}

/** @returns undefined when the user gave it up */
async function ask(options: vscode.OpenDialogOptions): Promise<string | undefined> {
  const chosen = await vscode.window.showOpenDialog({ ...options, openLabel: t('Choose') });
  return chosen?.[0]?.fsPath;
}

function separator(label: string): ModelItem {
  return { label, kind: vscode.QuickPickItemKind.Separator };
}
