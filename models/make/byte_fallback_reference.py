"""Records what the reference gives for tokenizers with byte fallback, in test/fixtures/reference/byte-fallback.json.

    python byte_fallback_reference.py

{"vocab": {...}, "merges": [...], "forms": {name: the rest of a tokenizer.json}, "cases": [{"text": ..., name: [ids]}, ...]}:
a small BPE, trained here on the documents in test/fixtures, in the forms that models
have it in, and the ids by the Python package `tokenizers`, no special tokens added.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parents[1] / "test" / "fixtures"
BLANK = "\u2581"
SPECIAL = ["<unk>", "<s>", "</s>", "<start_of_turn>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
RUNS = [BLANK * n for n in range(16, 1, -1)] + ["\n" * n for n in range(6, 1, -1)]
REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": BLANK}
PREPEND = {"type": "Prepend", "prepend": BLANK}
SPLIT = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}


def metaspace(scheme: str, split: bool = False) -> dict:
    return {"type": "Metaspace", "replacement": BLANK, "prepend_scheme": scheme, "split": split}


def added(token: str, id: int, **flags: bool) -> dict:
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": id, "content": token, **plain, **flags}


def trained() -> dict:
    """The model: as SentencePiece's are, no token has a space behind anything else, but there are runs of spaces and line feeds."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Replace(" ", BLANK)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(f"{BLANK}+(?={BLANK}\\S)|{BLANK}?[^{BLANK}\n]+|{BLANK}+|\n+"), "isolated")
    letters = [chr(code) for code in range(0x20, 0x7F)] + list("\t\n" + BLANK + "éüñ漢字かなשم😀’")
    trainer = trainers.BpeTrainer(
        vocab_size=2000,
        special_tokens=SPECIAL + BYTES,
        initial_alphabet=letters,
        limit_alphabet=len(letters),
        show_progress=False,
    )
    documents = [*sorted((FIXTURES / "documents").glob("*")), HERE / "APACHE-2.0.txt"]
    texts = [path.read_text("utf-8") for path in documents] + [" " * 40 + "\n" * 12] * 200
    tokenizer.train_from_iterator(texts, trainer)
    return json.loads(tokenizer.to_str())["model"]


def forms(vocab: dict) -> dict[str, dict]:
    special = [added(token, vocab[token]) for token in SPECIAL]
    more = [
        added("<tool>", len(vocab), special=False, normalized=True),
        added("fine", len(vocab) + 1, special=False, normalized=True, single_word=True),
    ]
    stripped = [special[0], added("<s>", 1, lstrip=True), added("</s>", 2, rstrip=True), special[3]]
    # Gemma's vocabulary has runs as added tokens, too; a run of spaces in a text is not yet one of ▁ where they are searched for.
    runs = [added(run, vocab[run], special=False) for run in RUNS if run in vocab]
    llama2 = {"type": "Sequence", "normalizers": [PREPEND, REPLACE]}
    return {
        "llama2": {"normalizer": llama2, "pre_tokenizer": None, "added_tokens": special + more},
        "phi3": {"normalizer": llama2, "pre_tokenizer": None, "added_tokens": stripped},
        "gemma": {"normalizer": REPLACE, "pre_tokenizer": SPLIT, "added_tokens": special + runs},
        "first": {"normalizer": None, "pre_tokenizer": metaspace("first"), "added_tokens": special + more},
        "always": {"normalizer": None, "pre_tokenizer": metaspace("always"), "added_tokens": special},
        "never": {"normalizer": None, "pre_tokenizer": metaspace("never"), "added_tokens": stripped},
        "split": {"normalizer": None, "pre_tokenizer": metaspace("first", True), "added_tokens": special},
    }


def definition(model: dict, form: dict) -> dict:
    whole = {**model, "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}
    return {"version": "1.0", "truncation": None, "padding": None, "post_processor": None, "decoder": None, **form, "model": whole}


TEXTS = [
    *("", " ", "  ", "   x", "a", "a b", " a", "The lighthouse", "x = 1\n", "\n", "\n\n\n", "\nThe", "\tx", "\r\n", "a\r\nb\r\n", "\r"),
    *(BLANK, BLANK * 2, f"a{BLANK}b", f" {BLANK} x", f"{BLANK}the", f"x {BLANK * 3} y", f"\n{BLANK}"),
    *("\0", "a\0b", "\x7f", "\ufeff", "\ufeffx", "\ufffd", "\u0085", "\u00a0x", "\u2028", "\u3000漢", "\u200d"),
    *("é", "e\u0301", "für", "naïve", "漢字かな", "龍", "שלום", "مرحبا", "😀", "👩‍👩‍👧‍👦", "🇨🇭", "𝟘", "\U0010ffff", "it’s", "ß", "😀 😀"),
    *("<0x0A>", "<0xE2>", "<0x", "<unk>", "<s>", "</s>", "<start_of_turn>", "a<s>b", " <s> x", "<s><s>", "<s>\n  x</s> \n y", "<S>"),
    *("<tool>", "a<tool>b", "a <tool> b", "<s><tool>x", "fine", "a fine day", "finest", "<start_of_turn>user\nHi", "<start_of_turn"),
    *(" " * n for n in (4, 15, 16, 17, 33, 100)),
    *("\n" * n for n in (5, 7, 40)),
    *("def f(x):\n    return x\n", "if a:\n\n        b()\n    c()\n", "for i in range(10):\r\n\tprint(i)\r\n", "  \n   x \n", "a  b   c    d"),
    *("=" * 40, "-" * 33 + "\n", "aaaaaaaaaaaaaaaaaaaaaaa", "ab" * 30, "1234567890", "x\u2003y", "Hello, world! 'quoted' \"text\"; {a: [1, 2]}"),
]


def texts() -> list[str]:
    rng = random.Random(20261128)
    pieces = [text for text in TEXTS if 0 < len(text) < 30]
    mixed = ["".join(rng.choices(pieces, k=rng.randint(2, 8))) for _ in range(60)]
    planes = [(0x20, 0x7F), (0x80, 0x7FF), (0x800, 0xD7FF), (0x10000, 0x10FFFF)]
    for first, last in planes:
        mixed += ["".join(chr(rng.randint(first, last)) for _ in range(10)) for _ in range(4)]
    sample = (FIXTURES / "documents" / "inventory.py").read_text("utf-8")[:600]
    return list(dict.fromkeys([*TEXTS, *mixed, sample]))


def main() -> None:
    model = trained()
    known = forms(model["vocab"])
    tokenizers = {name: Tokenizer.from_str(json.dumps(definition(model, form))) for name, form in known.items()}
    merges = [" ".join(merge) for merge in model["merges"]]
    lines = []
    for text in texts():
        ids = {name: tokenizer.encode(text, add_special_tokens=False).ids for name, tokenizer in tokenizers.items()}
        lines.append(json.dumps({"text": text, **ids}, separators=(",", ":")))
    head = json.dumps({"vocab": model["vocab"], "merges": merges, "forms": known}, separators=(",", ":"))
    path = FIXTURES / "reference" / "byte-fallback.json"
    path.write_text(head[:-1] + ',\n"cases":[\n' + ",\n".join(lines) + "\n]}\n", "ascii")
    print(f"{path.name}: {len(model['vocab'])} tokens, {len(lines)} cases, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
