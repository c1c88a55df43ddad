"""Writes the two graphs of a model folder with the `onnx` package.

    backbone  input_ids, attention_mask, past      ->  hidden_states, added
    head      hidden_states, targets, wants_logits ->  surprisal, entropy, varentropy, rank, or logits

ONNX Runtime runs what the last output needs first, node by node, and keeps a value
until its last reader has run. So the order of the outputs and of what they are made
from decides how much is in memory at once.

A model gives its matrices as objects whose `linear(graph, x, out)` writes the
multiplication of x by the matrix, and an embedding with `look_up` and `logits`.
Weights lie in external data files that the graphs share.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

OPSET = 21
IR_VERSION = 10
MICROSOFT = "com.microsoft"
ALIGN = 4096  # a page, so that the runtime can map the tensor instead of copying it
ONNX_TYPE = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.float16): TensorProto.FLOAT16,
    np.dtype(np.uint8): TensorProto.UINT8,
    np.dtype(np.int8): TensorProto.INT8,
    np.dtype(np.int64): TensorProto.INT64,
    np.dtype(np.int32): TensorProto.INT32,
    np.dtype(np.bool_): TensorProto.BOOL,
}


class DataFile:
    """One external data file; equal arrays are stored once."""

    def __init__(self, name: str):
        self.name = name
        self.data = bytearray()
        self._places: dict[bytes, tuple[int, int]] = {}

    def add(self, array: np.ndarray) -> tuple[int, int]:
        raw = np.ascontiguousarray(array).tobytes()
        key = hashlib.sha256(raw).digest()
        if key not in self._places:
            self.data.extend(bytes(-len(self.data) % ALIGN))
            self._places[key] = (len(self.data), len(raw))
            self.data.extend(raw)
        return self._places[key]

    def write(self, folder: Path) -> None:
        (folder / self.name).write_bytes(self.data)


class Graph:
    """A thin writer of ONNX nodes: every call adds a node and returns its output's name."""

    def __init__(self, name: str, doc: str):
        self.name = name
        self.doc = doc
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.handed_names: set[str] = set()
        self._names = itertools.count(1)

    def input(self, name: str, dtype, shape) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, ONNX_TYPE[np.dtype(dtype)], shape))
        return name

    def output(self, name: str, dtype, shape) -> None:
        self.outputs.append(helper.make_tensor_value_info(name, ONNX_TYPE[np.dtype(dtype)], shape))

    def constant(self, name: str, array, file: DataFile | None = None) -> str:
        """An initializer: inside the graph's file, or in an external data file."""
        array = np.asarray(array)
        if name not in self.initializers:
            if file is None:
                tensor = onnx.numpy_helper.from_array(array, name)
            else:
                offset, length = file.add(array)
                tensor = TensorProto(name=name, data_type=ONNX_TYPE[array.dtype], dims=array.shape)
                tensor.data_location = TensorProto.EXTERNAL
                for key, value in (("location", file.name), ("offset", offset), ("length", length)):
                    tensor.external_data.add(key=key, value=str(value))
            self.initializers[name] = tensor
        return name

    def part(self, name: str, array, start: int, end: int, file: DataFile | None, dims=None) -> str:
        """Rows [start, end) of an array in an external data file, of which the file holds one copy."""
        array = np.ascontiguousarray(array)
        if file is None:
            return self.constant(f"{name}.{start}", array[start:end].reshape(dims or [end - start, *array.shape[1:]]))
        offset, length = file.add(array)
        row = length // len(array)
        name = f"{name}.{start}"
        tensor = TensorProto(
            name=name, data_type=ONNX_TYPE[array.dtype], dims=dims or [end - start, *array.shape[1:]]
        )
        tensor.data_location = TensorProto.EXTERNAL
        places = (("location", file.name), ("offset", offset + start * row), ("length", (end - start) * row))
        for key, value in places:
            tensor.external_data.add(key=key, value=str(value))
        self.initializers[name] = tensor
        return name

    def handed(self, name: str, dtype, dims: list[int]) -> str:
        """An initializer that is in no file: whoever loads the graph hands its bytes over under its name."""
        dtype = np.dtype(dtype)
        tensor = TensorProto(name=name, data_type=ONNX_TYPE[dtype], dims=dims)
        tensor.data_location = TensorProto.EXTERNAL
        length = dtype.itemsize * math.prod(dims)
        for key, value in (("location", name), ("offset", 0), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
        self.initializers[name] = tensor
        self.handed_names.add(name)
        return name

    def ints(self, *values: int) -> str:
        return self.constant("ints_" + "_".join(map(str, values)).replace("-", "m"), np.array(values, np.int64))

    def has(self, output: str) -> bool:
        return any(output in node.output for node in self.nodes)

    def op(self, kind: str, inputs: list[str], out: str | None = None, domain: str = "", outputs=None, **attributes):
        count = next(self._names)
        names = outputs or [out or f"{kind}_{count}"]
        self.nodes.append(helper.make_node(kind, inputs, names, name=f"{count}_{kind}", domain=domain, **attributes))
        return names[0]

    def proto(self) -> onnx.GraphProto:
        return helper.make_graph(
            self.nodes, self.name, self.inputs, self.outputs, list(self.initializers.values()), doc_string=self.doc
        )

    def model(self) -> onnx.ModelProto:
        model = helper.make_model(
            self.proto(),
            opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)],
            producer_name="surprisal",
            ir_version=IR_VERSION,
        )
        return model

    def data_files(self) -> set[str]:
        """The files that the initializers name, less what is handed over."""
        entries = (entry for tensor in self.initializers.values() for entry in tensor.external_data)
        return {entry.value for entry in entries if entry.key == "location"} - self.handed_names

    def write(self, path: Path) -> None:
        path.write_bytes(self.model().SerializeToString(deterministic=True))


