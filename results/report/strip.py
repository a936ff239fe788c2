"""A layer's candidates on one line: small enough to stand in every layer's details."""

import math
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, MARGIN = 400, 6


@dataclass(frozen=True)
class Strip:
    least: float  # seconds, at its left end
    most: float  # and at its right end
    svg: Markup


def _place(seconds, least, most):
    """Whole units of the strip, on a log scale."""
    share = math.log(seconds / least) / math.log(most / least) if most > least else 0.5
    return round(MARGIN + share * (WIDTH - 2 * MARGIN))


def draw(row):
    """One line a right generated candidate; a disc the best of them, a square the untuned default,
    a diamond the best vendor kernel. None without any time."""
    verdict = row.verdict
    times = [m.seconds for m in row.measured if m.origin == "generated"]
    marks = ((verdict.best_generated_seconds, "g", "M{0} 7a5 5 0 1 0 .1 0z"),
             (verdict.default_seconds, "d", "M{0} 8m-4 0h8v8h-8z"),
             (verdict.best_vendor_seconds, "v", "M{0} 7l5 5l-5 5l-5-5z"))
    every = [*times, *(seconds for seconds, *_ in marks if seconds)]
    if not every:
        return None
    least, most = min(every), max(every)
    lines = "".join(f"M{x} 5v14" for x in sorted({_place(t, least, most) for t in times}))
    shapes = "".join(f'<path class="{kind}" d="{shape.format(_place(seconds, least, most))}"/>'
                     for seconds, kind, shape in marks if seconds)
    return Strip(least, most, Markup(
        f'<svg viewBox="0 0 {WIDTH} 24" role="img" aria-label="times of the candidates">'
        f'<path d="{lines}"/>{shapes}</svg>'))
