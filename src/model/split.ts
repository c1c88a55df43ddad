/**
 * Cuts the graph of a decoder, as exporters write it for Hugging Face's hub, into a backbone and a head that have the inputs
 * and outputs of a model folder's own graphs (models/make/README.md). Weights stay in their files.
 *
 *     input_ids, attention_mask, position_ids, past_key_values  ->  logits, present
 */
import {
  ELEMENT,
  newIntegers,
  newNode,
  OnnxError,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
  renamedTensor,
} from './onnxFile';

/** A decoder in two graphs, and what its graph says of it. */
export interface SplitDecoder {
  readonly backbone: OnnxModel;
  readonly head: OnnxModel;
  readonly layers: number;
  readonly keyValueHeads: number;
  /** Numbers of one head's keys for one position. */
  readonly headDim: number;
}

/** The oldest operators whose reductions take their axes as an input. */
const OLDEST_OPSET = 13;

/** Operators that multiply by a matrix of weights. */
const PRODUCTS =
  /^(MatMul|FusedMatMul|Gemm|MatMulNBits|MatMulInteger|MatMulIntegerToFloat|DynamicQuantizeMatMul|QLinearMatMul|QGemm)$/;

/** Inputs that a decoder may have and that are always the same here: how many of the last positions have logits; 0: all. */
const LOGITS_TO_KEEP = ['num_logits_to_keep', 'logits_to_keep'];

/** The end of an axis, whatever its size. */
const END = Number.MAX_SAFE_INTEGER;

/**
 * Cuts a decoder at the hidden states that its last matrix multiplies.
 * @throws OnnxError that says what is unlike a decoder with keys and values
 */
export function splitDecoder(original: OnnxModel): SplitDecoder {
  const opset = original.opsets.get('') ?? 0;
  if (opset < OLDEST_OPSET) {
    throw new OnnxError(
      `has operators of version ${opset}, and ${OLDEST_OPSET} is the oldest that can be read`,
    );
  }
  const model = inOrder(withoutRounding(withAllLogits(withoutOurNames(original))));
  const inputs = new Map(model.inputs.map((value) => [value.name, value]));
  const ids = inputs.get('input_ids');
  const [batch = 1, length] = ids?.dims ?? [];
  if (ids?.type !== ELEMENT.int64 || ids.dims.length !== 2 || batch !== 1 || length !== undefined) {
    throw new OnnxError('has no input input_ids that takes any number of 64-bit token ids');
  }
  if (inputs.has('use_cache_branch')) {
    throw new OnnxError(
      'is a merged decoder, with a branch for each of its uses: one without (use_cache_branch) is needed',
    );
  }
  const layers = cacheOf(inputs);
  const cut = cutOf(model);
  return {
    backbone: backboneOf(model, inputs, cut, layers.length),
    head: headOf(model, cut),
    layers: layers.length,
    keyValueHeads: layers[0].heads,
    headDim: layers[0].width,
  };
}

/** The model with its nodes in an order in which they can be run: ONNX Runtime takes them in any. @throws OnnxError for a circle */
function inOrder(model: OnnxModel): OnnxModel {
  const { nodes } = model;
  const producers = new Map(
    nodes.flatMap(({ outputs }, index) => outputs.map((name) => [name, index] as const)),
  );
  const state = new Uint8Array(nodes.length);
  const order: OnnxNode[] = [];
  for (let first = 0; first < nodes.length; first++) {
    const open = [first];
    while (open.length > 0) {
      const index = open[open.length - 1];
      if (state[index] !== 0) {
        if (state[index] === 1) {
          state[index] = 2;
          order.push(nodes[index]);
        }
        open.pop();
        continue;
      }
      state[index] = 1;
      for (const name of readsOf(nodes[index])) {
        const producer = producers.get(name);
        if (producer !== undefined && state[producer] === 1) {
          throw new OnnxError(`has a circle at ${name}`);
        }
        if (producer !== undefined && state[producer] === 0) {
          open.push(producer);
        }
      }
    }
  }
  return { ...model, nodes: order };
}

/** The model with logits of all positions: how many of the last ones are wanted is no input any more. */
function withAllLogits(model: OnnxModel): OnnxModel {
  const settled = model.inputs.filter(({ name }) => LOGITS_TO_KEEP.includes(name));
  return {
    ...model,
    inputs: model.inputs.filter((value) => !settled.includes(value)),
    initializers: [
      ...model.initializers,
      ...settled.map(({ name, dims }) => newIntegers(name, dims.length === 0 ? 0 : [0])),
    ],
  };
}

/**
 * The model with 4-bit weights multiplied by what they are given: an exporter may let ONNX Runtime round that to 8 bits
 * (`accuracy_level`), which is off by about as much as 8-bit weights are.
 */
