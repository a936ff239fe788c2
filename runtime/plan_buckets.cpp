#include "runtime/plan_buckets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/error.hpp"
#include "runtime/cost_model.hpp"

namespace convtune {
namespace {

constexpr double buckets_per_octave = 4;
constexpr std::int64_t widest_vector = 16;  // elements, of two bytes
constexpr std::size_t buckets_kept = 1024;

std::int64_t rounded(std::int64_t size) {
  if (size < widest_vector) return size;
  const std::int64_t alignment = std::min(size & -size, widest_vector);
  const double octave = std::log2(static_cast<double>(size));
  const double middle = std::exp2(std::round(octave * buckets_per_octave) / buckets_per_octave);
  const double units = middle / static_cast<double>(alignment);
  // An even number of units would be better aligned.
  if (alignment < widest_vector) return (2 * std::llround((units - 1) / 2) + 1) * alignment;
  return std::llround(units) * alignment;
}

bool is_near(std::int64_t a, std::int64_t b) {
  const double octaves = std::log2(static_cast<double>(a)) - std::log2(static_cast<double>(b));
  return std::abs(octaves) <= 1 / buckets_per_octave;
}

bool is_valid(const Problem& problem) {
  try {
    validate(problem);
    return true;
  } catch (const Error&) {
    return false;
  }
}

/// A bucket's plan as the plan of one of its problems, on which it is expected to lose that much.
Plan transferred(Plan plan, const Problem& problem, double loss, const DeviceProperties& device) {
  const double there = estimated_seconds(plan.problem, plan.candidate, device);
  if (there > 0)
    plan.expected_seconds *= estimated_seconds(problem, plan.candidate, device) / there;
  if (plan.expected_loss) plan.expected_loss = (1 + *plan.expected_loss) * (1 + loss) - 1;
  if (plan.match == Match::exact) {
    plan.match = Match::nearest;
    plan.why = fmt::format("Tuned on {}.", device.name);
  }
  plan.why += fmt::format(" Shared by all shapes about as large as {}", describe(plan.problem));
  plan.why += loss < 0.005
                  ? "."
                  : fmt::format("; here by the cost model {:.0f} % slower than there.", 100 * loss);
  plan.problem = problem;
  return plan;
}

}  // namespace

Problem bucket_of(const Problem& problem) {
  Problem bucket = problem;
  bucket.batch = rounded(problem.batch);
  bucket.length = rounded(problem.length);
  const bool stands_for_it = is_valid(bucket) && is_near(bucket.batch, problem.batch) &&
                             is_near(output_length(bucket), output_length(problem));
  return stands_for_it ? bucket : problem;
}

PlanBuckets::PlanBuckets(Backend backend, Policy policy)
    : backend_(std::move(backend)), policy_(policy) {
  backend_.plans = [this, plans = std::move(backend_.plans)] {
    if (source_ == nullptr) source_ = plans();
    return source_;
  };
}

Decision PlanBuckets::of_bucket(const Problem& bucket) {
  const auto found = decisions_.find(bucket);
  if (found != decisions_.end()) return found->second;
  if (decisions_.size() == buckets_kept) decisions_.clear();
  return decisions_.emplace(bucket, convtune::decide(backend_, bucket, policy_)).first->second;
}

Decision PlanBuckets::decide(const Problem& problem) {
  const std::lock_guard lock(mutex_);
  const DeviceProperties& device = backend_.device->properties();
  const Problem bucket = bucket_of(problem);
  const std::shared_ptr<const PlanSource> tuned = backend_.plans();
  const bool own = bucket == problem || policy_ == Policy::error ||
                   (tuned != nullptr &&
                    (tuned->find(problem, device) || !tuned->quarantine(problem, device).empty()));
  if (!own) {
    Decision decision = of_bucket(bucket);
    if (!decision.plan) return decision;
    const Candidate& candidate = decision.plan->candidate;
    if (!broken_constraint(*candidate.family, problem, candidate.config, device)) {
      const double loss = expected_loss(problem, bucket, candidate, device);
      if (loss <= max_bucket_loss) {
        decision.plan = transferred(*std::move(decision.plan), problem, loss, device);
        return decision;
      }
    }
  }
  return convtune::decide(backend_, problem, policy_);
}

}  // namespace convtune
