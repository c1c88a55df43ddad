"""Measures the bundled model: quality against PyTorch, speed and memory against other ways to keep the weights.

    python measure.py [--gguf FILE] [--threads 2] [quality] [backbone] [head] [memory]

Quality is exact and the same anywhere. Speeds are the best of several runs taken
in turn, so that a busy machine slows every variant alike: compare the ratios.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import graphs
import numpy as np
import onnxruntime
import torch_model
import transformers
from gguf_weights import Q4, SmolLM2
from graphs import MICROSOFT
from make_model import SEPARATOR, packaged_gguf
from reference import FOLDERS, HERE, encode
from reference import model as torch_reference

FOLDER = FOLDERS["smollm2"]
CONTEXT = 1024
LIBRARY = Path(transformers.__file__).parent / "generation" / "continuous_batching"
PROJECT = HERE.parents[1]
# Written after the model was trained (2024): this project's own, and files of 2026 from the pinned transformers.
HELD_OUT = {
    "code": [
        LIBRARY / "initialization.py",
        LIBRARY / "offloading_manager.py",
        HERE / "graphs.py",
        PROJECT / "test" / "fixtures" / "documents" / "inventory.py",
        PROJECT / "test" / "fixtures" / "documents" / "retry.ts",
    ],
    "prose": [
        PROJECT / "test" / "fixtures" / "documents" / "lighthouse.txt",
        PROJECT / "README.md",
        HERE / "README.md",
    ],
}


class ZeroPointMatrix(graphs.Q4Matrix):
    """Q4_1 as MatMulNBits with float zero points -m / d: exact too."""

    def linear(self, graph, x, out=None):
        rows, columns = self.q4.q.shape
        scale = self.q4.scale.astype(np.float32)
        zero = -self.q4.minimum.astype(np.float32) / scale
        parts = [graph.constant(f"{self.name}.{n}", a, self.file) for n, a in
                 (("q", self.q4.packed()), ("scale", scale.reshape(-1)), ("zero", zero.reshape(-1)))]
        return graph.op("MatMulNBits", [x, *parts], out, MICROSOFT, K=columns, N=rows, bits=4, block_size=32)


def write_variants(weights: SmolLM2, folder: Path) -> dict[str, Path]:
    """The backbone as shipped, and the same values kept in two other ways."""
    made = {"shipped": FOLDER / "onnx" / "backbone.onnx"}
    for name in ("zero points", "float32"):
        file = graphs.DataFile(f"{name}.bin")
        embedding = graphs.Q8Embedding(weights.embedding, file)

        def matrix(layer, part, name=name, file=file):
            parts = ("attn_q", "attn_k", "attn_v") if part == "attn_qkv" else (part,)
            q4 = Q4.stack([weights.matrices[f"{layer}.{p}"] for p in parts])
            if name == "float32":
                return graphs.FloatMatrix(f"{layer}.{part}", q4.float32(), file)
            return ZeroPointMatrix(f"{layer}.{part}", q4, file)

        made[name] = folder / f"{name}.onnx"
        graphs.backbone(weights, embedding, matrix, weights.norms.__getitem__, file, name).write(made[name])
        file.write(folder)
    return made


def write_small_head(weights: SmolLM2, folder: Path) -> Path:
    """The head with 8-bit weights in memory."""
    file = graphs.DataFile("embedding.bin")
    embedding = graphs.Q8Embedding(weights.embedding, file)
    embedding.logits = embedding.small_logits
    graphs.head(embedding, "8-bit").write(folder / "head8.onnx")
    file.write(folder)
    return folder / "head8.onnx"


def session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.disable_quant_qdq", "1")  # as the product has it: see Q8Embedding
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def score_feeds(hidden: np.ndarray, targets: np.ndarray) -> dict[str, np.ndarray]:
    return {"hidden_states": hidden, "targets": targets, "wants_logits": np.array(False)}


def logits_feeds(hidden: np.ndarray) -> dict[str, np.ndarray]:
    return {"hidden_states": hidden, "targets": np.zeros(0, np.int64), "wants_logits": np.array(True)}


def run_backbone(backbone, ids: list[int], chunk: int | None = None) -> np.ndarray:
    """Hidden states; with `chunk`, that many tokens at a time through the key-value cache."""
    names = [o.name for o in backbone.get_outputs()]
    caches = [i for i in backbone.get_inputs() if i.name.startswith("past")]
    past = {i.name: np.zeros((1, i.shape[1], 0, i.shape[3]), np.float32) for i in caches}
    hidden, step = [], chunk or len(ids)
    for start in range(0, len(ids), step):
        part = np.array([ids[start : start + step]], np.int64)
        mask = np.ones((1, start + part.shape[1]), np.int64)
        out = dict(zip(names, backbone.run(None, {"input_ids": part, "attention_mask": mask, **past})))
        hidden.append(out.pop("hidden_states")[0])
        added = {name.replace("added", "past_key_values"): value for name, value in out.items()}
        past = {name: np.concatenate([past[name], value], axis=2) for name, value in added.items()}
    return np.concatenate(hidden)


def quality(weights: SmolLM2, gguf: Path, threads: int) -> None:
    reference = torch_reference("smollm2", gguf)
    backbone, head = (session(FOLDER / "onnx" / f"{n}.onnx", threads) for n in ("backbone", "head"))
    print("\n| held-out text | tokens | bits per byte, PyTorch float32 | bits per byte, these graphs "
          "| mean \\|Δ nats\\| | largest | in chunks of 128 |")
    print("|---|---|---|---|---|---|---|")
    for kind, paths in HELD_OUT.items():
        exact, ours, chunked, size = [], [], [], 0
        for path in paths:
            text = path.read_bytes().decode("utf-8")
            ids = encode("smollm2", text)
            size += len(text.encode("utf-8"))
            for start in range(0, len(ids), CONTEXT - 1):
                page = [SEPARATOR, *ids[start : start + CONTEXT - 1]]
                exact += torch_model.score(reference, page)["nats"]
                targets = np.array(page[1:], np.int64)
                for out, chunk in ((ours, None), (chunked, 128)):
                    hidden = run_backbone(backbone, page, chunk)[:-1]
                    for a in range(0, len(hidden), 128):
                        feeds = score_feeds(hidden[a : a + 128], targets[a : a + 128])
                        out += head.run(["surprisal"], feeds)[0].tolist()
        difference = np.abs(np.array(exact) - np.array(ours))
        same = np.abs(np.array(chunked) - np.array(ours)).max()
        bits = [sum(v) / math.log(2) / size for v in (exact, ours)]
        print(f"| {kind} | {len(exact)} | {bits[0]:.4f} | {bits[1]:.4f} | {difference.mean():.1e} "
              f"| {difference.max():.1e} | {'the same bits' if same == 0 else f'{same:.1e}'} |", flush=True)


def sample_ids(count: int) -> list[int]:
    text = "".join(p.read_text("utf-8") for p in HELD_OUT["code"])
    return [SEPARATOR, *encode("smollm2", text)[: count - 1]]


def backbone_speed(weights: SmolLM2, threads: int, folder: Path) -> None:
    sessions = {name: session(path, threads) for name, path in write_variants(weights, folder).items()}
    lengths = (16, 64, 128, 256, 512, 1024)
    ids = sample_ids(max(lengths))
    print("\n| backbone, tokens per second at T = | " + " | ".join(map(str, lengths)) + " |")
    print("|---|" + "---|" * len(lengths))
    rates: dict[str, list[float]] = {name: [] for name in sessions}
    for length in lengths:
        best = dict.fromkeys(sessions, math.inf)
        for _ in range(max(5, 1024 // length // 2)):
            for name, s in sessions.items():
                began = time.perf_counter()
                run_backbone(s, ids[:length])
                best[name] = min(best[name], time.perf_counter() - began)
        for name, seconds in best.items():
            rates[name].append(length / seconds)
    for name, values in rates.items():
        print(f"| {name} | " + " | ".join(f"{v:.0f}" for v in values) + " |", flush=True)


def head_speed(weights: SmolLM2, threads: int, folder: Path) -> None:
    hidden = run_backbone(session(FOLDER / "onnx" / "backbone.onnx", threads), sample_ids(257))[:-1]
    targets = np.array(sample_ids(257)[1:], np.int64)
    heads = {
        "shipped: 8-bit on disk, float32 in memory": session(FOLDER / "onnx" / "head.onnx", threads),
        "8-bit in memory (MatMulNBits)": session(write_small_head(weights, folder), threads),
    }
    sizes = (16, 32, 64, 128, 256)
    print("\n| head, tokens per second at N = | " + " | ".join(map(str, sizes)) + " |")
    print("|---|" + "---|" * len(sizes))
    rates: dict[str, list[float]] = {name: [] for name in heads}
    for size in sizes:
        best = dict.fromkeys(heads, math.inf)
        for _ in range(5):
            for name, s in heads.items():
                began = time.perf_counter()
                for a in range(0, 256, size):
                    s.run(None, score_feeds(hidden[a : a + size], targets[a : a + size]))
                best[name] = min(best[name], time.perf_counter() - began)
        for name, seconds in best.items():
            rates[name].append(256 / seconds)
    for name, values in rates.items():
        print(f"| {name} | " + " | ".join(f"{v:.0f}" for v in values) + " |", flush=True)
    print("\n| logits of one row | median of 40 runs, milliseconds |\n|---|---|")
    for name, s in heads.items():
        times = []
        for row in range(40):
            began = time.perf_counter()
            s.run(["logits"], logits_feeds(hidden[row : row + 1]))
            times.append(time.perf_counter() - began)
        print(f"| {name} | {statistics.median(times) * 1000:.1f} |", flush=True)


def status() -> dict[str, int]:
    """Megabytes of this process (Linux): anonymous memory now, and the peak of everything."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {key: int(lines[key].split()[0]) // 1000 for key in ("RssAnon", "RssFile", "VmHWM")}


