// Takes the place of the CUDA timer in a build without the CUDA headers.

#include "kernels/error.hpp"
#include "tuner/cuda_timer.hpp"

namespace convtune {

std::unique_ptr<Timer> make_cuda_timer(Device&) {
  throw Error(Status::unavailable, "this build cannot time CUDA kernels");
}

}  // namespace convtune
