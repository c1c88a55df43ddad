/**
 * Model folders as they are found on Hugging Face's hub and as exporters write them: `config.json`, `tokenizer.json` and an ONNX
 * file with a decoder, which is cut into backbone and head in memory. The files stay as they are.
 */
import { existsSync } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';
import { ModelError, messageOf } from './errors';
import type { ModelFolder, ModelManifest } from './folder';
import { CONFIG, decodersIn, folderOf, modelNameOf, NEEDED_FILES } from './found';
import { ELEMENT, newNode, OnnxError, type OnnxModel, readOnnx, writeOnnx } from './onnxFile';
import { type SplitDecoder, splitDecoder } from './split';
import { ByteTokenizer } from './tokenizer';

const ADVICE =
  'Choose another file of the model (model.onnx, model_q4.onnx …), or export it again as a decoder with keys and values (“text-generation-with-past”).';

/** Bytes of logits that the head has at once. */
const LOGITS_AT_ONCE = 32e6;

/** Rows of the head's matrix product from which on more make it no faster. */
const MOST_ROWS = 256;

/** What separated documents in training, by family. Of two the first one counts (Llama 3 has both of the latter). */
const SEPARATORS = ['<|endoftext|>', '<|begin_of_text|>', '<|end_of_text|>'];

/** Operators that round what they are given by the largest number in it. */
const ROUNDING = new Set(['DynamicQuantizeLinear', 'DynamicQuantizeMatMul']);

/** Positions that a page of a text takes at least. */
const LEAST_WINDOW = 64;

/** Largest vocabulary: ranks are counted in float32. */
const MOST_TOKENS = 2 ** 24;

/** Positions that a model is taken to read at once whose configuration does not say it. */
const USUAL_WINDOW = 1024;

/** A graph that multiplies bytes x [N, K] by signed bytes w [K, M], by which a processor is tried. */
export function byteProducts(): Uint8Array {
  const value = (name: string, type: number) => ({ name, type, dims: [undefined, undefined] });
  return writeOnnx(
    {
      irVersion: 8,
      opsets: new Map([['', 13]]),
      functions: [],
      nodes: [newNode('MatMulInteger', ['x', 'w'], 'products')],
      initializers: [],
      inputs: [value('x', ELEMENT.uint8), value('w', ELEMENT.int8)],
      outputs: [value('products', ELEMENT.int32)],
    },
    () => '',
  );
}

/** Whether there is something here that may be such a folder, or an ONNX file in one. */
export function isHubModel(path: string): boolean {
  return path.endsWith('.onnx') || existsSync(join(path, CONFIG));
}

/**
 * Opens a model folder, or one of its ONNX files.
 * @param path of the folder, or of the file, which lies in it or in its folder `onnx`
 * @throws ModelError that says what is missing, or what the model is not
 */
export async function openHubModel(path: string): Promise<ModelFolder> {
  const isFile = path.endsWith('.onnx');
  const folder = isFile ? folderOf(path) : path;
  const onnx = isFile ? path : await decoderIn(folder);
  if (!(await stat(onnx).catch(() => undefined))?.isFile()) {
    throw new ModelError('model-missing', `There is no file ${onnx}.`, 'Choose a file that is there.');
  }
  const [config, tokenizer] = await Promise.all(NEEDED_FILES.map((name) => readJson(join(folder, name))));
  const { original, decoder } = readDecoder(onnx);
  const data = await DataFiles.of(onnx, original);
  const model = modelNameOf(folder);
  // The forms of a model give other numbers.
  const name = basename(onnx) === 'model.onnx' ? model : `${model} (${basename(onnx)})`;
  const numbers = numbersOf(config, original, join(folder, CONFIG));
  const isRounding = ({ nodes }: OnnxModel) => nodes.some(({ operator }) => ROUNDING.has(operator));
  const manifest: ModelManifest = {
    schema: 2,
    id: name,
    name,
    licence: '',
    parameters: parametersOf(original),
    graphs: { backbone: '', head: '' },
    ...numbers,
    // A head that rounds by the run would give a token other numbers in the company of others.
    ...(isRounding(decoder.head) ? { headRows: 1 } : {}),
    separatorTokenId: separatorOf(tokenizer, config, numbers.vocabularySize, join(folder, CONFIG)),
    layers: decoder.layers,
    keyValueHeads: decoder.keyValueHeads,
    headDim: decoder.headDim,
    verification: { ids: [], nats: [] },
    files: {},
  };
  return {
    path: folder,
    manifest,
    file: (relative) => join(folder, relative),
    split: {
      source: onnx,
      backbone: writeOnnx(decoder.backbone, data.name),
      head: writeOnnx(decoder.head, data.name),
      weights: data.folder,
      isRoundedByRun: isRounding(original),
    },
  };
}

