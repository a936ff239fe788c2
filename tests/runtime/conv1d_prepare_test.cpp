#include <barrier>
#include <thread>

#include "tests/runtime/module.hpp"

namespace convtune {
namespace {

TEST_F(Module, MovesItsWeightsOnFirstUseAndPacksNewOnesAgain) {
  options.has_bias = true;
  const Case data(problem_for(options, 1, 9));
  Conv1d conv = loaded(data);
  EXPECT_EQ(conv.filter().device, "cpu");
  data.expect_right(data.run(conv));
  EXPECT_EQ(conv.filter().device, "cuda:0");
  EXPECT_EQ(conv.bias()->device, "cuda:0");

  Case other = data;
  other.weight = random_elements(DType::float32, weight_elements(data.problem), 77);
  conv.load_state_dict(other.state());
  EXPECT_EQ(conv.filter().device, "cpu");
  other.expect_right(other.run(conv));
}

TEST_F(Module, PreparesOnceAndThenAsksNobody) {
  const Case data(problem_for(options, 1, 9));
  const Conv1d conv = loaded(data);
  conv.prepare(1, 9);
  const int prepares = machine.gpu->prepares;
  const int asked = machine.plans->asked;
  EXPECT_EQ(prepares, 1);
  for (int i = 0; i < 3; ++i) data.expect_right(data.run(conv));
  EXPECT_EQ(machine.gpu->prepares, prepares);
  EXPECT_EQ(machine.plans->asked, asked);
}

TEST_F(Module, FirstUseFromManyThreadsPreparesOnce) {
  constexpr int threads = 16;
  const Case data(problem_for(options, 1, 9));
  const Conv1d conv = loaded(data);
  machine.gpu->before_prepare = [] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); };
  std::barrier start(threads);
  std::vector<std::jthread> running;
  std::vector<Elements> results(threads, Elements(DType::float32, 0));
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      start.arrive_and_wait();
      results[static_cast<std::size_t>(i)] = data.run(conv);
    });
  }
  running.clear();
  EXPECT_EQ(machine.gpu->prepares, 1);
  for (const Elements& y : results) data.expect_right(y);
}

TEST_F(Module, TheCpuServesWhileAKernelIsCompiledInTheBackground) {
  options.policy = Policy::compile_in_background;
  const Case data(problem_for(options, 1, 9));
  std::atomic<bool> may_compile = false;
  machine.gpu->before_prepare = [&] { may_compile.wait(false); };
  const Conv1d conv = loaded(data);
  data.expect_right(data.run(conv));
  EXPECT_EQ(conv.plan(1, 9).match, Match::cpu);
  EXPECT_EQ(conv.filter().device, "cpu");
  may_compile = true;
  may_compile.notify_all();
  conv.prepare(1, 9);
  EXPECT_EQ(conv.plan(1, 9).match, Match::heuristic);
  EXPECT_EQ(conv.filter().device, "cuda:0");
  data.expect_right(data.run(conv));
  EXPECT_EQ(machine.gpu->prepares, 1);
}

TEST_F(Module, MayBeDestroyedWhileItCompiles) {
  options.policy = Policy::compile_in_background;
  const Case data(problem_for(options, 1, 9));
  machine.gpu->before_prepare = [] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); };
  {
    const Conv1d conv = loaded(data);
    data.expect_right(data.run(conv));
  }
  EXPECT_EQ(machine.gpu->prepares, 1);
}

}  // namespace
}  // namespace convtune
