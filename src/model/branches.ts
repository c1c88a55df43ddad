/**
 * Lets a backbone read several continuations of parts of one context in a run. Its attention sees no more of the context than a mask
 * allows then, and positions are given instead of counted: a tree of tokens, as SpecInfer verifies it (Miao et al. 2024,
 * https://arxiv.org/abs/2305.09781). A run without branches is computed as it ever was, to the bit.
 */
import type { KeyValueShape, KeyValues } from './keyValueCache';
import { ELEMENT, newCondition, type OnnxNode, type OnnxValue, replaceNodes } from './onnxFile';

/** The inputs that a backbone has which can read branches. */
export const BRANCH_INPUTS = {
  /** Whether the run has branches; otherwise the others are empty. */
  wanted: 'has_branches',
  /** [1, T] positions of the tokens. */
  positions: 'branch_positions',
  /** [1, 1, T, P+T], added to each query's products with the keys: 0, or minus infinity where it must not look. */
  mask: 'branch_mask',
} as const;

/** Tokens that go on from a part of a context. */
export interface Branch {
  /** Number of the context's positions that are before them. */
  readonly from: number;
  /** At least one. */
  readonly ids: Uint32Array;
}

/** The bits of minus infinity in half precision. */
const FLOAT16_MINUS_INFINITY = 0xfc00;

/**
 * What the attention of a run is given that has branches behind a context.
 * @param past the context's positions, P
 * @returns [T] the tokens' positions, and [T × (P+T)] what is added: from a branch on, the tokens are hidden that the context has
 * behind its part, and those of the branches before. (Those behind a token are never looked at.)
 */
export function branchesBehind(
  past: number,
  branches: readonly Branch[],
  type: KeyValueShape['type'],
): { positions: BigInt64Array; mask: KeyValues } {
  const rows = branches.reduce((sum, { ids }) => sum + ids.length, 0);
  const columns = past + rows;
  const positions = new BigInt64Array(rows);
  const mask = type === 'float16' ? new Uint16Array(rows * columns) : new Float32Array(rows * columns);
  const hidden = type === 'float16' ? FLOAT16_MINUS_INFINITY : Number.NEGATIVE_INFINITY;
  let row = 0;
  for (const { from, ids } of branches) {
    const first = row;
    for (const end = first + ids.length; row < end; row++) {
      positions[row] = BigInt(from + row - first);
      mask.fill(hidden, row * columns + from, row * columns + past + first);
    }
  }
  return { positions, mask };
}

/** The operator whose nodes are a backbone's attention, with the rotation of queries and keys in it. */
const ATTENTION = 'GroupQueryAttention';

/** The places of its inputs that a run with branches gives. */
const POSITIONS = 9;
const MASK = 10;

/** Whole numbers are read without their sign; from here on they were negative. */
const NEGATIVE = 2 ** 63;

/**
 * The backbone with the inputs of {@link BRANCH_INPUTS}, for ONNX Runtime's CPU provider.
 * @param backbone an ONNX file
 * @returns undefined when its tokens know of their positions from anything else than attention that counts them, or that looks at
 * the nearest ones only
 * @throws OnnxError when it is no ONNX file
 */
export function withBranches(backbone: Uint8Array): Uint8Array | undefined {
  return replaceNodes(backbone, ATTENTION, (nodes, inputs) => {
    const keys = inputs.filter(({ name }) => /^past_key_values\.\d+\.key$/.test(name));
    if (keys.length === 0 || nodes.length !== keys.length || !nodes.every(canBranch)) {
      return undefined;
    }
    const { type } = keys[0];
    return { nodes: nodes.map((node) => branching(node, type)), inputs: branchInputs(type) };
  });
}

function canBranch({ inputs, outputs, attributes }: OnnxNode): boolean {
  const numberOf = (name: string) => attributes.find((attribute) => attribute.name === name)?.integer ?? 0;
  const window = numberOf('local_window_size');
  return (
    numberOf('do_rotary') === 1 &&
    (window === 0 || window >= NEGATIVE) &&
    [POSITIONS, MASK].every((place) => !inputs[place]) &&
    outputs.length === 3 &&
    outputs.every((name) => name !== '')
  );
}

/** @param type of keys and values */
function branching(node: OnnxNode, type: number): OnnxNode {
  const named = (kind: string) => node.outputs.map((name) => `${name}/${kind}`);
  const counted = { ...node, outputs: named('counted') };
  const masked = { ...node, inputs: [...node.inputs], outputs: named('branched') };
  while (masked.inputs.length <= MASK) {
    masked.inputs.push('');
  }
  masked.inputs[POSITIONS] = BRANCH_INPUTS.positions;
  masked.inputs[MASK] = BRANCH_INPUTS.mask;
  return newCondition(BRANCH_INPUTS.wanted, [masked, counted], node.outputs, type);
}

function branchInputs(type: number): OnnxValue[] {
  return [
    { name: BRANCH_INPUTS.wanted, type: ELEMENT.bool, dims: [] },
    { name: BRANCH_INPUTS.positions, type: ELEMENT.int64, dims: [1, undefined] },
    { name: BRANCH_INPUTS.mask, type, dims: [1, 1, undefined, undefined] },
  ];
}
