#pragma once

#include <array>
#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>

#include "kernels/all_values.hpp"
#include "results/record.hpp"

namespace convtune {

/// Problems and devices as rows of their own, which other rows refer to.
struct StoredProblem {
  std::string id;  ///< problem_id(problem)
  Problem problem;
};
struct StoredDevice {
  std::string identity;  ///< identity(properties)
  DeviceProperties properties;
};

/// The table that keeps records of one type. A record is unique by its first `key_fields` fields.
template <typename Record>
struct Table;
template <>
struct Table<StoredProblem> {
  static constexpr std::string_view name = "problems";
  static constexpr int key_fields = 1;
};
template <>
struct Table<StoredDevice> {
  static constexpr std::string_view name = "devices";
  static constexpr int key_fields = 1;
};
template <>
struct Table<Run> {
  static constexpr std::string_view name = "runs";
  static constexpr int key_fields = 1;
};
template <>
struct Table<Label> {
  static constexpr std::string_view name = "labels";
  static constexpr int key_fields = 5;
};
template <>
struct Table<Measurement> {
  static constexpr std::string_view name = "measurements";
  static constexpr int key_fields = 4;
};
template <>
struct Table<Verdict> {
  static constexpr std::string_view name = "verdicts";
  static constexpr int key_fields = 2;
};

/// Calls visit.template operator()<Record>() for each type of record in the export, those that
/// others refer to first.
template <typename Visit>
void for_each_exported_type(Visit&& visit) {
  visit.template operator()<StoredDevice>();
  visit.template operator()<Run>();
  visit.template operator()<Label>();
  visit.template operator()<Measurement>();
  visit.template operator()<Verdict>();
}

template <typename T, typename Record>
concept AnyRefTo = std::same_as<std::remove_cvref_t<T>, Record>;

/// visit(name, field) for every field of a record, in the order of the columns: the one list that
/// statements, digests, export and import follow.
template <AnyRefTo<StoredProblem> R, typename Visit>
void for_each_field(R&& r, Visit&& visit) {
  visit("id", r.id);
  visit("batch", r.problem.batch);
  visit("length", r.problem.length);
  visit("in_channels", r.problem.in_channels);
  visit("out_channels", r.problem.out_channels);
  visit("kernel_size", r.problem.kernel_size);
  visit("stride", r.problem.stride);
  visit("padding_left", r.problem.padding.left);
  visit("padding_right", r.problem.padding.right);
  visit("dilation", r.problem.dilation);
  visit("num_groups", r.problem.num_groups);
  visit("has_bias", r.problem.has_bias);
  visit("dtype", r.problem.dtype);
  visit("math", r.problem.math);
  visit("layout", r.problem.layout);
  visit("activation", r.problem.activation);
}

template <AnyRefTo<StoredDevice> R, typename Visit>
void for_each_field(R&& r, Visit&& visit) {
  visit("identity", r.identity);
  visit("kind", r.properties.kind);
  visit("name", r.properties.name);
  visit("model", r.properties.model);
  visit("arch", r.properties.arch);
  visit("units", r.properties.units);
  visit("l1_bytes", r.properties.l1_bytes);
  visit("l2_bytes", r.properties.l2_bytes);
  visit("l3_bytes", r.properties.l3_bytes);
  visit("memory_bytes", r.properties.memory_bytes);
  visit("compute_major", r.properties.compute_major);
  visit("compute_minor", r.properties.compute_minor);
  visit("max_threads_per_block", r.properties.max_threads_per_block);
  visit("max_threads_per_sm", r.properties.max_threads_per_sm);
  visit("max_blocks_per_sm", r.properties.max_blocks_per_sm);
  visit("registers_per_block", r.properties.registers_per_block);
  visit("registers_per_sm", r.properties.registers_per_sm);
  visit("shared_per_block", r.properties.shared_per_block);
  visit("shared_per_block_optin", r.properties.shared_per_block_optin);
  visit("shared_per_sm", r.properties.shared_per_sm);
  visit("reserved_shared_per_block", r.properties.reserved_shared_per_block);
}

template <AnyRefTo<Run> R, typename Visit>
void for_each_field(R&& r, Visit&& visit) {
  visit("id", r.id);
  visit("device", r.device);
  visit("tool_version", r.tool_version);
  visit("tool_commit", r.tool_commit);
  visit("command", r.command);
  visit("host_os", r.host_os);
  visit("compiler", r.compiler);
  visit("build_flags", r.build_flags);
  visit("libraries", r.libraries);
  visit("driver", r.driver);
  visit("nvrtc", r.nvrtc);
  visit("started_at", r.started_at);
  visit("seed", r.seed);
}

template <AnyRefTo<Label> R, typename Visit>
void for_each_field(R&& r, Visit&& visit) {
  visit("problem", r.problem);
  visit("model", r.model);
  visit("layer", r.layer);
  visit("shape_class", r.shape_class);
  visit("list", r.list);
}

template <AnyRefTo<Measurement> R, typename Visit>
void for_each_field(R&& r, Visit&& visit) {
  visit("problem", r.key.problem);
  visit("device", r.key.device);
  visit("config", r.key.config);
  visit("source_digest", r.key.source_digest);
  visit("origin", r.origin);
  visit("implementation", r.implementation);
  visit("outcome", r.outcome);
  visit("reason", r.reason);
  visit("samples", r.samples);
  visit("worst_error_ratio", r.worst_error_ratio);
  visit("checked_outputs", r.checked_outputs);
  visit("bytes", r.bytes);
  visit("flops", r.flops);
  visit("clock_mhz", r.clock_mhz);
  visit("turn", r.turn);
  visit("measured_at", r.measured_at);
  visit("run", r.run);
}

template <AnyRefTo<Verdict> R, typename Visit>
void for_each_field(R&& r, Visit&& visit) {
  visit("problem", r.problem);
  visit("device", r.device);
  visit("winner", r.winner);
  visit("source_digest", r.source_digest);
  visit("origin", r.origin);
  visit("tied", r.tied);
  visit("seconds", r.seconds);
  visit("noise", r.noise);
  visit("confidence", r.confidence);
  visit("default_config", r.default_config);
  visit("default_seconds", r.default_seconds);
  visit("default_noise", r.default_noise);
  visit("best_generated", r.best_generated);
  visit("best_generated_seconds", r.best_generated_seconds);
  visit("best_generated_noise", r.best_generated_noise);
  visit("best_vendor", r.best_vendor);
  visit("best_vendor_seconds", r.best_vendor_seconds);
  visit("best_vendor_noise", r.best_vendor_noise);
  visit("space", r.space);
  visit("candidates", r.candidates);
  visit("measured", r.measured);
  visit("complete", r.complete);
  visit("decided_at", r.decided_at);
  visit("run", r.run);
}

/// The values of each other enumeration that a field can have; name() spells them.
constexpr auto all_values(DeviceKind) { return std::array{DeviceKind::cpu, DeviceKind::cuda}; }
constexpr auto all_values(Origin) { return std::array{Origin::generated, Origin::vendor}; }
constexpr auto all_values(Outcome) {
  return std::array{Outcome::ok,        Outcome::wrong,   Outcome::failed,
                    Outcome::timed_out, Outcome::crashed, Outcome::skipped};
}

}  // namespace convtune
