// The libFuzzer program of the target that CONVTUNE_FUZZ_TARGET names.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "tests/fuzz/targets.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const convtune::fuzz::Target& target = []() -> const convtune::fuzz::Target& {
    const char* name = std::getenv("CONVTUNE_FUZZ_TARGET");
    return convtune::fuzz::target(name == nullptr ? "" : name);
  }();
  convtune::fuzz::feed(target, {reinterpret_cast<const char*>(data), size});
  return 0;
}
