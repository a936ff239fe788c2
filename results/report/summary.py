"""What the measurements say: one Row a layer, and the figures over all layers of a device.

Speed-ups are ratios of medians from the same finals, where candidates ran in turns. Generated
kernels are compared with the untuned default and with the vendor's; a vendor kernel never counts as
a generated result. A ratio of times that scatter widely is shown, but enters no other figure."""

import math
import re
from dataclasses import dataclass
from enum import Enum

import words
from load import Layer, family

CONFIDENCE = 0.99  # of an interval that calls a difference proven, as in the tuner's finals
MOST_NOISE = 0.2  # spread of either side's samples above which a ratio is unreliable, as in the tuner


class Standing(Enum):
    """How the generated kernel stands against another. A tie is no proven difference; of times
    that scatter by more than MOST_NOISE, nothing is said."""

    faster = "faster"
    tie = "tie"
    slower = "slower"
    unreliable = "unreliable"


@dataclass(frozen=True)
class Comparison:
    ratio: float  # median time of the other / median time of the generated kernel
    interval: tuple[float, float] | None  # of that ratio, at CONFIDENCE; None with too few rounds
    noise: float  # relative spread of the samples, of the side where it is larger

    @property
    def standing(self):
        if self.noise > MOST_NOISE:
            return Standing.unreliable
        low, high = self.interval or (0, math.inf)
        return Standing.faster if low > 1 else Standing.slower if high < 1 else Standing.tie


@dataclass(frozen=True)
class Row:
    """One layer as the page shows it."""

    layer: Layer
    name: str
    over_default: Comparison | None  # best generated kernel against the untuned default, if that
    # is a generated kernel too
    over_vendor: Comparison | None  # best generated kernel against the best vendor kernel

    @property
    def verdict(self):
        return self.layer.verdict

    @property
    def measured(self):
        return [m for m in self.layer.measurements if m.seconds is not None]

    @property
    def failed(self):
        return [m for m in self.layer.measurements if m.outcome not in ("ok", "skipped")]


def median_interval(values, confidence=CONFIDENCE):
    """An interval that holds the median of the distribution behind `values`, whatever that is, by
    the binomial law of order statistics; None if there are too few values."""
    count = len(values)
    cut, outside = -1, 0.0
    while 2 * (cut + 1) + 1 < count:
        outside += 2 * math.comb(count, cut + 1) / 2**count
        if outside > 1 - confidence:
            break
        cut += 1
    ordered = sorted(values)
    return (ordered[cut], ordered[count - 1 - cut]) if cut >= 0 else None


def _interval(one, other):
    """Of other / one, from rounds in which both ran in turn."""
    if not (one and other) or one.run != other.run or len(one.samples) != len(other.samples):
        return None
    return median_interval([b / a for a, b in zip(one.samples, other.samples)])


def _compare(layer, config, seconds, noise):
    """The best generated kernel against `config`, None unless both were in the finals."""
    verdict = layer.verdict
    if not config or seconds is None or not verdict.best_generated_seconds:
        return None
    generated, other = map(layer.measurement, (verdict.best_generated, config))
    return Comparison(seconds / verdict.best_generated_seconds, _interval(generated, other),
                      max(noise or 0, verdict.best_generated_noise or 0))


def row(layer):
    verdict = layer.verdict
    if verdict is None:
        return Row(layer, words.layer_name(layer), None, None)
    default = layer.measurement(verdict.default_config)
    generated = default is None or default.origin == "generated"
    return Row(
        layer=layer,
        name=words.layer_name(layer),
        over_default=_compare(layer, verdict.default_config, verdict.default_seconds,
                              verdict.default_noise) if generated else None,
        over_vendor=_compare(layer, verdict.best_vendor, verdict.best_vendor_seconds,
                             verdict.best_vendor_noise),
    )


@dataclass(frozen=True)
class Total:
    """One comparison over many layers, those with a reliable ratio."""

    layers: int
    unreliable: int  # layers left out
    mean: float | None  # geometric
    worst: float | None
    best: float | None
    faster: int
    ties: int
    slower: int


def total(comparisons):
    compared = [c for c in comparisons if c]
    found = [c for c in compared if c.standing is not Standing.unreliable]
    ratios = [c.ratio for c in found]
    standings = [c.standing for c in found]
    return Total(
        layers=len(found),
        unreliable=len(compared) - len(found),
        mean=math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None,
        worst=min(ratios, default=None),
        best=max(ratios, default=None),
        faster=standings.count(Standing.faster),
        ties=standings.count(Standing.tie),
        slower=standings.count(Standing.slower),
    )


@dataclass(frozen=True)
class Summary:
    """All layers of one device, slowest first."""

    rows: list[Row]
    over_default: Total
    over_vendor: Total
    vendors: list[str]  # families of the vendor kernels in the finals

    @property
    def decided(self):
        return [r for r in self.rows if r.verdict]

    @property
    def undecided(self):
        return [r for r in self.rows if not r.verdict]

    def chosen(self, origin):
        """Layers whose winner is of this origin."""
        return [r for r in self.decided if r.verdict.origin == origin]

    def classes(self):
        """[(shape class, its rows)], by name; rows without a class are left out."""
        groups = {}
        for r in self.decided:
            groups.setdefault(words.shape_class(r.layer), []).append(r)
        return sorted((name, rows) for name, rows in groups.items() if name)


def summarise(device):
    rows = [row(layer) for layer in device.layers]
    rows.sort(key=lambda r: (-((r.verdict and r.verdict.seconds) or 0), r.name,
                             words.describe(r.layer.problem)))
    return Summary(
        rows=rows,
        over_default=total(r.over_default for r in rows),
        over_vendor=total(r.over_vendor for r in rows),
        vendors=sorted({family(r.verdict.best_vendor) for r in rows if r.over_vendor}),
    )


def failures(rows):
    """[(outcome, family, reason, candidates, layers)], most frequent first. Reasons that differ in
    numbers only count as one, shown by its first example."""
    groups = {}
    for r in rows:
        for m in r.layer.measurements:
            if m.outcome != "ok":
                kind = re.sub(r"\d+", "#", m.reason)
                group = groups.setdefault((m.outcome, m.family, kind), [m.reason, 0, set()])
                group[1] += 1
                group[2].add(id(r))
    found = [
        (outcome, name, reason or "no reason stored", candidates, len(layers))
        for (outcome, name, _), (reason, candidates, layers) in groups.items()
    ]
    return sorted(found, key=lambda f: (-f[3], f[:3]))
