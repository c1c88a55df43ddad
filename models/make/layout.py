"""Turns the command line's JSON for one file into a layout for reference.py.

    node dist/cli.cjs score FILE --format json --model FOLDER --device cpu > SCORE.json
    python layout.py SCORE.json > LAYOUT.json

Every token names its page there. A page's context begins 256 tokens before it
(PAGE_LIMITS.overlap in src/text/pages.ts).
"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path, PurePath

OVERLAP = 256


def layout(score: dict) -> dict:
    pages, start = [], 0
    for _, tokens in itertools.groupby(score["tokens"], key=lambda token: token["page"]):
        end = start + len(list(tokens))
        pages.append({"contextStart": max(0, start - OVERLAP), "start": start, "end": end})
        start = end
    return {"document": PurePath(score["file"]).name, "pages": pages}


if __name__ == "__main__":
    print(json.dumps(layout(json.loads(Path(sys.argv[1]).read_text("utf-8")))))
