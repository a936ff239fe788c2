#pragma once

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <thread>

#include "kernels/cuda/cuda_kernel.hpp"
#include "kernels/error.hpp"
#include "runtime/backend.hpp"
#include "tests/runtime/naive.hpp"

namespace convtune {

/// Families of an imaginary GPU: `fake_vector` reads `vector` float32 at a time, `fake_plain` one,
/// at twice the traffic, and serves no groups; and one of an imaginary CPU.
inline std::size_t fake_alignment(const Problem& p, const Config& config) {
  return config.family == "fake_vector"
             ? static_cast<std::size_t>(config.at("vector")) * size_of(p.dtype)
             : size_of(p.dtype);
}

inline const CudaKernel& fake_kernel() {
  static const CudaKernel kernel{.header = "fake.cuh",
                                 .instantiation = nullptr,
                                 .geometry = nullptr,
                                 .packed_bytes = nullptr,
                                 .pack = nullptr,
                                 .alignment = fake_alignment};
  return kernel;
}

inline const Family& fake_vector() {
  static const Family family{
      .name = "fake_vector",
      .device = DeviceKind::cuda,
      .origin = Origin::generated,
      .summary = "reads vectors",
      .parameters = {{"vector", {1, 2, 4}, "elements read at once"}},
      .constraints = {{"short_kernel", "kernel_size must be at most 64",
                       [](const Problem& p, const Config&, const DeviceProperties&) {
                         return p.kernel_size <= 64;
                       }},
                      {"even_channels", "in_channels must be a multiple of vector",
                       [](const Problem& p, const Config& config, const DeviceProperties&) {
                         return p.in_channels % config.at("vector") == 0;
                       }}},
      .default_config =
          [](const Problem& p, const DeviceProperties&) {
            const std::int64_t vector = p.in_channels % 4 == 0 ? 4 : 1;
            return Config{.family = "fake_vector", .settings = {{"vector", vector}}};
          },
      .cost =
          [](const Problem& p, const Config& config, const DeviceProperties&) {
            return Cost{.bytes = static_cast<double>(compulsory_bytes(p)) *
                                 (1 + 0.1 / static_cast<double>(config.at("vector"))),
                        .flops = 2.0 * static_cast<double>(multiply_adds(p))};
          },
      .source_digest = [](const Problem&, const Config&,
                          const DeviceProperties&) { return std::string("vector-today"); },
      .cuda = &fake_kernel()};
  return family;
}

inline const Family& fake_plain() {
  static const Family family{
      .name = "fake_plain",
      .device = DeviceKind::cuda,
      .origin = Origin::generated,
      .summary = "reads elements",
      .parameters = {{"tile", {8, 16}, "outputs a block"}},
      .constraints = {{"short_kernel", "kernel_size must be at most 64",
                       [](const Problem& p, const Config&, const DeviceProperties&) {
                         return p.kernel_size <= 64;
                       }},
                      {"dense", "num_groups must be 1",
                       [](const Problem& p, const Config&, const DeviceProperties&) {
                         return p.num_groups == 1;
                       }}},
      .default_config =
          [](const Problem&, const DeviceProperties&) {
            return Config{.family = "fake_plain", .settings = {{"tile", 8}}};
          },
      .cost =
          [](const Problem& p, const Config&, const DeviceProperties&) {
            return Cost{.bytes = 2.0 * static_cast<double>(compulsory_bytes(p)),
                        .flops = 4.0 * static_cast<double>(multiply_adds(p))};
          },
      .source_digest = [](const Problem&, const Config&,
                          const DeviceProperties&) { return std::string("plain-today"); },
      .cuda = &fake_kernel()};
  return family;
}

inline const Family& fake_cpu() {
  static const Family family{
      .name = "fake_cpu",
      .device = DeviceKind::cpu,
      .origin = Origin::generated,
      .summary = "a naive loop",
      .parameters = {{"tile", {1}, "nothing"}},
      .constraints = {},
      .default_config =
          [](const Problem&, const DeviceProperties&) {
            return Config{.family = "fake_cpu", .settings = {{"tile", 1}}};
          },
      .cost =
          [](const Problem& p, const Config&, const DeviceProperties&) {
            return Cost{.bytes = static_cast<double>(compulsory_bytes(p)),
                        .flops = 2.0 * static_cast<double>(multiply_adds(p))};
          },
      .source_digest = [](const Problem&, const Config&,
                          const DeviceProperties&) { return std::string("cpu-today"); }};
  return family;
}

/// Computes with the naive loop, and refuses pointers that its candidate could not read.
class FakeExecutable final : public Executable {
 public:
  FakeExecutable(const Problem& problem, const Candidate& candidate, const void* weight,
                 const void* bias)
      : problem_(problem),
        alignment_(fake_alignment(problem, candidate.config)),
        weight_(problem.dtype, static_cast<std::size_t>(weight_elements(problem))),
        bias_(problem.dtype, bias == nullptr ? 0 : static_cast<std::size_t>(problem.out_channels)) {
    std::memcpy(weight_.data(), weight, weight_.bytes.size());
    if (bias != nullptr) std::memcpy(bias_.data(), bias, bias_.bytes.size());
  }