class FloatMatrix:
    """float32 [outputs, inputs], multiplied as float32."""

    def __init__(self, name: str, weight: np.ndarray, file: DataFile | None):
        self.name, self.weight, self.file = name, weight, file

    def linear(self, graph: Graph, x: str, out: str | None = None) -> str:
        columns = graph.constant(self.name, np.ascontiguousarray(self.weight.T), self.file)
        return graph.op("MatMul", [x, columns], out)


class Q4Matrix:
    """Q4_1 blocks, kept as they are.

    w = d q + m is written as d (q - 8) + (m + 8 d). The first part is what
    MatMulNBits computes when it is given no zero points, and has its fast kernels
    for; the second is constant in a block, so that it multiplies the sum of the
    block's 32 inputs: a small float32 MatMul over a 32nd of the columns. The same
    matrix as MatMulNBits with float zero points -m / d, which ONNX Runtime expands
    to float32 on every run.

    Scale and minimum are float16 on disk as in the GGUF; ONNX Runtime folds the
    casts and the sums into constants when it loads the graph. With `half` the inputs
    are float16, and so is what multiplies them.
    """

    def __init__(self, name: str, q4, file: DataFile, half: bool = False):
        self.name, self.q4, self.file, self.half = name, q4, file, half

    def linear(self, graph: Graph, x: str, out: str | None = None) -> str:
        rows, columns = self.q4.q.shape
        blocks = columns // 32
        packed = graph.constant(f"{self.name}.q", self.q4.packed(), self.file)
        scale16 = graph.constant(f"{self.name}.scale", self.q4.scale.reshape(-1), self.file)
        minimum = graph.constant(f"{self.name}.minimum", self.q4.minimum.reshape(-1), self.file)
        scale = graph.op("Cast", [scale16], f"{self.name}.scale32", to=TensorProto.FLOAT)
        minimum = graph.op("Cast", [minimum], f"{self.name}.minimum32", to=TensorProto.FLOAT)
        attributes = {"K": columns, "N": rows, "bits": 4, "block_size": 32}
        inputs = [x, packed, scale16 if self.half else scale]
        centred = graph.op("MatMulNBits", inputs, f"{self.name}.centred", MICROSOFT, **attributes)

        eight = graph.constant("eight", np.array(8, np.float32))
        level = graph.op("Add", [minimum, graph.op("Mul", [scale, eight])])
        level = graph.op("Transpose", [graph.op("Reshape", [level, graph.ints(rows, blocks)])], perm=[1, 0])
        if self.half:
            level = graph.op("Cast", [level], to=TensorProto.FLOAT16)
        sums = f"{x}.block_sums"
        if not graph.has(sums):  # gate and up share them
            split = graph.op("Reshape", [x, graph.ints(0, 0, blocks, 32)])
            graph.op("ReduceSum", [split, graph.ints(-1)], sums, keepdims=0)
        return graph.op("Add", [centred, graph.op("MatMul", [sums, level])], out)


