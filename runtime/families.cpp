#include <vector>

#include "kernels/family.hpp"
#include "runtime/device.hpp"
#ifdef CONVTUNE_HAVE_CUDNN
#include "runtime/vendor/cudnn.hpp"
#endif
#ifdef CONVTUNE_HAVE_ONEDNN
#include "runtime/vendor/onednn.hpp"
#endif

namespace convtune {

std::span<const Family* const> all_families() {
  static const std::vector<const Family*> families = [] {
    const std::span<const Family* const> generated = generated_families();
    std::vector<const Family*> all(generated.begin(), generated.end());
#ifdef CONVTUNE_HAVE_CUDNN
    all.push_back(&cudnn());
#endif
#ifdef CONVTUNE_HAVE_ONEDNN
    all.push_back(&onednn());
#endif
    return all;
  }();
  return families;
}

}  // namespace convtune
