#!/usr/bin/env python3
"""The schemas of tuner/layers accept all shipped files and refuse all of bad_files.json.

Exit codes: 0 agreed, 1 not, 77 skipped, for want of the jsonschema module.
"""

import json
import pathlib
import sys

try:
    import jsonschema
except ImportError:
    print("skipped: no Python module jsonschema")
    sys.exit(77)

HERE = pathlib.Path(__file__).parent
LAYERS = HERE.parent.parent / "tuner" / "layers"


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def validators():
    schemas = {kind: load(LAYERS / f"{kind}.schema.json") for kind in ("layers", "grid")}
    store = {f"{kind}.schema.json": schema for kind, schema in schemas.items()}
    made = {}
    for kind, schema in schemas.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        resolver = jsonschema.RefResolver(f"{kind}.schema.json", schema, store=store)
        made[kind] = jsonschema.Draft202012Validator(schema, resolver=resolver)
    return made


def main():
    checks = validators()
    faults = []
    for path in sorted(LAYERS.glob("*.json")):
        if path.name.endswith(".schema.json"):
            continue
        kind = "grid" if path.name.endswith(".grid.json") else "layers"
        for error in checks[kind].iter_errors(load(path)):
            faults.append(f"{path.name}: {error.message}")
    bad = load(HERE / "bad_files.json")
    for case in bad:
        if checks[case["kind"]].is_valid(case["file"]):
            faults.append(f"the schema accepts: {case['why']}")
    print("\n".join(faults) or f"shipped files are valid, {len(bad)} bad ones are refused")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
