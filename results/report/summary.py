"""What the measurements say: one Row a layer, and the figures over all layers of a device.

Speed-ups are ratios of medians from the same finals, where candidates ran in turns. Generated
kernels are compared with the untuned default and with the vendor's; a vendor kernel never counts as
a generated result. A ratio of times that scatter widely is shown, but enters no other figure."""

import math
import re
from dataclasses import dataclass, replace

import words
from compare import Comparison, Standing, apart, earlier, in_turns
from load import Layer, Verdict, family, problem_key



@dataclass(frozen=True)
class Row:
    """One layer as the page shows it."""

    layer: Layer
    name: str
    over_default: Comparison | None = None  # best generated kernel against the untuned default, if
    # that is a generated kernel too
    over_vendor: Comparison | None = None  # best generated kernel against the best vendor kernel
    over_peer: Comparison | None = None  # and against the fastest of other programs
    peer: str = ""  # which that is
    then: Verdict | None = None  # in the earlier database
    over_earlier: Comparison | None = None  # best generated kernel against that of then
    vendor_over_earlier: Comparison | None = None  # the same of vendor kernels: what the machine did

    @property
    def verdict(self):
        return self.layer.verdict

    @property
    def candidates(self):
        return [m for m in self.layer.measurements if m.origin != "peer"]

    @property
    def measured(self):
        return [m for m in self.candidates if m.seconds is not None]

    @property
    def failed(self):
        return [m for m in self.candidates if m.outcome not in ("ok", "skipped")]


def _compare(layer, config, seconds, noise):
    """The best generated kernel against `config`, None unless both were in the finals."""
    verdict = layer.verdict
    if not config or seconds is None or not verdict.best_generated_seconds:
        return None
    generated, other = map(layer.measurement, (verdict.best_generated, config))
    return Comparison(seconds / verdict.best_generated_seconds, in_turns(generated, other),
                      max(noise or 0, verdict.best_generated_noise or 0))


def _over_peer(layer):
    """The best generated kernel against the fastest peer. They were not measured in turns."""
    verdict = layer.verdict
    peers = [m for m in layer.measurements if m.seconds and m.origin == "peer"]
    generated = layer.measurement(verdict.best_generated)
    if not peers or not generated or not generated.seconds:
        return None, ""
    best = min(peers, key=lambda m: m.seconds)
    return Comparison(best.seconds / generated.seconds, apart(generated, best),
                      max(best.noise or 0, generated.noise or 0)), best.config


def _over_earlier(verdict, then, best):
    """What the best kernel of one origin took then and takes now."""
    return earlier(getattr(then, f"{best}_seconds"), getattr(then, f"{best}_noise"),
                   getattr(verdict, f"{best}_seconds"), getattr(verdict, f"{best}_noise"))


def row(layer, then=None):
    """The Row of a layer; `then` is its verdict in an earlier database."""
    verdict = layer.verdict
    if verdict is None:
        return Row(layer, words.layer_name(layer))
    default = layer.measurement(verdict.default_config)
    generated = default is None or default.origin == "generated"
    over_peer, peer = _over_peer(layer)
    return Row(
        layer=layer,
        name=words.layer_name(layer),
        over_default=_compare(layer, verdict.default_config, verdict.default_seconds,
                              verdict.default_noise) if generated else None,
        over_vendor=_compare(layer, verdict.best_vendor, verdict.best_vendor_seconds,
                             verdict.best_vendor_noise),
        over_peer=over_peer,
        peer=peer,
        then=then,
        over_earlier=then and _over_earlier(verdict, then, "best_generated"),
        vendor_over_earlier=then and _over_earlier(verdict, then, "best_vendor"),
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
    open: int


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
        open=standings.count(Standing.open),
    )


@dataclass(frozen=True)
class Summary:
    """All layers of one device, slowest first."""

    rows: list[Row]
    over_default: Total
    over_vendor: Total
    over_peer: Total
    over_earlier: Total
    vendors: list[str]  # families of the vendor kernels in the finals
    peers: list[str]  # families of the fastest peers
    lost: list[str]  # layers with a winner in the earlier database and none here

    @property
    def decided(self):
        return [r for r in self.rows if r.verdict]

    @property
    def undecided(self):
        return [r for r in self.rows if not r.verdict]

    def changed(self):
        """Layers that noise does not explain to be as in the earlier database, regressions first."""
        found = [r for r in self.rows if r.over_earlier
                 and r.over_earlier.standing in (Standing.slower, Standing.faster)]
        return sorted(found, key=lambda r: r.over_earlier.ratio)

    def chosen(self, origin):
        """Layers whose winner is of this origin."""
        return [r for r in self.decided if r.verdict.origin == origin]

    def classes(self):
        """[(shape class, its rows)], by name; rows without a class are left out."""
        groups = {}
        for r in self.decided:
            groups.setdefault(words.shape_class(r.layer), []).append(r)
        return sorted((name, rows) for name, rows in groups.items() if name)


def _told_apart(rows):
    """The rows, those that share a name also named by how they differ."""
    named = {}
    for r in rows:
        named.setdefault(r.name, []).append(r)
    return [
        replace(r, name=f"{name} {difference}".rstrip())
        for name, same in named.items()
        for r, difference in zip(same, words.differences([r.layer.problem for r in same]))
    ]


def summarise(device, then=None):
    """The Summary of a device; `then` is the same device in an earlier database."""
    decided_then = [layer for layer in then.layers if layer.verdict] if then else []
    before = {problem_key(layer.problem): layer for layer in decided_then}
    rows = []
    for layer in device.layers:
        was = before.get(problem_key(layer.problem))
        rows.append(row(layer, was and was.verdict))
    rows = _told_apart(rows)
    rows.sort(key=lambda r: (-((r.verdict and r.verdict.seconds) or 0), r.name,
                             words.describe(r.layer.problem)))
    decided = {problem_key(r.layer.problem) for r in rows if r.verdict}
    return Summary(
        rows=rows,
        over_default=total(r.over_default for r in rows),
        over_vendor=total(r.over_vendor for r in rows),
        over_peer=total(r.over_peer for r in rows),
        over_earlier=total(r.over_earlier for r in rows),
        vendors=sorted({family(r.verdict.best_vendor) for r in rows if r.over_vendor}),
        peers=sorted({family(r.peer) for r in rows if r.peer}),
        lost=[words.layer_name(layer) for key, layer in before.items() if key not in decided],
    )


def failures(rows):
    """[(outcome, family, reason, candidates, layers)], most frequent first. Reasons that differ in
    numbers only count as one, shown by its first example."""
    groups = {}
    for r in rows:
        for m in r.candidates:
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
