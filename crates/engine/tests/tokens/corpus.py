"""Lines of text that a tokenizer can get wrong, the same ones for the same Python and checkout."""

import pathlib
import random
import sysconfig

ROOT = pathlib.Path(__file__).resolve().parents[4]

PROSE = """
The quick brown fox can't jump over the lazy dog; it's 7:45 p.m., they've said, and we'll see what I'd do.
DON'T SHOUT: WE'RE HERE, HE'LL COME, YOU'VE WON, I'M OK, SHE'D KNOW. Ca'ſt, 'ſ' and O'Reilly's "quotes".
Das Straßenschild hängt schief – „größer“ als vorher, sagte Jürgen Öztürk. Fußgängerübergänge!
L'été dernier, à Besançon, où l'on naît naïf ; c'est-à-dire « jamais ». Çà et là, œuvre, cœur, aïeul.
El niño comió piñas en España. ¿Qué tal? ¡Muy bien! Año 1999, señor Güell.
Съешь же ещё этих мягких французских булок, да выпей чаю. В чащах юга жил бы цитрус?
Ο Κύριος Παπαδόπουλος είπε: «Ξεσκεπάζω την ψυχοφθόρα βδελυγμία». Τι ώρα είναι;
السلام عليكم ورحمة الله، كيف حالك اليوم؟ العدد ٤٥٦٧ و ١٢٣٫٤٥.
דג סקרן שט בים מאוכזב ולפתע מצא לו חברה. שָׁלוֹם עֲלֵיכֶם.
हिन्दी में यह एक वाक्य है। क्षत्रिय, ज्ञान, श्री, संख्या १२३४५६।
ภาษาไทยไม่มีช่องว่างระหว่างคำ ราคา ๑๒๓๔ บาท
今天天气很好，我们去公园散步吧。价格是１２３４元，大约二十％。繁體中文也可以。
吾輩は猫である。名前はまだ無い。カタカナ、ひらがな、ｶﾀｶﾅ、㍿、①②③。
키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다. 대한민국 만세!
Tiếng Việt có nhiều dấu: Ấ ầ ẩ ẫ ậ, đường phố, người Việt Nam.
Zażółć gęślą jaźń. Příliš žluťoučký kůň úpěl ďábelské ódy. İstanbul'da ılık ığdır.
e = mc², ∑ᵢ xᵢ ≥ ½·π, ∀x∈ℝ: x² ≥ 0, H₂O, 10⁻³ µm, ⅓ + ¼ = 7⁄12, Ⅳ·Ⅻ = ⅩⅬⅧ, €5.99, £3, ¥700, 50°C
👩‍👩‍👧‍👦 👍🏽 🇩🇪🇯🇵 ❤️ 😀😃😄 🏳️‍🌈 🤷‍♀️ ☃️ ✈︎ 🧑🏿‍🚀
""".strip().splitlines()

CODE = r"""
def f(x: int = 0x1F) -> "list[str]":  # comment's here
    return [f"{i:>{x}}" for i in range(10_000) if not i%2]  or  None
for (size_t i=0;i<n;++i){ a[i]+=b[i]*c[i]; /* don't */ }
	if (err != nil) { return fmt.Errorf("failed: %w", err) }
#include <stdio.h>
let v: Vec<&'static str> = s.split("::").map(|x| x.trim()).collect::<Vec<_>>();
<div class="a b" data-x='1'>&nbsp;&#39;</div><!-- TODO -->
SELECT * FROM "t" WHERE id>=42 AND name LIKE '%o''clock%' -- x
{"key": [1.5e-10, true, null, "\u00e9\n"], "k2": {"a":{}}}
C:\Users\me\AppData\Local\Temp\~file.tmp   &&   rm -rf ./build/*.o || exit $?
x=$(echo "${var:-default}" | sed -E 's/[^a-z]+/_/g'); printf '%s\n' "$x"
CamelCaseHTTPServer2Go snake_case_name kebab-case-name SCREAMING_SNAKE __init__ a.b.c->d::e
0b1010 0o777 0xdeadBEEF 1_000_000 3.14159 1e9 .5 5. 192.168.0.1 2024-02-29T23:59:60Z v1.2.3-rc.4+5
""".strip("\n").splitlines()

