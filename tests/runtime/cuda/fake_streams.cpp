#include "tests/runtime/cuda/fake_streams.hpp"

#include <chrono>
#include <set>
#include <utility>
#include <vector>

#include "tests/emulator/launch.hpp"
#include "tests/runtime/cuda/fake_driver.hpp"

namespace convtune::fake_driver {
namespace {

using Clock = std::chrono::steady_clock;

struct Stream {
  unsigned long long id = 0;
};

struct UserObject {
  void* held = nullptr;
  CUhostFn destroy = nullptr;
};

/// A graph and its instance, which owns both.
struct Graph {
  cuuint64_t capture = 0;
  std::set<CUstream> streams;
  std::vector<Launch> launches;
  std::vector<UserObject*> objects;
};
Graph* capturing = nullptr;
thread_local CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;

struct Event {
  Clock::time_point time;
  CUstream stream = nullptr;
  bool captured = false;
};

template <class Object, class Handle>
Object* object(Handle handle) {
  return reinterpret_cast<Object*>(handle);
}

unsigned long long new_id() {
  static unsigned long long last = 0;
  return ++last;
}

bool is_captured(CUstream stream) {
  return capturing != nullptr && capturing->streams.contains(stream);
}

CUresult run(const Launch& launch) {
  const emulator::Report report = emulator::launch(launch.geometry, launch.thread);
  return report.error.empty() ? CUDA_SUCCESS : CUDA_ERROR_LAUNCH_FAILED;
}

void release(UserObject* object) {
  object->destroy(object->held);
  delete object;
}

CUresult wait_for(CUstream stream, CUevent handle, unsigned) {
  const auto* event = object<const Event>(handle);
  if (event->captured && capturing != nullptr) {
    capturing->streams.insert(stream);
  } else if (is_captured(stream)) {
    return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
  } else {
    state().waits.push_back({.stream = stream, .recorded = event->stream});
  }
  return with_context();
}

void add_captures(Driver& driver) {
  driver.cuStreamBeginCapture = [](CUstream stream, CUstreamCaptureMode) {
    capturing = new Graph{.capture = new_id(), .streams = {stream}, .launches = {}, .objects = {}};
    return with_context();
  };
  driver.cuStreamEndCapture = [](CUstream, CUgraph* graph) {
    *graph = reinterpret_cast<CUgraph>(std::exchange(capturing, nullptr));
    return with_context();
  };
  driver.cuStreamGetCaptureInfo = [](CUstream stream, CUstreamCaptureStatus* status,
                                     cuuint64_t* capture, CUgraph* graph, const CUgraphNode**,
                                     std::size_t*) {
    const bool captured = is_captured(stream);
    *status = captured ? CU_STREAM_CAPTURE_STATUS_ACTIVE : CU_STREAM_CAPTURE_STATUS_NONE;
    if (captured) *capture = capturing->capture;
    if (captured) *graph = reinterpret_cast<CUgraph>(capturing);
    return with_context();
  };
  driver.cuThreadExchangeStreamCaptureMode = [](CUstreamCaptureMode* other) {
    std::swap(mode, *other);
    return CUDA_SUCCESS;
  };
}

void add_graphs(Driver& driver) {
  driver.cuGraphInstantiate = [](CUgraphExec* instance, CUgraph graph, unsigned long long) {
    *instance = reinterpret_cast<CUgraphExec>(graph);
    return with_context();
  };
  driver.cuGraphUpload = [](CUgraphExec, CUstream) { return with_context(); };
  driver.cuGraphLaunch = [](CUgraphExec instance, CUstream) {
    for (const Launch& each : object<const Graph>(instance)->launches) {
      if (const CUresult result = run(each); result != CUDA_SUCCESS) return result;
    }
    return with_context();
  };
  driver.cuGraphDestroy = [](CUgraph) { return CUDA_SUCCESS; };
  driver.cuGraphExecDestroy = [](CUgraphExec instance) {
    auto* graph = object<Graph>(instance);
    for (UserObject* each : graph->objects) release(each);
    delete graph;
    return CUDA_SUCCESS;
  };
  driver.cuUserObjectCreate = [](CUuserObject* made, void* held, CUhostFn destroy, unsigned count,
                                 unsigned flags) {
    if (count != 1 || flags != CU_USER_OBJECT_NO_DESTRUCTOR_SYNC) return CUDA_ERROR_INVALID_VALUE;
    *made = reinterpret_cast<CUuserObject>(new UserObject{.held = held, .destroy = destroy});
    return CUDA_SUCCESS;
  };
  driver.cuUserObjectRelease = [](CUuserObject released, unsigned) {
    release(object<UserObject>(released));
    return CUDA_SUCCESS;
  };
  driver.cuGraphRetainUserObject = [](CUgraph graph, CUuserObject retained, unsigned count,
                                      unsigned flags) {
    if (count != 1 || flags != CU_GRAPH_USER_OBJECT_MOVE) return CUDA_ERROR_INVALID_VALUE;
    object<Graph>(graph)->objects.push_back(object<UserObject>(retained));
    return CUDA_SUCCESS;
  };
}

void add_events(Driver& driver) {
  driver.cuEventCreate = [](CUevent* event, unsigned) {
    *event = reinterpret_cast<CUevent>(new Event);
    return with_context();
  };
  driver.cuEventDestroy = [](CUevent event) {
    delete object<Event>(event);
    return CUDA_SUCCESS;
  };
  driver.cuEventRecord = [](CUevent event, CUstream stream) {
    *object<Event>(event) = {
        .time = Clock::now(), .stream = stream, .captured = is_captured(stream)};
    return with_context();
  };
  driver.cuEventSynchronize = [](CUevent) { return with_context(); };
  driver.cuEventElapsedTime = [](float* milliseconds, CUevent start, CUevent end) {
    const std::chrono::duration<float, std::milli> elapsed =
        object<const Event>(end)->time - object<const Event>(start)->time;
    *milliseconds = elapsed.count();
    return with_context();
  };
}

}  // namespace

void add_streams(Driver& driver) {
  driver.cuStreamCreate = [](CUstream* stream, unsigned) {
    *stream = reinterpret_cast<CUstream>(new Stream{new_id()});
    return with_context();
  };
  driver.cuStreamDestroy = [](CUstream stream) {
    delete object<Stream>(stream);
    return CUDA_SUCCESS;
  };
  driver.cuStreamGetId = [](CUstream stream, unsigned long long* id) {
    *id = stream == nullptr ? 0 : object<const Stream>(stream)->id;
    return with_context();
  };
  driver.cuStreamWaitEvent = wait_for;
  add_captures(driver);
  add_graphs(driver);
  add_events(driver);
}

CUresult run_or_capture(const Launch& launch, CUstream stream) {
  if (!is_captured(stream)) return run(launch);
  capturing->launches.push_back(launch);
  return CUDA_SUCCESS;
}

bool allows_what_waits() { return capturing == nullptr || mode == CU_STREAM_CAPTURE_MODE_RELAXED; }

}  // namespace convtune::fake_driver
