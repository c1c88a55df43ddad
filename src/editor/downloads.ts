/** Fetches models from Hugging Face's hub for the user: finds one, asks for its form, and shows how far it is. */
import { homedir } from 'node:os';
import { basename } from 'node:path';
import * as vscode from 'vscode';
import { formatBytes, formatCount } from '../loss/units';
import { checksBeside } from '../model/checks';
import { ModelError, messageOf } from '../model/errors';
import { hubName, huggingFaceCache } from '../model/found';
import type { HubForm, HubModel, HubSite } from '../model/hubSite';
import type { Log } from './log';
import { showError, showInformation } from './notices';

const t = vscode.l10n.t;

/** Milliseconds without a key after which what was typed is searched for. */
const SEARCH_AFTER = 300;

/** Milliseconds between two reports of how far a download is. */
const REPORT_EVERY = 200;

interface ModelItem extends vscode.QuickPickItem {
  /** What to fetch; undefined where the line only says something. */
  readonly repository?: string;
}

interface FormItem extends vscode.QuickPickItem {
  readonly form: HubForm;
}

/** What models are fetched with. */
interface Hub {
  readonly site: HubSite;
  readonly downloadModel: typeof import('../model/download').downloadModel;
  readonly isFetched: typeof import('../model/download').isFetched;
}

/** The downloads of models. */
export class ModelDownloads implements vscode.Disposable {
  #hub: Hub | undefined;
  readonly #checks: ReturnType<typeof checksBeside>;
  readonly #log: Log;
  readonly #running = new Set<AbortController>();

  /** @param checks the script of the thread that looks at what was fetched */
  constructor(checks: string, log: Log) {
    this.#checks = checksBeside(checks);
    this.#log = log;
  }

  /**
   * Lets the user search for a model and choose one of its forms, and fetches it.
   * @returns what `surprisal.model` is for it; undefined when that was given up or failed, which the user was told
   */
  async choose(): Promise<string | undefined> {
    const repository = await this.#search(await this.#loadHub());
    return repository === undefined ? undefined : this.fetch(repository);
  }

  /**
   * Fetches a model.
   * @param choice `owner/name`, whose forms the user is asked about, or one of them: `owner/name/onnx/model_q4.onnx`
   * @returns as `choose` does
   */
  async fetch(choice: string): Promise<string | undefined> {
    const name = hubName(choice);
    if (!name) {
      void showError(
        t('“{0}” is no model of Hugging Face’s hub: owner/name, or owner/name/onnx/model_q4.onnx.', choice),
      );
      return undefined;
    }
    const hub = await this.#loadHub();
    for (;;) {
      const stop = new AbortController();
      this.#running.add(stop);
      try {
        const form = await (name.file === undefined
          ? chooseForm(hub, name.repository, stop.signal)
          : namedForm(hub, name.repository, name.file, stop));
        return form && (await this.#download(hub, form, stop));
      } catch (error) {
        if (stop.signal.aborted) {
          void showInformation(
            t('{0} was not downloaded. What is there of it is kept for the next time.', choice),
          );
          return undefined;
        }
        const said = error instanceof ModelError ? `${error.message} ${error.advice}` : messageOf(error);
        this.#log.error(said);
        // What is wrong with a model is so the next time as well.
        const isPassing = !(error instanceof ModelError) || error.code === 'download';
        const again = t('Try Again');
        if ((await showError(said, ...(isPassing ? [again] : []))) !== again) {
          return undefined;
        }
      } finally {
        stop.abort();
        this.#running.delete(stop);
      }
    }
  }

  dispose(): void {
    for (const stop of this.#running) {
      stop.abort();
    }
  }

  /** What most people never need is not loaded with the extension. */
  async #loadHub(): Promise<Hub> {
    if (!this.#hub) {
      const [{ HubSite: Site }, { downloadModel, isFetched }] = await Promise.all([
        import('../model/hubSite'),
        import('../model/download'),
      ]);
      this.#hub = { site: new Site(process.env, homedir()), downloadModel, isFetched };
    }
    return this.#hub;
  }

  /** @returns `owner/name`; undefined when none was chosen */
  #search({ site }: Hub): Promise<string | undefined> {
    const pick = vscode.window.createQuickPick<ModelItem>();
    pick.title = title();
    pick.placeholder = t('What you type is searched for on {0}: words of a name, or owner/name', site.host);
    let stop = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const search = async () => {
      stop.abort();
      stop = new AbortController();
      const { signal } = stop;
      const words = pick.value.trim();
      pick.busy = true;
      let items: ModelItem[];
      try {
        items = modelItems(words, await site.search(words, signal));
      } catch (error) {
        const advice = error instanceof ModelError ? error.advice : '';
        const again = t('Press Enter to try again.');
        items = [{ label: `$(error) ${messageOf(error)}`, detail: `${advice} ${again}`.trim() }];
        if (!signal.aborted) {
          this.#log.error(messageOf(error));
        }
      }
      if (!signal.aborted) {
        // The hub has found what fits.
        pick.items = items.map((item) => ({ ...item, alwaysShow: true }));
        pick.busy = false;
      }
    };
    return new Promise<string | undefined>((resolve) => {
      pick.onDidChangeValue(() => {
        // Enter must not take what was found for other words.
        pick.items = [];
        pick.busy = true;
        clearTimeout(timer);
        timer = setTimeout(search, SEARCH_AFTER);
      });
      pick.onDidAccept(() => {
        const [item] = pick.selectedItems;
        if (item?.repository !== undefined) {
          resolve(item.repository);
          pick.hide();
        } else if (item) {
          void search();
        }
      });
      pick.onDidHide(() => {
        clearTimeout(timer);
        stop.abort();
        pick.dispose();
        resolve(undefined);
      });
      pick.show();
      void search();
    });
  }

  async #download(hub: Hub, form: HubForm, stop: AbortController): Promise<string> {
    const choice = `${form.repository}/${form.file}`;
    const path = await withProgress(t('Downloading {0}', choice), stop, (progress) => {
      const reports = new ProgressReports(progress);
      return hub
        .downloadModel(hub.site, form, {
          cache: huggingFaceCache(process.env, homedir()),
          checks: this.#checks,
          signal: stop.signal,
          progress: reports.hear,
        })
        .finally(() => reports.dispose());
    });
    this.#log.info(`${choice} is in ${path}.`);
    return choice;
  }
}

