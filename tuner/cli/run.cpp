#include <fmt/format.h>
#include <convtune/conv1d.hpp>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "kernels/error.hpp"
#include "kernels/problem_json.hpp"
#include "kernels/strict_json.hpp"
#include "runtime/conv1d_options.hpp"
#include "runtime/device.hpp"
#include "runtime/npy.hpp"
#include "tuner/cli/commands.hpp"
#include "tuner/cli/pack_option.hpp"

namespace convtune::cli {
namespace {

/// One convolution on files.
struct Job {
  Problem problem;
  std::string input, weight, bias, output;
};

struct RunOptions {
  std::string problem;
  Job files;
  std::string list;
  std::string device = "auto";
};

/// The array of a file, rounded to `dtype`.
std::vector<std::byte> read_rounded(const std::string& path, const Shape& expected, DType dtype) {
  const NpyArray array = read_npy(path);
  bool same = array.shape.size() == expected.rank();
  for (std::size_t i = 0; same && i < expected.rank(); ++i) same = array.shape[i] == expected[i];
  if (!same) {
    throw Error(Status::invalid, fmt::format("{} has the shape {}; the problem needs {}", path,
                                             shape_text(array), to_text(expected)));
  }
  std::vector<std::byte> rounded(array.values.size() * size_of(dtype));
  for (std::size_t i = 0; i < array.values.size(); ++i) {
    store_element(rounded.data(), dtype, static_cast<std::int64_t>(i), array.values[i]);
  }
  return rounded;
}

NpyArray widened(const std::vector<std::byte>& bytes, const Tensor& y) {
  NpyArray array;
  for (std::size_t i = 0; i < y.shape.rank(); ++i) array.shape.push_back(y.shape[i]);
  for (std::int64_t i = 0; i < y.shape.elements(); ++i) {
    array.values.push_back(load_element(bytes.data(), y.dtype, i));
  }
  return array;
}

void load_weights(Conv1d& conv, const Job& job) {
  const DType dtype = job.problem.dtype;
  const Weight filter = conv.filter();
  const std::vector<std::byte> weight = read_rounded(job.weight, filter.shape, dtype);
  std::vector<std::byte> bias;
  std::map<std::string, TensorView> state = {
      {filter.name, {.data = weight.data(), .dtype = dtype, .shape = filter.shape}}};
  if (const std::optional<Weight> wanted = conv.bias()) {
    bias = read_rounded(job.bias, wanted->shape, dtype);
    state[wanted->name] = {.data = bias.data(), .dtype = dtype, .shape = wanted->shape};
  }
  conv.load_state_dict(state);
}

void run(const Job& job, const std::string& device_name) {
  const Problem& p = job.problem;
  if (p.has_bias == job.bias.empty()) {
    throw Error(Status::invalid,
                p.has_bias ? "the problem has a bias; give its file with --bias"
                           : "a bias file is given; the problem must say \"has_bias\": true");
  }
  Conv1dOptions options = options_of(p);
  options.device = device_name;
  Conv1d conv(options);
  load_weights(conv, job);
  const Shape shape = conv.permute() ? Shape{p.batch, p.in_channels, p.length}
                                     : Shape{p.batch, p.length, p.in_channels};
  const std::vector<std::byte> x = read_rounded(job.input, shape, p.dtype);
  const std::shared_ptr<Device> device = open_device(conv.device());
  const std::shared_ptr<void> x_there = device->allocate(x.size());
  device->copy_in(x_there.get(), x.data(), x.size());
  const Tensor y = conv.forward(
      {.data = x_there.get(), .dtype = p.dtype, .shape = shape, .device = conv.device()});
  device->synchronize();
  std::vector<std::byte> result(static_cast<std::size_t>(y.shape.elements()) * size_of(p.dtype));
  device->copy_out(result.data(), y.data.get(), result.size());
  write_npy(job.output, widened(result, y));
  const PlanInfo plan = conv.plan(p.batch, p.length);
  fmt::print("{} {} by {} ({})\n", job.output, to_text(y.shape), plan.config, name(plan.match));
}

/// A line of a list: {"problem": {...}, "input": "x.npy", "weight": "w.npy", "bias": "b.npy",
/// "output": "y.npy"}, bias only with has_bias.
Job job_from_json(const std::string& line) {
  nlohmann::json object = parse_strict_json(line);
  if (!object.is_object() || !object.contains("problem")) {
    throw Error(Status::invalid, "it must be a JSON object with a problem");
  }
  Job job{.problem = problem_from_json(object["problem"])};
  object.erase("problem");
  for (const auto& [key, path] : {std::pair{"input", &job.input},
                                  {"weight", &job.weight},
                                  {"bias", &job.bias},
                                  {"output", &job.output}}) {
    const bool optional = path == &job.bias;
    if (optional && !object.contains(key)) continue;
    if (!object.contains(key) || !object[key].is_string()) {
      throw Error(Status::invalid, fmt::format("it must name a file as {}", key));
    }
    *path = object[key];
    object.erase(key);
  }
  if (!object.empty()) {
    throw Error(Status::invalid, fmt::format("the key {} is unknown; a run has problem, input, "
                                             "weight, bias and output",
                                             quotation(object.begin().key())));
  }
  return job;
}

void run_list(const std::string& path, const std::string& device) {
  std::ifstream file(path);
  if (!file || std::filesystem::is_directory(path)) {
    throw Error(Status::storage, fmt::format("{} cannot be read; name a file of runs", path));
  }
  bool any = false;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    any = true;
    try {
      run(job_from_json(line), device);
    } catch (const Error& error) {
      throw Error(error.status(), fmt::format("{} line {}: {}", path, number, error.what()));
    }
  }
  if (!any) throw Error(Status::invalid, fmt::format("{} lists no run", path));
}

int run(const RunOptions& options) {
  // A device asked for by name that is not there ends the command; only the library falls back.
  const std::shared_ptr<Device> device = open_device(options.device);
  if (!options.list.empty()) {
    run_list(options.list, options.device);
    return 0;
  }
  Job job = options.files;
  if (options.problem.empty() || job.input.empty() || job.weight.empty() || job.output.empty()) {
    throw Error(Status::invalid, "--problem, --input, --weight and --output are needed, or --list");
  }
  job.problem = parse_problem(options.problem);
  run(job, options.device);
  return 0;
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("run", "Run one convolution, or a list of them, on .npy files of float32");
  auto options = std::make_shared<RunOptions>();
  CLI::Option* list =
      command->add_option("--list", options->list,
                          "Instead of the next five: a file with one run a line, as a JSON object");
  command->add_option("--problem", options->problem, "The problem as JSON")->excludes(list);
  command->add_option("--input", options->files.input, "x, in the problem's layout")
      ->excludes(list);
  command->add_option("--weight", options->files.weight, "The filter, in the problem's layout")
      ->excludes(list);
  command->add_option("--bias", options->files.bias, "The bias, with has_bias")->excludes(list);
  command->add_option("--output", options->files.output, "Where y goes, as float32")
      ->excludes(list);
  command->add_option("--device", options->device, "auto, cpu, cuda or cuda:INDEX")
      ->capture_default_str();
  add_pack_option(*command);
  command->footer(
      "Layout NLC: x is (N, L, Cin), the filter (K, Cin/G, Cout), y (N, L', Cout). Layout NCL: x "
      "is\n"
      "(N, Cin, L), the filter (Cout, Cin/G, K), y (N, Cout, L'). Values are rounded to the "
      "problem's\n"
      "dtype. A line of --list has the keys problem, input, weight, bias (with has_bias), "
      "output.\n\n"
      "Examples:\n"
      "  convtune run --input x.npy --weight w.npy --output y.npy --problem "
      "'{\"length\":100,\"in_channels\":2,\"out_channels\":4,\"kernel_size\":3}'\n"
      "  convtune run --list runs.jsonl");
  command->callback([&action, options] { action = [options] { return run(*options); }; });
}

}  // namespace convtune::cli
