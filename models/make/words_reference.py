"""Records how the reference cuts texts into words, in test/fixtures/reference/words.json.

    python words_reference.py

{"pre_tokenizers": {family: ...}, "texts": [...], "words": {family: [[UTF-8 bytes of each word] of each text]},
"added_tokens": {name: [...]}, "added_texts": [...], "ids": {name: [[ids] of each text]}}: the pre-tokenizers that families
of byte-level models have in their tokenizer.json, and the ids that the tiny model's tokenizer gives with GPT-2's
pre-tokenizer and other added tokens, by the Python package `tokenizers`. Seeded: two runs write the same bytes.
No character is younger than Unicode 15, because what is a letter depends on the version that each side has.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

from tokenizers import Tokenizer

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parents[1] / "test" / "fixtures"

ENGLISH = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LINES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = ENGLISH + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + LINES
QWEN_MARKS = (
    ENGLISH + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + LINES
)
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
O200K = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{ENGLISH}?|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{ENGLISH}?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + LINES
)
CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
DEEPSEEK3 = (
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|""" + LINES
)


def split(pattern: str, behavior: str = "Isolated", invert: bool = False) -> dict:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": invert}


def split_at(text: str, behavior: str) -> dict:
    return {"type": "Split", "pattern": {"String": text}, "behavior": behavior, "invert": False}


def digits(individual: bool) -> dict:
    return {"type": "Digits", "individual_digits": individual}


def punctuation(behavior: str) -> dict:
    return {"type": "Punctuation", "behavior": behavior}


def byte_level(use_regex: bool) -> dict:
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def sequence(*steps: dict) -> dict:
    return {"type": "Sequence", "pretokenizers": list(steps)}


PRE_TOKENIZERS = {
    "GPT-2": byte_level(True),
    "BLOOM": sequence(split(BLOOM), byte_level(False)),
    "StarCoder": sequence(digits(True), byte_level(True)),
    "digits together": sequence(digits(False), byte_level(True)),
    "Llama 3": sequence(split(LLAMA3), byte_level(False)),
    "Qwen": sequence(split(LLAMA3.replace("{1,3}", "")), byte_level(False)),
    "Qwen 3.5": sequence(split(QWEN_MARKS), byte_level(False)),
    "Phi-4": sequence(split(LLAMA3, "Removed", True), byte_level(False)),
    "cl100k, possessive": sequence(split(CL100K), byte_level(False)),
    "o200k": sequence(split(O200K), byte_level(False)),
    "Tekken": sequence(split(O200K.replace(f"{ENGLISH}?", "").replace("{1,3}", "")), byte_level(False)),
    "DeepSeek-V3": sequence(split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"), split(DEEPSEEK3), byte_level(False)),
    "DeepSeek Coder": sequence(
        split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split("[一-龥ࠀ-一가-퟿]+"), digits(True), byte_level(False)
    ),
    "Falcon": sequence(punctuation("Contiguous"), byte_level(True), digits(False), split("[0-9][0-9][0-9]")),
    "punctuation alone": sequence(punctuation("Isolated"), byte_level(True)),
    "with the line before": sequence(split_at("\n", "MergedWithPrevious"), byte_level(True)),
    "with the line behind": sequence(punctuation("MergedWithNext"), split_at(" ", "MergedWithNext"), byte_level(False)),
    "runs together": sequence(split(r"[ab]|\s", "Contiguous"), byte_level(False)),
}

PIECES = [
    *"\t\n\v\f\r \x1c\x1f\x85\xa0\u1680\u180e\u2003\u200b\u2028\u2029\u202f\u2060\u3000\ufeff",
    *("\r\n", "\n\n", "\r\r\n", "  ", "    ", " \n", "'s", "'S", "'ſ", "’s", "'LL", "'Ve", "'re", "'d", "K", "ſ", "a", "B"),
    *("é", "e\u0301", "\u0301", "1", "12", "1234567", "²", "½", "Ⅷ", "٣٤٥", "१२", "𝟘", "ß", "ǅ", "ʰ", "ª", "漢字", "かな", "ー", "한"),
    *("ع", "ו", "_", "-", "...", "!?", "//", "\\", "|", "()", "[", "]", "…", "।", "،", "。", "⹏", "᙭", "€", "$", "+=", "<", "~"),
    *("😀", "👩‍👩‍👧", "\0", "\x7f", "foo", "fooBar", "HTTPServer", "snake_case", "x1y2", "i", "it's"),
]

GPT2_SPACES = [" " * n for n in range(24, 1, -1)]


def added(id: int, content: str, **flags: bool) -> dict:
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": id, "content": content, **plain, **flags}


END = "<|endoftext|>"
ADDED_TOKENS = {
    "GPT-NeoX": [added(0, END)]
    + [added(1024 + i, run, normalized=True, special=False) for i, run in enumerate(GPT2_SPACES)],
    "Phi-4": [
        added(0, END, lstrip=True, rstrip=True),
        added(1024, "<|im_start|>", lstrip=True),
        added(1025, "<|im_end|>", rstrip=True),
        added(1026, "foo", single_word=True),
        added(1027, "bar", single_word=True, lstrip=True, normalized=True, special=False),
    ],
    "nested": [
        added(1024, "<|a"),
        added(1025, "<|a|>"),
        added(1026, "|>>", normalized=True),
        added(1027, "<|a|><|a|>x", special=False),
        added(1028, "😀", rstrip=True),
        added(1029, "😀👍", single_word=True),
    ],
}
ADDED_PIECES = [
    *(END, "<|im_start|>", "<|im_end|>", "foo", "bar", "food", "x", "_", "1", "\u0301", "\u200d", "-"),
    *(" ", "  ", "    ", "\n", "\t", "\u2003", "\ufeff", "\x85", "<|a|>", "<|a", "|>", "<", "|", "😀", "👍"),
]


def main() -> None:
    rng = random.Random(20261128)
    texts = ["".join(rng.choices(PIECES, k=rng.randint(8, 24))) for _ in range(70)]
    tiny = json.loads((FIXTURES / "models" / "tiny" / "tokenizer.json").read_text("utf-8"))
    words = {}
    for family, pre_tokenizer in PRE_TOKENIZERS.items():
        reference = Tokenizer.from_str(json.dumps({**tiny, "pre_tokenizer": pre_tokenizer})).pre_tokenizer
        # Each character of a word is one byte.
        words[family] = [[len(word) for word, _ in reference.pre_tokenize_str(text)] for text in texts]
    added_texts = ["".join(rng.choices(ADDED_PIECES, k=rng.randint(2, 12))) for _ in range(120)]
    ids = {}
    for name, tokens in ADDED_TOKENS.items():
        value = {**tiny, "pre_tokenizer": PRE_TOKENIZERS["GPT-2"], "added_tokens": tokens}
        reference = Tokenizer.from_str(json.dumps(value))
        ids[name] = [reference.encode(text, add_special_tokens=False).ids for text in added_texts]
    record = {
        "pre_tokenizers": PRE_TOKENIZERS,
        "texts": texts,
        "words": words,
        "added_tokens": ADDED_TOKENS,
        "added_texts": added_texts,
        "ids": ids,
    }
    path = FIXTURES / "reference" / "words.json"
    lines = [f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}" for key, value in record.items()]
    path.write_text("{" + ",\n".join(lines) + "}\n", "ascii")
    print(f"{path.name}: {len(PRE_TOKENIZERS)} families, {len(texts)} texts, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
