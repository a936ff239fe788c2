#include "tests/fuzz/targets.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <convtune/safetensors.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "generator/cubin.hpp"
#include "generator/cubin_pack.hpp"
#include "kernels/config.hpp"
#include "kernels/digest.hpp"
#include "kernels/error.hpp"
#include "kernels/problem_json.hpp"
#include "results/store.hpp"
#include "runtime/device.hpp"
#include "runtime/npy.hpp"
#include "tuner/layer_json.hpp"

namespace convtune::fuzz {
namespace {

void require(bool kept) {
  if (!kept) std::abort();
}

void read_problem(std::string_view bytes) {
  const Problem problem = parse_problem(bytes);
  validate(problem);
  require(parse_problem(to_json(problem)) == problem);
}

void read_config(std::string_view bytes) {
  const Config config = parse_config(bytes);
  require(to_text(config) == bytes);
  const Problem problem = {.length = 9, .in_channels = 4, .out_channels = 4, .kernel_size = 3};
  resolve(std::string(bytes), problem, properties_of_arch("sm_90a"), all_families());
}

void require_valid(const std::vector<Layer>& layers) {
  for (const Layer& layer : layers) validate(layer.problem);
}

void read_layers_file(std::string_view bytes) {
  require_valid(layers_from_json(parse_json(bytes, "fuzz"), "fuzz", "fuzz"));
}

void read_grid_file(std::string_view bytes) {
  require_valid(layers_from_grid(parse_json(bytes, "fuzz"), "fuzz", "fuzz", "/nonexistent"));
}

/// A file with the bytes, as long as this lives.
class File {
 public:
  explicit File(std::string_view bytes)
      : path_(std::filesystem::temp_directory_path() /
              ("convtune-fuzz-" + std::to_string(getpid()))) {
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { std::filesystem::remove(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

void read_array(std::string_view bytes) {
  const File file(bytes);
  require(read_npy(file.path()).values.size() <= bytes.size() / sizeof(float));
}

void read_weights(std::string_view bytes) {
  const File file(bytes);
  const Safetensors weights(file.path());
  for (const std::string& name : weights.names()) weights.read(name);
}

// The bytes are the index and what follows; the line before them has the digest that it must have.
void read_pack(std::string_view bytes) {
  const std::string_view index = bytes.substr(0, bytes.find('\0'));
  const File file(fmt::format("convtune-pack-1 13.0 {} {}\n{}", index.size(),
                              digest(fmt::format("13.0{}", index)), bytes));
  const CubinPack pack(file.path());
  for (const std::string& key : pack.keys()) pack.find(key);
}

// What is imported and exported again is a fixed point, and sound.
void read_export(std::string_view bytes) {
  Store store(":memory:");
  store.import_json(bytes);
  const std::string exported = store.export_json();
  Store again(":memory:");
  again.import_json(exported);
  require(again.export_json() == exported);
  require(store.check().damaged == 0);
}

void read_elf(std::string_view bytes) { read_cubin(bytes, "convtune_kernel"); }

void read_compiler_log(std::string_view bytes) { resources_from_log(bytes); }

constexpr Target all[] = {
    {"problem", read_problem},     {"config", read_config},    {"layers", read_layers_file},
    {"grid", read_grid_file},      {"npy", read_array},        {"export", read_export},
    {"cubin", read_elf},           {"log", read_compiler_log}, {"pack", read_pack},
    {"safetensors", read_weights},
};

}  // namespace

std::span<const Target> targets() { return all; }

const Target& target(std::string_view name) {
  const auto found = std::ranges::find(all, name, &Target::name);
  if (found == std::end(all)) throw std::out_of_range("no such fuzz target");
  return *found;
}

void feed(const Target& target, std::string_view bytes) {
  try {
    target.read(bytes);
  } catch (const Error&) {
    return;  // a refusal, as it should be
  }
}

}  // namespace convtune::fuzz