/**
 * @returns undefined when none was chosen
 * @throws ModelError when the hub has no such model
 */
async function chooseForm(hub: Hub, repository: string, signal: AbortSignal): Promise<HubForm | undefined> {
  const items: Promise<FormItem[]> = hub.site
    .forms(repository, signal)
    .then((found) => found.map((form) => formItem(hub, form)));
  const chosen = await vscode.window.showQuickPick(items, {
    title: title(),
    placeHolder: t('Which form of {0}', repository),
    matchOnDescription: true,
  });
  return chosen?.form;
}

/** @throws ModelError when the hub has no such model, or no such form of it; an AbortError when that was given up */
async function namedForm(
  { site }: Hub,
  repository: string,
  file: string,
  stop: AbortController,
): Promise<HubForm> {
  const forms = await withProgress(t('Looking for {0}', repository), stop, () =>
    site.forms(repository, stop.signal),
  );
  const named = forms.find((form) => form.file === file);
  if (!named) {
    throw new ModelError('download', t('{0} has no {1}.', repository, file), t('Choose another form of it.'));
  }
  return named;
}

function title(): string {
  return t('Surprisal: Download Model');
}

type Progress = vscode.Progress<{ message?: string; increment?: number }>;

/** Shows that something is under way, and lets the user stop it. */
function withProgress<Result>(
  message: string,
  stop: AbortController,
  work: (progress: Progress) => Promise<Result>,
): Thenable<Result> {
  return vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: message, cancellable: true },
    (progress, token) => {
      token.onCancellationRequested(() => stop.abort());
      return work(progress);
    },
  );
}

/** Reports from time to time how far a download is, not at every packet. */
class ProgressReports implements vscode.Disposable {
  readonly #timer: NodeJS.Timeout;
  #done = 0;
  #total = 0;
  /** What was reported last, in percent. */
  #shown = 0;

  constructor(progress: Progress) {
    this.#timer = setInterval(() => {
      if (this.#total > 0) {
        const percent = (100 * this.#done) / this.#total;
        const message = t('{0} of {1}', formatBytes(this.#done), formatBytes(this.#total));
        progress.report({ message, increment: percent - this.#shown });
        this.#shown = percent;
      }
    }, REPORT_EVERY);
  }

  readonly hear = (done: number, total: number): void => {
    this.#done = done;
    this.#total = total;
  };

  dispose(): void {
    clearInterval(this.#timer);
  }
}

function modelItems(words: string, models: readonly HubModel[]): ModelItem[] {
  const found: ModelItem[] = models.map(({ repository, downloads, licence }) => ({
    label: repository,
    description: [
      t('{0} downloads', formatCount(downloads)),
      ...(licence === undefined ? [] : [licence]),
    ].join(', '),
    repository,
  }));
  const isNamed = hubName(words) && !found.some(({ repository }) => repository === words);
  const named = { label: words, description: t('as it is named'), repository: words };
  const all = isNamed ? [named, ...found] : found;
  return all.length > 0 ? all : [{ label: t('No model with ONNX files has that in its name') }];
}

function formItem({ isFetched }: Hub, form: HubForm): FormItem {
  const name = basename(form.file);
  const detail = formDetail(name);
  const size = formatBytes(form.bytes);
  return {
    label: name,
    description: isFetched(form, huggingFaceCache(process.env, homedir()))
      ? t('{0}, on this computer', size)
      : size,
    ...(detail === '' ? {} : { detail }),
    form,
  };
}

/** What is in a form, by the name that exporters give it: https://huggingface.co/docs/transformers.js/guides/dtypes */
function formDetail(name: string): string {
  switch (/^model_?(.*)\.onnx$/.exec(name)?.[1]) {
    case '':
      return t('float32: exact, and the largest');
    case 'fp16':
      return t('float16: half as large, and hardly less exact; made for GPUs');
    case 'q4':
      return t('4-bit weights: small, and somewhat less exact');
    case 'q4f16':
      return t('4-bit weights, the rest in float16; made for GPUs');
    case 'bnb4':
      return t('4-bit weights (bitsandbytes)');
    case 'int8':
    case 'uint8':
    case 'quantized':
      return t('8 bits, with inputs that are rounded as they run: rough');
    default:
      return '';
  }
}
