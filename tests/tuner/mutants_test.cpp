#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstring>
#include <functional>

#include "tuner/trial.hpp"

namespace convtune {
namespace {

/// A bug, shown by what it amounts to: a right kernel for a changed problem of the same sizes, with
/// changed weights, or with a changed output. Any of the three may be empty.
struct Mutation {
  const char* bug;
  std::function<void(Problem&)> problem;
  std::function<void(const Problem&, std::byte* weight)> weight;
  std::function<void(const Problem&, std::byte* y, int run)> output;  ///< after the run-th run
};

std::size_t element(const Problem& p) { return size_of(p.dtype); }
std::size_t weight_bytes(const Problem& p) {
  return static_cast<std::size_t>(weight_elements(p)) * element(p);
}
std::size_t output_bytes(const Problem& p) {
  return static_cast<std::size_t>(output_elements(p)) * element(p);
}

/// The weight element (k, ci, co) set to zero wherever `wanted` says so.
void clear_weights(
    const Problem& p, std::byte* weight,
    const std::function<bool(std::int64_t k, std::int64_t ci, std::int64_t co)>& wanted) {
  const std::int64_t channels = in_channels_per_group(p);
  for (std::int64_t k = 0; k < p.kernel_size; ++k) {
    for (std::int64_t ci = 0; ci < channels; ++ci) {
      for (std::int64_t co = 0; co < p.out_channels; ++co) {
        const std::int64_t at = p.layout == Layout::NLC ? (k * channels + ci) * p.out_channels + co
                                                        : (co * channels + ci) * p.kernel_size + k;
        if (wanted(k, ci, co)) std::memset(weight + at * element(p), 0, element(p));
      }
    }
  }
}

std::vector<Mutation> mutations() {
  return {
      {"padding off by one to the left", [](Problem& p) { --p.padding.left, ++p.padding.right; }},
      {"padding off by one to the right", [](Problem& p) { ++p.padding.left, --p.padding.right; }},
      {"bias left out", [](Problem& p) { p.has_bias = false; }},
      {"activation left out", [](Problem& p) { p.activation = Activation::none; }},
      {"last tap left out",
       {},
       [](const Problem& p, std::byte* w) {
         clear_weights(p, w, [&](auto k, auto, auto) { return k == p.kernel_size - 1; });
       }},
      {"first tap left out",
       {},
       [](const Problem& p, std::byte* w) {
         clear_weights(p, w, [](auto k, auto, auto) { return k == 0; });
       }},
      {"last input channel of a group left out",
       {},
       [](const Problem& p, std::byte* w) {
         clear_weights(p, w,
                       [&](auto, auto ci, auto) { return ci == in_channels_per_group(p) - 1; });
       }},
      {"one weight lost",
       {},
       [](const Problem& p, std::byte* w) {
         clear_weights(p, w, [](auto k, auto ci, auto co) { return k + ci + co == 0; });
       }},
      {"groups exchanged",
       {},
       [](const Problem& p, std::byte* w) {
         std::vector<std::byte> first(w, w + element(p));  // as wrong as a wrong group is
         std::memmove(w, w + element(p), weight_bytes(p) - element(p));
         std::memcpy(w + weight_bytes(p) - element(p), first.data(), element(p));
       }},
      {"last output of the tail unwritten",
       {},
       {},
       [](const Problem& p, std::byte* y, int) {
         std::memset(y + output_bytes(p) - element(p), 0xFF, element(p));
       }},
      {"last position of each row as the one before",
       {},
       {},
       [](const Problem& p, std::byte* y, int) {
         std::memcpy(y + output_bytes(p) - element(p), y + output_bytes(p) - 2 * element(p),
                     element(p));
       }},
      {"second batch is the first",
       {},
       {},
       [](const Problem& p, std::byte* y, int) {
         std::memcpy(y + output_bytes(p) / 2, y, output_bytes(p) / 2);
       }},
      {"a barrier missing: right only the first time",
       {},
       {},
       [](const Problem& p, std::byte* y, int run) {
         if (run > 0) std::memset(y + output_bytes(p) / 2, 0, element(p));
       }},
      {"writes one element too many",
       {},
       {},
       [](const Problem& p, std::byte* y, int) {
         std::memset(y + output_bytes(p), 0, element(p));
       }},
  };
}

/// The CPU, with the bug in every kernel.
class MutantCpu final : public Device {
 public:
  explicit MutantCpu(Mutation mutation) : mutation_(std::move(mutation)) {}
  const DeviceProperties& properties() const override { return cpu_->properties(); }
  std::shared_ptr<void> allocate(std::size_t bytes) override { return cpu_->allocate(bytes); }
  void copy_in(void* to, const void* from, std::size_t bytes) override {
    cpu_->copy_in(to, from, bytes);
  }
  void copy_out(void* to, const void* from, std::size_t bytes) override {
    cpu_->copy_out(to, from, bytes);
  }
  void synchronize() override {}
  std::unique_ptr<Executable> prepare(const Problem& problem, const Candidate& candidate,
                                      const void* weight, const void* bias,
                                      std::string_view /*contents*/) override {
    Problem mutated = problem;
    if (mutation_.problem) mutation_.problem(mutated);
    const auto* from = static_cast<const std::byte*>(weight);
    std::vector<std::byte> weights(from, from + weight_bytes(problem));
    if (mutation_.weight) mutation_.weight(problem, weights.data());
    return std::make_unique<Mutant>(
        cpu_->prepare(mutated, candidate, weights.data(), mutated.has_bias ? bias : nullptr),
        problem, mutation_);
  }