class ExpandedMatrix:
    """The same Q4_1 blocks as float32, for machines with the memory: the fastest form on a CPU.

    Their float32 values are in no file. The graph names external data that the
    runtime is handed when it loads the graph, and `recipe` says where the blocks
    are that they are computed from.
    """

    def __init__(self, name: str, q4, file: DataFile, recipes: list[dict]):
        self.name, self.q4, self.file, self.recipes = name, q4, file, recipes

    def linear(self, graph: Graph, x: str, out: str | None = None) -> str:
        rows, columns = self.q4.q.shape
        parts = {"values": self.q4.packed(), "scales": self.q4.scale.reshape(-1), "minimums": self.q4.minimum.reshape(-1)}
        places = {part: self.file.add(array)[0] for part, array in parts.items()}
        self.recipes.append({"name": self.name, "file": self.file.name, "rows": rows, "columns": columns, **places})
        weights = graph.handed(f"{self.name}.float32", np.float32, [rows, columns])
        return graph.op("FusedMatMul", [x, weights], out, MICROSOFT, transB=1)


class Int8Matrix:
    """The same matrix in 8 bits, multiplied by inputs in 8 bits: for processors that have an instruction for it.

    Not exact. A row of weights shares one scale, and so does a token's row of
    inputs, each symmetric:

        w_nk = s_n q_nk,   x_tk = c_t p_tk,   |q|, |p| <= 127,   y_tn = c_t s_n sum_k p_tk q_nk

    The few columns whose inputs are far larger than the others' (`outliers`) would
    make the steps c_t too coarse for the rest: they are multiplied in float32
    (LLM.int8(): Dettmers et al. 2022, https://arxiv.org/abs/2208.07339). An input
    with a long tail (`fine`) has its remainders in 8 bits more, as more rows of the
    same product. Nothing here depends on other tokens, and the sums of bytes are
    whole numbers: in another batch only the outliers' float32 sums differ in the
    last bits.

    The values are in no file, as with `ExpandedMatrix`.
    """

    def __init__(self, name: str, rows: int, columns: int, outliers: list[int], fine: bool = False):
        self.name, self.rows, self.columns, self.fine = name, rows, columns, fine
        self.outliers = np.array(outliers, np.int64)

    def linear(self, graph: Graph, x: str, out: str | None = None) -> str:
        rows = f"{x}.rows"
        if not graph.has(rows):  # gate and up share them
            graph.op("Reshape", [x, graph.ints(-1, self.columns)], rows)
        return graph.op("Reshape", [self.multiply(graph, rows), graph.ints(1, -1, self.rows)], out)

    def multiply(self, graph: Graph, x: str) -> str:
        """x [N, columns] to [N, rows]."""
        one = graph.constant("one_float", np.array(1, np.float32))
        zero = graph.constant("byte_zero", np.array(128, np.uint8))
        step = graph.constant("fine_step", np.array(1 / 254, np.float32))
        bytes_, scale, aside = f"{x}.bytes", f"{x}.scale", f"{x}.outliers"
        if not graph.has(bytes_):  # several matrices may have the same inputs
            inside = x
            if len(self.outliers):
                graph.op("Gather", [x, graph.constant(f"{x}.columns", self.outliers)], aside, axis=1)
                mask = np.ones(self.columns, np.float32)
                mask[self.outliers] = 0
                inside = graph.op("Mul", [x, graph.constant(f"{x}.inside", mask)])
            largest = graph.op("ReduceMax", [graph.op("Abs", [inside]), graph.ints(1)], keepdims=1)
            largest = graph.op("Max", [largest, graph.constant("least", np.array(1e-30, np.float32))])
            graph.op("Mul", [largest, graph.constant("of_127", np.array(1 / 127, np.float32))], scale)
            levels = graph.op("Div", [inside, scale])
            coarse = graph.op("QuantizeLinear", [levels, one, zero], None if self.fine else bytes_)
            if self.fine:
                remainder = graph.op("Sub", [levels, graph.op("Round", [levels])])
                graph.op("Concat", [coarse, graph.op("QuantizeLinear", [remainder, step, zero])], bytes_, axis=0)

        weights = graph.handed(f"{self.name}.int8", np.int8, [self.columns, self.rows])
        scales = graph.handed(f"{self.name}.scales", np.float32, [self.rows])
        y = graph.op("MatMulIntegerToFloat", [bytes_, weights, one, scales, zero], None, MICROSOFT)
        if self.fine:
            coarse, fine = f"{self.name}.coarse", f"{self.name}.fine"
            graph.op("Split", [y], outputs=[coarse, fine], axis=0, num_outputs=2)
            y = graph.op("Add", [coarse, graph.op("Mul", [fine, step])])
        y = graph.op("Mul", [y, scale])
        if len(self.outliers):
            exact = graph.handed(f"{self.name}.outliers", np.float32, [len(self.outliers), self.rows])
            y = graph.op("Gemm", [aside, exact, y])
        return y