/**
 * Reads an ONNX file and cuts it in two, without the weights.
 * @param name what it is called in messages
 * @throws ModelError when it cannot be read or is no decoder that can be run
 */
function readDecoder(
  onnx: string,
  name = onnx,
): { readonly original: OnnxModel; readonly decoder: SplitDecoder } {
  try {
    const original = readOnnx(onnx);
    return { original, decoder: splitDecoder(original) };
  } catch (error) {
    if (error instanceof OnnxError) {
      throw new ModelError('model-invalid', `${name} ${error.message}.`, ADVICE);
    }
    if ((error as NodeJS.ErrnoException).code === undefined) {
      throw error;
    }
    throw new ModelError(
      'model-missing',
      `${name} cannot be read: ${messageOf(error)}.`,
      'Check its permissions, or get it again.',
    );
  }
}

/**
 * The names of the files that a decoder's weights lie in, relative to its folder.
 * @param onnx the path of its file
 * @param name what that is called in messages
 * @throws ModelError when it cannot be read or is no decoder that can be run
 */
export function dataFilesOf(onnx: string, name: string): string[] {
  return externalFiles(readDecoder(onnx, name).original);
}

function externalFiles({ initializers }: OnnxModel): string[] {
  return [
    ...new Set(initializers.flatMap(({ data }) => (data instanceof Uint8Array ? [] : (data.file ?? [])))),
  ];
}

/**
 * Checks what can be told of a model before its ONNX file is there: whether texts can be cut into its tokens, and what a text begins
 * behind.
 * @throws ModelError that says what is not so
 */
export async function checkTexts(folder: string): Promise<void> {
  const [config, tokenizer] = await Promise.all(NEEDED_FILES.map((name) => readJson(join(folder, name))));
  widthsOf(config, join(folder, CONFIG));
  separatorOf(tokenizer, config, Number.POSITIVE_INFINITY, join(folder, CONFIG));
  await ByteTokenizer.from(() => tokenizer, join(folder, 'tokenizer.json'));
}

/**
 * The folder with a page to verify devices on: a model that was not made for Surprisal brings none along. Its surprisals are not
 * known yet.
 */
export function withPage(folder: ModelFolder, tokenizer: ByteTokenizer): ModelFolder {
  const { manifest } = folder;
  const ids = [manifest.separatorTokenId, ...tokenizer.encode(PAGE).ids].slice(0, manifest.contextWindow);
  return { ...folder, manifest: { ...manifest, verification: { ids, nats: [] } } };
}

/** The decoder to take where none is named. @throws ModelError when there is none */
async function decoderIn(folder: string): Promise<string> {
  const [best] = await decodersIn(folder);
  if (best === undefined) {
    throw new ModelError(
      'model-missing',
      `The model folder ${folder} has neither surprisal.json nor an ONNX file (onnx/model.onnx).`,
      'Get the ONNX files of the model, or choose another folder (surprisal.model, --model).',
    );
  }
  return best;
}

async function readJson(file: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new ModelError(
      'model-missing',
      `The model's file ${file} cannot be read (${messageOf(error)}).`,
      'Get it from where the model is from.',
    );
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) {
      return value as Record<string, unknown>;
    }
  } catch {}
  throw new ModelError('model-invalid', `${file} does not hold a JSON object.`, 'Get it again.');
}

