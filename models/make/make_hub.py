"""Makes test/fixtures/models/hub, hub-gpt2 and hub-gemma: decoders as exporters write them for Hugging Face's hub.

    python make_hub.py            (or only some: python make_hub.py hub-gemma)

`hub` has the weights of test/fixtures/models/tiny, exported by optimum, and in the
forms that repositories on the hub have beside it; `hub-gpt2` is a GPT-2 with random
weights, whose positions are learned and whose window is short; `hub-gemma` is a Gemma 3
with random weights, whose tokenizer is a BPE with byte fallback and whose first layer
attends to the last 48 tokens only. `expected.json` in each
holds the surprisals (nats) of a text, computed from the logits of the whole graph by
ONNX Runtime in Python, in float64, and for the exports in float32 checked against
PyTorch. Needs optimum-onnx, and the transformers that it works with (see README.md).
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import byte_fallback_reference
import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime.transformers.float16 import convert_float_to_float16
from optimum.exporters.onnx import main_export
from tokenizers import Tokenizer
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

HERE = Path(__file__).resolve().parent
MODELS = HERE.parent.parent / "test" / "fixtures" / "models"
TINY = MODELS / "tiny"
TEXT = (HERE / "verification.txt").read_text("utf-8")[:700]


def tiny_state() -> tuple[dict, dict[str, torch.Tensor]]:
    """The configuration of the tiny model, and its weights under transformers' names."""
    graph = onnx.load(TINY / "onnx" / "backbone.onnx").graph
    weights = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    config = json.loads((TINY / "config.json").read_text())
    state = {"model.embed_tokens.weight": weights["embedding"], "model.norm.weight": weights["norm.weight"]}
    state["lm_head.weight"] = weights["embedding"]
    key_values = config["num_key_value_heads"] * config["head_dim"]
    for layer in range(config["num_hidden_layers"]):
        ours, theirs = f"{layer}.", f"model.layers.{layer}."
        q, k, v = np.split(weights[ours + "attn_qkv"].T, [config["hidden_size"], config["hidden_size"] + key_values])
        state[theirs + "self_attn.q_proj.weight"] = q
        state[theirs + "self_attn.k_proj.weight"] = k
        state[theirs + "self_attn.v_proj.weight"] = v
        state[theirs + "self_attn.o_proj.weight"] = weights[ours + "attn_output"].T
        state[theirs + "mlp.gate_proj.weight"] = weights[ours + "ffn_gate"].T
        state[theirs + "mlp.up_proj.weight"] = weights[ours + "ffn_up"].T
        state[theirs + "mlp.down_proj.weight"] = weights[ours + "ffn_down"].T
        state[theirs + "input_layernorm.weight"] = weights[ours + "attn_norm.weight"]
        state[theirs + "post_attention_layernorm.weight"] = weights[ours + "ffn_norm.weight"]
    return config, {name: torch.tensor(np.array(array)) for name, array in state.items()}


def llama() -> torch.nn.Module:
    config, state = tiny_state()
    config["rope_theta"] = config.pop("rope_parameters", {}).get("rope_theta", 10000.0)
    model = LlamaForCausalLM(LlamaConfig(**config)).float().eval()
    model.load_state_dict(state)
    return model


def gpt2() -> torch.nn.Module:
    torch.manual_seed(20261128)
    config = GPT2Config(
        vocab_size=1024, n_positions=256, n_embd=32, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0,
        initializer_range=0.2,
    )
    return GPT2LMHeadModel(config).float().eval()


def gemma() -> torch.nn.Module:
    torch.manual_seed(20261128)
    config = Gemma3TextConfig(
        vocab_size=2000, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, query_pre_attn_scalar=16, max_position_embeddings=2048,
        layer_types=["sliding_attention", "full_attention"], sliding_window=48, pad_token_id=0, bos_token_id=1,
        eos_token_id=2, initializer_range=0.3,
    )
    return Gemma3ForCausalLM(config).float().eval()


def gemma_tokenizer(folder: Path) -> None:
    """As Gemma's, with the small vocabulary that the references for byte fallback have: it puts `<s>` before a text."""
    recorded = json.loads((HERE.parents[1] / "test" / "fixtures" / "reference" / "byte-fallback.json").read_text("utf-8"))
    model = {"type": "BPE", "vocab": recorded["vocab"], "merges": recorded["merges"]}
    whole = byte_fallback_reference.definition(model, recorded["forms"]["gemma"])
    blank = {"type": "Replace", "pattern": {"String": byte_fallback_reference.BLANK}, "content": " "}
    whole["decoder"] = {"type": "Sequence", "decoders": [blank, {"type": "ByteFallback"}, {"type": "Fuse"}]}
    whole["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
    }
    tokenizer = Tokenizer.from_str(json.dumps(whole))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)


