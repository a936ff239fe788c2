"""How soon the search of each layer came near to what it found in the end."""

import statistics

import style
import words

FEW = 40  # layers that still get a line each
NEAR = 1.05  # times the best at the end: near enough


def best_so_far(row):
    """[(candidates measured, time of the best generated one of them / that of the best at the end)]
    wherever that changes, with the last turn as its end; [] unless the turns were stored."""
    turns = [m.turn for m in row.layer.measurements if m.turn]
    timed = sorted((m.turn, m.seconds) for m in row.measured if m.origin == "generated" and m.turn)
    if not timed:
        return []
    end = min(seconds for _, seconds in timed)
    steps, best = [], float("inf")
    for turn, seconds in timed:
        if seconds < best:
            best = seconds
            steps.append((turn, best / end))
    return [*steps, (max(turns), 1.0)]


def near_after(steps):
    """After how many candidates the best one was within NEAR of the end's."""
    return next(turn for turn, ratio in steps if ratio <= NEAR)


def _at(steps, turn):
    """The ratio after that many candidates, None before the first right one."""
    return next((ratio for first, ratio in reversed(steps) if first <= turn), None)


def _shares(curves, turns):
    """The median and the slowest tenth of the layers at each turn at which half of them or more
    have a time."""
    found = []
    for turn in turns:
        ratios = [r for r in (_at(steps, turn) for steps in curves) if r]
        if 2 * len(ratios) >= len(curves):
            tenths = statistics.quantiles(ratios, n=10, method="inclusive") if ratios[1:] else ratios * 9
            found.append((turn, tenths[4], tenths[8]))
    return found


def _turns(last):
    """At most some hundred turns from 1 to the last, evenly in their logarithm."""
    return sorted({round(last ** (i / 150)) for i in range(151)})


def draw(summary, name):
    curves = [steps for steps in map(best_so_far, summary.decided) if steps]
    if not curves:
        return []
    last = max(steps[-1][0] for steps in curves)
    middle = statistics.median_high(map(near_after, curves))
    with style.canvas(3.0) as (drawn, axes):
        if len(curves) <= FEW:
            for index, steps in enumerate(curves):
                axes.step(*zip(*steps, (last, 1.0)), where="post", color=style.CLOUD, linewidth=0.9,
                          label=None if index else "one layer")
        turns, medians, slow = zip(*_shares(curves, _turns(last)))
        axes.step(turns, slow, where="post", color=style.INK, linewidth=1.3, linestyle=(0, (1, 1.5)),
                  label="slowest tenth of layers")
        axes.step(turns, medians, where="post", color=style.GAIN, linewidth=1.8,
                  label="median layer")
        style.count_axis(axes, last)
        worst = max(ratio for steps in curves for _, ratio in steps) if len(curves) <= FEW else max(slow)
        style.ratio_axis(axes, "y", 0.98, max(1.1, worst) * 1.05)
        axes.set_xlabel("candidates measured (count, log scale)")
        axes.set_ylabel("best so far over best at the end\n(ratio of times, log scale)")
        style.legend_above(axes)
        axes.grid(True)
        return [style.figure(
            drawn, name, f"Search on {words.count(len(curves), 'layer')}: the time of the best "
            "generated candidate among those measured so far, over that of the best at the end. The "
            f"median layer was within {words.percent(NEAR - 1, 0)} after {words.count(middle, 'candidate')}. "
            "A candidate that reached the finals counts with its time there.")]