/** The files that a decoder's weights lie in. Hugging Face's tools keep links to them, ONNX Runtime wants them in one folder. */
class DataFiles {
  private constructor(
    /** The folder that their names begin in. */
    readonly folder: string,
    private readonly places: ReadonlyMap<string | undefined, string>,
  ) {}

  /** @throws ModelError when one is not there */
  static async of(onnx: string, model: OnnxModel): Promise<DataFiles> {
    const places = new Map<string | undefined, string>();
    for (const name of [undefined, ...externalFiles(model)]) {
      const file = name === undefined ? onnx : join(dirname(onnx), name);
      const place = isInside(dirname(onnx), file) ? await realpath(file).catch(() => undefined) : undefined;
      if (place === undefined || !(await stat(place)).isFile()) {
        throw new ModelError(
          'model-missing',
          `${onnx} has weights in ${name}, which is not there.`,
          'Get that file, too, and put it beside the other.',
        );
      }
      places.set(name, place);
    }
    let folder = dirname([...places.values()][0]);
    while (![...places.values()].every((place) => isInside(folder, place))) {
      if (folder === dirname(folder)) {
        throw new ModelError(
          'model-invalid',
          `${onnx} has weights on another drive.`,
          'Put its files together in one folder.',
        );
      }
      folder = dirname(folder);
    }
    return new DataFiles(folder, places);
  }

  /** What a file is called, seen from the folder. */
  readonly name = (file: string | undefined): string =>
    relative(this.folder, this.places.get(file) ?? '').replaceAll(sep, '/');
}

/** Whether a path leads into a folder. */
function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** The weights of matrices and of everything else, without what a quantised matrix has besides. */
function parametersOf({ initializers, nodes }: OnnxModel): number {
  const aside = new Set<string>();
  const packed = new Set<string>();
  for (const { operator, inputs } of nodes) {
    if (operator === 'MatMulNBits' || operator === 'GatherBlockQuantized') {
      packed.add(inputs[operator === 'MatMulNBits' ? 1 : 0]);
      for (const name of inputs.slice(2)) {
        aside.add(name);
      }
    }
  }
  return initializers
    .filter(({ name }) => !aside.has(name))
    .reduce((sum, { name, dims }) => {
      // Two numbers of 4 bits a byte.
      return sum + dims.reduce((product, size) => product * size, packed.has(name) ? 2 : 1);
    }, 0);
}

/** The model's own part of a configuration: one that sees or hears has that of its texts inside. */
function ownPart(config: Record<string, unknown>): Record<string, unknown> {
  return (config.text_config ?? config) as Record<string, unknown>;
}

/** A whole number above 0 that a configuration has, under the names that families of models have for it. */
function numberIn(config: Record<string, unknown>, ...keys: string[]): number | undefined {
  const own = ownPart(config);
  const value = keys.map((key) => own[key]).find((candidate) => candidate !== undefined);
  return Number.isInteger(value) && (value as number) > 0 ? (value as number) : undefined;
}

/** What a configuration has to say by itself. */
function widthsOf(
  config: Record<string, unknown>,
  file: string,
): Pick<ModelManifest, 'hidden' | 'contextWindow'> {
  const hidden = numberIn(config, 'hidden_size', 'n_embd', 'n_embed', 'd_model');
  if (hidden === undefined) {
    throw silent(file, 'width of the hidden states (hidden_size)');
  }
  const contextWindow =
    numberIn(config, 'max_position_embeddings', 'n_positions', 'n_ctx', 'max_seq_len', 'seq_length') ??
    USUAL_WINDOW;
  if (contextWindow < LEAST_WINDOW) {
    throw new ModelError(
      'model-invalid',
      `${file} says that the model reads only ${contextWindow} tokens at once.`,
      `Choose a model that reads ${LEAST_WINDOW} and more.`,
    );
  }
  return { hidden, contextWindow };
}

function silent(file: string, what: string): ModelError {
  return new ModelError(
    'model-invalid',
    `${file} does not say the ${what}.`,
    'Get it again, or choose a model for texts.',
  );
}

