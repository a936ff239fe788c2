"""How two kernels compare: a ratio of median times, and what may be said of it."""

import math
from dataclasses import dataclass
from enum import Enum

CONFIDENCE = 0.99  # of an interval that calls a difference proven, as in the tuner's finals
MOST_NOISE = 0.2  # spread of either side's samples above which a ratio is unreliable, as there
INDIFFERENCE = 0.02  # times this close may be called equal, as in the tuner's finals
BEYOND = 3  # combined spreads that times of two databases must be apart


class Standing(Enum):
    """How the generated kernel stands against another. A tie is no proven difference over enough
    rounds; with fewer it is open. Of times that scatter by more than MOST_NOISE, nothing is said."""

    faster = "faster"
    tie = "tie"
    slower = "slower"
    open = "open"
    unreliable = "unreliable"


@dataclass(frozen=True)
class Comparison:
    ratio: float  # median time of the other / median time of the generated kernel
    interval: tuple[float, float] | None  # of that ratio; None where nothing can be proven
    noise: float  # relative spread of the samples, of the side where it is larger

    @property
    def standing(self):
        if self.noise > MOST_NOISE:
            return Standing.unreliable
        if self.interval is None:
            return Standing.open
        low, high = self.interval
        return Standing.faster if low > 1 else Standing.slower if high < 1 else Standing.tie


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


def in_turns(one, other):
    """The interval of other / one, at CONFIDENCE, from rounds in which both measurements ran in
    turn; None if there were no such rounds, or too few."""
    if one is other:
        return 1.0, 1.0
    if not (one and other) or one.run != other.run or len(one.samples) != len(other.samples):
        return None
    return median_interval([b / a for a, b in zip(one.samples, other.samples)])


def apart(one, other):
    """The same of measurements that were taken apart: each median lies in its own interval, both
    do so at CONFIDENCE."""
    intervals = [median_interval(m.samples, (1 + CONFIDENCE) / 2) for m in (one, other)]
    if None in intervals:
        return None
    (low, high), (other_low, other_high) = intervals
    return other_low / high, other_high / low


def earlier(then, then_noise, now, now_noise):
    """What a layer took in an earlier database against what it takes now: `ratio` is then / now,
    and `interval` is what noise may make of it, (1 + BEYOND · √(spread then² + spread now²)) times
    more or less, at least INDIFFERENCE. None unless it has a time in both."""
    if not (then and now):
        return None
    noises = then_noise or 0, now_noise or 0
    band = 1 + max(INDIFFERENCE, BEYOND * math.hypot(*noises))
    return Comparison(then / now, (then / now / band, then / now * band), max(noises))
