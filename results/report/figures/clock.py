"""How fast the device was clocked as the sweeps went on."""

import statistics

import style
import words
from figures import course


def draw(summary, name):
    known = [m for r in summary.rows for m in r.measured if m.clock_mhz is not None]
    if len(known) < 2:
        return []
    steps, begins = course.course(known, lambda m: m.clock_mhz)
    places = [*(first for first, _ in steps), len(known) + 1]
    least, middle, most = ([of(clocks) for _, clocks in steps]
                           for of in (min, statistics.median, max))
    with style.canvas(2.2) as (drawn, axes):
        if least != most:
            axes.fill_between(places, [*least, least[-1]], [*most, most[-1]], step="post",
                              color=style.RULE, linewidth=0, label="least to most of neighbours")
        axes.step(places, [*middle, middle[-1]], where="post", color=style.GAIN, linewidth=1.3,
                  label="median of neighbours", clip_on=False)
        axes.set_ylim(0, 1.1 * max(most))
        axes.set_ylabel("clock (MHz)")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        style.legend_above(axes)
        lines = course.draw_axis(axes, len(known), begins)
        return [style.figure(
            drawn, name, "The device’s clock in the course of "
            f"{words.count(len(begins), 'sweep')}, read right after the first sample of "
            f"{words.count(len(known), 'candidate')}: from {min(least):,.0f} to "
            f"{max(most):,.0f} MHz. Times taken at different clocks do not compare.{lines}")]