/** What the configuration and the graph say of the model. */
function numbersOf(
  config: Record<string, unknown>,
  { outputs }: OnnxModel,
  file: string,
): Pick<ModelManifest, 'hidden' | 'vocabularySize' | 'contextWindow' | 'headRows'> {
  const widths = widthsOf(config, file);
  const vocabularySize =
    outputs.find(({ name }) => name === 'logits')?.dims[2] ?? numberIn(config, 'vocab_size', 'n_vocab');
  if (vocabularySize === undefined) {
    throw silent(file, 'size of the vocabulary (vocab_size)');
  }
  if (vocabularySize > MOST_TOKENS) {
    throw new ModelError(
      'model-invalid',
      `${file} speaks of a vocabulary of ${vocabularySize} tokens.`,
      'Get it again: no model has as many.',
    );
  }
  const rows = Math.floor(LOGITS_AT_ONCE / (4 * vocabularySize));
  return { ...widths, vocabularySize, headRows: Math.min(Math.max(rows, 1), MOST_ROWS) };
}

/**
 * The token that a text's first one is scored behind: what separated documents in training. That is what the tokenizer itself puts before
 * a text, where it puts something; a `bos_token_id` may open a turn of a chat instead, so that it is asked last.
 * @throws ModelError where there is none
 */
function separatorOf(
  tokenizer: Record<string, unknown>,
  config: Record<string, unknown>,
  vocabularySize: number,
  file: string,
): number {
  const isToken = (id: unknown): id is number =>
    Number.isInteger(id) && (id as number) >= 0 && (id as number) < vocabularySize;
  const added = (Array.isArray(tokenizer.added_tokens) ? tokenizer.added_tokens : []) as unknown[];
  const named = new Map(
    added.map((entry) => {
      const { content, id } = (entry ?? {}) as { readonly content?: unknown; readonly id?: unknown };
      return [content, id] as const;
    }),
  );
  const own = ownPart(config);
  const candidates = [
    openingToken(tokenizer.post_processor),
    ...SEPARATORS.map((separator) => named.get(separator)),
    ...[own.bos_token_id, own.eos_token_id].flat(),
  ];
  const found = candidates.find(isToken);
  if (found === undefined) {
    throw new ModelError(
      'model-invalid',
      `${file} names no token of the vocabulary that begins a text (bos_token_id).`,
      'Add it to the file, as the model’s card has it.',
    );
  }
  return found;
}

/** The token that a tokenizer puts before a text. @param processor the `post_processor` of a `tokenizer.json` */
function openingToken(processor: unknown): unknown {
  const { type, processors, single, special_tokens } = (processor ?? {}) as PostProcessor;
  if (type === 'Sequence') {
    return processors?.map(openingToken).find((id) => id !== undefined);
  }
  const name = type === 'TemplateProcessing' ? single?.[0]?.SpecialToken?.id : undefined;
  return name === undefined ? undefined : special_tokens?.[name]?.ids?.[0];
}

/** What a tokenizer does with a text that is cut. */
interface PostProcessor {
  readonly type?: string;
  readonly processors?: readonly unknown[];
  readonly single?: readonly { readonly SpecialToken?: { readonly id?: string } }[];
  readonly special_tokens?: Readonly<Record<string, { readonly ids?: readonly number[] }>>;
}

/** Long enough to prove attention on, whatever the tokenizer makes of it: code and prose, and characters of several bytes. */
const PAGE = `# Keeping what was read

A page that was read once is kept, so that it need not be read again. What is kept has to be bounded, and when there is no room
left, the page that was asked for longest ago is let go. Naïve caches forget the wrong thing – here is one that does not.

class Pages:
    """Keeps at most \`capacity\` pages, and forgets the least recently used."""

    def __init__(self, capacity=64):
        if capacity < 1:
            raise ValueError("capacity must be positive")
        self.capacity = capacity
        self.pages = {}

    def get(self, number, read):
        page = self.pages.pop(number, None)
        if page is None:
            page = read(number)
            if len(self.pages) >= self.capacity:
                oldest = next(iter(self.pages))
                del self.pages[oldest]
        self.pages[number] = page
        return page


pages = Pages(capacity=2)
for number in [1, 2, 1, 3, 1, 2]:
    print(number, pages.get(number, lambda n: "page %d" % n))
`;
