"""Reads SmolLM2's weights out of its GGUF file, value for value.

The file holds the 210 matrices as Q4_1 (blocks of 32 weights: float16 scale d,
float16 minimum m, 32 four-bit numbers q; w = q d + m), the tied embedding as
Q8_0 (blocks of 32: float16 scale d, 32 signed bytes q; w = q d) and the norms
as float32. Nothing here rounds: blocks are handed on as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

BLOCK = 32


@dataclass(frozen=True)
class Q4:
    """A matrix [rows, columns] of Q4_1 blocks; q is one number per weight."""

    q: np.ndarray  # uint8 [rows, columns], 0..15
    scale: np.ndarray  # float16 [rows, columns / 32]
    minimum: np.ndarray  # float16 [rows, columns / 32]

    def take(self, rows: np.ndarray) -> Q4:
        return Q4(self.q[rows], self.scale[rows], self.minimum[rows])

    @staticmethod
    def stack(parts: list[Q4]) -> Q4:
        return Q4(*(np.concatenate([getattr(p, f) for p in parts]) for f in ("q", "scale", "minimum")))

    def packed(self) -> np.ndarray:
        """MatMulNBits' layout [rows, blocks, 16]: neighbours share a byte, the first in the low half."""
        rows, columns = self.q.shape
        return (self.q[:, 0::2] | (self.q[:, 1::2] << 4)).reshape(rows, columns // BLOCK, BLOCK // 2)

    def float32(self) -> np.ndarray:
        rows, columns = self.q.shape
        q = self.q.reshape(rows, -1, BLOCK).astype(np.float32)
        w = q * self.scale.astype(np.float32)[..., None] + self.minimum.astype(np.float32)[..., None]
        return w.reshape(rows, columns)


@dataclass(frozen=True)
class Q8:
    """A matrix [rows, columns] of Q8_0 blocks."""

    q: np.ndarray  # int8 [rows, columns]
    scale: np.ndarray  # float16 [rows, columns / 32]

    def unsigned(self) -> np.ndarray:
        """q + 128 as bytes [rows, blocks, 32]: what MatMulNBits with 8 bits reads."""
        rows, columns = self.q.shape
        return (self.q.astype(np.int16) + 128).astype(np.uint8).reshape(rows, columns // BLOCK, BLOCK)

    def float32(self) -> np.ndarray:
        rows, columns = self.q.shape
        q = self.q.reshape(rows, -1, BLOCK).astype(np.float32)
        return (q * self.scale.astype(np.float32)[..., None]).reshape(rows, columns)


def _half(data: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(data).view(np.float16)[..., 0]


def _q4_1(tensor) -> Q4:
    columns, rows = (int(n) for n in tensor.shape)
    blocks = np.asarray(tensor.data).reshape(rows, columns // BLOCK, 20)
    nibbles = blocks[..., 4:]
    # The low halves are the block's first sixteen weights, the high halves the last sixteen.
    q = np.concatenate([nibbles & 15, nibbles >> 4], axis=-1).reshape(rows, columns)
    return Q4(q, _half(blocks[..., 0:2]), _half(blocks[..., 2:4]))


def _q8_0(tensor) -> Q8:
    columns, rows = (int(n) for n in tensor.shape)
    blocks = np.asarray(tensor.data).reshape(rows, columns // BLOCK, 34)
    q = np.ascontiguousarray(blocks[..., 2:]).view(np.int8).reshape(rows, columns)
    return Q8(q, _half(blocks[..., 0:2]))


def unpermuted_rows(rows: int, heads: int) -> np.ndarray:
    """llama.cpp interleaves the two halves of each head's rows of attn_q and attn_k for its
    rotary layout; this lists, for every row in Hugging Face's order, its row in the file."""
    half = rows // heads // 2
    return np.arange(rows).reshape(heads, half, 2).swapaxes(1, 2).reshape(rows)


class SmolLM2:
    """The weights under short names, rows in Hugging Face's order."""

    def __init__(self, path: Path):
        reader = gguf.GGUFReader(path)
        read = {t.name: t for t in reader.tensors}
        field = lambda name: reader.fields[name].contents()  # noqa: E731
        self.layers = int(field("llama.block_count"))
        self.hidden = int(field("llama.embedding_length"))
        self.feed_forward = int(field("llama.feed_forward_length"))
        self.heads = int(field("llama.attention.head_count"))
        self.key_value_heads = int(field("llama.attention.head_count_kv"))
        self.head_dim = int(field("llama.rope.dimension_count"))
        self.context_window = int(field("llama.context_length"))
        self.rope_theta = float(field("llama.rope.freq_base"))
        # The file has the float32 nearest to 1e-5; nine digits give the number that was meant.
        self.epsilon = float(f"{field('llama.attention.layer_norm_rms_epsilon'):.6g}")
        self.vocabulary = int(field("llama.vocab_size"))

        self.matrices: dict[str, Q4] = {}
        self.norms: dict[str, np.ndarray] = {}
        for i in range(self.layers):
            for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
                q4 = _q4_1(read[f"blk.{i}.{name}.weight"])
                if name in ("attn_q", "attn_k"):
                    heads = self.heads if name == "attn_q" else self.key_value_heads
                    q4 = q4.take(unpermuted_rows(len(q4.q), heads))
                self.matrices[f"{i}.{name}"] = q4
            for name in ("attn_norm", "ffn_norm"):
                self.norms[f"{i}.{name}"] = np.array(read[f"blk.{i}.{name}.weight"].data, np.float32)
        self.norms["norm"] = np.array(read["output_norm.weight"].data, np.float32)
        self.embedding = _q8_0(read["token_embd.weight"])
        if "output.weight" in read:
            raise ValueError("the embedding is not tied to the output matrix")

    def state_dict(self) -> dict[str, np.ndarray]:
        """Everything as float32 under transformers' names for LlamaForCausalLM."""
        theirs = {
            "attn_q": "self_attn.q_proj",
            "attn_k": "self_attn.k_proj",
            "attn_v": "self_attn.v_proj",
            "attn_output": "self_attn.o_proj",
            "ffn_gate": "mlp.gate_proj",
            "ffn_up": "mlp.up_proj",
            "ffn_down": "mlp.down_proj",
            "attn_norm": "input_layernorm",
            "ffn_norm": "post_attention_layernorm",
        }
        state = {"model.embed_tokens.weight": self.embedding.float32(), "model.norm.weight": self.norms["norm"]}
        for i in range(self.layers):
            for ours, name in theirs.items():
                key = f"{i}.{ours}"
                value = self.norms[key] if key in self.norms else self.matrices[key].float32()
                state[f"model.layers.{i}.{name}.weight"] = value
        return state
