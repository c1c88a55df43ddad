"""Makes test/fixtures/models/tiny: a small float32 Llama in the layout of a bundled model.

    python make_tiny.py [--out FOLDER] [--steps N]

Trained on Python's standard library as installed (PSF licence) and this
folder's Apache licence text, on one thread with fixed seeds: a few minutes. Two
runs on one machine write the same bytes; another Python or processor gives
another, equally good, model, so that the reference records (reference.py) must
be made again with it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

import graphs
import numpy as np
import tokenizers_json
import torch
import torch_model
from manifest import write_json, write_manifest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).resolve().parent
VOCABULARY = 1024
WINDOW = 192  # of training; the reach in use is longer than that
MODULES = (
    *("argparse", "ast", "base64", "bisect", "calendar", "collections/__init__", "configparser", "contextlib"),
    *("copy", "csv", "dataclasses", "datetime", "difflib", "enum", "fractions", "functools", "glob", "gzip"),
    *("heapq", "html/parser", "inspect", "json/decoder", "json/encoder", "logging/__init__", "pathlib", "pprint"),
    *("queue", "random", "shutil", "statistics", "string", "subprocess", "tarfile", "tempfile", "threading"),
    *("timeit", "tokenize", "traceback", "types", "typing", "unittest/case", "urllib/parse", "uuid", "zipfile"),
)


@dataclass(frozen=True)
class Shape:
    vocabulary: int = VOCABULARY
    hidden: int = 64
    feed_forward: int = 176
    layers: int = 2
    heads: int = 4
    key_value_heads: int = 2
    head_dim: int = 16
    context_window: int = 4096
    rope_theta: float = 10000.0
    epsilon: float = 1e-5

    def config(self) -> dict:
        return {
            "attention_bias": False,
            "bos_token_id": 0,
            "eos_token_id": 0,
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "hidden_size": self.hidden,
            "initializer_range": 0.05,
            "intermediate_size": self.feed_forward,
            "max_position_embeddings": self.context_window,
            "mlp_bias": False,
            "num_attention_heads": self.heads,
            "num_hidden_layers": self.layers,
            "num_key_value_heads": self.key_value_heads,
            "rms_norm_eps": self.epsilon,
            "rope_parameters": {"rope_theta": self.rope_theta, "rope_type": "default"},
            "tie_word_embeddings": True,
            "vocab_size": self.vocabulary,
        }


def corpus() -> list[str]:
    library = Path(sysconfig.get_path("stdlib"))
    texts = [(library / f"{name}.py").read_text("utf-8") for name in MODULES]
    return texts + [(HERE / "APACHE-2.0.txt").read_text("utf-8")] * 4 + [(HERE / "verification.txt").read_text("utf-8")]


def train_tokenizer(texts: list[str]) -> dict:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    value = json.loads(tokenizer.to_str())
    value["pre_tokenizer"] = tokenizers_json.PORTABLE
    value["decoder"] = tokenizers_json.DECODER
    value["model"]["merges"] = [" ".join(pair) for pair in value["model"]["merges"]]
    return value


def train(shape: Shape, texts: list[str], tokenizer: Tokenizer, steps: int) -> LlamaForCausalLM:
    torch.manual_seed(20240607)
    torch.set_num_threads(1)  # the order of float32 sums, and so the weights, must not depend on the machine's load
    torch.use_deterministic_algorithms(True)
    model = LlamaForCausalLM(LlamaConfig(**shape.config(), attn_implementation="eager")).float().train()
    stream: list[int] = []
    for encoding in tokenizer.encode_batch(texts):
        stream += [0, *encoding.ids]
    data = torch.tensor(stream)
    # Every tenth window starts with the separator, so that a document's first tokens are learned too.
    separators = (data[: -WINDOW - 1] == 0).nonzero()[:, 0]
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps, pct_start=0.05)
    for step in range(steps):
        starts = torch.randint(0, len(data) - WINDOW, (10,))
        starts[0] = separators[torch.randint(0, len(separators), (1,))]
        x = torch.stack([data[s : s + WINDOW] for s in starts.tolist()])
        loss = model(input_ids=x, labels=x).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 200 == 0 or step == steps - 1:
            print(f"step {step}: {loss.item():.3f} nats per token", flush=True)
    return model.eval()


def write_graphs(shape: Shape, state: dict[str, np.ndarray], folder: Path) -> None:
    embedding_file, layers_file = graphs.DataFile("embedding.bin"), graphs.DataFile("backbone-1.bin")
    embedding = graphs.FloatEmbedding(state["model.embed_tokens.weight"], embedding_file)

    def matrix(layer: int, name: str) -> graphs.FloatMatrix:
        theirs = {
            "attn_qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
            "attn_output": ("self_attn.o_proj",),
            "ffn_gate": ("mlp.gate_proj",),
            "ffn_up": ("mlp.up_proj",),
            "ffn_down": ("mlp.down_proj",),
        }[name]
        rows = np.concatenate([state[f"model.layers.{layer}.{part}.weight"] for part in theirs])
        return graphs.FloatMatrix(f"{layer}.{name}", rows, layers_file)

    def norm(name: str) -> np.ndarray:
        if name == "norm":
            return state["model.norm.weight"]
        layer, kind = name.split(".")
        kind = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}[kind]
        return state[f"model.layers.{layer}.{kind}.weight"]

    doc = "A test model made by Surprisal's models/make/make_tiny.py"
    folder.mkdir(parents=True, exist_ok=True)
    graphs.backbone(shape, embedding, matrix, norm, layers_file, doc).write(folder / "backbone.onnx")
    graphs.head(embedding, doc).write(folder / "head.onnx")
    embedding_file.write(folder)
    layers_file.write(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE.parents[1] / "test" / "fixtures" / "models" / "tiny")
    parser.add_argument("--steps", type=int, default=3000)
    arguments = parser.parse_args()
    shape, texts = Shape(), corpus()
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary) / "model"
        made.mkdir()
        tokenizer = train_tokenizer(texts)
        write_json(made / "tokenizer.json", tokenizer, compact=True)
        write_json(made / "tokenizer_config.json", tokenizers_json.config(tokenizer, shape.context_window, 0, 0))
        write_json(
            made / "config.json", {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **shape.config()}
        )
        write_json(made / "generation_config.json", {"_from_model_config": True, "bos_token_id": 0, "eos_token_id": 0})
        encoder = Tokenizer.from_str(json.dumps(tokenizers_json.with_reference_pre_tokenizer(tokenizer)))
        model = train(shape, texts, encoder, arguments.steps)
        state = {name: value.detach().numpy() for name, value in model.state_dict().items() if name != "lm_head.weight"}
        write_graphs(shape, state, made / "onnx")
        ids = [0, *encoder.encode((HERE / "verification.txt").read_text("utf-8")).ids]
        write_manifest(
            made,
            identity={"id": "tiny-test", "name": "Tiny test model", "licence": "MIT"},
            shape=shape,
            parameters=sum(value.size for value in state.values()),
            separator=0,
            ids=ids,
            nats=torch_model.score(torch_model.build(torch_model.llama_config(made), state), ids)["nats"],
        )
        arguments.out.mkdir(parents=True, exist_ok=True)
        shutil.copytree(made, arguments.out, dirs_exist_ok=True)
    total = sum(p.stat().st_size for p in arguments.out.rglob("*") if p.is_file())
    print(f"{arguments.out}: {total:,} bytes, {len(ids)} verification tokens")


if __name__ == "__main__":
    main()
