"""Records what the reference tokenizer gives, in test/fixtures/reference/tokenizer.json.

    python tokenizer_reference.py

{"cases": [{"text": ..., "smollm2": [ids], "tiny": [ids]}, ...]}: the Python
package `tokenizers` on the two models' tokenizer.json, no special tokens added.
Seeded: two runs write the same bytes.
"""

from __future__ import annotations

import json
import random
import unicodedata

from reference import FIXTURES, FOLDERS
from tokenizers import Tokenizer

CODE = [
    'def main(argv: list[str]) -> int:\n    """Entry point."""\n    return 0 if argv else 1\n',
    "for (let i = 0; i < items.length; i++) {\n\tconsole.log(`${i}: ${items[i]}`);\n}\n",
    '#include <stdio.h>\r\n\r\nint main(void)\r\n{\r\n    printf("%d\\n", 0x1F);\r\n    return 0;\r\n}\r\n',
    "SELECT a.id, COUNT(*) AS n FROM a LEFT JOIN b ON a.id = b.a_id WHERE b.x IS NOT NULL GROUP BY 1;",
    "impl<'a, T: Clone + 'static> Iterator for Walk<'a, T> { type Item = &'a T; }",
    "x <- c(1, 2, NA); y %>% mutate(z = x ** 2)  # R",
    "@media (max-width: 60em) { .a > .b::after { content: '\\201C'; } }",
    '<a href="https://example.org/?q=1&amp;r=2" class=\'x\'>link</a><!-- end -->',
    '{"a":[1,2.5e-3,null,true],"b":{"c":"\\u00e9\\n"}}',
    "fn main() { let v: Vec<_> = (0..10).map(|x| x * x).collect(); println!(\"{v:?}\"); }",
    "if [ -z \"${1:-}\" ]; then echo 'usage' >&2; exit 2; fi",
    "a:=b|c&d^e~f!g?h.i,j;k'l\"m`n\\o/p-q+r*s=t%u$v#w@x",
    "->=>==!====!==<=>=<<>>>>>::..&&||??.?:+=-=*=/=%=**=",
    "std::vector<std::pair<int,std::string>>x{{1,\"a\"}};",
    "\\begin{equation} \\sum_{i=1}^{n} x_i^2 \\end{equation}",
    "- [ ] item\n- [x] **done** _now_\n\n```py\nx = 1\n```\n",
]
PROSE = [
    "The quick brown fox jumps over the lazy dog.",
    "It was the best of times, it was the worst of times; it was the age of wisdom...",
    "Über den Dächern hörte man früh die Glocken läuten, und die Straße war weiß.",
    "L'été dernier, « où étiez-vous ? » demanda-t-il à l'hôtesse ; cœur naïf.",
    "¿Dónde está el niño? ¡Qué sorpresa! El pingüino comió piñones.",
    "São Paulo não é a capital; Brasília é.",
    "Zażółć gęślą jaźń. Příliš žluťoučký kůň úpěl ďábelské ódy.",
    "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.",
    "いろはにほへと ちりぬるを。カタカナとひらがなと漢字、全角ＡＢＣ１２３。",
    "我能吞下玻璃而不傷身體。人人生而自由,在尊严和权利上一律平等。",
    "모든 인류 구성원의 천부의 존엄성과 동등하고 양도할 수 없는 권리",
    "यह एक हिन्दी वाक्य है। क्षत्रिय ज्ञान १२३",
    "นกกาบินกลับรังแล้วเมื่อพระอาทิตย์ตกดิน",
    "שלום עולם, מה שלומך? 123",
    "مرحبا بالعالم، كيف حالك؟ ١٢٣",
    "Tiếng Việt có nhiều dấu: ắ ằ ẳ ẵ ặ.",
    "İstanbul'da ılık bir gün; ISPARTA ısparta.",
    "ქართული ენა; Հայերեն; አማርኛ; ᏣᎳᎩ; ᚠᚢᚦ; தமிழ்; বাংলা",
]
SPECIAL = [
    *("", " ", "a", "\n", "\r", "\r\n", "\t", "\ufeff", "\ufeffx = 1\n", "a\ufeffb", "\ufeff\ufeff", "x\ufeff y"),
    *("<|endoftext|>", "a<|endoftext|>b", " <|endoftext|> ", "<|endoftext|><|endoftext|>", "<|endoftext|", "|endoftext|>"),
    *("<|im_start|>user\nHi<|im_end|>\n", "<|im_start", "<<|endoftext|>>", "print('<|endoftext|>')\n", "<|ENDOFTEXT|>"),
    *("<repo_name>x<file_sep>", "<jupyter_code>", "<empty_output>", "<issue_start>a", "<|endoftext|>\n\n  <|im_end|>x"),
    *("it's", "IT'S", "don't", "we've they'll I'd I'm you're", "'s", " 's", "''s", "'S", "rock'n'roll", "it’s", "o'clock"),
    *("'t'm'd's're've'll", "a 'll b", "'ſ", "it'ſ", "'sx", "x'd5", "'re-", "'VE", "’ll", "they'd've"),
    *("0", "2019", "1234567890", "3.14159", "1e-10", "0xDEADBEEF", "1,000,000.00", "a1b2c3", " 1 2  3", "v1.2.3-rc4", "1_000"),
    *("²³¹", "x²", "½¾", "Ⅷ", "①②", "٠١٢٣٤٥٦٧٨٩", "१२", "𝟘𝟙", "１２３", "a٣b", "零一二", "٣.14", "1²3", "㊿", "৴", "𐄇", "꘠", "෧"),
    *("é", "e\u0301", "\u0301", "a\u0301\u0302\u0303", "\u200b", "\u200d", "a\u200bb", "\u202eabc\u202c", "\u2066x\u2069", "\u00ad"),
    *("👩‍👩‍👧‍👦", "👩🏽‍💻", "🏳️‍🌈", "🇨🇭🇺🇦", "❤️", "❤", "1️⃣", "👋🏿 hi", "😀😀😀", "🫠", "a👍b", " 👍", "👍👍🏻", "🧑‍🤝‍🧑", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"),
    *("漢字", "𠮷野家", "葛󠄀", "𪚥", "한글", "한글", "ｶﾞ", "㍿", "〰〱", "。、「」", "あ゙", "ー"),
    *("\u0000", "\u0000\u0000a", "a\u0000", "\u007f", "\u0080\u0081\u009f", "\ufffd", "\ufffe\uffff", "\U0010ffff", "\ufdd0", "\ue000"),
]
BLANKS = [
    *("  ", "   ", "\t\t", " \t ", "\n\n", "\n\n\n\n", "\r\n\r\n", "\r\r", "\n\r", "\r\n \r\n", " \n", "\n ", "\n  x", "  \n  x"),
    *("a  b", "a   b", "a\tb", "a \tb", "a\t b", "a\n\n    b", "a  \n", "a\r\n\tb\r\n", "a\u00a0b", "\u00a0\u00a0a", " \u00a0 a"),
    *("a\u0085b", "\u0085", "\u0085\u0085x", " \u0085 x", "a\u0085\n b", "a\u2028b", "\u2028\u2029 x", "a \u2028", "\u2029\n"),
    *("\u3000漢", "a\u3000 b", "\u2003\u2002x", "\u1680x", "\u202f5", "\u205fx", "\u180ex", "\u200b x", "\u2060 x", "\v\fx", "a\v b"),
    *("a\u001cb", "a\u001d b", "\u001e\u001f x", " \u001c", "\u001c\u001d", "x\u001f\u001f1", "\u2000\u2001\u2004\u2005\u2006\u2007\u2008\u2009\u200ax"),
    *(" " * n for n in (4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 64, 100, 257)),
    *(" " * n + "x" for n in (2, 4, 8, 12, 16, 20, 40)),
    *("\t" * n + "x" for n in (2, 4, 8)),
    *("\n" * n for n in (3, 8, 33)),
]
LONG = [
    "getElementsByClassNameAndAttributeValueOrThrowIllegalArgumentException",
    "thisIsAVeryLongCamelCaseIdentifierWithHTTPServerAndXMLParserInside2Times",
    "SCREAMING_SNAKE_CASE_CONSTANT_NAME_THAT_DOES_NOT_END_SO_SOON_42",
    "__dunder__name__with___many____underscores_____",
    "kebab-case-identifier-for-a-css-class--modifier__element",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "a" * 300,
    "ab" * 150,
    "=" * 80,
    "-" * 79 + "\n",
    "#" * 7 + " heading",
    "." * 65,
    "!?" * 30,
    "0" * 70,
    "é" * 50,
    "漢" * 40,
    "😀" * 20,
    "/usr/share/doc/some-package/examples/really/deeply/nested/file.tar.gz",
    "d41d8cd98f00b204e9800998ecf8427e",
    "aGVsbG8gd29ybGQsIHRoaXMgaXMgYmFzZTY0IGVuY29kZWQgdGV4dA==",
    "550e8400-e29b-41d4-a716-446655440000",
]


def controls() -> list[str]:
    """U+0000 to U+001F, U+007F to U+009F: SmolLM2's vocabulary has no token for some of these bytes."""
    out = []
    for code in range(0x20):
        out += [f"a{chr(code)}b", f"){chr(code)};", f" {chr(code)} x"]
    out += [f"a{chr(code)}b" for code in (0x7F, 0x80, 0x84, 0x85, 0x86, 0x9F)]
    out += ["".join(map(chr, range(0x20))), "\x04\x04", "\x13\n\x14", "a\x04\x06b 1\x16", "\x1d\x1d  x", "\x04", "x = 1\x04\n"]
    return out


def code_point(rng: random.Random, first: int, last: int) -> str:
    while True:
        code = rng.randint(first, last)
        if not 0xD800 <= code <= 0xDFFF:
            return chr(code)


def randoms() -> list[str]:
    rng = random.Random(20240607)
    out = []
    for first, last, cases in ((0, 0x7F, 20), (0x80, 0x7FF, 20), (0x800, 0xFFFF, 25), (0x10000, 0x1FFFF, 15), (0x20000, 0x3FFFF, 8)):
        out += ["".join(code_point(rng, first, last) for _ in range(rng.randint(1, 30))) for _ in range(cases)]
    for plane in range(4, 17):
        text = "".join(code_point(rng, plane << 16, (plane << 16) | 0xFFFF) for _ in range(6))
        out += [text, f"a{text[:2]} {text[2:4]};{text[4:]}\n"]
    pieces = [*CODE, *PROSE, *SPECIAL, *BLANKS, *LONG]
    for _ in range(80):
        # Cut anywhere, so that pieces meet in the middle of words and blanks.
        parts = rng.choices(pieces, k=rng.randint(2, 6))
        cut = [p[rng.randrange(len(p) + 1) :] if rng.random() < 0.5 else p[: rng.randrange(len(p) + 1)] for p in parts]
        out.append("".join(cut))
    for _ in range(30):
        blank = "".join(rng.choices(" \t\n\r\u00a0\u0085\u2028\u2003\u3000\ufeff\x0b\x0c\x1c\x1f", k=rng.randint(1, 12)))
        out.append(rng.choice(["", "a", ")", "1", "é"]) + blank + rng.choice(["", "b", ";", "2", "漢"]))
    # Code points of every general category, among letters and alone.
    by_category: dict[str, list[str]] = {}
    for code in range(0x20, 0x110000):
        if not 0xD800 <= code <= 0xDFFF:
            by_category.setdefault(unicodedata.category(chr(code)), []).append(chr(code))
    for category in sorted(set(by_category) - {"Cn"}):  # what is unassigned depends on Python's Unicode version
        # ... and so, less, does what is assigned: the first two hundred of a category stay.
        found = rng.choices(by_category[category][:200], k=6)
        out.append(found[0] + "a" + found[1] + " " + found[2] + "1" + found[3] + found[4] + ";" + found[5])
    return out


def main() -> None:
    tokenizers = {name: Tokenizer.from_file(str(folder / "tokenizer.json")) for name, folder in FOLDERS.items()}
    texts = dict.fromkeys([*SPECIAL, *CODE, *PROSE, *BLANKS, *LONG, *controls(), *randoms()])
    lines = []
    for text in texts:
        ids = {name: t.encode(text, add_special_tokens=False).ids for name, t in tokenizers.items()}
        lines.append(json.dumps({"text": text, **ids}, separators=(",", ":")))
    path = FIXTURES / "reference" / "tokenizer.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"cases":[\n' + ",\n".join(lines) + "\n]}\n", "ascii")
    print(f"{path.name}: {len(lines)} cases, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
