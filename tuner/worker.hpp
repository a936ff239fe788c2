#pragma once

#include <sys/types.h>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "tuner/protocol.hpp"

namespace convtune {

/// The worker's side: answers requests from `input` on `output` (file descriptors) until the input
/// ends or the device cannot be used by this process any more. Returns an exit code.
int serve_trials(const std::shared_ptr<Device>& device, int input, int output);

/// How a request to a worker ended.
struct WorkerAnswer {
  enum class End { replied, timed_out, crashed, interrupted };
  End end = End::crashed;
  TrialReply reply;    ///< if replied
  std::string reason;  ///< otherwise: "killed by signal 11", "no answer within 30 s"
};

/// A process of its own that measures, so that a candidate which hangs or crashes takes down
/// nothing but itself. Started when first needed and again after it was ended.
class Worker {
 public:
  /// `command`: program and arguments of a process that calls serve_trials on its standard input
  /// and output.
  explicit Worker(std::vector<std::string> command);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Waits for the reply at most `limit`; a worker that has not replied by then is killed. Returns
  /// early, worker killed, once interrupted() (interrupt.hpp). Throws Error{unavailable} if no
  /// process can be started.
  WorkerAnswer ask(const TrialRequest& request, std::chrono::duration<double> limit);

 private:
  void start();
  void stop();
  std::string exit_reason();

  std::vector<std::string> command_;
  pid_t pid_ = -1;
  int to_worker_ = -1;
  int from_worker_ = -1;
  std::string received_;
};

/// What worker.ask() answers, but that a candidate takes workers down is answered only after two in
/// a row: one may have died for reasons of its own, or on a machine too busy. The reason tells of
/// both. Throws Error{unavailable} if the device is lost.
WorkerAnswer ask_twice(Worker& worker, const TrialRequest& request,
                       std::chrono::duration<double> limit);

bool took_worker_down(const WorkerAnswer& answer);

/// The outcome of candidates whose worker timed out or crashed.
Outcome outcome_of(WorkerAnswer::End end);

/// The command of a worker for `device`: this very program, as `convtune worker`. Throws
/// Error{invalid} for a wrong CONVTUNE_NUM_THREADS.
std::vector<std::string> worker_command(const std::string& device);

}  // namespace convtune
