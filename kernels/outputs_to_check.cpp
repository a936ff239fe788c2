#include "kernels/outputs_to_check.hpp"

#include <algorithm>
#include <numeric>
#include <random>

#include "kernels/coordinates.hpp"

namespace convtune {
namespace {

/// Outputs [first, last) in each direction.
struct Box {
  Coordinates first;
  Coordinates last;
};

std::int64_t outputs_in(const Box& box) {
  return (box.last.batch - box.first.batch) * (box.last.position - box.first.position) *
         (box.last.channel - box.first.channel);
}

/// A border or a tail of y.
struct Edge {
  Box box;
  std::int64_t most = 0;  ///< outputs that are all looked at

  std::int64_t positions() const { return box.last.position - box.first.position; }
  bool is_whole() const { return outputs_in(box) <= most; }
  std::int64_t outputs_looked_at() const {
    return is_whole() ? outputs_in(box) : std::clamp(positions(), outputs_drawn, most);
  }
};

/// Of a box, what lies in one batch row.
Box row_of(Box box, std::int64_t row) {
  box.first.batch = row;
  box.last.batch = row + 1;
  return box;
}

Box all_outputs(const Problem& problem) {
  return {.first = {}, .last = {problem.batch, output_length(problem), problem.out_channels}};
}

/// The borders and tails of y, as outputs_to_check() names them.
std::vector<Edge> edges_of(const Problem& problem) {
  constexpr std::int64_t tail = 128;
  const std::int64_t length = output_length(problem);
  const auto ceil_div = [](std::int64_t a, std::int64_t b) { return a / b + (a % b != 0 ? 1 : 0); };
  const std::int64_t left_end = std::min(length, ceil_div(problem.padding.left, problem.stride));
  const std::int64_t room =
      problem.length + problem.padding.left - problem.dilation * (problem.kernel_size - 1);
  const std::int64_t right_begin =
      std::min(length, ceil_div(std::max<std::int64_t>(room, 0), problem.stride));

  const Box all = all_outputs(problem);
  Box left = all;
  left.last.position = left_end;
  Box right = all;
  right.first.position = right_begin;
  Box positions = all;
  positions.first.position = std::max<std::int64_t>(0, length - tail);
  Box channels = all;
  channels.first.channel = std::max<std::int64_t>(0, problem.out_channels - tail);

  const std::int64_t n = products_per_output(problem);
  const std::int64_t of_border =
      std::clamp(most_multiply_adds_of_a_border / n, outputs_drawn, std::int64_t{1} << 23);
  const std::int64_t of_tail =
      std::clamp(most_multiply_adds_of_a_tail / n, outputs_drawn, std::int64_t{1} << 17);
  std::vector<Edge> edges = {{row_of(positions, problem.batch - 1), of_border},
                             {positions, of_tail},
                             {channels, of_tail},
                             {row_of(all, problem.batch - 1), of_tail}};
  for (const Edge& border : {Edge{left, of_border}, Edge{right, of_border}}) {
    edges.push_back(border);
    if (border.is_whole()) continue;
    edges.push_back({row_of(border.box, 0), of_border});
    if (problem.batch > 1) edges.push_back({row_of(border.box, problem.batch - 1), of_border});
  }
  return edges;
}

/// Output `i` of a box, channels fastest.
Coordinates output_of(const Box& box, std::int64_t i) {
  const std::int64_t channels = box.last.channel - box.first.channel;
  const std::int64_t positions = box.last.position - box.first.position;
  return {.batch = box.first.batch + i / channels / positions,
          .position = box.first.position + i / channels % positions,
          .channel = box.first.channel + i % channels};
}

/// An output of a box, any as likely as another.
Coordinates draw(const Box& box, std::mt19937_64& random) {
  std::uniform_int_distribution<std::int64_t> any(0, outputs_in(box) - 1);
  return output_of(box, any(random));
}

/// All outputs of an edge, or random ones that take its positions in turn.
void look_at(const Problem& problem, const Edge& edge, std::mt19937_64& random,
             std::vector<std::int64_t>& indices) {
  const std::int64_t looked_at = edge.outputs_looked_at();
  const bool takes_turns = !edge.is_whole() && edge.positions() <= looked_at;
  for (std::int64_t i = 0; i < looked_at; ++i) {
    Coordinates at = edge.is_whole() ? output_of(edge.box, i) : draw(edge.box, random);
    if (takes_turns) at.position = edge.box.first.position + i % edge.positions();
    indices.push_back(index_of(problem, at));
  }
}

}  // namespace

std::vector<std::int64_t> outputs_to_check(const Problem& problem, std::uint64_t seed) {
  std::vector<std::int64_t> indices;
  if (multiply_adds(problem) <= most_multiply_adds_checked_whole) {
    indices.resize(static_cast<std::size_t>(output_elements(problem)));
    std::iota(indices.begin(), indices.end(), 0);
    return indices;
  }
  std::mt19937_64 random(seed);
  for (const Edge& edge : edges_of(problem)) look_at(problem, edge, random, indices);
  const Box all = all_outputs(problem);
  for (std::int64_t i = 0; i < outputs_drawn; ++i) {
    indices.push_back(index_of(problem, draw(all, random)));
  }
  std::sort(indices.begin(), indices.end());
  indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
  return indices;
}

std::int64_t most_outputs_to_check(const Problem& problem) {
  if (multiply_adds(problem) <= most_multiply_adds_checked_whole) return output_elements(problem);
  std::int64_t most = outputs_drawn;
  for (const Edge& edge : edges_of(problem)) most += edge.outputs_looked_at();
  return std::min(output_elements(problem), most);
}

}  // namespace convtune