function withoutRounding(model: OnnxModel): OnnxModel {
  return {
    ...model,
    nodes: model.nodes.map((node) => ({
      ...node,
      attributes: node.attributes.filter(({ name }) => name !== 'accuracy_level'),
    })),
  };
}

/** The names that both graphs' inputs and outputs have. */
const OURS = new Set([
  'hidden_states',
  'targets',
  'wants_logits',
  'surprisal',
  'entropy',
  'varentropy',
  'rank',
  'logits',
]);

/** How a value of the decoder is called whose own name is wanted for something else. */
function renamed(name: string): string {
  return OURS.has(name) ? `decoder/${name}` : name;
}

/** The model with other names for values that are called as ours are. */
function withoutOurNames(model: OnnxModel): OnnxModel {
  const inside = model.nodes.flatMap(({ outer }) => outer).find((name) => OURS.has(name));
  if (inside !== undefined) {
    throw new OnnxError(`has a branch that reads “${inside}”, a name that is wanted for something else`);
  }
  return {
    ...model,
    nodes: model.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(renamed),
      outputs: node.outputs.map(renamed),
    })),
    initializers: model.initializers.map((tensor) =>
      OURS.has(tensor.name) ? renamedTensor(tensor, renamed(tensor.name)) : tensor,
    ),
    outputs: model.outputs.map((value) => ({ ...value, name: renamed(value.name) })),
  };
}

/** The decoder's own name of its logits. */
const LOGITS = renamed('logits');

/** The shape of each layer's keys, which its values have, too. */
function cacheOf(inputs: ReadonlyMap<string, OnnxValue>): { heads: number; width: number }[] {
  const layers: { heads: number; width: number }[] = [];
  for (;;) {
    const keys = inputs.get(`past_key_values.${layers.length}.key`);
    const values = inputs.get(`past_key_values.${layers.length}.value`);
    if (!keys || !values) {
      break;
    }
    const [, heads, length, width] = keys.dims;
    if (keys.dims.length !== 4 || !heads || length !== undefined || !width) {
      throw new OnnxError('has keys and values of another shape than [batch, heads, positions, size]');
    }
    if (String(values.dims) !== String(keys.dims)) {
      throw new OnnxError('has values of another shape than its keys');
    }
    if (layers.length > 0 && (layers[0].heads !== heads || layers[0].width !== width)) {
      throw new OnnxError('has layers whose keys and values differ in shape');
    }
    layers.push({ heads, width });
  }
  if (layers.length === 0) {
    throw new OnnxError(
      'is no decoder with keys and values: it has no input past_key_values.0.key (export it “with past”)',
    );
  }
  return layers;
}

/** The producers of a graph's values. */
class Producers {
  readonly #producers = new Map<string, number>();
  /** Whether a node depends on what the graph is given. */
  readonly #isDynamic: boolean[] = [];

  constructor(
    private readonly nodes: readonly OnnxNode[],
    private readonly inputs: ReadonlySet<string>,
  ) {
    for (const [index, node] of nodes.entries()) {
      this.#isDynamic.push(readsOf(node).some((name) => this.isDynamic(name)));
      for (const output of node.outputs) {
        this.#producers.set(output, index);
      }
    }
  }

  /** Position of the node that makes a value, in the order of running; undefined of inputs and constants. */
  of(name: string): number | undefined {
    return this.#producers.get(name);
  }

  isDynamic(name: string): boolean {
    const producer = this.of(name);
    return producer === undefined ? this.inputs.has(name) : this.#isDynamic[producer];
  }

  /** The nodes that values need, in the order of running, except those that make one of `given`. */
  neededFor(values: Iterable<string>, given: ReadonlySet<string>): OnnxNode[] {
    const needed = new Set<number>();
    const open = [...values];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      const index = given.has(name) ? undefined : this.of(name);
      if (index !== undefined && !needed.has(index)) {
        needed.add(index);
        open.push(...readsOf(this.nodes[index]));
      }
    }
    return [...needed].sort((a, b) => a - b).map((index) => this.nodes[index]);
  }
}

/** The names of all that a node reads. */
function readsOf({ inputs, outer }: OnnxNode): string[] {
  return [...inputs, ...outer].filter((name) => name !== '');
}

function namesOf(values: readonly { readonly name: string }[]): Set<string> {
  return new Set(values.map(({ name }) => name));
}

/** The value before the last matrix through which alone the logits depend on the graph's inputs, and its type. */
interface Cut {
  readonly name: string;
  readonly type: number;
  readonly producers: Producers;
}

