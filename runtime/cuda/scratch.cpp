#include "runtime/cuda/scratch.hpp"

#include <algorithm>
#include <utility>

namespace convtune {
namespace {

/// Lets this thread allocate while a stream is captured. The driver forbids it by default, for who
/// captures may believe that the graph will allocate whenever it is launched.
class RelaxedCapture {
 public:
  explicit RelaxedCapture(const Driver& driver) : driver_(driver) { exchange(); }
  ~RelaxedCapture() { exchange(); }
  RelaxedCapture(const RelaxedCapture&) = delete;
  RelaxedCapture& operator=(const RelaxedCapture&) = delete;

 private:
  void exchange() { driver_.cuThreadExchangeStreamCaptureMode(&mode_); }

  const Driver& driver_;
  CUstreamCaptureMode mode_ = CU_STREAM_CAPTURE_MODE_RELAXED;
};

/// Lives until the graph and all instances of it are gone and what they started has ended: the
/// driver then calls back, on any thread.
std::weak_ptr<void> lifetime_of(const Driver& driver, CUgraph graph) {
  using Token = std::shared_ptr<void>;
  auto token = std::make_unique<Token>(std::make_shared<char>());
  CUuserObject object = nullptr;
  check(driver,
        driver.cuUserObjectCreate(
            &object, token.get(), [](void* held) { delete static_cast<Token*>(held); }, 1,
            CU_USER_OBJECT_NO_DESTRUCTOR_SYNC),
        "cuUserObjectCreate");
  std::weak_ptr<void> lifetime = *token.release();
  const CUresult result =
      driver.cuGraphRetainUserObject(graph, object, 1, CU_GRAPH_USER_OBJECT_MOVE);
  if (result != CUDA_SUCCESS) driver.cuUserObjectRelease(object, 1);
  check(driver, result, "cuGraphRetainUserObject");
  return lifetime;
}

}  // namespace

Scratch::Scratch(std::shared_ptr<const CudaContext> context, std::size_t bytes)
    : context_(std::move(context)), bytes_(bytes) {
  if (bytes_ > 0) make();
}

Scratch::Place Scratch::make() {
  const RelaxedCapture relaxed(context_->driver);
  pieces_.push_back({.memory = allocate_memory(context_, bytes_),
                     .ended = make_event(context_, CU_EVENT_DISABLE_TIMING)});
  return std::prev(pieces_.end());
}

Scratch::Place Scratch::free_piece() {
  const auto found = std::ranges::find_if(pieces_, [](const Piece& piece) {
    return !piece.user || (piece.user->capture != 0 && piece.graph.expired());
  });
  return found != pieces_.end() ? found : make();
}

/// For a stream that has no piece yet and is not captured.
Scratch::Place Scratch::of_stream(CUstream stream) {
  const auto has_stream = [](const Piece& piece) { return piece.user && piece.user->capture == 0; };
  if (std::ranges::count_if(pieces_, has_stream) < static_cast<std::ptrdiff_t>(most_streams)) {
    return free_piece();
  }
  const auto longest_ago =
      std::prev(std::ranges::find_if(pieces_.rbegin(), pieces_.rend(), has_stream).base());
  check(context_->driver, context_->driver.cuStreamWaitEvent(stream, longest_ago->ended.get(), 0),
        "cuStreamWaitEvent");
  return longest_ago;
}

Scratch::Piece* Scratch::piece_for(CUstream stream) {
  if (bytes_ == 0) return nullptr;
  const Driver& driver = context_->driver;
  User user;
  check(driver, driver.cuStreamGetId(stream, &user.stream), "cuStreamGetId");
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  CUgraph graph = nullptr;
  check(driver,
        driver.cuStreamGetCaptureInfo(stream, &status, &user.capture, &graph, nullptr, nullptr),
        "cuStreamGetCaptureInfo");
  const bool captured = status == CU_STREAM_CAPTURE_STATUS_ACTIVE;
  if (!captured) user.capture = 0;

  auto piece = std::ranges::find(pieces_, user, &Piece::user);
  if (piece == pieces_.end()) {
    piece = captured ? free_piece() : of_stream(stream);
    if (captured) piece->graph = lifetime_of(driver, graph);
    piece->user = user;
  }
  pieces_.splice(pieces_.begin(), pieces_, piece);
  return &*piece;
}

Scratch::Loan::Loan(Scratch& scratch, CUstream stream)
    : scratch_(scratch), stream_(stream), piece_(scratch.piece_for(stream)) {}

Scratch::Loan::~Loan() {
  if (piece_ == nullptr || piece_->user->capture != 0) return;
  // The driver refuses only after a fault, and whoever calls next is told of that.
  scratch_.context_->driver.cuEventRecord(piece_->ended.get(), stream_);
}

}  // namespace convtune
