#include "tuner/calm_rounds.hpp"

#include <algorithm>
#include <iterator>

namespace convtune {
namespace {

constexpr double disturbed = 1.25;
constexpr double alike = 1.02;  // a choice within a tie is to cost no more

}  // namespace

CalmRounds::CalmRounds(std::span<const Measurement> screened) { learn(screened); }

void CalmRounds::learn(std::span<const Measurement> measurements) {
  for (const Measurement& each : measurements) {
    if (each.outcome != Outcome::ok || each.samples.empty()) continue;
    const double best = std::ranges::min(each.samples);
    const auto [known, is_new] = bests_.try_emplace(each.key.config, best);
    if (!is_new) known->second = std::min(known->second, best);
  }
}

bool CalmRounds::is_calm(const TrialReply& reply, std::size_t round) const {
  std::vector<double> slowdowns;
  for (const Measurement& each : reply.measurements) {
    if (each.outcome != Outcome::ok || each.samples.size() <= round) continue;
    slowdowns.push_back(each.samples[round] / bests_.at(each.key.config));
  }
  return reply.slowdowns[round] <= disturbed && !slowdowns.empty() &&
         median(std::move(slowdowns)) <= disturbed;
}

void CalmRounds::keep(TrialReply& reply) {
  learn(reply.measurements);
  std::vector<bool> calm;
  for (std::size_t round = 0; round < reply.slowdowns.size(); ++round) {
    calm.push_back(is_calm(reply, round));
  }
  for (Measurement& each : reply.measurements) {
    std::vector<double> kept;
    for (std::size_t round = 0; round < each.samples.size(); ++round) {
      (calm[round] ? kept : aside_[each.key.config]).push_back(each.samples[round]);
    }
    each.samples = std::move(kept);
  }
}

void CalmRounds::add_others(std::span<Measurement> standing) const {
  for (Measurement& each : standing) {
    if (const auto found = aside_.find(each.key.config); found != aside_.end()) {
      std::ranges::copy(found->second, std::back_inserter(each.samples));
    }
  }
}

void CalmRounds::doubt(Decision& decision, std::span<const Measurement> standing,
                       const DecisionRule& rule) const {
  const auto best = [&](std::size_t i) { return bests_.at(standing[i].key.config); };
  const double winner = best(decision.winner);
  const auto is_unlike = [&](std::size_t i) {
    return std::max(best(i), winner) > alike * std::min(best(i), winner);
  };
  const auto is_better = [&](std::size_t i) {
    return best(i) * (1 + rule.least_difference) < winner;
  };
  if (std::erase_if(decision.tied, is_unlike) + std::erase_if(decision.beaten, is_better) > 0) {
    decision.settled = false;
    decision.confidence = 0;  // the samples contradict each other
  }
}

}  // namespace convtune
