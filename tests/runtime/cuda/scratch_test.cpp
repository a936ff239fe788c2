#include "runtime/cuda/scratch.hpp"

#include <gmock/gmock.h>

#include <optional>
#include <set>
#include <vector>

#include "kernels/error.hpp"
#include "tests/runtime/cuda/fake_driver.hpp"

namespace convtune {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class ScratchTest : public testing::Test {
 protected:
  void SetUp() override {
    fake_driver::reset();
    driver_.cuCtxPushCurrent(nullptr);
    context_ = std::make_shared<CudaContext>(driver_, 0);
  }
  void TearDown() override {
    scratch_.reset();
    EXPECT_EQ(fake_driver::state().live_allocations, 0);
    driver_.cuCtxPopCurrent(nullptr);
  }

  Scratch& scratch() {
    if (!scratch_) scratch_.emplace(context_, 1000);
    return *scratch_;
  }

  CudaStream stream() { return make_stream(context_); }

  /// The piece of a run, which is in full use then.
  CUdeviceptr run(CUstream on) {
    const Scratch::Loan piece(scratch(), on);
    EXPECT_EQ(piece.memory() % 256, 0);
    driver_.cuMemsetD8Async(piece.memory(), 1, 1000, on);
    return piece.memory();
  }

  /// An instance of what `runs` starts on a captured stream.
  template <class Runs>
  CudaGraphExec captured(CUstream on, Runs runs) {
    driver_.cuStreamBeginCapture(on, CU_STREAM_CAPTURE_MODE_GLOBAL);
    runs();
    CUgraph graph = nullptr;
    driver_.cuStreamEndCapture(on, &graph);
    CUgraphExec instance = nullptr;
    driver_.cuGraphInstantiate(&instance, graph, 0);
    driver_.cuGraphDestroy(graph);
    return {context_, instance};
  }

  const Driver& driver_ = fake_driver::table();
  std::shared_ptr<const CudaContext> context_;
  std::optional<Scratch> scratch_;
};

TEST_F(ScratchTest, GivesEachStreamAPieceOfItsOwnAndTheSameAgain) {
  const CudaStream a = stream(), b = stream();
  const CUdeviceptr of_a = run(a.get()), of_b = run(b.get()), of_default = run(nullptr);
  EXPECT_THAT((std::set{of_a, of_b, of_default}), SizeIs(3));
  EXPECT_EQ(run(a.get()), of_a);
  EXPECT_EQ(run(b.get()), of_b);
  EXPECT_EQ(run(nullptr), of_default);
  EXPECT_THAT(fake_driver::state().waits, IsEmpty());
}

// Its work goes on, and the driver may give its handle to the next.
TEST_F(ScratchTest, KnowsADestroyedStreamFromOneWithItsHandle) {
  std::set<CUdeviceptr> pieces;
  for (std::size_t i = 0; i < Scratch::most_streams; ++i) pieces.insert(run(stream().get()));
  EXPECT_THAT(pieces, SizeIs(Scratch::most_streams));
}

TEST_F(ScratchTest, LetsFurtherStreamsWaitForTheOneThatRanLongestAgo) {
  std::vector<CudaStream> streams;
  std::vector<CUdeviceptr> pieces;
  for (std::size_t i = 0; i < Scratch::most_streams; ++i) {
    pieces.push_back(run(streams.emplace_back(stream()).get()));
  }
  run(streams[0].get());
  const CudaStream further = stream();
  EXPECT_EQ(run(further.get()), pieces[1]);
  EXPECT_THAT(fake_driver::state().waits,
              ElementsAre(fake_driver::Wait{further.get(), streams[1].get()}));
  run(further.get());
  EXPECT_THAT(fake_driver::state().waits, SizeIs(1));
  EXPECT_EQ(run(streams[1].get()), pieces[2]);
  EXPECT_EQ(fake_driver::state().live_allocations, static_cast<int>(Scratch::most_streams));
}

TEST_F(ScratchTest, GivesACaptureAPieceForEachOfItsStreams) {
  const CudaStream a = stream(), b = stream();
  std::set<CUdeviceptr> pieces = {run(a.get()), run(b.get())};
  const CudaEvent fork = make_event(context_);
  const CudaGraphExec graph = captured(a.get(), [&] {
    const CUdeviceptr of_a = run(a.get());
    EXPECT_EQ(run(a.get()), of_a) << "they run one after the other";
    driver_.cuEventRecord(fork.get(), a.get());
    driver_.cuStreamWaitEvent(b.get(), fork.get(), 0);
    pieces.insert({of_a, run(b.get())});
  });
  EXPECT_THAT(pieces, SizeIs(4));
  EXPECT_TRUE(pieces.contains(run(a.get())));
  EXPECT_THAT(fake_driver::state().waits, IsEmpty()) << "of what is outside the capture";
}

TEST_F(ScratchTest, GivesNobodyThePieceOfAGraphThatLives) {
  const CudaStream a = stream(), b = stream();
  std::set<CUdeviceptr> pieces = {run(a.get()), run(b.get())};
  std::vector<CudaGraphExec> graphs;
  for (int i = 0; i < 6; ++i) {
    graphs.push_back(captured(a.get(), [&] { pieces.insert(run(a.get())); }));
  }
  EXPECT_THAT(pieces, SizeIs(8));
  const CudaStream c = stream();
  EXPECT_FALSE(pieces.contains(run(c.get())));
}

TEST_F(ScratchTest, TakesThePiecesOfGraphsThatAreGoneAgain) {
  const CudaStream a = stream();
  run(a.get());
  for (int i = 0; i < 100; ++i) captured(a.get(), [&] { run(a.get()); });
  EXPECT_EQ(fake_driver::state().live_allocations, 2);
  const CudaStream b = stream();
  run(b.get());
  EXPECT_EQ(fake_driver::state().live_allocations, 2);
}

TEST_F(ScratchTest, AllowsToAllocateInACaptureForItselfOnly) {
  const CudaStream a = stream();
  run(a.get());
  captured(a.get(), [&] {
    run(a.get());
    CUdeviceptr memory = 0;
    EXPECT_EQ(driver_.cuMemAlloc(&memory, 1), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  });
}

TEST_F(ScratchTest, MayEndBeforeItsGraph) {
  const CudaStream a = stream();
  const CudaGraphExec graph = captured(a.get(), [&] { run(a.get()); });
  scratch_.reset();
}

TEST_F(ScratchTest, SaysThatThereIsNoMemory) {
  fake_driver::state().memory_left = 999;
  EXPECT_THROW(scratch(), Error);
}

TEST_F(ScratchTest, WithoutBytesAsksTheDriverNothing) {
  Scratch empty(nullptr, 0);  // no context, and so no driver
  EXPECT_EQ(Scratch::Loan(empty, nullptr).memory(), 0);
}

}  // namespace
}  // namespace convtune
