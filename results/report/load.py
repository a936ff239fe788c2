"""Reads what `convtune db export` writes. All that is odd in a file ends here: later code sees
finite positive times or None, and one row per candidate."""

import hashlib
import json
import math
import re
import statistics
from dataclasses import dataclass, field

FORMAT, SCHEMA = "convtune-export", 5
PEERS = "torch_"  # how families begin that no build has: what other programs took


class BadExport(Exception):
    """One sentence: what was read, what was found, what to do."""


@dataclass(frozen=True)
class Measurement:
    """One candidate on one problem: the latest one stored of its config. A finalist's samples are
    those of the finals, round by round; all others' are those of the search."""

    config: str
    origin: str  # "generated", "vendor" or "peer"
    outcome: str  # "ok", "wrong", "failed", "timed_out", "crashed", "skipped"
    reason: str
    samples: tuple[float, ...]  # seconds, finite and positive
    flops: float | None
    bytes: float | None
    error_ratio: float | None
    turn: int  # in the search of its problem, from 1; 0: not known
    measured_at: str
    run: str
    source_digest: str = ""  # of the code that ran
    clock_mhz: float | None = None  # of the device, at the first sample

    @property
    def family(self):
        return family(self.config)

    @property
    def seconds(self):
        """Median time of a run, None unless the candidate is right and was timed."""
        return statistics.median(self.samples) if self.samples else None

    @property
    def noise(self):
        """Relative spread: 1.4826 · median absolute deviation / median."""
        if len(self.samples) < 3:
            return None
        middle = self.seconds
        return 1.4826 * statistics.median(abs(s - middle) for s in self.samples) / middle


@dataclass(frozen=True)
class Verdict:
    """What won, from the finals. Times in seconds; None where there is no such candidate."""

    winner: str
    origin: str
    tied: tuple[str, ...]
    seconds: float | None
    noise: float | None
    confidence: float | None
    default_config: str
    default_seconds: float | None
    default_noise: float | None
    best_generated: str
    best_generated_seconds: float | None
    best_generated_noise: float | None
    best_vendor: str
    best_vendor_seconds: float | None
    best_vendor_noise: float | None
    candidates: int  # in the space
    measured: int  # of them, before the finals
    complete: bool  # the search came to its end; False if a budget cut it
    decided_at: str
    run: str


@dataclass
class Layer:
    """One problem on one device, with all that is known of it."""

    problem: dict
    labels: list[dict] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    verdict: Verdict | None = None

    def measurement(self, config):
        return next((m for m in self.measurements if m.config == config), None)


@dataclass
class Device:
    identity: str
    properties: dict
    runs: list[dict]
    layers: list[Layer]


@dataclass(frozen=True)
class Export:
    digest: str  # SHA-256 of the export's bytes
    devices: list[Device]
    unreached: int  # labelled problems that no device has a row of


def family(config):
    """"cpu_direct" of "cpu_direct{tile_l=6,tile_c=2}"."""
    return config.partition("{")[0]


def settings(config):
    """[("tile_l", "6"), ("tile_c", "2")] of "cpu_direct{tile_l=6,tile_c=2}"."""
    return re.findall(r"(\w+)=([^,}]*)", config.partition("{")[2])


def number(value):
    """A finite positive float, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and value > 0 else None


def fraction(value):
    """A finite float of at least 0, or None."""
    return 0.0 if value == 0 else number(value)


def problem_key(problem):
    return json.dumps(problem, sort_keys=True)


def _measurement(row):
    samples = tuple(s for s in map(number, row.get("samples") or []) if s is not None)
    outcome = row["outcome"]
    return Measurement(
        config=row["config"],
        origin="peer" if row["config"].startswith(PEERS) else row["origin"],
        outcome=outcome,
        reason=row.get("reason") or "",
        samples=samples if outcome == "ok" else (),
        flops=number(row.get("flops")),
        bytes=number(row.get("bytes")),
        error_ratio=fraction(row.get("worst_error_ratio")),
        source_digest=row.get("source_digest") or "",
        clock_mhz=number(row.get("clock_mhz")),
        turn=int(row.get("turn") or 0),
        measured_at=row.get("measured_at") or "",
        run=row.get("run") or "",
    )


def _verdict(row):
    return Verdict(
        winner=row["winner"],
        origin=row["origin"],
        tied=tuple(row.get("tied") or ()),
        seconds=number(row.get("seconds")),
        noise=fraction(row.get("noise")),
        confidence=fraction(row.get("confidence")),
        default_config=row.get("default_config") or "",
        default_seconds=number(row.get("default_seconds")),
        default_noise=fraction(row.get("default_noise")),
        best_generated=row.get("best_generated") or "",
        best_generated_seconds=number(row.get("best_generated_seconds")),
        best_generated_noise=fraction(row.get("best_generated_noise")),
        best_vendor=row.get("best_vendor") or "",
        best_vendor_seconds=number(row.get("best_vendor_seconds")),
        best_vendor_noise=fraction(row.get("best_vendor_noise")),
        candidates=int(row["candidates"]),
        measured=int(row["measured"]),
        complete=bool(row["complete"]),
        decided_at=row.get("decided_at") or "",
        run=row.get("run") or "",
    )


_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def _printable(row):
    """The JSON object with all that neither HTML nor SVG can hold replaced in its texts."""
    return {key: _UNPRINTABLE.sub("\ufffd", value) if isinstance(value, str) else value
            for key, value in row.items()}


def _parse(text):
    try:
        document = json.loads(text, object_hook=_printable)
    except ValueError as error:
        raise BadExport(f"the export is no JSON ({error}); write it with `convtune db export`")
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise BadExport(f'the file is no "{FORMAT}"; write it with `convtune db export`')
    if document.get("schema") != SCHEMA:
        raise BadExport(
            f"the export has schema {document.get('schema')}, this report reads {SCHEMA}; "
            "use the report of the convtune that wrote it"
        )
    return document


def _collect(document):
    """Layers by (device, problem), in the order in which they first appear."""
    layers = {}

    def layer(row):
        key = row["device"], problem_key(row["problem"])
        return layers.setdefault(key, Layer(row["problem"]))

    newest_first = sorted(
        document.get("measurements") or [], key=lambda r: r.get("measured_at") or "", reverse=True
    )
    seen = set()
    for row in newest_first:
        key = row["device"], problem_key(row["problem"]), row["config"]
        if key not in seen:
            seen.add(key)
            layer(row).measurements.append(_measurement(row))
    for row in document.get("verdicts") or []:
        layer(row).verdict = _verdict(row)
    return layers


def load(content):
    """An Export from the bytes of an export file. Throws BadExport."""
    document = _parse(content)
    try:
        layers = _collect(document)
        labels = {}
        for label in document.get("labels") or []:
            labels.setdefault(problem_key(label["problem"]), []).append(label)
        properties = {d["identity"]: d for d in document.get("devices") or []}
        runs = document.get("runs") or []
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadExport(f"a row of the export lacks or garbles {error}; export the database again")
    for (_, problem), layer in layers.items():
        layer.labels = labels.get(problem, [])
    identities = sorted({device for device, _ in layers} | set(properties))
    devices = [
        Device(
            identity=identity,
            properties=properties.get(identity, {}),
            runs=[run for run in runs if run.get("device") == identity],
            layers=[layer for (device, _), layer in layers.items() if device == identity],
        )
        for identity in identities
    ]
    return Export(
        digest=hashlib.sha256(content).hexdigest(),
        devices=devices,
        unreached=len(labels.keys() - {problem for _, problem in layers}),
    )
