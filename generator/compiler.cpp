#include "generator/compiler.hpp"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <future>
#include <thread>

#include "generator/nvrtc.hpp"
#include "kernels/environment.hpp"
#include "kernels/error.hpp"

namespace convtune {
namespace {

class Program {
 public:
  explicit Program(const Source& source) : api_(nvrtc()) {
    std::vector<const char*> texts, names;
    for (const EmbeddedFile& header : source.headers) {
      texts.push_back(header.bytes.data());
      names.push_back(header.name.data());
    }
    check(api_.create_program(&program_, source.text.c_str(), "convtune_unit.cu",
                              static_cast<int>(texts.size()), texts.data(), names.data()),
          "nvrtcCreateProgram");
  }
  ~Program() { api_.destroy_program(&program_); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  bool compile(const std::vector<std::string>& options) {
    std::vector<const char*> arguments;
    for (const std::string& option : options) arguments.push_back(option.c_str());
    const nvrtcResult result =
        api_.compile_program(program_, static_cast<int>(arguments.size()), arguments.data());
    if (result != NVRTC_ERROR_COMPILATION) check(result, "nvrtcCompileProgram");
    return result == NVRTC_SUCCESS;
  }

  std::string log() {
    std::size_t size = 0;
    check(api_.get_program_log_size(program_, &size), "nvrtcGetProgramLogSize");
    std::string text(size, '\0');
    check(api_.get_program_log(program_, text.data()), "nvrtcGetProgramLog");
    return text.substr(0, text.find('\0'));
  }

  std::string cubin() {
    std::size_t size = 0;
    check(api_.get_cubin_size(program_, &size), "nvrtcGetCUBINSize");
    std::string bytes(size, '\0');
    check(api_.get_cubin(program_, bytes.data()), "nvrtcGetCUBIN");
    return bytes;
  }

 private:
  void check(nvrtcResult result, const char* call) const {
    if (result != NVRTC_SUCCESS)
      throw Error(Status::failed,
                  fmt::format("{} failed with {}", call, api_.get_error_string(result)));
  }

  const Nvrtc& api_;
  nvrtcProgram program_ = nullptr;
};

// ptxas reports a pipelining or register request that it dropped (C75xx) as mere information.
bool has_warning(const std::string& log) {
  return log.find("warning") != std::string::npos || log.find("(C75") != std::string::npos;
}

void require_same_resources(const Resources& log, const CubinInfo& cubin) {
  if (log.registers == cubin.registers && log.stack_bytes == cubin.frame_bytes) return;
  throw Error(Status::failed,
              fmt::format("the compiler's log says {} registers and {} bytes of stack, its cubin "
                          "{} and {}",
                          log.registers, log.stack_bytes, cubin.registers, cubin.frame_bytes));
}

Compiled compile_here(const Source& source, const std::string& arch) {
  const auto start = std::chrono::steady_clock::now();
  Program program(source);
  const bool compiled = program.compile(compile_options(arch));
  Compiled result{.log = program.log()};
  if (!compiled || has_warning(result.log))
    throw Error(Status::failed, fmt::format("a kernel does not compile cleanly for {}: {}\n{}",
                                            arch, result.log, source.text));
  result.cubin = program.cubin();
  result.resources = resources_from_log(result.log);
  require_same_resources(result.resources, read_cubin(result.cubin, kernel_symbol));
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace

CompilerInfo compiler_info() {
  const Nvrtc& api = nvrtc();
  compile_limit();  // a wrong one would fail every kernel, which a sweep stores for good
  return {.version = fmt::format("{}.{}", api.major, api.minor), .path = api.path};
}

std::vector<std::string> compile_options(std::string_view arch) {
  return {
      fmt::format("--gpu-architecture={}", arch),
      "--std=c++20",
      "--device-as-default-execution-space",  // kernel code carries no annotations
      "--ptxas-options=-v",
      "--no-cache",  // NVRTC's own cache would hide what compiling costs
  };
}

std::chrono::duration<double> compile_limit() {
  using Seconds = std::chrono::duration<double>;
  const auto text = environment("CONVTUNE_COMPILE_LIMIT");
  if (!text) return Seconds(90);
  double seconds = 0;
  const char* const last = text->data() + text->size();
  const auto [end, error] = std::from_chars(text->data(), last, seconds);
  constexpr double longest = 1e6;  // which every clock can add to its time
  if (error != std::errc() || end != last || !(seconds > 0 && seconds <= longest)) {
    throw Error(Status::invalid,
                fmt::format("CONVTUNE_COMPILE_LIMIT is \"{}\": set it to a number of "
                            "seconds above 0, at most {}, or unset it",
                            *text, longest));
  }
  return Seconds(seconds);
}

Compiled compile(const Source& source, std::string_view arch) {
  nvrtc();  // what is missing is said by this thread
  const std::chrono::duration<double> limit = compile_limit();
  std::packaged_task<Compiled()> task(
      [source, arch = std::string(arch)] { return compile_here(source, arch); });
  std::future<Compiled> compiled = task.get_future();
  std::thread thread(std::move(task));
  if (compiled.wait_for(limit) == std::future_status::timeout) {
    thread.detach();
    throw Error(Status::failed,
                fmt::format("NVRTC was given up: it had not compiled a kernel for {} within {} s; "
                            "CONVTUNE_COMPILE_LIMIT sets this limit\n{}",
                            arch, limit.count(), source.text));
  }
  thread.join();
  return compiled.get();
}

}  // namespace convtune
