#pragma once

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "results/record.hpp"
#include "results/store.hpp"
#include "tests/temporary_folder.hpp"

namespace convtune {

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline Problem sample_problem(std::int64_t length = 100) {
  return {.length = length,
          .in_channels = 8,
          .out_channels = 16,
          .kernel_size = 3,
          .padding = {1, 2},
          .has_bias = true,
          .activation = Activation::silu};
}

inline DeviceProperties sample_device(const char* name = "Test CPU") {
  return {.name = name,
          .model = "26.2.1",
          .arch = "AVX3",
          .units = 2,
          .l1_bytes = 32768,
          .l2_bytes = 1048576,
          .l3_bytes = 33554432};
}

inline Run sample_run(const DeviceProperties& device = sample_device(), const char* id = "run-1") {
  return {.id = id,
          .device = identity(device),
          .tool_version = "0.1.0",
          .tool_commit = "0123456789ab",
          .command = R"(convtune tune "a" \ b)",
          .host_os = "Debian 12",
          .compiler = "g++ 12",
          .build_flags = "-O3",
          .libraries = "fmt 9; SQLite 3",
          .driver = "",
          .nvrtc = "",
          .started_at = "2026-01-31T10:00:00Z",
          .seed = 0xfedcba9876543210};
}

inline Measurement sample_measurement(int number = 0, std::int64_t length = 100,
                                      const DeviceProperties& device = sample_device()) {
  return {.key = {.problem = sample_problem(length),
                  .device = identity(device),
                  .config = fmt::format("cpu_direct{{tile={}}}", number),
                  .source_digest = "00112233445566778899aabbccddeeff"},
          .origin = Origin::generated,
          .implementation = "jit; x 8:1",
          .outcome = Outcome::ok,
          .reason = "",
          .samples = {0.1, 1.0 / 3, 1e-9 * (number + 1)},
          .worst_error_ratio = 0.25,
          .checked_outputs = 4096,
          .bytes = 1.5e9,
          .flops = 12345678901,
          .clock_mhz = 1755,
          .turn = 7,
          .measured_at = "2026-01-31T10:00:01Z",
          .run = "run-1"};
}

inline Verdict sample_verdict(std::int64_t length = 100,
                              const DeviceProperties& device = sample_device()) {
  return {.problem = sample_problem(length),
          .device = identity(device),
          .winner = "cpu_direct{tile=3}",
          .source_digest = "00112233445566778899aabbccddeeff",
          .origin = Origin::vendor,
          .tied = {"cpu_direct{tile=4}", "cpu_direct{tile=5}"},
          .seconds = 1.0 / 7,
          .noise = 0.01,
          .confidence = 0.99,
          .default_config = "cpu_direct{tile=1}",
          .default_seconds = 0.2,
          .default_noise = 0.02,
          .best_generated = "",
          .best_generated_seconds = 0,
          .best_generated_noise = 0,
          .best_vendor = "cpu_direct{tile=3}",
          .best_vendor_seconds = 1.0 / 7,
          .best_vendor_noise = 0.01,
          .space = "ffeeddccbbaa99887766554433221100",
          .candidates = 120,
          .measured = 60,
          .decided_at = "2026-01-31T10:00:02Z",
          .run = "run-1"};
}

inline Label sample_label(const char* layer = "encoder.conv1") {
  return {.problem = sample_problem(),
          .model = "Whisper",
          .layer = layer,
          .shape_class = "front end",
          .list = "quickstart"};
}

/// Two measurements, a verdict and a label of each of `problems` problems.
inline void fill(Store& store, int problems) {
  store.insert(sample_run(), sample_device());
  for (int i = 0; i < problems; ++i) {
    store.insert(sample_measurement(0, 100 + i));
    store.insert(sample_measurement(1, 100 + i));
    store.insert(sample_verdict(100 + i));
    Label label = sample_label();
    label.problem = sample_problem(100 + i);
    store.insert(std::span(&label, 1));
  }
}

}  // namespace convtune
