/** Fetches a model from Hugging Face's hub. */
import { homedir } from 'node:os';
import { formatBytes } from '../loss/units';
import { CHECKS } from '../model/checks';
import { downloadModel } from '../model/download';
import { type HubName, huggingFaceCache } from '../model/found';
import { HubSite } from '../model/hubSite';
import { InputError } from './input';
import type { Messages } from './messages';

/**
 * Fetches a model, and shows how far it is.
 * @returns what `--model` takes for it
 * @throws InputError where one of several forms has to be named; ModelError when it cannot be fetched or used
 */
export async function fetchModel(
  { repository, file }: HubName,
  environment: NodeJS.ProcessEnv,
  messages: Messages,
): Promise<string> {
  const site = new HubSite(environment, homedir());
  // Whoever has enough ends the process; what is there by then is kept.
  const { signal } = new AbortController();
  const forms = await site.forms(repository, signal);
  const wanted = file === undefined ? forms : forms.filter((one) => one.file === file);
  if (wanted.length !== 1) {
    const list = forms.map((one) => `${repository}/${one.file} (${formatBytes(one.bytes)})`).join(', ');
    throw new InputError(
      file === undefined
        ? `${repository} has several forms; name one of them: ${list}`
        : `${repository} has no ${file}, but ${list}`,
    );
  }
  const [form] = wanted;
  const choice = `${form.repository}/${form.file}`;
  let shown = '';
  try {
    await downloadModel(site, form, {
      cache: huggingFaceCache(environment, homedir()),
      checks: CHECKS,
      signal,
      progress: (done, total) => {
        const amounts = `${formatBytes(done)} of ${formatBytes(total)}`;
        // It hears of every packet.
        if (amounts !== shown) {
          messages.progress(choice, done, total, amounts);
          shown = amounts;
        }
      },
    });
  } finally {
    messages.clearProgress();
  }
  return choice;
}
