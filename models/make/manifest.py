"""surprisal.json: what the extension reads first in a model folder, and the sums it checks."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

# The manifest cannot hold its own sum, and the card is for people.
UNLISTED = ("surprisal.json", "README.md")


def write_json(path: Path, value, compact: bool = False) -> None:
    style = {"separators": (",", ":")} if compact else {"indent": 2}
    path.write_text(json.dumps(value, ensure_ascii=False, **style) + "\n", "utf-8")


def sums(folder: Path) -> dict[str, dict[str, int | str]]:
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if name not in UNLISTED:
            found[name] = {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    return found


def write_manifest(folder: Path, *, identity: dict, shape, parameters: int, separator: int, ids, nats, forms=None) -> None:
    if len(nats) != len(ids) - 1 or ids[0] != separator:
        raise ValueError("the verification page is the separator and one number for each id after it")
    manifest = {
        "schema": 2,
        **identity,
        "parameters": parameters,
        "separatorTokenId": separator,
        "graphs": {"backbone": "onnx/backbone.onnx", "head": "onnx/head.onnx"},
        "hidden": shape.hidden,
        "layers": shape.layers,
        "keyValueHeads": shape.key_value_heads,
        "headDim": shape.head_dim,
        "vocabularySize": shape.vocabulary,
        "contextWindow": shape.context_window,
        **(forms or {}),
        "verification": {"ids": list(ids), "nats": list(nats)},
        "files": sums(folder),
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=2)
    # The two long lists on one line each.
    for key, value in manifest["verification"].items():
        text = text.replace(
            f'"{key}": ' + json.dumps(value, indent=2).replace("\n", "\n    "), f'"{key}": {json.dumps(value)}'
        )
    # And one for each matrix.
    for recipe in forms["float32"]["matrices"] if forms else ():
        text = text.replace(json.dumps(recipe, indent=2).replace("\n", "\n      "), json.dumps(recipe))
    if forms:
        text = text.replace(
            json.dumps(forms["int8"]["head"]["matrix"], indent=2).replace("\n", "\n      "),
            json.dumps(forms["int8"]["head"]["matrix"]),
        )
    for columns in forms["int8"]["outliers"].values() if forms else ():
        text = text.replace(json.dumps(columns, indent=2).replace("\n", "\n      "), json.dumps(columns))
    (folder / "surprisal.json").write_text(text + "\n", "utf-8")
