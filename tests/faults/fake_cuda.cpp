// libcuda.so.1 with the imaginary GPU of fake_driver.hpp behind it. CONVTUNE_FAKE_FAULT, if set,
// is FUNCTION:NTH:CODE: from its NTH call on (from 1) in a process, that function and, if the code
// is one that spoils a context, all others fail with CODE. CONVTUNE_FAKE_FAULT_UNIT restricts it to
// launches of kernels whose unit has that text. CONVTUNE_FAKE_CUDA_VERSION: 13000 for 13.0.

#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/runtime/cuda/fake_driver.hpp"

namespace convtune::fake_driver {
namespace {

struct Fault {
  std::string function;
  int calls_left = 0;
  CUresult code = CUDA_SUCCESS;
  std::string unit;
};

Fault read_fault() {
  const char* text = std::getenv("CONVTUNE_FAKE_FAULT");
  const char* unit = std::getenv("CONVTUNE_FAKE_FAULT_UNIT");
  if (text == nullptr) return {};
  const std::string fault = text;
  const std::size_t first = fault.find(':'), second = fault.find(':', first + 1);
  return {.function = fault.substr(0, first),
          .calls_left = std::stoi(fault.substr(first + 1)),
          .code = static_cast<CUresult>(std::stoi(fault.substr(second + 1))),
          .unit = unit == nullptr ? "" : unit};
}

bool is_about(const Fault& fault, const char* function, CUfunction launched) {
  if (fault.function != function) return false;
  if (fault.unit.empty()) return true;
  const auto* const unit = reinterpret_cast<const std::string*>(launched);
  return unit != nullptr && unit->find(fault.unit) != std::string::npos;
}

/// The function that is launched, if any.
template <class... Arguments>
CUfunction launched_of(Arguments... arguments) {
  CUfunction found = nullptr;
  [[maybe_unused]] const auto look = [&found](auto argument) {
    if constexpr (std::is_same_v<decltype(argument), CUfunction>) found = argument;
  };
  (look(arguments), ...);
  return found;
}

/// A function of the table, but for the fault.
template <auto member, const char* name>
struct Faulty;
template <class... Arguments, CUresult (*Driver::*member)(Arguments...), const char* name>
struct Faulty<member, name> {
  static CUresult call(Arguments... arguments) {
    static Fault fault = read_fault();
    if (is_about(fault, name, launched_of(arguments...)) && --fault.calls_left <= 0) {
      if (fault.code >= CUDA_ERROR_ILLEGAL_ADDRESS) state().context_result = fault.code;
      return fault.code;
    }
    return (table().*member)(arguments...);
  }
};

}  // namespace
}  // namespace convtune::fake_driver

using convtune::Driver;
using namespace convtune::fake_driver;

extern "C" CUresult cuGetProcAddress_v2(const char* name, void** function, int, cuuint64_t,
                                        CUdriverProcAddressQueryResult* found) {
  *found = CU_GET_PROC_ADDRESS_SUCCESS;
  if (const char* version = std::getenv("CONVTUNE_FAKE_CUDA_VERSION")) {
    state().version = std::stoi(version);
  }
#define CONVTUNE_FAULTY(each)                     \
  static constexpr char name_of_##each[] = #each; \
  if (std::strcmp(name, #each) == 0)              \
    *function = reinterpret_cast<void*>(&Faulty<&Driver::each, name_of_##each>::call);
  CONVTUNE_DRIVER_FUNCTIONS(CONVTUNE_FAULTY)
#undef CONVTUNE_FAULTY
  return CUDA_SUCCESS;
}
