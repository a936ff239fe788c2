#include "runtime/cpu_device.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <new>
#include <sstream>
#include <utility>

#include "kernels/cpu/targets.hpp"
#include "kernels/cpu/thread_pool.hpp"
#include "kernels/error.hpp"
#include "runtime/cpu_model.hpp"

namespace convtune {
namespace {

constexpr std::align_val_t allocation_alignment = std::align_val_t(256);

std::string first_line(const std::filesystem::path& file) {
  std::string line;
  std::getline(std::ifstream(file) >> std::ws, line);
  return line;
}

// "48K", "2M", "1024"; 0 for anything else.
std::int64_t parse_size(const std::string& text) {
  std::int64_t size = 0;
  char unit = 0;
  std::istringstream stream(text);
  if (!(stream >> size)) return 0;
  stream >> unit;
  if (unit == 'K') return size * 1024;
  return unit == 'M' ? size * 1024 * 1024 : size;
}

// Bytes of the first core's cache of `level` that holds data; 0 where the kernel does not say.
std::int64_t cache_bytes(int level) {
  for (int index = 0;; ++index) {
    const std::filesystem::path cache =
        fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}", index);
    if (!std::filesystem::exists(cache)) return 0;
    if (first_line(cache / "level") == std::to_string(level) &&
        first_line(cache / "type") != "Instruction") {
      return parse_size(first_line(cache / "size"));
    }
  }
}

DeviceProperties cpu_properties(int threads) {
  DeviceProperties properties;
  properties.kind = DeviceKind::cpu;
  std::ifstream cpuinfo("/proc/cpuinfo");
  const CpuModel model = read_cpu_model(cpuinfo);
  properties.name = model.name;
  properties.model = model.number;
  properties.arch = cpu_target();
  properties.units = threads;
  properties.l1_bytes = cache_bytes(1);
  properties.l2_bytes = cache_bytes(2);
  properties.l3_bytes = cache_bytes(3);
  properties.memory_bytes =
      static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
  return properties;
}

class CpuExecutable : public Executable {
 public:
  CpuExecutable(const CpuKernel& kernel, std::shared_ptr<const void> prepared,
                const Problem& problem, std::shared_ptr<ThreadPool> pool)
      : kernel_(kernel),
        prepared_(std::move(prepared)),
        alignment_(size_of(problem.dtype)),
        bytes_(static_cast<std::size_t>(weight_elements(problem)) * sizeof(float)),
        pool_(std::move(pool)) {}

  void run(const void* x, void* y, Stream /*stream*/) const override {
    kernel_.run(prepared_.get(), x, y, *pool_);
  }

  std::size_t alignment() const override { return alignment_; }
  std::size_t bytes() const override { return bytes_; }
  std::string implementation() const override {
    return kernel_.implementation == nullptr ? "" : kernel_.implementation(prepared_.get());
  }

 private:
  const CpuKernel& kernel_;
  std::shared_ptr<const void> prepared_;
  std::size_t alignment_;
  std::size_t bytes_;                 // kernels compute in float32
  std::shared_ptr<ThreadPool> pool_;  // an executable may outlive its device
};

class CpuDevice : public Device {
 public:
  explicit CpuDevice(int threads)
      : pool_(std::make_shared<ThreadPool>(threads)),
        properties_(cpu_properties(pool_->threads())) {}

  const DeviceProperties& properties() const override { return properties_; }

  std::shared_ptr<void> allocate(std::size_t bytes) override {
    void* memory =
        ::operator new(std::max<std::size_t>(bytes, 1), allocation_alignment, std::nothrow);
    if (memory == nullptr) {
      throw Error(Status::no_memory,
                  fmt::format("{} bytes of memory were asked for and refused: free some, or take a "
                              "smaller problem",
                              bytes));
    }
    return {memory, [](void* p) { ::operator delete(p, allocation_alignment); }};
  }

  void copy_in(void* device, const void* host, std::size_t bytes) override {
    std::memcpy(device, host, bytes);
  }

  void copy_out(void* host, const void* device, std::size_t bytes) override {
    std::memcpy(host, device, bytes);
  }

  void synchronize() override {}

  std::unique_ptr<Executable> prepare(const Problem& problem, const Candidate& candidate,
                                      const void* weight, const void* bias,
                                      std::string_view /*contents*/) override {
    if (candidate.family->cpu == nullptr) {
      throw Error(Status::failed,
                  fmt::format("{} was asked to run on the CPU; it is a family for {}",
                              candidate.family->name, name(candidate.family->device)));
    }
    const CpuKernel& kernel = *candidate.family->cpu;
    try {
      return std::make_unique<CpuExecutable>(
          kernel, kernel.prepare(problem, candidate.config, weight, bias), problem, pool_);
    } catch (const std::bad_alloc&) {
      throw Error(Status::no_memory,
                  fmt::format("not enough memory to pack the weights of {}", describe(problem)));
    }
  }

 private:
  std::shared_ptr<ThreadPool> pool_;
  DeviceProperties properties_;
};

}  // namespace

std::shared_ptr<Device> make_cpu_device() { return make_cpu_device(default_threads()); }

std::shared_ptr<Device> make_cpu_device(int threads) {
  return std::make_shared<CpuDevice>(threads);
}

}  // namespace convtune