function cutOf(model: OnnxModel): Cut {
  const producers = new Producers(model.nodes, namesOf(model.inputs));
  if (producers.of(LOGITS) === undefined || !namesOf(model.outputs).has(LOGITS)) {
    throw new OnnxError('is no decoder: it has no output “logits”');
  }
  let open = new Set([LOGITS]);
  /** The constants that the last matrix, and what is behind it, is made of. */
  const weights: string[] = [];
  let hasProduct = false;
  while (!hasProduct || open.size !== 1) {
    // The value that is made last: what it is made of lies before everything else.
    const last = Math.max(...[...open].map((name) => producers.of(name) ?? -1));
    if (last < 0) {
      throw new OnnxError(
        'has logits that are not made by a matrix from one row of hidden states for each position',
      );
    }
    const node = model.nodes[last];
    hasProduct ||= PRODUCTS.test(node.operator);
    const reads = readsOf(node);
    weights.push(...reads.filter((name) => !producers.isDynamic(name)));
    open = new Set([
      ...[...open].filter((name) => producers.of(name) !== last),
      ...reads.filter((name) => producers.isDynamic(name)),
    ]);
  }
  const [name] = open;
  if (producers.of(name) === undefined) {
    throw new OnnxError('has logits that are made from its inputs at once');
  }
  return { name, type: numberTypeOf(model, producers, weights), producers };
}

/** The type that the last matrix is multiplied in: that of its weights, or of their scales. */
function numberTypeOf(model: OnnxModel, producers: Producers, weights: readonly string[]): number {
  const types = new Map(model.initializers.map(({ name, type }) => [name, type]));
  const open = [...weights].reverse();
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const index = producers.of(name);
    const type = index === undefined ? types.get(name) : castOf(model.nodes[index]);
    if (type === ELEMENT.float32 || type === ELEMENT.float16) {
      return type;
    }
    if (index !== undefined) {
      open.push(...readsOf(model.nodes[index]).reverse());
    }
  }
  return ELEMENT.float32;
}

/** The type that a node makes numbers of, if that is what it does. */
function castOf({ operator, attributes }: OnnxNode): number | undefined {
  return operator === 'Cast' ? attributes.find(({ name }) => name === 'to')?.integer : undefined;
}

/** Constants and nodes that are added to a graph. */
class Added {
  readonly nodes: OnnxNode[] = [];

  /**
   * @param place in the graph, part of the names of what is added there
   * @param constants those of the graph, by name
   */
  constructor(
    private readonly place: string,
    readonly constants = new Map<string, OnnxTensor>(),
  ) {}

  /** A list of whole numbers, or a single one. */
  integers(values: readonly number[] | number): string {
    const name = `surprisal/${JSON.stringify(values)}`;
    this.constants.set(name, newIntegers(name, values));
    return name;
  }

  /** @returns the name of what the operator gives */
  op(
    operator: string,
    inputs: readonly string[],
    output = `surprisal/${this.place}/${operator}_${this.nodes.length}`,
    attributes: Readonly<Record<string, number | OnnxTensor>> = {},
  ): string {
    this.nodes.push(newNode(operator, inputs, output, attributes));
    return output;
  }

  /** The size of an axis, as a list of one. */
  size(value: string, axis: number): string {
    return this.op('Gather', [this.op('Shape', [value]), this.integers([axis])]);
  }
}

/** A model with the constants that its nodes read. */
function modelOf(
  model: OnnxModel,
  parts: Pick<OnnxModel, 'nodes' | 'inputs' | 'outputs'>,
  { constants }: Added,
): OnnxModel {
  const read = new Set(parts.nodes.flatMap(readsOf));
  return {
    ...model,
    ...parts,
    initializers: [...model.initializers.filter(({ name }) => read.has(name)), ...constants.values()],
  };
}

function backboneOf(
  model: OnnxModel,
  inputs: ReadonlyMap<string, OnnxValue>,
  cut: Cut,
  layers: number,
): OnnxModel {
  const names = Array.from({ length: layers }, (_, layer) => [`${layer}.key`, `${layer}.value`]).flat();
  const presents = names.map((name) => `present.${name}`);
  const missing = presents.find((name) => cut.producers.of(name) === undefined);
  if (missing !== undefined) {
    throw new OnnxError(`is no decoder with keys and values: it has no output ${missing}`);
  }
  const needed = cut.producers.neededFor([cut.name, ...presents], new Set());
  const read = new Set(needed.flatMap(readsOf));

  const before = new Added('before');
  const past = before.size('past_key_values.0.key', 2);
  if (read.has('position_ids')) {
    // The positions follow from how many there were before.
    const count = before.size('input_ids', 1);
    const [from, length] = [past, count].map((size) => before.op('Squeeze', [size]));
    const range = before.op('Range', [from, before.op('Add', [from, length]), before.integers(1)]);
    before.op('Unsqueeze', [range, before.integers([0])], 'position_ids');
  }
  const given = new Set(['input_ids', 'attention_mask', ...names.map((name) => `past_key_values.${name}`)]);
  for (const name of inputs.keys()) {
    if (read.has(name) && !given.has(name) && name !== 'position_ids') {
      throw new OnnxError(`has an input that is not known: ${name}`);
    }
  }

  const after = new Added('after', before.constants);
  for (const name of names) {
    // A present holds the past, too; what is new is enough.
    const axes = [past, after.integers([END]), after.integers([2])];
    after.op('Slice', [`present.${name}`, ...axes], `added.${name}`);
  }
  after.op('Cast', [cut.name], 'hidden_states', { to: ELEMENT.float32 });

  const keys = inputs.get('past_key_values.0.key')!;
  // ONNX Runtime takes an input that nothing reads.
  const mask = inputs.get('attention_mask') ?? {
    name: 'attention_mask',
    type: ELEMENT.int64,
    dims: [undefined, undefined],
  };
  return modelOf(
    model,
    {
      nodes: [...before.nodes, ...needed, ...after.nodes],
      inputs: [...model.inputs.filter(({ name }) => given.has(name) && name !== mask.name), mask],
      outputs: [
        { name: 'hidden_states', type: ELEMENT.float32, dims: [undefined, undefined, undefined] },
        ...names.map((name) => ({ ...keys, name: `added.${name}` })),
      ],
    },
    after,
  );
}