SPACES = [" ", "  ", "    ", "\t", "\t\t", "\n", "\n\n", "\r\n", "\r", "\u00a0", "\u2003", "\u3000", "\u2028"]
SPACES += ["\u0085", "\u200b", "\ufeff", "\x0b", "\x0c", "\x1c", " " * 17]
MARKS = list("\u0301\u0308\u0327\u0323\u3099\u0345\u05b0\u0e48\u094d\u20d0\u1161\u11a8\u0300\u0338\ufe0f\u200d")
RANGES = [(0, 0x7F), (0x80, 0x24F), (0x250, 0x36F), (0x370, 0x5FF), (0x600, 0x8FF), (0x900, 0x109F), (0x10A0, 0x13FF)]
RANGES += [(0x1E00, 0x2BFF), (0x2C00, 0x4DBF), (0x4E00, 0x9FFF), (0xA000, 0xD7FF), (0xE000, 0xFFFF)]
RANGES += [(0x10000, 0x1FFFF), (0x20000, 0x3FFFF), (0xE0000, 0x10FFFF)]


def lines(count, controls, sources=True, longest=None):
    """`count` lines: a quarter of each sort. `controls` are the texts of tokens that must not be met by chance;
    without `sources` the lines depend on nothing but this file."""
    rng = random.Random(4663)
    given = PROSE + CODE + [" ".join(PROSE), "\n".join(CODE), "", " ", "\n"]
    given += ["a" * 1000, " " * 1000, "\n" * 300, "ab" * 400, "1" * 999, "é" * 500, "e\u0301" * 400, "\u0301" * 300]
    given += ["=" * 333 + " x", " " * 99 + "x", "\t" * 50 + "\n" * 50 + " " * 50 + "y", "'" * 50, "漢" * 300, "😀" * 200]
    given += controls
    makers = [lambda: code(rng, source) if sources else mixed(rng), lambda: mixed(rng), lambda: unicode(rng)]
    makers += [lambda: control(rng, controls)]
    source = source_lines() if sources else []
    while len(given) < count:
        given.append(makers[len(given) % len(makers)]())
    return [line[:longest] for line in given[:count]]


def source_lines():
    """Lines of this repository and of Python's own library, docstrings included."""
    library = pathlib.Path(sysconfig.get_paths()["stdlib"])
    files = sorted(ROOT.glob("crates/*/src/**/*.rs")) + sorted(ROOT.glob("*.md")) + sorted(library.glob("*.py"))
    return [line for file in files for line in file.read_text("utf-8", "replace").splitlines(keepends=True)]


def code(rng, source):
    """One to eight lines in a row."""
    start = rng.randrange(len(source))
    return "".join(source[start : start + rng.randint(1, 8)])


def mixed(rng):
    """Words of many languages, numbers, odd spaces and contractions in odd places."""
    words = [word for line in PROSE + CODE for word in line.split()]
    parts = []
    for _ in range(rng.randint(1, 25)):
        parts.append(rng.choice(words) if rng.random() < 0.7 else number(rng))
        if rng.random() < 0.15:
            parts.append(rng.choice(["'s", "'S", "'ll", "'LL", "'lL", "'re", "'Ve", "'d", "'m", "'t", "'ſ", "’s", "'"]))
        parts.append(" " if rng.random() < 0.6 else "".join(rng.choices(SPACES, k=rng.randint(0, 4))))
    return "".join(parts)


def number(rng):
    zero = rng.choice([0x30, 0x30, 0x30, 0x660, 0x966, 0xFF10, 0x1D7CE, 0x2460, 0xB2])
    return "".join(chr(zero + rng.randrange(10)) for _ in range(rng.randint(1, 9)))


def unicode(rng):
    """Characters from everywhere, unassigned and private ones too, with combining marks."""
    out = []
    for _ in range(rng.randint(1, 40)):
        low, high = rng.choice(RANGES)
        near = rng.randint(low, high)
        out += [chr(min(high, near + rng.randrange(4))) for _ in range(rng.randint(1, 4))]
        if rng.random() < 0.3:
            out += rng.choices(MARKS, k=rng.randint(1, 3))
        if rng.random() < 0.2:
            out.append(rng.choice(SPACES))
    return "".join(out)


def control(rng, controls):
    """Control tokens, whole, broken, doubled, inside each other."""
    out = []
    for _ in range(rng.randint(1, 8)):
        token = rng.choice(controls)
        cut = rng.randint(0, len(token))
        out.append(rng.choice([token, token[:cut], token[cut:], token[:cut] + token + token[cut:], token.upper()]))
        out.append(rng.choice(["", "", " ", "\n", "user\n", "x", "<", "|", mixed(rng)]))
    return "".join(out)
