"""The figures of `strategies.py` as one picture: without and with each strategy, a column for each model.

SVG written by hand: it is sharp at every size, small, readable as text, and follows light and dark.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from benchmarks.strategy_report import LANGUAGES, PAIRS, Pair, Report, number

_WIDTH, _LABEL, _GAP, _FIGURE = 980, 258, 20, 128
_TOP, _ROW, _BAR = 104, 54, 15
_STEPS = (10, 20, 50, 100, 200, 500, 1000)

_FAMILY = "system-ui, Segoe UI, Noto Sans, sans-serif"
_FONTS = {
    "": 'font-size="13"',
    "title": 'font-size="17" font-weight="600"',
    "model": 'font-size="14" font-weight="600"',
    "small": 'font-size="12"',
    "saved": 'font-size="13" font-weight="600"',
}
_STYLE = """
text { fill: #15181e }
.small { fill: #59616e }
.saved { fill: #0a7a50 }
.grid { stroke: #dfe3ea }
.without { fill: #8d94a3 }
.with { fill: #0072b2 }
.back { fill: #ffffff }
@media (prefers-color-scheme: dark) {
  text { fill: #eef0f4 }
  .small { fill: #a4acb9 }
  .saved { fill: #46c394 }
  .grid { stroke: #313741 }
  .without { fill: #737b8b }
  .with { fill: #56b4e9 }
  .back { fill: #14171c }
}
"""


def plot(report: Report, language: str) -> str:
    """The picture as SVG text; strategies that were not measured are left out."""
    pairs = [pair for pair in PAIRS if report.models(pair.strategy)]
    models = report.models("together")
    height = _TOP + _ROW * len(pairs) + 24
    body = "\n".join(_body(report, language, pairs, models, height))
    title = escape(LANGUAGES[language]["plot.title"])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" font-family="{_FAMILY}" role="img" aria-label="{title}">\n'
        f"<style>{_STYLE}</style>\n{_hatch('without')}{_hatch('with')}{body}\n</svg>\n"
    )


def _hatch(kind: str) -> str:
    return (
        f'<pattern id="{kind}-hatch" width="5" height="5" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate(45)"><rect class="{kind}" width="5" height="5" opacity="0.25"/>'
        f'<rect class="{kind}" width="2" height="5" opacity="0.8"/></pattern>\n'
    )


def _body(report: Report, language: str, pairs: list[Pair], models: list[str], height: int) -> Iterator[str]:
    words = LANGUAGES[language]
    yield f'<rect class="back" width="{_WIDTH}" height="{height}"/>'
    yield _text(16, 28, words["plot.title"], "title")
    yield from _legend(language)
    panel = (_WIDTH - _LABEL - _GAP * (len(models) - 1) - 16) / len(models)
    for column, model in enumerate(models):
        left = _LABEL + column * (panel + _GAP)
        values = {pair.name: report.pair(pair, model) for pair in pairs}
        most = max(sum(bar) for both in values.values() if both for bar in both)
        scale = (panel - _FIGURE) / most
        yield _text(left, _TOP - 20, model, "model")
        yield from _grid(left, scale, most, height, language)
        for row, pair in enumerate(pairs):
            yield from _bars(left, _TOP + row * _ROW, scale, values[pair.name], language)
    for row, pair in enumerate(pairs):
        yield _text(16, _TOP + row * _ROW + 21, words[f"plot.{pair.name}"])


def _bars(
    left: float, top: float, scale: float, values: list[tuple[float, float]] | None, language: str
) -> Iterator[str]:
    if values is None:
        yield _text(left + 4, top + 21, LANGUAGES[language]["plot.absent"], "small")
        return
    for kind, (private, weights), y in zip(("without", "with"), values, (top + 2, top + 19), strict=True):
        solid, hatched = private * scale, weights * scale
        yield f'<rect class="{kind}" x="{left:.1f}" y="{y}" width="{solid:.1f}" height="{_BAR}"/>'
        yield (
            f'<rect fill="url(#{kind}-hatch)" x="{left + solid:.1f}" y="{y}" width="{hatched:.1f}" '
            f'height="{_BAR}"/>'
        )
        total = f"{number(private + weights, 0, language)} MiB"
        yield _text(left + solid + hatched + 6, y + 12, total, "small")
    (before, after) = (sum(bar) for bar in values)
    percent = f"−{100 * (before - after) / before:.0f} %"
    longest = max(before, after) * scale
    yield _text(left + longest + 72, top + 24, percent, "saved")


def _grid(left: float, scale: float, most: float, height: int, language: str) -> Iterator[str]:
    step = next((step for step in _STEPS if most / step <= 4), _STEPS[-1])
    for value in range(0, int(most) + 1, step):
        x = left + value * scale
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 4}" y2="{height - 24}"/>'
        unit = " MiB" if value == 0 else ""
        yield _text(x, height - 8, number(value, 0, language) + unit, "small")


def _legend(language: str) -> Iterator[str]:
    words, x = LANGUAGES[language], 16.0
    for kind, fill in (("without", 'class="without"'), ("with", 'class="with"')):
        yield f'<rect {fill} x="{x}" y="46" width="14" height="14"/>'
        yield _text(x + 20, 58, words[f"plot.{kind}"], "small")
        x += 84
    for kind in ("private", "weights"):
        fill = 'class="with"' if kind == "private" else 'fill="url(#with-hatch)"'
        yield f'<rect {fill} x="{x}" y="46" width="28" height="14"/>'
        yield _text(x + 34, 58, words[f"plot.{kind}"], "small")
        x += 300


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" {_FONTS[kind]}{style}>{escape(text)}</text>'