def int8_products() -> Graph:
    """One product of bytes by signed bytes, by which it is seen whether a processor keeps the sums of such products whole."""
    g = Graph("int8_products", "x [N, K] by w [K, M]")
    x = g.input("x", np.uint8, ["N", "K"])
    w = g.input("w", np.int8, ["K", "M"])
    g.op("MatMulInteger", [x, w], "products")
    g.output("products", np.int32, ["N", "M"])
    return g


class FloatEmbedding:
    """float32 [V, d] for the backbone's look-up and, transposed, the output matrix."""

    def __init__(self, weight: np.ndarray, file: DataFile):
        self.weight, self.file = weight, file
        self.vocabulary, self.hidden = weight.shape

    def look_up(self, graph: Graph, ids: str, shape: str, out: str | None = None) -> str:
        table = graph.constant("embedding", self.weight, self.file)
        return graph.op("Reshape", [graph.op("Gather", [table, ids], axis=0), shape], out)

    def logits(self, graph: Graph, hidden: str, start: int, end: int) -> str:
        part = graph.part("embedding", self.weight, start, end, self.file)
        return graph.op("Gemm", [hidden, part], transB=1)


class Q8Embedding:
    """Q8_0 blocks, stored as bytes q + 128 and float16 scales."""

    BLOCK = 32

    def __init__(self, q8, file: DataFile):
        self.unsigned, self.scale, self.file = q8.unsigned(), q8.scale, file
        self.vocabulary, self.hidden = q8.q.shape

    def look_up(self, graph: Graph, ids: str, shape: str, out: str | None = None) -> str:
        """Only the rows that are asked for become float32; the few scales do at load: not every GPU gathers float16."""
        q = graph.constant("embedding.q", self.unsigned, self.file)
        scale = graph.constant("embedding.scale", self.scale, self.file)
        q = graph.op("Cast", [graph.op("Gather", [q, ids], axis=0)], to=TensorProto.FLOAT)
        q = graph.op("Sub", [q, graph.constant("embedding.zero", np.array(128, np.float32))])
        scale = graph.op("Gather", [graph.op("Cast", [scale], to=TensorProto.FLOAT), ids], axis=0)
        rows = graph.op("Mul", [q, graph.op("Unsqueeze", [scale, graph.ints(-1)])])
        return graph.op("Reshape", [rows, shape], out)

    def logits(self, graph: Graph, hidden: str, start: int, end: int) -> str:
        """The matrix becomes float32, once, when ONNX Runtime folds constants at load: one operator, one copy.

        It folds this one only with the session option session.disable_quant_qdq.
        """
        rows, blocks = end - start, self.hidden // self.BLOCK
        q = graph.part("embedding.q", self.unsigned, start, end, self.file, [rows, self.hidden])
        scale = graph.part("embedding.scale", self.scale, start, end, self.file)
        scale = graph.op("Cast", [scale], to=TensorProto.FLOAT)
        zero = graph.constant(f"zero.{rows}", np.full([rows, blocks], 128, np.uint8))
        weights = graph.op("DequantizeLinear", [q, scale, zero], axis=1, block_size=self.BLOCK)
        return graph.op("Gemm", [hidden, weights], transB=1)

    def small_logits(self, graph: Graph, hidden: str, start: int, end: int) -> str:
        """The matrix stays 8-bit in memory and is expanded a block at a time."""
        q = graph.part("embedding.q", self.unsigned, start, end, self.file)
        scale = graph.op("Reshape", [graph.part("embedding.scale", self.scale, start, end, self.file), graph.ints(-1)])
        scale = graph.op("Cast", [scale], to=TensorProto.FLOAT)
        attributes = {"K": self.hidden, "N": end - start, "bits": 8, "block_size": self.BLOCK}
        return graph.op("MatMulNBits", [hidden, q, scale], None, MICROSOFT, **attributes)


