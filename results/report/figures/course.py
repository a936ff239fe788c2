"""The course of sweeps: candidates in the order in which they were measured, and where each sweep
begins."""

import style

MOST_STEPS = 120  # neighbours share one
MOST_MARKS = 12  # sweeps whose beginnings are marked


def course(measurements, value):
    """[(first place, sorted values)] of neighbours in the order in which they were measured, and
    [(place, date)] where a sweep begins. Places count from 1."""
    ordered = sorted(measurements, key=lambda m: (m.measured_at, m.turn))
    begins = [(place + 1, m.measured_at) for place, m in enumerate(ordered)
              if place == 0 or m.run != ordered[place - 1].run]
    length = max(1, -(-len(ordered) // MOST_STEPS))
    steps = [(first + 1, sorted(value(m) for m in ordered[first : first + length]))
             for first in range(0, len(ordered), length)]
    return steps, begins


def draw_axis(axes, count, begins):
    """The horizontal axis of so many candidates, with a dashed line where another sweep begins.
    Returns what the caption says of the lines, if there are any."""
    marked = begins[1:] if len(begins) <= MOST_MARKS else []
    for place, date in marked:
        axes.axvline(place, color=style.INK, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.annotate(date[:10], (place, 1), xycoords=axes.get_xaxis_transform(), xytext=(3, -2),
                      textcoords="offset points", va="top", fontsize=7.5, color=style.MUTED)
    axes.set_xlim(1, count + 1)
    style.whole_numbers(axes.xaxis)
    axes.set_xlabel("candidates in the order in which they were measured (count)")
    axes.grid(axis="y")
    return " Dashed lines: where another sweep begins." if marked else ""
