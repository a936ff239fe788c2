#pragma once

#include <map>
#include <mutex>

#include "runtime/serve.hpp"

namespace convtune {

/// The problem that stands for all of nearly its batch and length, so that a plan serves a range of
/// them: sizes are rounded to quarter octaves (2^(n/4)), their largest power of two up to 16 kept,
/// for on it depends which vectors a kernel can read. Batch and output length change by a factor of
/// at most 2^(1/4); a problem for which that cannot be had stands for itself.
Problem bucket_of(const Problem& problem);

/// The most that a shape may be expected to lose by the plan of its bucket (expected_loss(),
/// against the bucket's own problem). One that would lose more chooses for itself.
inline constexpr double max_bucket_loss = 0.1;

/// What decide() gives for shapes of one module, with the plan of their bucket: what is tuned for a
/// shape serves it, one that has a quarantine or would lose too much chooses for itself, all others
/// of a bucket share one choice. A bucket is at most as wide as 1/16 of max_plan_distance. May be
/// used by several threads.
class PlanBuckets {
 public:
  PlanBuckets(Backend backend, Policy policy);

  /// Throws as decide() does. The source of plans is asked for once, and again as long as there is
  /// none; so a bucket's choice is made once.
  Decision decide(const Problem& problem);

 private:
  Decision of_bucket(const Problem& bucket);

  Backend backend_;
  Policy policy_;
  std::mutex mutex_;  ///< guards what follows
  std::shared_ptr<const PlanSource> source_;
  std::map<Problem, Decision> decisions_;
};

}  // namespace convtune
