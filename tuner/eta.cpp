#include "tuner/eta.hpp"

#include <algorithm>
#include <utility>

namespace convtune {

void Eta::round_started(std::vector<LayerWork> layers, bool is_last) {
  to_do_ = std::move(layers);
  std::ranges::reverse(to_do_);
  is_last_round_ = is_last;
  cut_short_.clear();
}

double Eta::share(std::size_t layers, double now) const {
  return (budget_ - now) / static_cast<double>(layers + 1);
}

void Eta::layer_started(double now) {
  in_layer_ = true;
  layer_began_ = last_event_ = now;
  layer_share_ = share(to_do_.size(), now);
}

void Eta::learn(Ratio& pace, double now, double expected) {
  const double taken = now - std::exchange(last_event_, now);
  if (expected == 0) return;  // nobody thought that there was anything to do
  pace.seen += taken;
  pace.expected += expected;
}

void Eta::candidate_ended(double now) {
  LayerWork& layer = to_do_.back();
  const bool is_first = last_event_ == layer_began_;
  learn(screening_, now, layer.candidate + (is_first ? layer.start : 0));
  ++layer.measured;
}

void Eta::layer_ended(double now, End end) {
  const LayerWork& layer = to_do_.back();
  if (end == End::searched) {
    learn(finals_, now, layer.finals);
    length_.seen += layer.measured;
    length_.expected += layer.candidates;
  } else if (end == End::cut_short) {
    cut_short_.push_back(layer);
  }
  to_do_.pop_back();
  in_layer_ = false;
}

std::optional<double> Eta::seconds_left(double now) const {
  if (screening_.expected == 0) return std::nullopt;
  const double screening_pace = screening_.value_or(1);
  const double finals_pace = finals_.value_or(screening_pace);
  const double length = length_.value_or(1);
  const auto visit_seconds = [&](const LayerWork& layer) {  // without a candidate
    return screening_pace * layer.start + finals_pace * layer.finals;
  };
  const auto needed_seconds = [&](const LayerWork& layer) {
    const double candidates = std::max(0.0, length * layer.candidates - layer.measured);
    return visit_seconds(layer) + screening_pace * candidates * layer.candidate;
  };
  double end = now;
  std::vector<double> again;  // seconds of the layers cut short
  for (const LayerWork& layer : cut_short_) again.push_back(needed_seconds(layer));
  const auto spend = [&](double needed, double allowed, double visit) {
    end += std::max(0.0, std::min(needed, allowed));
    if (needed > allowed) again.push_back(needed - allowed + visit);
  };
  for (std::size_t left = to_do_.size(); left > 0; --left) {
    const LayerWork& layer = to_do_[left - 1];
    double needed = needed_seconds(layer);
    double allowed = share(left, end);
    if (in_layer_ && left == to_do_.size()) {
      if (last_event_ > layer_began_) needed -= screening_pace * layer.start;
      allowed = layer_share_ - (now - layer_began_);
    }
    spend(needed, allowed, visit_seconds(layer));
  }
  if (!is_last_round_) {
    std::vector<double> second = std::exchange(again, {});
    for (std::size_t left = second.size(); left > 0; --left) {
      spend(second[second.size() - left], share(left, end), 0);
    }
  }
  const double seconds = end - now;
  if (now < (now + seconds) / 10) return std::nullopt;
  return seconds;
}

}  // namespace convtune
