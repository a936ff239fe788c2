"""Bars: how the best generated kernel of each layer stands against another kernel."""

import math

import style
import words
from compare import CONFIDENCE, Standing
from matplotlib.patches import Patch

FEW = 40  # layers that still get a labelled bar each
ENDS = 15  # labelled bars at each end, of more layers than that

_LOOKS = {
    Standing.faster: {"facecolor": style.GAIN, "edgecolor": style.GAIN},
    Standing.tie: {"facecolor": style.PAPER, "edgecolor": style.INK},
    Standing.slower: {"facecolor": style.PAPER, "edgecolor": style.LOSS, "hatch": "//////"},
    Standing.open: {"facecolor": style.PAPER, "edgecolor": style.MUTED, "linestyle": (0, (3, 2))},
}
_MEANINGS = {Standing.faster: "faster", Standing.tie: "tie: no proven difference",
             Standing.slower: "slower", Standing.open: "open: too few rounds"}


def _limits(ratios):
    low, high = min(0.95, *ratios), max(1.05, *ratios)
    margin = (high / low) ** 0.08
    return low / margin, high * margin**2


def _legend(axes, standings):
    handles = [Patch(label=_MEANINGS[s], linewidth=0.8, **_LOOKS[s])
               for s in Standing if s in standings]
    style.legend_above(axes, handles=handles, handlelength=1.4, columnspacing=1.4)


def _bars(axes, rows, pick):
    """One labelled bar a row, from 1.0 to its ratio, the largest on top."""
    comparisons = [pick(r) for r in rows]
    low, high = _limits([v for c in comparisons for v in (c.ratio, *(c.interval or ()))])
    for y, (row, c) in enumerate(zip(rows, comparisons)):
        axes.barh(y, c.ratio - 1, left=1, height=0.68, linewidth=0.8, **_LOOKS[c.standing])
        reach = [*(c.interval or ()), c.ratio]
        axes.plot([min(reach), max(reach)], [y, y], color=style.INK, linewidth=0.7)
        leftwards = c.ratio < 1
        axes.annotate(words.ratio(c.ratio), (min(reach) if leftwards else max(reach), y),
                      xytext=(-4 if leftwards else 4, 0), textcoords="offset points",
                      ha="right" if leftwards else "left", va="center", fontsize=7.5,
                      color=style.LOSS if c.standing is Standing.slower else style.INK,
                      fontweight="bold" if c.standing is Standing.slower else "normal")
    axes.axvline(1, color=style.INK, linewidth=0.9)
    axes.set_yticks(range(len(rows)), [style.label(r.name) for r in rows])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.grid(axis="x")
    style.ratio_axis(axes, "x", low / (high / low) ** 0.06, high)
    _legend(axes, {c.standing for c in comparisons})


def _intervals(axes, comparisons):
    """A thin line a layer, over its step."""
    x, y = [], []
    for rank, c in enumerate(comparisons, 1):
        if c.interval:
            x += [rank + 0.5, rank + 0.5, math.nan]
            y += [*c.interval, math.nan]
    axes.plot(x, y, color=style.CLOUD, linewidth=0.5, solid_capstyle="butt")


def _profile(axes, rows, pick):
    """All layers by rank, without names: one step a layer, losses hatched."""
    comparisons = [pick(r) for r in rows]
    ratios = [c.ratio for c in comparisons]
    low, high = _limits(ratios)
    edges = list(range(1, len(rows) + 2))
    steps = [*ratios, ratios[-1]]
    losses = sum(ratio < 1 for ratio in ratios)
    for standing, first, last in ((Standing.slower, 0, losses),
                                  (Standing.faster, losses, len(rows))):
        if first < last:
            axes.fill_between(edges[first : last + 1], 1,
                              [*steps[first:last], steps[last - 1]], step="post", linewidth=0.4,
                              **_LOOKS[standing])
    unproven = [x + 0.5 for x, c in enumerate(comparisons, 1)
                if c.standing in (Standing.tie, Standing.open)]
    style.ticks(axes, unproven, 0, color=style.INK, linewidth=0.6)
    _intervals(axes, comparisons)
    axes.axhline(1, color=style.INK, linewidth=0.9)
    axes.set_xlim(1, len(rows) + 1)
    axes.grid(axis="y")
    style.whole_numbers(axes.xaxis)
    axes.set_xlabel("layers, by speed-up (rank)")
    style.ratio_axis(axes, "y", low, high)
    _legend(axes, {Standing.slower, Standing.faster} if losses else {Standing.faster})


IN_TURNS = (f"the {words.percent(CONFIDENCE, 0)} interval of the ratio, from rounds in which both "
            "ran in turn")


def draw(summary, name, pick, against, interval=IN_TURNS):
    """`pick` takes a row's Comparison; `against` says with whom and `interval` how the interval was
    found, in words for axis and caption."""
    compared = [r for r in summary.rows if pick(r)]
    rows = sorted((r for r in compared if pick(r).standing is not Standing.unreliable),
                  key=lambda r: pick(r).ratio)
    if not rows:
        return []
    label = f"speed-up over {against} (ratio of median times, log scale)"
    about = f"Best generated kernel against {against}."
    if len(rows) < len(compared):
        about += f" {words.count(len(compared) - len(rows), 'unreliable ratio')} left out."
    whiskers = f"The thin line is {interval}; a bar whose line meets 1.0 is a tie."
    if len(rows) <= FEW:
        with style.canvas(0.9 + 0.235 * len(rows)) as (drawn, axes):
            _bars(axes, rows, pick)
            axes.set_xlabel(label)
            return [style.figure(drawn, name, f"{about} One bar a layer, from 1.0. {whiskers}")]
    figures = []
    with style.canvas(2.9) as (drawn, axes):
        _profile(axes, rows, pick)
        axes.set_ylabel("\n(".join(label.rsplit(" (", 1)))
        figures.append(style.figure(
            drawn, name, f"{about} All {words.count(len(rows), 'layer')}, one step each, with a thin "
            f"line that is {interval}; ticks below the steps mark those without a proven difference."))
    with style.canvas(0.9 + 0.235 * 2 * ENDS) as (drawn, axes):
        _bars(axes, rows[:ENDS] + rows[-ENDS:], pick)
        axes.axhline(ENDS - 0.5, color=style.MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.set_xlabel(label)
        figures.append(style.figure(
            drawn, f"{name}-ends", f"{about} The {ENDS} layers with the highest speed-up, above "
            f"the dashed line, and the {ENDS} with the lowest. {whiskers}"))
    return figures
