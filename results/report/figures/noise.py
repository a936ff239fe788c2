"""How far repeated runs of one candidate scatter: overall, as the sweeps went on, and from round to
round of the finals."""

import statistics

import style
import words
from figures import course

TALLEST = 0.3  # relative spread at which the axes end
LEAST_ROUNDS = 8  # of finals that are shown round by round


def _histogram(summary, name, every):
    winners = [r.verdict.noise for r in summary.decided if r.verdict.noise is not None]
    top = min(TALLEST, max([0.02, *every, *winners]))
    beyond = sum(n > top for n in every)
    edges = [100 * top * i / 40 for i in range(41)]
    with style.canvas(2.2) as (drawn, axes):
        axes.hist([100 * min(n, top) for n in every], bins=edges, color=style.CLOUD,
                  label=f"candidates ({len(every):,})")
        style.ticks(axes, [100 * min(n, top) for n in winners], 0, color=style.GAIN,
                    linewidth=0.9)
        axes.plot([], [], "|", color=style.GAIN, markersize=9,
                  label=f"winners in the finals ({len(winners):,})")
        axes.set_xlim(0, 100 * top)
        axes.set_xlabel("relative spread of a candidate's samples (1.4826 · MAD / median, %)")
        axes.set_ylabel("candidates (count)")
        style.whole_numbers(axes.yaxis)
        style.legend_above(axes)
        axes.grid(axis="y")
        last = f" The last bin also holds {words.count(beyond, 'candidate')} beyond." if beyond else ""
        return style.figure(drawn, name, "How far repeated runs of one candidate scatter. A "
                            f"difference smaller than this is noise.{last}")


def trace(measurements):
    """[(first place, median spread, spread of the widest tenth)] of neighbours in the order in
    which they were measured, and where sweeps begin."""
    steps, begins = course.course(measurements, lambda m: m.noise)
    return [(first, statistics.median(spreads), spreads[9 * (len(spreads) - 1) // 10])
            for first, spreads in steps], begins


def _trace(name, measurements):
    steps, begins = trace(measurements)
    places, medians, widest = zip(*steps, (len(measurements) + 1, *steps[-1][1:]))
    top = min(TALLEST, max(0.02, *widest) * 1.1)
    beyond = max(widest) > top
    with style.canvas(2.2) as (drawn, axes):
        if widest != medians:
            axes.fill_between(places, 0, [100 * min(w, top) for w in widest], step="post",
                              color=style.RULE, linewidth=0,
                              label="nine tenths of neighbours lie below")
        axes.step(places, [100 * min(m, top) for m in medians], where="post", color=style.GAIN,
                  linewidth=1.3, label="median of neighbours", clip_on=False)
        axes.set_ylim(0, 100 * top)
        axes.set_ylabel("relative spread (%)")
        style.legend_above(axes)
        lines = course.draw_axis(axes, len(measurements), begins)
        edge = " What is beyond the axis lies on its edge." if beyond else ""
        return style.figure(
            drawn, name, f"Noise in the course of {words.count(len(begins), 'sweep')}, from "
            f"{begins[0][1]} on: the spread of {words.count(len(measurements), 'candidate')}. "
            f"Where it rises, the machine was disturbed.{lines}{edge}")


def rounds(rows):
    """[[sample / median of the samples]] of the winners with LEAST_ROUNDS or more."""
    winners = (r.layer.measurement(r.verdict.winner) for r in rows)
    return [[s / m.seconds for s in m.samples] for m in winners
            if m and len(m.samples) >= LEAST_ROUNDS]


def _rounds(name, winners):
    middle, low, high = [], [], []
    for each in range(max(map(len, winners))):
        ratios = [w[each] for w in winners if len(w) > each]
        if 2 * len(ratios) < len(winners):
            break
        tenths = statistics.quantiles(ratios, n=10, method="inclusive") if ratios[1:] else ratios * 9
        for line, tenth in zip((middle, low, high), (4, 0, 8)):
            line.append(tenths[tenth])
    places = range(1, len(middle) + 1)
    with style.canvas(2.2) as (drawn, axes):
        axes.fill_between(places, low, high, color=style.RULE, linewidth=0,
                          label="eight tenths of layers")
        axes.plot(places, middle, color=style.GAIN, linewidth=1.3, label="median layer")
        axes.axhline(1, color=style.INK, linewidth=0.9)
        axes.set_xlim(1, len(middle))
        style.ratio_axis(axes, "y", min(0.97, *low), max(1.03, *high))
        style.whole_numbers(axes.xaxis)
        axes.set_xlabel("round of the finals (count)")
        axes.set_ylabel("time over the winner’s\nmedian (ratio, log scale)")
        style.legend_above(axes)
        axes.grid(axis="y")
        return style.figure(
            drawn, name, f"The winners of {words.count(len(winners), 'layer')} round by round. Times "
            "that climb or fall together show clocks that change.")


def draw(summary, name):
    known = [m for r in summary.rows for m in r.measured if m.noise is not None]
    if not known:
        return []
    figures = [_histogram(summary, name, [m.noise for m in known])]
    if len(known) > 1:
        figures.append(_trace(f"{name}-trace", known))
    winners = rounds(summary.decided)
    if winners:
        figures.append(_rounds(f"{name}-rounds", winners))
    return figures