class SmallEmbedding(Q8Embedding):
    """The same table, which takes a quarter of the memory as the output matrix, and more time."""

    def logits(self, graph: Graph, hidden: str, start: int, end: int) -> str:
        """The matrix stays 8-bit in memory, and each part becomes float32 in every run: the same numbers.

        A scale of 1 and a multiplication take less time than scales by blocks in DequantizeLinear, which ONNX Runtime
        does not fold without session.disable_quant_qdq.
        """
        # Cut from the look-up's table, so that its file is mapped once; by numbers that are not known before a run, or
        # ONNX Runtime would keep all parts beside it.
        table = graph.constant("embedding.q", self.unsigned, self.file)
        if not graph.has("nothing"):
            graph.op("Mul", [graph.op("Shape", [hidden], start=0, end=1), graph.ints(0)], "nothing")
        places = [graph.op("Add", ["nothing", graph.ints(place)]) for place in (start, end)]
        q = graph.op("Reshape", [graph.op("Slice", [table, *places, graph.ints(0)]), graph.ints(-1, self.BLOCK)])
        scale = graph.op("Cast", [graph.part("embedding.scale", self.scale, start, end, self.file)], to=TensorProto.FLOAT)
        scale = graph.op("Reshape", [scale, graph.ints(-1, 1)])
        one, zero = graph.constant("one_float", np.array(1, np.float32)), graph.constant("byte_zero", np.array(128, np.uint8))
        weights = graph.op("Mul", [graph.op("DequantizeLinear", [q, one, zero]), scale])
        weights = graph.op("Reshape", [weights, graph.ints(-1, self.hidden)])
        return graph.op("Gemm", [hidden, weights], transB=1)


