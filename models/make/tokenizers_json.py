"""The parts of tokenizer.json that both models share.

SmolLM2's pre-tokenizer (`tokenizer.ggml.pre` = "smollm" in the GGUF) splits
digits one by one and then uses GPT-2's pattern. transformers' conversion of a
GGUF leaves the digits out, so that "2019" would be one token where the model was
trained on four. REFERENCE is what the model's own tokenizer.json has.

PORTABLE says the same without `Digits` and `\\s`, which mean other things in
JavaScript than in the reference: there a digit is 0-9 only (not ² or ٣), and
white space has U+FEFF and lacks U+0085. Both give the same ids on every code
point but thirteen that Unicode 17 made digits.
"""

from __future__ import annotations

import copy

BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
DECODER = {**BYTE_LEVEL, "add_prefix_space": True}
REFERENCE = {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, BYTE_LEVEL]}


def _split(pattern: str) -> dict:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


PORTABLE = {
    "type": "Sequence",
    "pretokenizers": [
        _split(r"\p{N}"),
        _split(
            r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+"
            r"|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+"
        ),
        {**BYTE_LEVEL, "use_regex": False},
    ],
}


def with_reference_pre_tokenizer(tokenizer: dict) -> dict:
    value = copy.deepcopy(tokenizer)
    value["pre_tokenizer"] = REFERENCE
    return value


def config(tokenizer: dict, context_window: int, bos: int, eos: int) -> dict:
    """tokenizer_config.json in the Hugging Face form."""
    special = {t["id"]: t["content"] for t in tokenizer["added_tokens"]}
    flags = ("content", "lstrip", "normalized", "rstrip", "single_word", "special")
    return {
        "add_prefix_space": False,
        "added_tokens_decoder": {str(t["id"]): {f: t[f] for f in flags} for t in tokenizer["added_tokens"]},
        "bos_token": special[bos],
        "clean_up_tokenization_spaces": False,
        "eos_token": special[eos],
        "model_max_length": context_window,
        "pad_token": special[eos],
        "tokenizer_class": "GPT2Tokenizer",
        "unk_token": special[0],
    }
