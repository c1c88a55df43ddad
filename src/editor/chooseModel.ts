/** Lets the user choose a model: what `surprisal.model` names. */
import { homedir } from 'node:os';
import { basename } from 'node:path';
import * as vscode from 'vscode';
import { folderOf, huggingFaceCache, modelsIn, modelsInCache } from '../model/found';
import { setting, writeSetting } from './configuration';
import { modelPath } from './engineSettings';

const t = vscode.l10n.t;

interface ModelItem extends vscode.QuickPickItem {
  /** The setting's new value; undefined if that was given up. */
  readonly value?: () => string | Thenable<string | undefined>;
}

/** Shows the bundled model, those that are on this computer, and how to name another one; and takes the chosen one. */
export async function chooseModel(): Promise<void> {
  const chosen = await vscode.window.showQuickPick(items(), {
    title: t('Surprisal: Choose Model'),
    placeHolder: t('Which model reads along'),
    matchOnDescription: true,
    matchOnDetail: true,
  });
  const value = await chosen?.value?.();
  if (value !== undefined) {
    await writeSetting('model', value);
  }
}

async function items(): Promise<ModelItem[]> {
  const current = setting('model').trim();
  const path = current === '' ? undefined : modelPath(current);
  const beside = path === undefined ? [] : await modelsIn(path.endsWith('.onnx') ? folderOf(path) : path);
  const cached = await modelsInCache(huggingFaceCache(process.env, homedir()));
  // Of a folder the first decoder is taken.
  const taken = path?.endsWith('.onnx') ? path : (beside[0]?.path ?? path);
  const found = new Map([...beside, ...cached].map((model) => [model.path, model]));
  const bundled: ModelItem = {
    label: marked('SmolLM2-135M-Instruct', taken === undefined),
    description: t('in the extension'),
    detail: t('135 million parameters; 4-bit weights, as they were published'),
    value: () => '',
  };
  const own: ModelItem[] =
    taken === undefined || found.has(taken)
      ? []
      : [{ label: marked(basename(taken), true), detail: taken, value: () => current }];
  const others = Array.from(found.values(), ({ name, source, path: value, bytes }) => ({
    label: marked(name, value === taken),
    description: t('{0}, {1}', basename(value), formatBytes(bytes)),
    detail: source,
    value: () => value,
  }));
  return [
    bundled,
    ...own,
    ...(others.length > 0 ? [separator(t('From Hugging Face\u2019s hub, on this computer')), ...others] : []),
    separator(t('Another one')),
    {
      label: t('$(folder-opened) Choose a Folder'),
      detail: t('One with config.json, tokenizer.json and ONNX files, or one that was made for Surprisal'),
      value: () => ask({ canSelectFolders: true, canSelectFiles: false }),
    },
    {
      label: t('$(file) Choose an ONNX File'),
      detail: t('One of the forms that a model is there in: model.onnx, model_q4.onnx, model_fp16.onnx'),
      value: () => ask({ filters: { ONNX: ['onnx'] } }),
    },
  ];
}

/** A label with room for the mark of the one that is in use. */
function marked(label: string, isInUse: boolean): string {
  return `${isInUse ? '$(check)' : '$(blank)'} ${label}`;
}

/** @returns undefined when the user gave it up */
async function ask(options: vscode.OpenDialogOptions): Promise<string | undefined> {
  const chosen = await vscode.window.showOpenDialog({
    ...options,
    title: t('Surprisal: Choose Model'),
    openLabel: t('Choose'),
  });
  return chosen?.[0]?.fsPath;
}

/** A size as file managers show it. */
function formatBytes(bytes: number): string {
  return bytes < 1e9
    ? t('{0} MB', Math.max(1, Math.round(bytes / 1e6)))
    : t('{0} GB', (bytes / 1e9).toFixed(1));
}

function separator(label: string): ModelItem {
  return { label, kind: vscode.QuickPickItemKind.Separator };
}