class Int8Embedding(Q8Embedding):
    """The same table, and as the output matrix in 8 bits with 8-bit inputs: see Int8Matrix."""

    def __init__(self, q8, file: DataFile, outliers: list[int]):
        super().__init__(q8, file)
        self.outliers = outliers

    def logits(self, graph: Graph, hidden: str, start: int, end: int) -> str:
        return Int8Matrix(f"head.{start}", end - start, self.hidden, self.outliers).multiply(graph, hidden)

    def recipe(self) -> dict:
        """Where the blocks are that the output matrix is computed from, and in which parts the graph is handed it."""
        places = {"values": self.file.add(self.unsigned)[0], "scales": self.file.add(self.scale)[0]}
        return {"file": self.file.name, "rows": self.vocabulary, "columns": self.hidden, **places, "part": PART}


def rotary_tables(context: int, head_dim: int, theta: float) -> tuple[np.ndarray, np.ndarray]:
    """cos and sin [context, head_dim / 2], rounded like transformers' float32 ones: the
    frequencies and the angles in float32, then their cosine and sine."""
    exponent = np.arange(0, head_dim, 2, dtype=np.float32) / np.float32(head_dim)
    frequency = (1.0 / np.power(np.float64(theta), exponent.astype(np.float64))).astype(np.float32)
    angle = np.arange(context, dtype=np.float32)[:, None] * frequency[None, :]
    angle = angle.astype(np.float64)
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


def backbone(shape, embedding, matrix, norm, table_file: DataFile, doc: str, number=np.float32) -> Graph:
    """`shape` names the sizes; `matrix(layer, name)` and `norm(name)` give the weights.

    Everything between the embedding and the hidden states is computed in numbers of
    the type `number`; these two are float32 always.
    """
    g = Graph("backbone", doc)
    d, kv, hd = shape.hidden, shape.key_value_heads, shape.head_dim
    ids = g.input("input_ids", np.int64, [1, "T"])
    mask = g.input("attention_mask", np.int64, [1, "P+T"])
    for i in range(shape.layers):
        for part in ("key", "value"):
            g.input(f"past_key_values.{i}.{part}", number, [1, kv, "P", hd])
    g.output("hidden_states", np.float32, [1, "T", d])
    for i in range(shape.layers):
        for part in ("key", "value"):
            g.output(f"added.{i}.{part}", number, [1, kv, "T", hd])

    # GroupQueryAttention asks for the index of the last position and the length, both int32.
    length = g.op("ReduceSum", [mask, g.ints(1)], keepdims=0)
    last = g.op("Cast", [g.op("Sub", [length, g.ints(1)])], "last_position", to=TensorProto.INT32)
    total = g.op("Squeeze", [g.op("Shape", [mask], start=1, end=2), g.ints(0)])
    total = g.op("Cast", [total], "total_length", to=TensorProto.INT32)

    def cast(x: str, to=number, out: str | None = None) -> str:
        return x if number == np.float32 else g.op("Cast", [x], out, to=ONNX_TYPE[np.dtype(to)])

    cos, sin = rotary_tables(shape.context_window, hd, shape.rope_theta)
    # The data file has the tables once, for all graphs.
    cos = cast(g.constant("rotary.cos", cos, table_file))
    sin = cast(g.constant("rotary.sin", sin, table_file))

    def normed(x, skip, name, outputs):
        """RMS norm of x + skip; also gives the sum, which the next block starts from."""
        weight = g.constant(f"{name}.weight", norm(name).astype(number))
        g.op(
            "SkipSimplifiedLayerNormalization",
            [x, skip, weight],
            domain=MICROSOFT,
            outputs=outputs,
            epsilon=shape.epsilon,
        )

    x = cast(embedding.look_up(g, ids, g.ints(1, -1, d), "embedded"))
    branch = None
    for i in range(shape.layers):
        if branch is None:
            weight = g.constant("0.attn_norm.weight", norm("0.attn_norm").astype(number))
            n = g.op("SimplifiedLayerNormalization", [x, weight], axis=-1, epsilon=shape.epsilon)
        else:
            normed(x, branch, f"{i}.attn_norm", [f"{i}.attn_in", "", "", f"{i}.residual"])
            n, x = f"{i}.attn_in", f"{i}.residual"
        qkv = matrix(i, "attn_qkv").linear(g, n, f"{i}.qkv")
        attended = f"{i}.attended"
        g.op(
            "GroupQueryAttention",
            [qkv, "", "", f"past_key_values.{i}.key", f"past_key_values.{i}.value", last, total, cos, sin],
            domain=MICROSOFT,
            outputs=[attended, f"present.{i}.key", f"present.{i}.value"],
            num_heads=shape.heads,
            kv_num_heads=kv,
            scale=float(np.float32(hd**-0.5)),
            do_rotary=1,
            rotary_interleaved=0,
        )
        branch = matrix(i, "attn_output").linear(g, attended)
        normed(x, branch, f"{i}.ffn_norm", [f"{i}.ffn_in", "", "", f"{i}.middle"])
        n, x = f"{i}.ffn_in", f"{i}.middle"
        gate = matrix(i, "ffn_gate").linear(g, n)
        up = matrix(i, "ffn_up").linear(g, n)
        gate = g.op("Mul", [gate, g.op("Sigmoid", [gate])])
        branch = matrix(i, "ffn_down").linear(g, g.op("Mul", [gate, up]))
    if number == np.float32:
        normed(x, branch, "norm", ["hidden_states"])
    else:
        normed(x, branch, "norm", ["normed"])
        cast("normed", np.float32, "hidden_states")

    # Of the keys and values only those that are new leave the graph. Last layer first: each layer's are cut off, and
    # the whole ones let go, before the next layer runs.
    end = g.op("Shape", [mask], start=1, end=2)
    start = g.op("Sub", [end, g.op("Shape", [ids], start=1, end=2)])
    for i in reversed(range(shape.layers)):
        for part in ("value", "key"):
            g.op("Slice", [f"present.{i}.{part}", start, end, g.ints(2)], f"added.{i}.{part}")
    return g


