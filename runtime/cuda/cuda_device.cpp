#include "runtime/cuda/cuda_device.hpp"

#include <fmt/format.h>

#include <bit>
#include <optional>

#include "generator/cubin_cache.hpp"
#include "kernels/cuda/cuda_kernel.hpp"
#include "kernels/error.hpp"
#include "kernels/problem_json.hpp"
#include "runtime/cuda/context.hpp"
#include "runtime/cuda/cuda_vendor.hpp"
#include "runtime/cuda/launch.hpp"
#include "runtime/cuda/tensor_map.hpp"
#include "runtime/shared_values.hpp"

namespace convtune {
namespace {

using SharedContext = std::shared_ptr<const CudaContext>;

int attribute(const Driver& driver, CUdevice device, CUdevice_attribute which) {
  int value = 0;
  check(driver, driver.cuDeviceGetAttribute(&value, which, device), "cuDeviceGetAttribute");
  return value;
}

// From Hopper on, the "a" form has instructions that the plain one lacks.
std::string arch_of(int major, int minor) {
  return fmt::format("sm_{}{}{}", major, minor, major >= 9 ? "a" : "");
}

DeviceProperties properties_of(const Driver& driver, CUdevice device) {
  const auto get = [&](CUdevice_attribute which) { return attribute(driver, device, which); };
  char name[256] = {};
  check(driver, driver.cuDeviceGetName(name, sizeof name, device), "cuDeviceGetName");
  std::size_t memory = 0;
  check(driver, driver.cuDeviceTotalMem(&memory, device), "cuDeviceTotalMem");
  const int major = get(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  const int minor = get(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  return {
      .kind = DeviceKind::cuda,
      .name = name,
      .arch = arch_of(major, minor),
      .units = get(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
      .l2_bytes = get(CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE),
      .memory_bytes = static_cast<std::int64_t>(memory),
      .compute_major = major,
      .compute_minor = minor,
      .max_threads_per_block = get(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK),
      .max_threads_per_sm = get(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR),
      .max_blocks_per_sm = get(CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR),
      .registers_per_block = get(CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK),
      .registers_per_sm = get(CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR),
      .shared_per_block = get(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK),
      .shared_per_block_optin = get(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
      .shared_per_sm = get(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR),
      .reserved_shared_per_block = get(CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK),
      .driver = driver_version(driver),
  };
}

std::string compiler_if_any() {
  try {
    return kernel_compiler();
  } catch (const Error&) {
    return {};  // what asks for a kernel says what is missing
  }
}

int gpu_count(const Driver& driver) {
  int count = 0;
  check(driver, driver.cuDeviceGetCount(&count), "cuDeviceGetCount");
  return count;
}

/// A kernel's code, loaded.
struct LoadedKernel {
  CudaModule module;
  CUfunction function = nullptr;
};

/// Setting an attribute makes the driver load the code now: with lazy loading it would do so at the
/// first launch, which a capture does not allow.
LoadedKernel load_kernel(const SharedContext& context, const std::string& cubin,
                         unsigned shared_bytes) {
  const Driver& driver = context->driver;
  LoadedKernel kernel{.module = load_module(context, cubin.data())};
  const CurrentContext current(*context);
  check(driver, driver.cuModuleGetFunction(&kernel.function, kernel.module.get(), kernel_symbol),
        "cuModuleGetFunction");
  check(driver,
        driver.cuFuncSetAttribute(kernel.function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                                  static_cast<int>(shared_bytes)),
        "cuFuncSetAttribute");
  return kernel;
}

/// Names the packed weights of a problem: of any batch and length, for the packing knows neither.
std::string packed_key(Problem problem, const Config& config, std::size_t packed_bytes,
                       std::string_view contents) {
  problem.batch = problem.length = 1;
  return fmt::format("{} {} {} {}", to_json(problem), to_text(config), packed_bytes, contents);
}

class CudaExecutable final : public Executable {
 public:
  CudaExecutable(SharedContext context, std::shared_ptr<const LoadedKernel> kernel,
                 std::shared_ptr<const CudaMemory> packed, const LaunchGeometry& launch,
                 const cuda::ConvArgs& args, const std::optional<cuda::TensorMapsArgs>& maps,
                 std::size_t alignment)
      : context_(std::move(context)),
        kernel_(std::move(kernel)),
        packed_(std::move(packed)),
        launch_(launch),
        args_(args),
        alignment_(alignment) {
    if (maps) maps_.emplace(context_->driver, *maps, args.packed);
  }

  // A kernel still running needs its code and weights.
  ~CudaExecutable() override { context_->try_synchronize(); }

  void run(const void* x, void* y, Stream stream) const override {
    const CurrentContext current(*context_);
    cuda::ConvArgs args = args_;
    args.x = x;
    args.y = y;
    cuda::TensorMaps maps;
    if (maps_) maps = maps_->at(x);
    void* parameters[] = {&args, &maps};
    launch_kernel(context_->driver, kernel_->function, launch_, static_cast<CUstream>(stream),
                  parameters);
  }

  std::size_t alignment() const override { return alignment_; }

 private:
  SharedContext context_;
  std::shared_ptr<const LoadedKernel> kernel_;
  std::shared_ptr<const CudaMemory> packed_;
  LaunchGeometry launch_;
  cuda::ConvArgs args_;
  std::size_t alignment_;
  std::optional<TensorMapsOf> maps_;  ///< of a kernel that takes some
};

class CudaDevice final : public Device {
 public:
  CudaDevice(const Driver& driver, int ordinal, CompileKernel compile, std::string compiler)
      : context_(std::make_shared<CudaContext>(driver, ordinal)),
        properties_(properties_of(driver, context_->device())),
        compile_(std::move(compile)) {
    properties_.compiler = std::move(compiler);
  }

  const DeviceProperties& properties() const override { return properties_; }
  const SharedContext& context() const { return context_; }

  std::shared_ptr<void> allocate(std::size_t bytes) override {
    auto memory = std::make_shared<CudaMemory>(allocate_memory(context_, bytes));
    return {memory, pointer_of(*memory)};
  }

  void copy_in(void* device, const void* host, std::size_t bytes) override {
    const CurrentContext current(*context_);
    const auto to = reinterpret_cast<CUdeviceptr>(device);
    check(context_->driver, context_->driver.cuMemcpyHtoD(to, host, bytes), "cuMemcpyHtoD");
  }

  void copy_out(void* host, const void* device, std::size_t bytes) override {
    const CurrentContext current(*context_);
    const auto from = reinterpret_cast<CUdeviceptr>(device);
    check(context_->driver, context_->driver.cuMemcpyDtoH(host, from, bytes), "cuMemcpyDtoH");
  }

  void synchronize() override { context_->synchronize(); }

  // The driver answers every call after such a fault with the fault.
  bool usable() const override { return context_->try_synchronize(); }

  std::unique_ptr<Executable> prepare(const Problem& problem, const Candidate& candidate,
                                      const void* weight, const void* bias,
                                      std::string_view contents) override {
    if (const CudaVendor* vendor = candidate.family->vendor)
      return vendor->prepare(context_, properties_, problem, candidate.config, weight, bias);
    const CudaKernel* kernel = candidate.family->cuda;
    if (kernel == nullptr)
      throw Error(Status::failed, fmt::format("{} cannot run on {}: it is no CUDA family",
                                              candidate.family->name, properties_.name));
    const Config& config = candidate.config;
    const Source source = write_source(*kernel, problem, config, properties_);
    const LaunchGeometry launch = kernel->geometry(problem, config, properties_);
    auto loaded = kernels_.get(fmt::format("{} {}", source.digest, launch.shared_bytes), [&] {
      return load_kernel(context_, compile_(source, properties_.arch).cubin, launch.shared_bytes);
    });
    const std::size_t bytes = kernel->packed_bytes(problem, config);
    const std::string name =
        contents.empty() ? contents_name(problem, weight, bias) : std::string(contents);
    auto packed = packed_.get(packed_key(problem, config, bytes, name), [&] {
      std::vector<std::byte> host(bytes);
      kernel->pack(problem, config, weight, bias, host.data());
      CudaMemory memory = allocate_memory(context_, bytes);
      copy_in(pointer_of(memory), host.data(), bytes);
      return memory;
    });
    const cuda::ConvArgs args = {.packed = pointer_of(*packed), .shape = conv_shape(problem)};
    std::optional<cuda::TensorMapsArgs> maps;
    if (kernel->tensor_maps != nullptr) maps = kernel->tensor_maps(problem, config);
    return std::make_unique<CudaExecutable>(context_, std::move(loaded), std::move(packed), launch,
                                            args, maps, kernel->alignment(problem, config));
  }

 private:
  static void* pointer_of(const CudaMemory& memory) { return std::bit_cast<void*>(memory.get()); }

  SharedContext context_;
  DeviceProperties properties_;
  CompileKernel compile_;
  // Of all lengths: what differs between them are arguments.
  SharedValues<LoadedKernel> kernels_;
  SharedValues<CudaMemory> packed_;
};

}  // namespace

std::shared_ptr<Device> make_cuda_device(const Driver& driver, int ordinal, CompileKernel compile,
                                         std::string compiler) {
  const int count = gpu_count(driver);
  if (count == 0) throw Error(Status::unavailable, "no GPU can be used: the driver reports none");
  if (ordinal >= count)
    throw Error(Status::unavailable,
                fmt::format("there is no device cuda:{}: this machine has {} GPU{}", ordinal, count,
                            count == 1 ? "" : "s"));
  return std::make_shared<CudaDevice>(driver, ordinal, std::move(compile), std::move(compiler));
}

std::shared_ptr<Device> make_cuda_device(int ordinal) {
  return make_cuda_device(
      cuda_driver(), ordinal,
      [](const Source& source, std::string_view arch) { return compile_cached(source, arch); },
      compiler_if_any());
}

SharedContext context_of(const Device& device) {
  return dynamic_cast<const CudaDevice&>(device).context();
}

std::string pci_bus_id(const Device& device) {
  const SharedContext context = context_of(device);
  char id[16] = {};
  const bool said =
      context->driver.cuDeviceGetPCIBusId(id, sizeof id, context->device()) == CUDA_SUCCESS;
  return said ? id : "";
}

GpuList list_gpus(const Driver& driver) {
  GpuList list;
  list.driver_version = driver_version(driver);
  const int count = gpu_count(driver);
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    CUdevice device = 0;
    check(driver, driver.cuDeviceGet(&device, ordinal), "cuDeviceGet");
    list.gpus.push_back(properties_of(driver, device));
  }
  if (list.gpus.empty()) list.missing = "the CUDA driver reports no GPU";
  return list;
}

GpuList list_gpus() {
  try {
    return list_gpus(cuda_driver());
  } catch (const Error& error) {
    return {.gpus = {}, .driver_version = {}, .missing = error.what()};
  }
}

}  // namespace convtune
