"""The one look of page and figures: palette, type sizes, and how a figure becomes inline SVG."""

import io
import math
import re
import warnings
import xml.etree.ElementTree as ET
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt
from markupsafe import Markup
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

# Told apart in grey by lightness and, where it matters, by hatch or marker as well.
INK, MUTED, RULE, PAPER = "#1d2329", "#5f6872", "#d5d9de", "#ffffff"
GAIN, LOSS, VENDOR, CLOUD = "#2f6690", "#c8601f", "#7b4a8b", "#a9b1ba"
PALETTE = {"ink": INK, "muted": MUTED, "rule": RULE, "paper": PAPER,
           "gain": GAIN, "loss": LOSS, "vendor": VENDOR, "cloud": CLOUD}

WIDTH = 9.2  # inches: the width of the page's column
MANY_POINTS = 200  # above this a cloud is drawn as one embedded image, not as shapes

_RC = {
    "svg.fonttype": "none", "svg.hashsalt": "convtune", "text.parse_math": False,
    "font.size": 8.5, "axes.titlesize": 9, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.labelsize": 8.5, "axes.labelcolor": MUTED, "axes.edgecolor": MUTED, "axes.linewidth": 0.6,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
    "axes.grid": False, "grid.color": RULE, "grid.linewidth": 0.6,
    "xtick.labelsize": 8, "ytick.labelsize": 8, "xtick.color": MUTED, "ytick.color": MUTED,
    "xtick.labelcolor": INK, "ytick.labelcolor": INK, "text.color": INK,
    "figure.labelsize": 8.5, "legend.frameon": False, "legend.fontsize": 8, "hatch.linewidth": 0.7,
    "figure.facecolor": "none", "axes.facecolor": "none", "figure.dpi": 100, "savefig.dpi": 200, "figure.max_open_warning": 0,
}


@dataclass(frozen=True)
class Figure:
    name: str  # unique on the page
    svg: Markup
    caption: str


@contextmanager
def canvas(height, rows=1, columns=1, width=WIDTH, **keywords):
    """A figure and its axes in the one style; closed afterwards."""
    with matplotlib.rc_context(_RC):
        figure, axes = plt.subplots(rows, columns, figsize=(width, height),
                                    layout="constrained", **keywords)
        try:
            yield figure, axes
        finally:
            plt.close(figure)


_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
ET.register_namespace("", _SVG)
ET.register_namespace("xlink", _XLINK)


_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")


def _rounded(number):
    """Hundredths of a point are enough."""
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def ticks(axes, places, height, **look):
    """Short vertical lines at `height` of the vertical axis, all in one path."""
    x = [value for place in places for value in (place, place, math.nan)]
    reach = 0.018
    y = [value for _ in places for value in (height - reach, height + reach, math.nan)]
    axes.plot(x, y, transform=axes.get_xaxis_transform(), clip_on=False, **look)


def _remove(root, tag):
    for parent in root.iter():
        for child in parent.findall(f"{{{_SVG}}}{tag}"):
            parent.remove(child)


def figure(drawn, name, caption):
    """The Figure of what was drawn. Its ids are made unique on the page by `name`, and its text
    stays text."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # Text stays text, and the browser has glyphs that matplotlib's font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        drawn.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    root = ET.fromstring(buffer.getvalue())
    _remove(root, "metadata")
    _remove(root, "style")
    for element in root.iter():
        for key, value in element.items():
            if key in ("d", "x", "y"):
                element.set(key, _LONG_NUMBER.sub(_rounded, value))
            elif key == "id":
                element.set(key, f"{name}-{value}")
            elif key in ("href", f"{{{_XLINK}}}href") and value.startswith("#"):
                element.set(key, f"#{name}-{value[1:]}")
            elif "url(#" in value:
                element.set(key, value.replace("url(#", f"url(#{name}-"))
    for key in ("width", "height"):
        root.attrib.pop(key, None)
    root.set("style", f"--drawn-width:{root.get('viewBox').split()[2]}px")
    root.set("role", "img")
    root.set("aria-label", caption)
    return Figure(name, Markup(ET.tostring(root, encoding="unicode")), caption)


_RATIO_TICKS = (
    (1.12, (0.94, 0.96, 0.98, 1, 1.02, 1.04, 1.06)),
    (1.4, (0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1, 1.05, 1.1, 1.15, 1.2, 1.3, 1.4)),
    (2.6, (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.4, 1.6, 1.8, 2, 2.4)),
    (12, (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10)),
    (200, (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)),
    (math.inf, tuple(10.0**n for n in range(-9, 10))),
)


def ratio_axis(axes, which, low, high):
    """Makes axis "x" or "y" logarithmic from low to high, with tick labels "0.5×", "1×", "2×"."""
    ticks = next(ticks for span, ticks in _RATIO_TICKS if high / low < span)
    getattr(axes, f"set_{which}scale")("log")
    getattr(axes, f"set_{which}lim")(low, high)
    axis = getattr(axes, f"{which}axis")
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))


def whole_numbers(axis):
    """Labels a linear axis of counts: 0, 500, 1,000."""
    axis.set_major_locator(MaxNLocator(nbins="auto", steps=[1, 2, 5, 10], integer=True))
    axis.set_major_formatter("{x:,.0f}")


def count_axis(axes, most):
    """Makes axis "x" logarithmic from 1 to `most`, labelled 1, 2, 5, 10, 20, 50 and so on."""
    axes.set_xscale("log")
    axes.set_xlim(1, max(2, most))
    ticks = [step * 10**power for power in range(9) for step in (1, 2, 5)]
    axes.xaxis.set_major_locator(FixedLocator([t for t in ticks if t <= most]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def legend_above(axes, **keywords):
    """A legend in one line above the axes, where it hides nothing."""
    keywords = {"ncol": 4, "borderaxespad": 0.2} | keywords
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), **keywords)


def decade_axis(axes, which):
    """Makes axis "x" or "y" logarithmic, labelled in plain numbers."""
    getattr(axes, f"set_{which}scale")("log")
    axis = getattr(axes, f"{which}axis")
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}"))


def label(text, length=44):
    """The text on one line of at most `length` characters."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"