def memory_of(path: Path, threads: int) -> None:
    """Runs in a process of its own."""
    before = status()
    began = time.perf_counter()
    s = session(path, threads)
    seconds = time.perf_counter() - began
    loaded = status()
    if any(i.name == "input_ids" for i in s.get_inputs()):
        run_backbone(s, [0] * 512)
    else:
        s.run(None, score_feeds(np.zeros((128, 576), np.float32), np.zeros(128, np.int64)))
    print(json.dumps({"seconds": seconds, "before": before, "loaded": loaded, "ran": status()}))


def memory(weights: SmolLM2, threads: int, folder: Path) -> None:
    variants = {f"backbone, {name}": path for name, path in write_variants(weights, folder).items()}
    variants["head, shipped"] = FOLDER / "onnx" / "head.onnx"
    variants["head, 8-bit in memory"] = write_small_head(weights, folder)
    print("\n| graph | load, seconds | own memory, MB | and mapped files, MB | after a run, MB | peak, MB |")
    print("|---|---|---|---|---|---|")
    for name, path in variants.items():
        command = [sys.executable, __file__, "--memory-of", str(path), "--threads", str(threads)]
        got = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        before, loaded, ran = (got[k] for k in ("before", "loaded", "ran"))
        print(f"| {name} | {got['seconds']:.1f} | {loaded['RssAnon'] - before['RssAnon']} "
              f"| {loaded['RssFile'] - before['RssFile']} | {ran['RssAnon'] - before['RssAnon']} "
              f"| {ran['VmHWM'] - before['VmHWM']} |", flush=True)


def cpu() -> str:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor()
    fields = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
    fields = {k.strip(): v.strip() for k, v in fields.items()}
    flags = set(fields.get("flags", "").split())
    known = [f for f in ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "amx_int8") if f in flags]
    return f"{fields.get('model name')}, {' '.join(known)}"


def main() -> None:
    parts = ("quality", "backbone", "head", "memory")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*parts, []])
    parser.add_argument("--gguf", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-of", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_of:
        memory_of(arguments.memory_of, arguments.threads)
        return
    gguf = arguments.gguf or packaged_gguf()
    weights, wanted, threads = SmolLM2(gguf), arguments.parts or parts, arguments.threads
    print(f"onnxruntime {onnxruntime.__version__}, {threads} threads; {cpu()}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if "backbone" in wanted:
            backbone_speed(weights, threads, folder)
        if "head" in wanted:
            head_speed(weights, threads, folder)
        if "memory" in wanted:
            memory(weights, threads, folder)
        if "quality" in wanted:
            quality(weights, gguf, threads)


if __name__ == "__main__":
    main()