# Vocabulary entries whose logits are computed together: few enough for what is made of them to stay near the processor.
PART = 1536


def loss(g: Graph, embedding, hidden: str, targets: str, wanted: str, size: int) -> tuple[dict[str, str], list[str]]:
    """Surprisal, entropy, varentropy (nats) and rank of `targets` [N], each [N, 1]; and the logits of the first `wanted`
    rows in parts of `size`.

    The vocabulary is taken in parts, one after the other. With c = z - peak and e = exp c,
    each gives its peak, S = sum e, A = sum e c and B = sum e c^2; shifted by the difference
    d of its peak to the largest one and weighed by exp d they add up to

        log sum exp z = peak + log S
        entropy       = log S - mu,          mu = sum exp d (A + d S) / S
        varentropy    = sum exp d (B + 2 (d - mu) A + (d - mu)^2 S) / S

    so that float32 holds: everything is shifted by a maximum, the varentropy is
    centred, and no sum runs over all of the vocabulary at once.
    """
    one = g.ints(1)
    y = g.op("Unsqueeze", [targets, one])
    # The target's logit from its own row: the rank needs it before the part that the target is in.
    own_rows = embedding.look_up(g, targets, g.ints(-1, embedding.hidden))
    near = g.op("ReduceSum", [g.op("Mul", [own_rows, hidden]), one], keepdims=1)

    def sum_of(x: str) -> str:
        return g.op("ReduceSum", [x, one], keepdims=1)

    def as_float(x: str) -> str:
        return g.op("Cast", [x], to=TensorProto.FLOAT)

    logits, parts = [], []
    for start in range(0, embedding.vocabulary, size):
        end = min(start + size, embedding.vocabulary)
        z = embedding.logits(g, hidden, start, end)
        kept = g.op("Slice", [z, g.ints(0), wanted, g.ints(0)])
        logits.append(kept)
        peak = g.op("ReduceMax", [z, one], keepdims=1)
        c = g.op("Sub", [z, peak])
        e = g.op("Exp", [c])
        ec = g.op("Mul", [e, c])
        # Nothing is added; but the part's scores now need what is kept of its logits, so that the rest is let go with it.
        nothing = g.op("Mul", [g.op("Shape", [kept], start=0, end=1), g.ints(0)])
        local = g.op("Sub", [y, g.op("Add", [g.ints(start), nothing])])
        last = g.constant(f"last_{end - start}", np.array(end - start - 1, np.int64))
        at = g.op("Clip", [local, g.constant("first", np.array(0, np.int64)), last])
        inside = g.op("Equal", [local, at])
        own = g.op("GatherElements", [z, at], axis=1)
        # Both are the target's logit, summed in another order: it is not above itself.
        itself = as_float(g.op("And", [inside, g.op("Greater", [own, near])]))
        above = g.op("Sub", [sum_of(as_float(g.op("Greater", [z, near]))), itself])
        found = g.op("Where", [inside, own, g.constant("none", np.array(0, np.float32))])
        row = g.op("Concat", [peak, sum_of(e), sum_of(ec), sum_of(g.op("Mul", [ec, c])), above, found], axis=1)
        parts.append(g.op("Unsqueeze", [row, g.ints(2)]))
    columns = [f"part_{name}" for name in ("peaks", "s", "a", "b", "above", "found")]
    g.op("Split", [g.op("Concat", parts, axis=2)], outputs=columns, axis=1, num_outputs=len(columns))
    peaks, s, a, b, above, found = (g.op("Squeeze", [column, one]) for column in columns)
    peak = g.op("ReduceMax", [peaks, one], keepdims=1)
    d = g.op("Sub", [peaks, peak])
    weight = g.op("Exp", [d])
    total = sum_of(g.op("Mul", [weight, s]))
    log_total = g.op("Log", [total])
    mu = g.op("Div", [sum_of(g.op("Mul", [weight, g.op("Add", [a, g.op("Mul", [d, s])])])), total])
    m = g.op("Sub", [d, mu])
    cross = g.op("Mul", [m, g.op("Add", [g.op("Add", [a, a]), g.op("Mul", [m, s])])])
    one32 = g.constant("one32", np.array(1, np.int32))
    scores = {
        "surprisal": g.op("Add", [g.op("Sub", [peak, sum_of(found)]), log_total]),
        "entropy": g.op("Sub", [log_total, mu]),
        "varentropy": g.op("Div", [sum_of(g.op("Mul", [weight, g.op("Add", [b, cross])])), total]),
        # Exact in float32: the vocabulary is smaller than 2^24.
        "rank": g.op("Add", [g.op("Cast", [sum_of(above)], to=TensorProto.INT32), one32]),
    }
    return scores, logits