  void run(const void* x, void* y, Stream /*stream*/) const override {
    if (reinterpret_cast<std::uintptr_t>(x) % alignment_ != 0) std::abort();
    if (reinterpret_cast<std::uintptr_t>(y) % alignment_ != 0) std::abort();
    const void* bias = bias_.bytes.empty() ? nullptr : bias_.data();
    const bool ncl = problem_.layout == Layout::NCL;
    const std::int64_t length = output_length(problem_);
    std::int64_t at = 0;
    for (std::int64_t n = 0; n < problem_.batch; ++n) {
      for (std::int64_t i = 0; i < (ncl ? problem_.out_channels : length); ++i) {
        for (std::int64_t j = 0; j < (ncl ? length : problem_.out_channels); ++j) {
          store_element(y, problem_.dtype, at++,
                        static_cast<float>(naive_output(problem_, x, weight_.data(), bias, n,
                                                        ncl ? j : i, ncl ? i : j)));
        }
      }
    }
  }

  std::size_t alignment() const override { return alignment_; }

 private:
  Problem problem_;
  std::size_t alignment_;
  Elements weight_;
  Elements bias_;
};

/// A device in host memory whose faults a test sets.
class FakeDevice final : public Device {
 public:
  explicit FakeDevice(DeviceKind kind) {
    properties_.kind = kind;
    properties_.name = kind == DeviceKind::cpu ? "fake CPU" : "fake GPU";
    properties_.units = 4;
  }
  explicit FakeDevice(DeviceProperties properties) : properties_(std::move(properties)) {}

  const DeviceProperties& properties() const override { return properties_; }

  std::shared_ptr<void> allocate(std::size_t bytes) override {
    return {std::aligned_alloc(256, (bytes + 255) / 256 * 256), std::free};
  }
  void copy_in(void* device, const void* host, std::size_t bytes) override {
    std::memcpy(device, host, bytes);
    ++copies;
  }
  void copy_out(void* host, const void* device, std::size_t bytes) override {
    std::memcpy(host, device, bytes);
    ++copies;
  }
  void synchronize() override {}

  std::unique_ptr<Executable> prepare(const Problem& problem, const Candidate& candidate,
                                      const void* weight, const void* bias,
                                      std::string_view /*contents*/) override {
    ++prepares;
    before_prepare();
    if (failing.contains(std::string(candidate.family->name))) {
      throw Error(Status::no_memory, "there is not enough memory on the fake GPU");
    }
    return std::make_unique<FakeExecutable>(problem, candidate, weight, bias);
  }

  std::set<std::string> failing;  ///< names of families that cannot be prepared
  std::function<void()> before_prepare = [] {};
  std::atomic<int> prepares = 0;
  std::atomic<int> copies = 0;

 private:
  DeviceProperties properties_;
};

/// Plans as a test writes them.
class FakePlans final : public PlanSource {
 public:
  std::optional<TunedPlan> find(const Problem& problem, const DeviceProperties&) const override {
    ++asked;
    for (const TunedPlan& plan : plans) {
      if (plan.problem == problem) return plan;
    }
    return std::nullopt;
  }
  std::vector<TunedPlan> near(const Problem&, const DeviceProperties&,
                              std::size_t limit) const override {
    ++asked;
    return {plans.begin(),
            plans.begin() + static_cast<std::ptrdiff_t>(std::min(limit, plans.size()))};
  }

  std::vector<Quarantined> quarantine(const Problem& problem,
                                      const DeviceProperties&) const override {
    return problem == quarantined_for ? quarantined : std::vector<Quarantined>{};
  }

  std::vector<TunedPlan> plans;
  Problem quarantined_for;
  std::vector<Quarantined> quarantined;
  mutable std::atomic<int> asked = 0;
};

/// A fake GPU beside a fake CPU, with all fake families and the plans of a test.
struct FakeMachine {
  std::shared_ptr<FakeDevice> gpu = std::make_shared<FakeDevice>(DeviceKind::cuda);
  std::shared_ptr<FakeDevice> cpu = std::make_shared<FakeDevice>(DeviceKind::cpu);
  std::shared_ptr<FakePlans> plans = std::make_shared<FakePlans>();
  std::vector<const Family*> families = {&fake_plain(), &fake_vector(), &fake_cpu()};

  Backend backend() const {
    return {.device = gpu,
            .device_name = "cuda:0",
            .cpu = cpu,
            .families = families,
            .plans = [plans = plans] { return plans; },
            .fallback_reason = {}};
  }
  Backend cpu_backend() const {
    Backend result = backend();
    result.device = cpu;
    result.device_name = "cpu";
    return result;
  }
};

}  // namespace convtune
