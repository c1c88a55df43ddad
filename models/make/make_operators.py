"""Makes test/fixtures/graphs/operators.onnx: the operators of our graphs, once each, small.

    python make_operators.py

A test runs it with ONNX Runtime's WebGPU provider on software Vulkan and on the
CPU and compares. Attention is written out with MatMul and Softmax, because
GroupQueryAttention is computed wrongly on that device. operators.json holds the
inputs and what the CPU gave here: {"inputs"|"outputs": {NAME: {"type", "dims", "data"}}}.
"""

from __future__ import annotations

import json
from pathlib import Path

import graphs
import numpy as np
import onnxruntime
from gguf_weights import Q4, Q8
from graphs import MICROSOFT

OUT = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "graphs"
T, D, HEADS, FEED_FORWARD, V = 96, 64, 4, 128, 512


def random_q4(rng, rows: int, columns: int) -> Q4:
    scale = rng.uniform(0.01, 0.04, (rows, columns // 32)).astype(np.float16)
    return Q4(rng.integers(0, 16, (rows, columns), np.uint8), scale, (scale * rng.uniform(-9, -6, scale.shape)).astype(np.float16))


def with_zero_points(g: graphs.Graph, name: str, q4: Q4, x: str) -> str:
    """The other way to multiply by Q4_1: MatMulNBits with float zero points."""
    rows, columns = q4.q.shape
    scale = q4.scale.astype(np.float32)
    parts = [g.constant(f"{name}.q", q4.packed()), g.constant(f"{name}.scale", scale.reshape(-1))]
    parts.append(g.constant(f"{name}.zero", (-q4.minimum.astype(np.float32) / scale).reshape(-1)))
    return g.op("MatMulNBits", [x, *parts], None, MICROSOFT, K=columns, N=rows, bits=4, block_size=32)


def build(rng) -> graphs.Graph:
    g = graphs.Graph("operators", "Made by Surprisal's models/make/make_operators.py")
    x = g.input("x", np.float32, [T, D])
    targets = g.input("targets", np.int64, [T])
    for name, shape in (("attended", [T, D]), ("hidden_states", [T, D])):
        g.output(name, np.float32, shape)
    for name in ("surprisal", "entropy", "varentropy"):
        g.output(name, np.float32, [T])
    g.output("rank", np.int32, [T])

    def weight(name: str) -> str:
        return g.constant(name, rng.uniform(0.5, 1.5, D).astype(np.float32))

    def matrix(name: str, rows: int, columns: int) -> graphs.Q4Matrix:
        return graphs.Q4Matrix(name, random_q4(rng, rows, columns), None)

    # The matrices' block sums want three dimensions, as in the backbone.
    batch = g.op("Unsqueeze", [x, g.ints(0)])
    n = g.op("SimplifiedLayerNormalization", [batch, weight("norm.1")], axis=-1, epsilon=1e-5)
    head = D // HEADS

    def heads(name: str, projected: str, perm: list[int]) -> str:
        return g.op("Transpose", [g.op("Reshape", [projected, g.ints(0, 0, HEADS, head)])], name, perm=perm)

    q = heads("queries", matrix("q", D, D).linear(g, n), [0, 2, 1, 3])
    k = heads("keys", with_zero_points(g, "k", random_q4(rng, D, D), n), [0, 2, 3, 1])
    v = heads("values", matrix("v", D, D).linear(g, n), [0, 2, 1, 3])
    scores = g.op("Mul", [g.op("MatMul", [q, k]), g.constant("scale", np.array(head**-0.5, np.float32))])
    mask = g.constant("mask", np.triu(np.full((T, T), -1e4, np.float32), 1))
    weights = g.op("Softmax", [g.op("Add", [scores, mask])], axis=-1)
    mixed = g.op("Transpose", [g.op("MatMul", [weights, v])], perm=[0, 2, 1, 3])
    mixed = g.op("Reshape", [mixed, g.ints(0, 0, D)], "mixed")
    g.op("Squeeze", [mixed, g.ints(0)], "attended")

    branch = matrix("o", D, D).linear(g, mixed)
    g.op(
        "SkipSimplifiedLayerNormalization",
        [batch, branch, weight("norm.2")],
        domain=MICROSOFT,
        outputs=["normed", "", "", "middle"],
        epsilon=1e-5,
    )
    gate = matrix("gate", FEED_FORWARD, D).linear(g, "normed")
    up = matrix("up", FEED_FORWARD, D).linear(g, "normed")
    gate = g.op("Mul", [gate, g.op("Sigmoid", [gate])])
    branch = matrix("down", D, FEED_FORWARD).linear(g, g.op("Mul", [gate, up], "gated"))
    g.op(
        "SkipSimplifiedLayerNormalization",
        ["middle", branch, weight("norm.3")],
        domain=MICROSOFT,
        outputs=["final"],
        epsilon=1e-5,
    )
    g.op("Squeeze", ["final", g.ints(0)], "hidden_states")
    scale = rng.uniform(0.002, 0.006, (V, D // 32)).astype(np.float16)
    embedding = graphs.Q8Embedding(Q8(rng.integers(-127, 128, (V, D), np.int8), scale), None)
    embedding.logits = embedding.small_logits
    scores, _ = graphs.loss(g, embedding, "hidden_states", targets, g.ints(0), V // 4)
    for name, value in scores.items():
        g.op("Squeeze", [value, g.ints(1)], name)
    return g


def entry(value: np.ndarray) -> dict:
    if value.dtype == np.float32:
        data = [float(f"{v:.7g}") for v in value.reshape(-1).tolist()]
    else:
        data = value.reshape(-1).tolist()
    return {"type": str(value.dtype), "dims": list(value.shape), "data": data}


def main() -> None:
    rng = np.random.default_rng(96)
    g = build(rng)
    inputs = {
        "x": rng.standard_normal((T, D)).round(3).astype(np.float32),
        "targets": rng.integers(0, V, T),
    }
    OUT.mkdir(parents=True, exist_ok=True)
    g.write(OUT / "operators.onnx")
    session = onnxruntime.InferenceSession(str(OUT / "operators.onnx"), providers=["CPUExecutionProvider"])
    outputs = dict(zip((o.name for o in session.get_outputs()), session.run(None, inputs)))
    record = {
        kind: {name: entry(value) for name, value in values.items()}
        for kind, values in (("inputs", inputs), ("outputs", outputs))
    }
    (OUT / "operators.json").write_text(json.dumps(record, separators=(",", ":")) + "\n", "utf-8")
    print({name: (value.shape, float(value.mean())) for name, value in outputs.items()})


if __name__ == "__main__":
    main()
