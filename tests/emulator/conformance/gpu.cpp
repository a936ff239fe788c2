#include "tests/emulator/conformance/gpu.hpp"

#include "generator/cubin_cache.hpp"
#include "runtime/cuda/context.hpp"
#include "runtime/cuda/launch.hpp"
#include "runtime/cuda/tensor_map.hpp"

namespace convtune {
namespace {

std::shared_ptr<unsigned> on_gpu(Device& gpu, const std::vector<unsigned>& words) {
  auto memory = std::static_pointer_cast<unsigned>(gpu.allocate(4 * words.size()));
  gpu.copy_in(memory.get(), words.data(), 4 * words.size());
  return memory;
}

void launch(const CudaContext& context, CUmodule module, const LaunchGeometry& geometry,
            cuda::CaseArgs& args) {
  const Driver& driver = context.driver;
  const CurrentContext current(context);
  CUfunction function = nullptr;
  check(driver, driver.cuModuleGetFunction(&function, module, kernel_symbol),
        "cuModuleGetFunction");
  check(driver,
        driver.cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                                  static_cast<int>(geometry.shared_bytes)),
        "cuFuncSetAttribute");
  void* parameters[] = {&args};
  launch_kernel(driver, function, geometry, nullptr, parameters);
}

}  // namespace

std::vector<unsigned> gpu_output(Device& gpu, const ConformanceCase& test) {
  const std::shared_ptr<const CudaContext> context = context_of(gpu);
  const Compiled compiled = compile_cached(source_of(test), gpu.properties().arch);
  const CudaModule module = load_module(context, compiled.cubin.data());
  std::vector<unsigned> out(test.out_words, ~0U);
  const auto in_memory = on_gpu(gpu, test.in), out_memory = on_gpu(gpu, out);
  const auto tensor_memory = on_gpu(gpu, test.tensor);
  cuda::CaseArgs args = {.in = in_memory.get(), .out = out_memory.get()};
  if (test.map.rank > 0) {
    cuda::TensorMapArgs map = test.map;
    map.data = tensor_memory.get();
    args.map = encode_tensor_map(context->driver, map);
  }
  launch(*context, module.get(), test.geometry, args);
  gpu.synchronize();
  gpu.copy_out(out.data(), out_memory.get(), 4 * out.size());
  return out;
}

}  // namespace convtune