def tiny_tokenizer(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(TINY / name, folder / name)


def export(model: torch.nn.Module, write_tokenizer: Callable[[Path], None], folder: Path) -> None:
    """Writes `onnx/model.onnx` and the files beside it, as repositories on the hub have them."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "onnx").mkdir(parents=True)
    with tempfile.TemporaryDirectory() as place:
        source, exported = Path(place, "source"), Path(place, "exported")
        model.save_pretrained(source)
        write_tokenizer(source)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(source / name, folder / name)
        main_export(str(source), output=exported, task="text-generation-with-past", opset=18, do_validation=False)
        shutil.copy(exported / "model.onnx", folder / "onnx" / "model.onnx")
        config = json.loads((source / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def other_forms(folder: Path, names: tuple[str, ...]) -> None:
    """The forms that transformers.js knows beside `model.onnx`; 4-bit weights lie in a file of their own."""
    source = folder / "onnx" / "model.onnx"
    if "quantized" in names:
        with tempfile.TemporaryDirectory() as place:
            # The last matrix is made from the embedding, and quantised only once it is a constant.
            options = onnxruntime.SessionOptions()
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
            options.optimized_model_filepath = str(Path(place, "folded.onnx"))
            onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
            folded = options.optimized_model_filepath
            quantize_dynamic(folded, folder / "onnx" / "model_quantized.onnx", weight_type=QuantType.QInt8)
    if "fp16" in names:
        onnx.save(convert_float_to_float16(onnx.load(source)), folder / "onnx" / "model_fp16.onnx")
    if "fp16-products" in names:
        # Products stay in float32; the casts around them come last in the file.
        mixed = convert_float_to_float16(onnx.load(source), op_block_list=["MatMul", "Gemm"])
        onnx.save(mixed, folder / "onnx" / "model_fp16-products.onnx")
    if "q4" in names:
        # Level 4 has ONNX Runtime round what these weights are multiplied by.
        quantizer = MatMulNBitsQuantizer(onnx.load(source), block_size=32, is_symmetric=True, accuracy_level=4)
        quantizer.process()
        file = folder / "onnx" / "model_q4.onnx"
        quantizer.model.save_model_to_file(str(file), use_external_data_format=True)
        Path(f"{file}.data").chmod(0o644)


def surprisals(path: Path, ids: list[int], cache: list[int]) -> list[float]:
    """nats of ids[1…], from the logits of the whole graph, whose 4-bit weights are multiplied exactly."""
    model = onnx.load(path)
    for node in model.graph.node:
        kept = [one for one in node.attribute if one.name != "accuracy_level"]
        del node.attribute[:]
        node.attribute.extend(kept)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    length = len(ids) - 1
    feeds: dict[str, np.ndarray] = {
        "input_ids": np.array([ids[:-1]], np.int64),
        "attention_mask": np.ones((1, length), np.int64),
        "position_ids": np.arange(length, dtype=np.int64)[None],
    }
    for one in session.get_inputs():
        if one.name.startswith("past_key_values"):
            number = np.float16 if one.type == "tensor(float16)" else np.float32
            feeds[one.name] = np.zeros([1, cache[0], 0, cache[1]], number)
    known = {one.name for one in session.get_inputs()}
    (logits,) = session.run(["logits"], {name: value for name, value in feeds.items() if name in known})
    z = logits[0].astype(np.float64)
    z -= z.max(axis=1, keepdims=True)
    losses = np.log(np.exp(z).sum(axis=1)) - z[np.arange(length), ids[1:]]
    return [round(float(loss), 6) for loss in losses]


def main() -> None:
    for name, model, write_tokenizer, cache, forms in (
        ("hub", llama(), tiny_tokenizer, [2, 16], ("fp16", "q4", "quantized")),
        ("hub-gpt2", gpt2(), tiny_tokenizer, [2, 16], ("fp16-products", "quantized")),
        ("hub-gemma", gemma(), gemma_tokenizer, [1, 16], ()),
    ):
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        folder = MODELS / name
        export(model, write_tokenizer, folder)
        other_forms(folder, forms)
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        # The token that separated documents: the first one in the tiny model's vocabulary, and `<s>`.
        separator = 1 if write_tokenizer is gemma_tokenizer else 0
        part = [separator, *tokenizer.encode(TEXT, add_special_tokens=False).ids][:200]
        expected = {
            path.name: surprisals(path, part, cache) for path in sorted((folder / "onnx").glob("*.onnx"))
        }
        with torch.no_grad():
            logits = model(torch.tensor([part[:-1]])).logits[0].double()
        theirs = torch.nn.functional.cross_entropy(logits, torch.tensor(part[1:]), reduction="none").numpy()
        for form, nats in expected.items():
            difference = np.abs(np.array(nats) - theirs)
            print(f"{name} {form}: {difference.mean():.2g} nats from PyTorch on average, {difference.max():.2g} at most")
        assert np.abs(np.array(expected["model.onnx"]) - theirs).max() < 1e-4
        record = {"ids": part, "nats": expected}
        (folder / "expected.json").write_text(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
