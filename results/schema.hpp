#pragma once

namespace convtune {

/// Marks a SQLite file as ours: "Ctun".
inline constexpr int application_id = 0x4374756e;

/// PRAGMA user_version, and the "schema" of an export. A file with another number is refused, so
/// every change of a column or of a field needs a new one.
inline constexpr int schema_version = 5;

/// Columns have the names and the order of results/fields.hpp. `digest` is that of the row's line
/// in the export: a row without its own digest is damaged and counts as missing. Lists (samples,
/// tied) are JSON arrays.
inline constexpr const char* schema = R"sql(
CREATE TABLE problems (
  id           TEXT PRIMARY KEY,  -- digest of the problem's JSON
  batch        INTEGER NOT NULL,
  length       INTEGER NOT NULL,
  in_channels  INTEGER NOT NULL,
  out_channels INTEGER NOT NULL,
  kernel_size  INTEGER NOT NULL,
  stride       INTEGER NOT NULL,
  padding_left INTEGER NOT NULL,
  padding_right INTEGER NOT NULL,
  dilation     INTEGER NOT NULL,
  num_groups   INTEGER NOT NULL,
  has_bias     INTEGER NOT NULL,
  dtype        TEXT NOT NULL,
  math         TEXT NOT NULL,
  layout       TEXT NOT NULL,
  activation   TEXT NOT NULL,
  digest       TEXT NOT NULL
) STRICT;

CREATE TABLE devices (
  identity     TEXT PRIMARY KEY,
  kind         TEXT NOT NULL,
  name         TEXT NOT NULL,
  model        TEXT NOT NULL,
  arch         TEXT NOT NULL,
  units        INTEGER NOT NULL,
  l1_bytes     INTEGER NOT NULL,
  l2_bytes     INTEGER NOT NULL,
  l3_bytes     INTEGER NOT NULL,
  memory_bytes INTEGER NOT NULL,
  compute_major             INTEGER NOT NULL,
  compute_minor             INTEGER NOT NULL,
  max_threads_per_block     INTEGER NOT NULL,
  max_threads_per_sm        INTEGER NOT NULL,
  max_blocks_per_sm         INTEGER NOT NULL,
  registers_per_block       INTEGER NOT NULL,
  registers_per_sm          INTEGER NOT NULL,
  shared_per_block          INTEGER NOT NULL,
  shared_per_block_optin    INTEGER NOT NULL,
  shared_per_sm             INTEGER NOT NULL,
  reserved_shared_per_block INTEGER NOT NULL,
  digest       TEXT NOT NULL
) STRICT;

CREATE TABLE runs (
  id           TEXT PRIMARY KEY,
  device       TEXT NOT NULL REFERENCES devices,
  tool_version TEXT NOT NULL,
  tool_commit  TEXT NOT NULL,
  command      TEXT NOT NULL,
  host_os      TEXT NOT NULL,
  compiler     TEXT NOT NULL,
  build_flags  TEXT NOT NULL,
  libraries    TEXT NOT NULL,
  driver       TEXT NOT NULL,
  nvrtc        TEXT NOT NULL,
  started_at   TEXT NOT NULL,
  seed         INTEGER NOT NULL,
  digest       TEXT NOT NULL
) STRICT;

CREATE TABLE labels (
  problem      TEXT NOT NULL REFERENCES problems,
  model        TEXT NOT NULL,
  layer        TEXT NOT NULL,
  shape_class  TEXT NOT NULL,
  list         TEXT NOT NULL,
  digest       TEXT NOT NULL,
  PRIMARY KEY (problem, model, layer, shape_class, list)
) STRICT;

-- A run that is damaged loses only where its measurements came from, not the measurements: no
-- REFERENCES runs here.
CREATE TABLE measurements (
  problem       TEXT NOT NULL REFERENCES problems,
  device        TEXT NOT NULL REFERENCES devices,
  config        TEXT NOT NULL,
  source_digest TEXT NOT NULL,
  origin        TEXT NOT NULL,
  implementation TEXT NOT NULL,
  outcome       TEXT NOT NULL,
  reason        TEXT NOT NULL,
  samples       TEXT NOT NULL,
  worst_error_ratio REAL NOT NULL,
  checked_outputs   INTEGER NOT NULL,
  bytes         REAL NOT NULL,
  flops         REAL NOT NULL,
  clock_mhz     REAL NOT NULL,
  turn          INTEGER NOT NULL,
  measured_at   TEXT NOT NULL,
  run           TEXT NOT NULL,
  digest        TEXT NOT NULL,
  PRIMARY KEY (problem, device, config, source_digest)
) STRICT;

-- The device first: the nearest plans are looked for among all verdicts of one device.
CREATE TABLE verdicts (
  problem        TEXT NOT NULL REFERENCES problems,
  device         TEXT NOT NULL REFERENCES devices,
  winner         TEXT NOT NULL,
  source_digest  TEXT NOT NULL,
  origin         TEXT NOT NULL,
  tied           TEXT NOT NULL,
  seconds        REAL NOT NULL,
  noise          REAL NOT NULL,
  confidence     REAL NOT NULL,
  default_config  TEXT NOT NULL,
  default_seconds REAL NOT NULL,
  default_noise   REAL NOT NULL,
  best_generated         TEXT NOT NULL,
  best_generated_seconds REAL NOT NULL,
  best_generated_noise   REAL NOT NULL,
  best_vendor            TEXT NOT NULL,
  best_vendor_seconds    REAL NOT NULL,
  best_vendor_noise      REAL NOT NULL,
  space          TEXT NOT NULL,
  candidates     INTEGER NOT NULL,
  measured       INTEGER NOT NULL,
  complete       INTEGER NOT NULL,
  decided_at     TEXT NOT NULL,
  run            TEXT NOT NULL,
  digest         TEXT NOT NULL,
  PRIMARY KEY (device, problem)
) STRICT;
)sql";

}  // namespace convtune
