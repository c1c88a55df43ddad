// Scores texts as a program does that uses transformers.js: the tokenizer and the model of a local folder, the logits
// of a window of tokens as a JavaScript array, and their log-softmax there. A process of its own, so that its memory
// and its threads are its own; `TransformersProcess` in transformers.ts forks it and says what the messages are.
//
//   node transformersHost.mjs PACKAGES MODELS ID THREADS
//
// PACKAGES is a folder with node_modules, MODELS the folder of the model ID.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [packages, models, id, threads] = process.argv.slice(2);
const { AutoModelForCausalLM, AutoTokenizer, env, Tensor } = createRequire(join(packages, 'package.json'))(
  '@huggingface/transformers',
);
env.allowRemoteModels = false;
env.localModelPath = models;
const tokenizer = await AutoTokenizer.from_pretrained(id);
const model = await AutoModelForCausalLM.from_pretrained(id, {
  dtype: 'fp32',
  device: 'cpu',
  session_options: { intraOpNumThreads: Number(threads), interOpNumThreads: 1 },
});

/**
 * log Σ exp of a row's logits, less the target's: the log-softmax at the one place that is asked for, which is quicker
 * than transformers.js' own `log_softmax` of the whole row.
 * @param {Float32Array} logits [V]
 * @param {number} target
 */
function surprisal(logits, target) {
  let maximum = Number.NEGATIVE_INFINITY;
  for (let v = 0; v < logits.length; v++) {
    if (logits[v] > maximum) {
      maximum = logits[v];
    }
  }
  let sum = 0;
  for (let v = 0; v < logits.length; v++) {
    sum += Math.exp(logits[v] - maximum);
  }
  return Math.log(sum) + maximum - logits[target];
}

/** @param {number[]} values */
const integers = (values) => new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);

/**
 * @typedef {object} Request
 * @property {string} text
 * @property {number} separator the token that stands before the text
 * @property {number} window tokens that the model reads at once
 * @property {number} overlap fewest tokens that a token behind the first window has before it
 */

/** @param {Request} request */
async function score({ text, separator, window, overlap }) {
  const before = performance.now();
  const ids = tokenizer.encode(text, { add_special_tokens: false });
  const inputs = [separator, ...ids];
  const nats = new Float32Array(ids.length);
  let tokensRun = 0;
  // Each position gives the token after it: the last one of a window that of the next window's first new one.
  for (let done = 0; done < ids.length; ) {
    const from = done === 0 ? 0 : done + 1 - overlap;
    const to = Math.min(from + window, ids.length);
    const context = inputs.slice(from, to);
    const output = await model({
      input_ids: integers(context),
      attention_mask: integers(context.map(() => 1)),
    });
    const [, , vocabulary] = output.logits.dims;
    /** @type {Float32Array} */
    const logits = output.logits.data;
    for (; done < to; done++) {
      const row = done - from;
      nats[done] = surprisal(logits.subarray(row * vocabulary, (row + 1) * vocabulary), ids[done]);
    }
    tokensRun += context.length;
    for (const tensor of [output.logits, ...Object.values(output.past_key_values ?? {})]) {
      tensor.dispose();
    }
  }
  return { seconds: (performance.now() - before) / 1000, tokensRun, nats };
}

process.on('disconnect', () => process.exit(0));
process.on('message', (/** @type {Request} */ request) => {
  score(request).then(
    (answer) => process.send?.(answer),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.send?.({ ready: true, version: env.version });