function headOf(model: OnnxModel, cut: Cut): OnnxModel {
  const needed = cut.producers.neededFor([LOGITS], new Set([cut.name]));
  const before = new Added('before');
  const first = before.integers([0]);
  const batch = before.op('Unsqueeze', ['hidden_states', first]);
  before.op('Cast', [batch], cut.name, { to: cut.type });

  const added = new Added('after', before.constants);
  const last = added.integers([-1]);
  const exact = added.op('Cast', [LOGITS], undefined, { to: ELEMENT.float32 });
  // [rows, V]
  const z = added.op('Squeeze', [exact, first]);
  // There are no targets where logits are wanted: any token stands in for them, and its scores are cut off.
  const rows = added.size('hidden_states', 0);
  const count = added.size('targets', 0);
  const padded = added.op(
    'Concat',
    ['targets', added.op('ConstantOfShape', [rows], undefined, ZEROS)],
    undefined,
    {
      axis: 0,
    },
  );
  const targets = added.op('Slice', [padded, first, rows, first]);
  const y = added.op('Unsqueeze', [targets, last]);

  // With log q = z − log Σ exp z, shifted by the largest z inside:
  //     surprisal = −log q_y,  entropy = −Σ q log q,  varentropy = Σ q (log q + entropy)²,  rank = 1 + #{z > z_y}
  const logQ = added.op('LogSoftmax', [z], undefined, { axis: 1 });
  const q = added.op('Exp', [logQ]);
  const sum = (x: string) => added.op('ReduceSum', [x, last], undefined, { keepdims: 1 });
  const mean = sum(added.op('Mul', [q, logQ]));
  const centred = added.op('Sub', [logQ, mean]);
  const own = (x: string) => added.op('GatherElements', [x, y], undefined, { axis: 1 });
  const above = added.op('Cast', [added.op('Greater', [z, own(z)])], undefined, { to: ELEMENT.float32 });
  const one = added.integers([1]);
  const scores: Record<string, string> = {
    surprisal: added.op('Neg', [own(logQ)]),
    entropy: added.op('Neg', [mean]),
    varentropy: sum(added.op('Mul', [q, added.op('Mul', [centred, centred])])),
    // Exact in float32: vocabularies are smaller than 2^24.
    rank: added.op('Add', [added.op('Cast', [sum(above)], undefined, { to: ELEMENT.int64 }), one]),
  };
  for (const [name, value] of Object.entries(scores)) {
    const flat = added.op('Slice', [added.op('Squeeze', [value, last]), first, count, first]);
    added.op('Cast', [flat], name, { to: name === 'rank' ? ELEMENT.int32 : ELEMENT.float32 });
  }
  const wanted = added.op('Mul', [
    rows,
    added.op('Cast', ['wants_logits'], undefined, { to: ELEMENT.int64 }),
  ]);
  added.op('Slice', [z, first, wanted, first], 'logits');
  return modelOf(
    model,
    {
      nodes: [...before.nodes, ...needed, ...added.nodes],
      inputs: [
        { name: 'hidden_states', type: ELEMENT.float32, dims: [undefined, undefined] },
        { name: 'targets', type: ELEMENT.int64, dims: [undefined] },
        { name: 'wants_logits', type: ELEMENT.bool, dims: [] },
      ],
      outputs: [
        { name: 'logits', type: ELEMENT.float32, dims: [undefined, undefined] },
        ...Object.keys(scores).map((name) => ({
          name,
          type: name === 'rank' ? ELEMENT.int32 : ELEMENT.float32,
          dims: [undefined],
        })),
      ],
    },
    added,
  );
}

/** What ConstantOfShape makes. */
const ZEROS = { value: newIntegers('zero', [0]) };