 private:
  class Mutant final : public Executable {
   public:
    Mutant(std::unique_ptr<Executable> kernel, const Problem& problem, Mutation mutation)
        : kernel_(std::move(kernel)), problem_(problem), mutation_(std::move(mutation)) {}
    void run(const void* x, void* y, Stream stream) const override {
      kernel_->run(x, y, stream);
      if (mutation_.output) mutation_.output(problem_, static_cast<std::byte*>(y), runs_++);
    }
    std::size_t alignment() const override { return kernel_->alignment(); }

   private:
    std::unique_ptr<Executable> kernel_;
    Problem problem_;
    Mutation mutation_;
    mutable int runs_ = 0;
  };

  std::shared_ptr<Device> cpu_ = open_device("cpu");
  Mutation mutation_;
};

const Problem problems[] = {
    {.batch = 2,
     .length = 37,
     .in_channels = 6,
     .out_channels = 10,
     .kernel_size = 3,
     .padding = {1, 1},
     .has_bias = true,
     .activation = Activation::gelu},
    {.batch = 2,
     .length = 50,
     .in_channels = 8,
     .out_channels = 8,
     .kernel_size = 5,
     .stride = 2,
     .padding = {4, 1},
     .num_groups = 4,
     .has_bias = true,
     .dtype = DType::bfloat16,
     .layout = Layout::NCL,
     .activation = Activation::relu},
    {.batch = 2,
     .length = 64,
     .in_channels = 16,
     .out_channels = 16,
     .kernel_size = 4,
     .padding = {3, 3},
     .dilation = 2,
     .num_groups = 16,
     .has_bias = true,
     .dtype = DType::float16,
     .activation = Activation::silu},
};

Measurement trial(const Mutation& mutation, const Problem& problem) {
  const auto cpu = open_device("cpu");
  const std::string config =
      to_text(enumerate(problem, cpu->properties(), all_families()).candidates.at(0).config);
  TrialRunner runner(std::make_shared<MutantCpu>(mutation));
  return runner.run({.problem = problem, .configs = {config}, .seed = 1, .rounds = 2}).at(0);
}

TEST(Mutants, AreAllRejected) {
  int rejected = 0;
  int mutants = 0;
  for (const Problem& problem : problems) {
    ASSERT_EQ(trial({.bug = "none"}, problem).outcome, Outcome::ok) << describe(problem);
    for (const Mutation& mutation : mutations()) {
      const Measurement measured = trial(mutation, problem);
      EXPECT_EQ(measured.outcome, Outcome::wrong) << mutation.bug << ": " << describe(problem);
      EXPECT_TRUE(measured.samples.empty());
      rejected += measured.outcome == Outcome::wrong;
      ++mutants;
    }
  }
  fmt::print("seen: {} of {} mutants rejected\n", rejected, mutants);
}

}  // namespace
}  // namespace convtune
