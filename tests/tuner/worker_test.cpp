#include "tuner/worker.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "tests/refusal.hpp"

namespace convtune {
namespace {

using namespace std::chrono_literals;
using End = WorkerAnswer::End;

const TrialRequest request{
    .problem = {.length = 10, .in_channels = 4, .out_channels = 6, .kernel_size = 3},
    .configs = {"a{}"}};

/// A stand-in for a worker: answers every request with an empty reply, after `before`.
std::vector<std::string> shell_worker(const std::string& before) {
  return {"/bin/sh", "-c",
          "while read -r line; do " + before +
              R"( echo '{"device_lost":"","fault":"","slowdowns":[],"measurements":[]}'; done)"};
}

TEST(Worker, AnswersSeveralRequestsInOneProcess) {
  // The process counts its answers by the number of (absent) devices it names.
  Worker worker(
      {"/bin/sh", "-c",
       "n=0; while read -r line; do n=$((n+1)); "
       R"(echo "{\"device_lost\":\"$n\",\"fault\":\"\",\"slowdowns\":[],\"measurements\":[]}"; done)"});
  for (int i = 1; i <= 3; ++i) {
    const WorkerAnswer answer = worker.ask(request, 10s);
    ASSERT_EQ(answer.end, End::replied);
    EXPECT_EQ(answer.reply.device_lost, std::to_string(i));
  }
}

TEST(Worker, LetsOpenMpThreadsSleepUnlessTheUserDecides) {
  const auto environment_of_worker = [] {
    Worker worker({"/bin/sh", "-c",
                   "read -r line; echo \"{\\\"device_lost\\\":\\\"spin $GOMP_SPINCOUNT, policy "
                   "$OMP_WAIT_POLICY\\\",\\\"fault\\\":\\\"\\\",\\\"slowdowns\\\":[],"
                   "\\\"measurements\\\":[]}\""});
    return worker.ask(request, 10s).reply.device_lost;
  };
  unsetenv("GOMP_SPINCOUNT");
  unsetenv("OMP_WAIT_POLICY");
  EXPECT_EQ(environment_of_worker(), "spin 1000, policy ");
  setenv("GOMP_SPINCOUNT", "7", 1);
  EXPECT_EQ(environment_of_worker(), "spin 7, policy ");
  unsetenv("GOMP_SPINCOUNT");
  setenv("OMP_WAIT_POLICY", "active", 1);
  EXPECT_EQ(environment_of_worker(), "spin , policy active");
  unsetenv("OMP_WAIT_POLICY");
}

TEST(Worker, ThatHangsIsKilledAndReplacedEvenIfItIgnoresTerm) {
  Worker worker(shell_worker("trap '' TERM; case $line in *'\"rounds\":1'*) sleep 1000;; esac;"));
  TrialRequest hanging = request;
  hanging.rounds = 1;
  const auto start = std::chrono::steady_clock::now();
  const WorkerAnswer answer = worker.ask(hanging, 500ms);
  EXPECT_EQ(answer.end, End::timed_out);
  EXPECT_THAT(answer.reason, testing::HasSubstr("no answer within"));
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  EXPECT_LT(taken, 500ms + 2s) << "it must not wait for the sleeper";
  fmt::print("seen: limit 0.5 s, ended and replaced after {:.2f} s\n", taken.count());
  EXPECT_EQ(worker.ask(request, 10s).end, End::replied);
}

TEST(Worker, ThatCrashesIsNamedAndReplaced) {
  Worker worker(shell_worker("case $line in *'\"rounds\":1'*) kill -SEGV $$;; esac;"));
  TrialRequest crashing = request;
  crashing.rounds = 1;
  const WorkerAnswer answer = worker.ask(crashing, 10s);
  EXPECT_EQ(answer.end, End::crashed);
  EXPECT_EQ(answer.reason, "killed by signal 11");
  EXPECT_EQ(worker.ask(request, 10s).end, End::replied);
}

TEST(Worker, ThatEndsIsNamedWithItsExitCode) {
  Worker worker({"/bin/sh", "-c", "read -r line; exit 7"});
  EXPECT_EQ(worker.ask(request, 10s).reason, "ended with exit code 7");
}

TEST(Worker, ThatCannotBeStartedIsUnavailable) {
  Worker worker({"/nonexistent/convtune"});
  EXPECT_THAT(refusal([&] { worker.ask(request, 1s); }, Status::unavailable),
              testing::HasSubstr("/nonexistent/convtune"));
}

TEST(Worker, WhoseDeviceIsSpoiltIsReplaced) {
  Worker worker(
      {"/bin/sh", "-c",
       R"(read -r line; echo '{"device_lost":"","fault":"error 700","slowdowns":[],"measurements":[]}')"
       "; sleep 1000"});
  const WorkerAnswer answer = worker.ask(request, 10s);
  EXPECT_EQ(answer.end, End::crashed);
  EXPECT_EQ(answer.reason, "error 700");
}

/// Its n-th process (from 1) does what the n-th of `deeds` says; the last stands for all later
/// ones.
class AskTwice : public testing::Test {
 protected:
  WorkerAnswer ask(const std::string& deeds) {
    const std::string count = testing::TempDir() + fmt::format("convtune-deeds-{}", getpid());
    Worker worker(shell_worker(fmt::format(
        "echo >>{0}; set -- {1}; shift $(($(wc -l <{0}) - 1)); case $1 in crash) kill -SEGV $$;; "
        "hang) sleep 1000;; esac;",
        count, deeds)));
    WorkerAnswer answer = ask_twice(worker, request, 2s);
    std::filesystem::remove(count);
    return answer;
  }
};

TEST_F(AskTwice, ForgivesOneDeath) {
  EXPECT_EQ(ask("crash answer").end, End::replied);
  EXPECT_EQ(ask("hang answer").end, End::replied);
}

TEST_F(AskTwice, TellsOfTwoDeaths) {
  const WorkerAnswer crashed = ask("crash crash answer");
  EXPECT_EQ(crashed.end, End::crashed);
  EXPECT_EQ(crashed.reason, "killed by signal 11, twice");
  const WorkerAnswer hung = ask("crash hang answer");
  EXPECT_EQ(hung.end, End::timed_out);
  EXPECT_EQ(hung.reason, "killed by signal 11, then no answer within 2 s");
}

}  // namespace
}  // namespace convtune
