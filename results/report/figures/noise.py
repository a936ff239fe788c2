"""How far repeated runs of one candidate scatter."""

import style
import words

TALLEST = 0.3  # relative spread at which the histogram ends


def draw(summary, name):
    every = [m.noise for r in summary.rows for m in r.measured if m.noise is not None]
    winners = [r.verdict.noise for r in summary.decided if r.verdict.noise is not None]
    if not every:
        return []
    top = min(TALLEST, max([0.02, *every, *winners]))
    beyond = sum(n > top for n in every)
    edges = [100 * top * i / 40 for i in range(41)]
    with style.canvas(2.2) as (drawn, axes):
        axes.hist([100 * min(n, top) for n in every], bins=edges, color=style.CLOUD,
                  label=f"candidates ({len(every):,})")
        axes.plot([100 * min(n, top) for n in winners], [0] * len(winners), "|",
                  color=style.GAIN, markersize=11, markeredgewidth=0.9, clip_on=False,
                  label=f"winners in the finals ({len(winners):,})")
        axes.set_xlim(0, 100 * top)
        axes.set_xlabel("relative spread of a candidate's samples (1.4826 · MAD / median, %)")
        axes.set_ylabel("candidates (count)")
        axes.legend(loc="upper right")
        axes.grid(axis="y")
        last = f" The last bin holds all {words.count(beyond, 'candidate')} beyond." if beyond else ""
        return [style.figure(drawn, name, "How far repeated runs of one candidate scatter. A "
                             f"difference smaller than this is noise.{last}")]
