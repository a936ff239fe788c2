#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "results/store.hpp"
#include "tuner/layers.hpp"
#include "tuner/search.hpp"
#include "tuner/sweep_options.hpp"
#include "tuner/worker.hpp"

namespace convtune {

class Progress;

/// How one layer ended.
enum class LayerEnd {
  tuned,        ///< a winner was found now
  known,        ///< the database had the winner already
  no_winner,    ///< no candidate gave a valid result
  skipped,      ///< it does not fit the memory
  not_reached,  ///< the budget or an interrupt ended the sweep before it was done
};

struct LayerResult {
  Layer layer;
  LayerEnd end = LayerEnd::not_reached;
  std::string reason;              ///< for no_winner and skipped
  std::optional<Verdict> verdict;  ///< for tuned and known
  std::size_t measured = 0;        ///< candidates measured now
};

/// What is known of a problem's candidates; those of the family that would run untuned come first.
struct Screening {
  std::vector<Candidate> candidates;
  std::vector<std::optional<double>> seconds;  ///< as next_candidate() wants them
  std::vector<Measurement> measurements;       ///< of those that have some, in no order
};

/// Tunes layer after layer. Every measurement is in the store before the next one starts, so that a
/// sweep which ends early, however it ends, loses at most the one under way and goes on there.
class Sweep {
 public:
  /// `device` must be what the worker measures on; all references must outlive the sweep.
  Sweep(Store& store, Device& device, Worker& worker, Progress& progress, SweepOptions options,
        std::string run_id);

  /// Results in the order of `layers`. Throws Error{unavailable} if the device is lost and
  /// Error{storage} if the store fails; what was measured by then is kept.
  std::vector<LayerResult> run(std::span<const Layer> layers);

 private:
  /// Tunes the layers of those results that are `wanted`, each within a share of the time left.
  void tune_all(const std::function<bool(const LayerResult&)>& wanted,
                std::vector<LayerResult>& results, const std::function<double()>& seconds_left,
                bool is_last_round);
  LayerResult tune(const Layer& layer, double seconds);
  Screening recall(const Problem& problem, std::vector<Candidate> candidates) const;
  void screen(const Problem& problem, Screening& screening, double seconds,
              std::size_t& measured_now);
  void insert(Measurement measurement);
  Measurement measure(const Key& key, const Family& family, double give_up_seconds);
  Key key_of(const Problem& problem, const Candidate& candidate) const;

  Store& store_;
  Device& device_;
  Worker& worker_;
  Progress& progress_;
  SweepOptions options_;
  std::string run_id_;
};

/// The problem's space on the device, but for the kernels that cannot be had here
/// (is_obtainable()).
std::vector<Candidate> tunable_candidates(const Problem& problem, const DeviceProperties& device);

/// Digest of all candidates' configs and sources: a verdict stands as long as this does.
std::string space_digest(const Problem& problem, const DeviceProperties& device,
                         std::span<const Candidate> candidates);

/// Now, UTC, as 2026-01-31T23:59:59Z.
std::string utc_now();

}  // namespace convtune