def head(embedding, doc: str) -> Graph:
    """One matrix for both uses: the scores of `targets`, or the logits; what is not asked for has no rows."""
    g = Graph("head", doc)
    hidden = g.input("hidden_states", np.float32, ["N", embedding.hidden])
    targets = g.input("targets", np.int64, ["T"])
    wants_logits = g.input("wants_logits", np.bool_, [])
    # There are no targets where logits are wanted: any token stands in for them, and its scores are cut off.
    rows = g.op("Shape", [hidden], start=0, end=1)
    count = g.op("Shape", [targets], start=0, end=1)
    padding = g.op("Concat", [g.ints(0), g.op("Sub", [rows, count])], axis=0)
    wanted = g.op("Mul", [rows, g.op("Cast", [wants_logits], to=TensorProto.INT64)])
    scores, logits = loss(g, embedding, hidden, g.op("Pad", [targets, padding]), wanted, PART)
    # The logits before the scores: what the last output needs runs first, and that is everything, part by part.
    g.op("Concat", logits, "logits", axis=1)
    g.output("logits", np.float32, ["L", embedding.vocabulary])
    one = g.ints(1)
    for name, value in scores.items():
        g.op("Slice", [g.op("Squeeze", [value, one]), g.ints(0), count, g.ints(0)], name)
        g.output(name, np.int32 if name == "rank" else np.float32, ["T"])
    return g
