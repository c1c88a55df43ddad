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

/** Lets the user choose a model, and takes it. */
export async function chooseModel(): Promise<void> {
  const value = await pickModel({
    title: t('Surprisal: Choose Model'),
    placeHolder: t('Which model reads along'),
    isOther: false,
  });
  if (value !== undefined) {
    await writeSetting('model', value);
  }
}

/** How to ask for a model. */
export interface ModelQuestion {
  readonly title: string;
  readonly placeHolder: string;
  /** Whether another one than that in use is asked for. */
  readonly isOther: boolean;
}

/**
 * Shows the bundled model, those that are on this computer, and how to name another one.
 * @returns what `surprisal.model` is for the chosen one; undefined when none was
 */
export async function pickModel({ title, placeHolder, isOther }: ModelQuestion): Promise<string | undefined> {
  const chosen = await vscode.window.showQuickPick(items(title, isOther), {
    title,
    placeHolder,
    matchOnDescription: true,
    matchOnDetail: true,
  });
  return chosen?.value?.();
}

async function items(title: string, isOther: boolean): Promise<ModelItem[]> {
  const current = setting('model').trim();
  const path = current === '' ? undefined : modelPath(current);
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
      : [{ label: marked(basename(taken), true), detail: taken, value: () => current }];
  if (isOther && taken !== undefined) {
    found.delete(taken);
  }
  const others = Array.from(found.values(), ({ name, source, path: value, bytes }) => ({
    label: marked(name, value === taken),
    description: t('{0}, {1}', basename(value), formatBytes(bytes)),
    detail: source,
    value: () => value,
  }));
  return [
    ...(isOther && taken === undefined ? [] : [bundled]),
    ...own,
    ...(others.length > 0 ? [separator(t('On this computer')), ...others] : []),
    separator(t('Another one')),
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

/** A size as file managers show it. */
function formatBytes(bytes: number): string {
  return bytes < 1e9
    ? t('{0} MB', Math.max(1, Math.round(bytes / 1e6)))
    : t('{0} GB', (bytes / 1e9).toFixed(1));
}

function separator(label: string): ModelItem {
  return { label, kind: vscode.QuickPickItemKind.Separator };
}
