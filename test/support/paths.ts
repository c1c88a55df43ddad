/** Where the tests find the project's own files. Tests run from the repository's root. */
import { join } from 'node:path';

export const ROOT = process.cwd();
export const ENGINE_HOST = join(ROOT, 'dist', 'engine.cjs');
export const CLI = join(ROOT, 'dist', 'cli.cjs');
export const FIXTURES = join(ROOT, 'test', 'fixtures');
/** The bundled model. */
export const MODEL = join(ROOT, 'models', 'smollm2-135m-instruct');
/** A small unquantised model in the same layout: quick, and exact to float32. */
export const TINY_MODEL = join(FIXTURES, 'models', 'tiny');
/** The small model's weights in a decoder as exporters write it for Hugging Face's hub, in several forms. */
export const HUB_MODEL = join(FIXTURES, 'models', 'hub');
/** A GPT-2 with random weights, likewise: learned positions, and a window of 256. */
export const HUB_GPT2 = join(FIXTURES, 'models', 'hub-gpt2');
/** A Gemma 3 with random weights, likewise: a tokenizer with byte fallback, and a layer that attends to the last 48 tokens only. */
export const HUB_GEMMA = join(FIXTURES, 'models', 'hub-gemma');
export const DEMO = join(ROOT, 'demo');
