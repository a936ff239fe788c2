// Takes the place of the CUDA device in a build without the CUDA headers.

#include "kernels/error.hpp"
#include "runtime/cuda/cuda_device.hpp"

namespace convtune {
namespace {

constexpr const char* reason =
    "this build has no CUDA device: it was made without the CUDA headers; build it again with "
    "CONVTUNE_WITH_CUDA=ON where cuda.h and nvrtc.h are installed";

}  // namespace

std::shared_ptr<Device> make_cuda_device(int) { throw Error(Status::unavailable, reason); }

std::string pci_bus_id(const Device&) { throw Error(Status::unavailable, reason); }

GpuList list_gpus() { return {.gpus = {}, .driver_version = {}, .missing = reason}; }

}  // namespace convtune
