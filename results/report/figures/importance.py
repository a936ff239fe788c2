"""Which setting of a family matters: how much of the spread of its candidates' times it explains."""

import math
from dataclasses import dataclass

import style
import words
from load import settings

LEAST = 8  # right candidates of a family on a layer, of fewer nothing is said
MOST_FAMILIES = 8


@dataclass(frozen=True)
class Effects:
    """What the settings of one family do."""

    family: str
    layers: int  # with enough right candidates of it
    spread: float  # slowest / fastest of them, geometric mean over the layers
    shares: dict  # {setting: share of the variance of log time that it explains alone}, largest
    # first, averaged over the layers on which it is defined


def _mean(values):
    return sum(values) / len(values)


def _squares(values):
    middle = _mean(values)
    return sum((v - middle) ** 2 for v in values)


def explained(groups):
    """The share that one setting explains on one layer, where groups holds the logarithms of the
    times of the candidates at each of its values: 1 − (squares within / (n − k)) / (squares /
    (n − 1)), for k groups of n times in all. By chance it is 0 on average. None if not defined."""
    every = [v for group in groups for v in group]
    freedom = len(every) - len(groups)
    whole = _squares(every)
    if len(groups) < 2 or freedom < 1 or not whole > 0:
        return None
    within = sum(map(_squares, groups))
    return 1 - (within / freedom) / (whole / (len(every) - 1))


def _families(row):
    """{family: [(settings, log of the time)]} of a layer's right generated candidates."""
    found = {}
    for m in row.measured:
        if m.origin == "generated":
            found.setdefault(m.family, []).append((settings(m.config), math.log(m.seconds)))
    return {family: times for family, times in found.items() if len(times) >= LEAST}


def _shares(times):
    """{setting: share} on one layer."""
    groups = {}
    for values, time in times:
        for setting, value in values:
            groups.setdefault(setting, {}).setdefault(value, []).append(time)
    found = {setting: explained(list(by_value.values())) for setting, by_value in groups.items()}
    return {setting: share for setting, share in found.items() if share is not None}


def effects(rows):
    """An Effects a family, those of most layers first."""
    layers = {}
    for row in rows:
        for family, times in _families(row).items():
            layers.setdefault(family, []).append(times)
    result = []
    for family in sorted(layers, key=lambda f: (-len(layers[f]), f)):
        shares = {}
        for times in layers[family]:
            for setting, share in _shares(times).items():
                shares.setdefault(setting, []).append(share)
        logs = [[time for _, time in times] for times in layers[family]]
        means = {setting: _mean(each) for setting, each in shares.items()}
        result.append(Effects(family, len(logs),
                              math.exp(_mean([max(each) - min(each) for each in logs])),
                              dict(sorted(means.items(), key=lambda s: (-s[1], s[0])))))
    return [each for each in result if each.shares]


def _bars(axes, families):
    ticks, y = [], 0.0
    for each in families:
        ticks.append((y, each.family, "bold"))
        axes.text(1.0, y, f"{words.ratio(each.spread)} from fastest to slowest, "
                  f"{words.count(each.layers, 'layer')}", ha="right", va="center", fontsize=7.5,
                  color=style.MUTED, transform=axes.get_yaxis_transform())
        for setting, share in each.shares.items():
            y += 1
            percent = 100 * max(0.0, share)
            axes.barh(y, percent, height=0.62, color=style.GAIN)
            axes.annotate(f"{percent:.0f} %", (percent, y), xytext=(4, 0),
                          textcoords="offset points", va="center", fontsize=7.5)
            ticks.append((y, setting, "normal"))
        y += 1.5
    axes.set_yticks([t[0] for t in ticks], [t[1] for t in ticks])
    for label, (_, _, weight) in zip(axes.get_yticklabels(), ticks):
        label.set_fontweight(weight)
    axes.set_ylim(y - 0.9, -0.6)


def draw(summary, name):
    found = effects(summary.rows)
    if not found:
        return []
    shown = found[:MOST_FAMILIES]
    with style.canvas(0.6 + 0.2 * sum(1.5 + len(e.shares) for e in shown)) as (drawn, axes):
        _bars(axes, shown)
        axes.set_xlim(0, 106)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.spines["bottom"].set_bounds(0, 100)
        axes.grid(axis="x")
        axes.set_xlabel("variance of log time that the setting explains alone (%)")
        rarer = len(found) - len(shown)
        return [style.figure(
            drawn, name, "Which setting matters: 1 − (W / (n − k)) / (S / (n − 1)). S sums the "
            "squared deviations from their mean of the logarithms of the times of a layer’s n right "
            "candidates of one family; W sums those from the mean of the candidates that share one "
            "of the setting’s k values. The mean over all layers with at least "
            f"{LEAST} such candidates; by chance it is 0."
            + (f" {words.count(rarer, 'rarer family', 'rarer families')} left out." if rarer else ""))]
