"""Roofline: what rate each candidate reached at its arithmetic intensity, one panel a dtype."""

from collections import namedtuple

import style
import words
from matplotlib.lines import Line2D

_Point = namedtuple("_Point", "intensity rate bandwidth chosen")


def _points(rows, origin):
    """{dtype: points} of the right, timed candidates of one origin. GFLOP/s and GB/s count what a
    kernel executes and moves, waste included."""
    panels = {}
    for row in rows:
        best = row.verdict and (row.verdict.best_generated if origin == "generated"
                                else row.verdict.best_vendor)
        for m in row.measured:
            if m.origin == origin and m.flops and m.bytes:
                panels.setdefault(row.layer.problem.get("dtype", "float32"), []).append(
                    _Point(m.flops / m.bytes, m.flops / m.seconds / 1e9,
                           m.bytes / m.seconds / 1e9, m.config == best))
    return dict(sorted(panels.items()))


def _envelope(axes, points, span):
    """The best bandwidth and the best rate among the points: seen, not the device's ceilings."""
    bandwidth, rate = max(p.bandwidth for p in points), max(p.rate for p in points)
    ridge = rate / bandwidth
    low, high = min(span[0], ridge) / 8, max(span[1], ridge) * 2
    axes.plot([low, ridge, high], [low * bandwidth, rate, rate], color=style.MUTED, linewidth=0.9,
              linestyle=(0, (5, 3)))
    axes.annotate(f"best seen: {words.significant(rate)} GFLOP/s", (high, rate), ha="right",
                  va="bottom", xytext=(0, 3), textcoords="offset points", fontsize=7.5,
                  color=style.MUTED)
    axes.annotate(f"best seen: {words.significant(bandwidth)} GB/s", (low, low * bandwidth),
                  va="center", xytext=(6, 0), textcoords="offset points", fontsize=7.5,
                  color=style.MUTED)


def _panel(axes, points, span, colour, marker):
    for chosen, look in (
        (False, {"s": 5, "color": style.CLOUD, "alpha": 0.5, "linewidths": 0}),
        (True, {"s": 22, "color": colour, "marker": marker, "edgecolors": style.PAPER,
                "linewidths": 0.6, "zorder": 3}),
    ):
        drawn = [p for p in points if p.chosen == chosen]
        axes.scatter([p.intensity for p in drawn], [p.rate for p in drawn],
                     rasterized=len(drawn) > style.MANY_POINTS, **look)
    _envelope(axes, points, span)
    axes.grid(True)


def _legend(drawn, colour, marker, origin):
    """One legend for all panels, in the line that an empty title keeps free above them."""
    handles = [Line2D([], [], color=colour, marker=marker, linestyle="", markersize=5,
                      label=f"best {origin} kernel of a layer"),
               Line2D([], [], color=style.CLOUD, marker="o", linestyle="", markersize=3,
                      label=f"any other right {origin} candidate"),
               Line2D([], [], color=style.MUTED, linestyle=(0, (5, 3)), linewidth=0.9,
                      label="best seen here")]
    drawn.suptitle(" ")
    legend = drawn.legend(handles=handles, loc="upper right", ncol=3, handletextpad=0.5)
    legend.set_in_layout(False)


def draw(summary, name, origin):
    panels = _points(summary.rows, origin)
    if not panels:
        return []
    everything = [p for points in panels.values() for p in points]
    span = min(p.intensity for p in everything), max(p.intensity for p in everything)
    colour, marker = (style.GAIN, "o") if origin == "generated" else (style.VENDOR, "D")
    with style.canvas(3.7, columns=len(panels), sharex=True, sharey=True,
                      squeeze=False) as (drawn, axes):
        for panel, (dtype, points) in zip(axes[0], panels.items()):
            style.decade_axis(panel, "x")
            style.decade_axis(panel, "y")
            panel.set_title(dtype)
            _panel(panel, points, span, colour, marker)
        drawn.supxlabel("arithmetic intensity (FLOP per byte of main memory, log scale)",
                       color=style.MUTED)
        axes[0][0].set_ylabel("rate (GFLOP/s executed, log scale)")
        _legend(drawn, colour, marker, origin)
        return [style.figure(
            drawn, name, f"Roofline of the {origin} kernels: all {len(everything):,} right "
            "candidates of all layers. Dashed: the highest bandwidth and the highest rate that any "
            "of a panel’s points reached, not the device’s limits; data that stays in a cache can "
            "lie above what main memory could deliver.")]
