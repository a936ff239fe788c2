#include "tuner/worker.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "kernels/cpu/thread_pool.hpp"
#include "kernels/environment.hpp"
#include "kernels/error.hpp"
#include "tuner/interrupt.hpp"

namespace convtune {
namespace {

constexpr std::size_t chunk_bytes = 1 << 16;

/// Reads what is there into `buffer`; false at the end of the stream.
bool read_some(int descriptor, std::string& buffer) {
  std::array<char, chunk_bytes> chunk;
  ssize_t count = -1;
  do {
    count = read(descriptor, chunk.data(), chunk.size());
  } while (count < 0 && errno == EINTR);
  if (count <= 0) return false;
  buffer.append(chunk.data(), static_cast<std::size_t>(count));
  return true;
}

/// Removes the first line from `buffer`, if it holds a whole one.
std::optional<std::string> take_line(std::string& buffer) {
  const std::size_t end = buffer.find('\n');
  if (end == std::string::npos) return std::nullopt;
  std::string line = buffer.substr(0, end);
  buffer.erase(0, end + 1);
  return line;
}

bool write_line(int descriptor, std::string line) {
  line += '\n';
  for (std::size_t done = 0; done < line.size();) {
    const ssize_t count = write(descriptor, line.data() + done, line.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return true;
}

TrialReply answer(const Device& device, TrialRunner& runner, std::string_view line) {
  TrialReply reply;
  try {
    reply.measurements = runner.run(parse_request(line));
    reply.slowdowns = runner.slowdowns();
  } catch (const Error& error) {
    if (error.status() == Status::unavailable) return {.device_lost = error.what()};
    if (device.usable()) throw;
    return {.fault = error.what()};
  }
  if (!device.usable()) {
    for (const Measurement& each : reply.measurements) {
      if (each.outcome == Outcome::failed) return {.fault = each.reason};
    }
  }
  return reply;
}

/// The environment of a worker, where the user has not decided it: libgomp's threads, which are a
/// vendor's, wait 1,000 turns (about 50 µs) before they sleep, in place of 300,000 (milliseconds).
/// On a busy machine such a wait keeps the very thread waited for from running: a run of 51 µs on
/// two cores took 26 ms, now 0.15 ms. On idle cores nothing changes; without any turns, by
/// OMP_WAIT_POLICY=passive, a run of 2.5 µs would take 7.5 µs.
std::vector<char*> worker_environment() {
  static std::array<char, 20> spin_count = {"GOMP_SPINCOUNT=1000"};
  std::vector<char*> variables;
  for (char** each = environ; *each != nullptr; ++each) variables.push_back(*each);
  if (!environment("GOMP_SPINCOUNT") && !environment("OMP_WAIT_POLICY")) {
    variables.push_back(spin_count.data());
  }
  variables.push_back(nullptr);
  return variables;
}

}  // namespace

int serve_trials(const std::shared_ptr<Device>& device, int input, int output) {
  TrialRunner runner(device);
  std::string received;
  do {
    while (const auto line = take_line(received)) {
      if (!write_line(output, to_line(answer(*device, runner, *line)))) return 0;
      if (!device->usable()) return 0;
    }
  } while (read_some(input, received));
  return 0;
}

Worker::Worker(std::vector<std::string> command) : command_(std::move(command)) {
  // A worker may die while a request is written to it; that is an answer, not our end.
  std::signal(SIGPIPE, SIG_IGN);
}

Worker::~Worker() { stop(); }

void Worker::start() {
  std::array<int, 2> request_pipe{};
  std::array<int, 2> reply_pipe{};
  if (pipe2(request_pipe.data(), O_CLOEXEC) != 0 || pipe2(reply_pipe.data(), O_CLOEXEC) != 0) {
    throw Error(Status::unavailable, fmt::format("no pipe for a worker: {}", std::strerror(errno)));
  }
  std::vector<char*> arguments;
  for (std::string& word : command_) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, request_pipe[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, reply_pipe[1], STDOUT_FILENO);
  // A group of its own: Ctrl-C at the terminal is for the tuner, which ends the whole group itself.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  const int error = posix_spawn(&pid_, arguments[0], &files, &attributes, arguments.data(),
                                worker_environment().data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  close(request_pipe[0]);
  close(reply_pipe[1]);
  to_worker_ = request_pipe[1];
  from_worker_ = reply_pipe[0];
  if (error != 0) {
    pid_ = -1;
    stop();
    throw Error(Status::unavailable,
                fmt::format("cannot start the worker {}: {}", command_[0], std::strerror(error)));
  }
}

void Worker::stop() {
  if (pid_ > 0) {
    kill(-pid_, SIGKILL);  // with whatever it started
    exit_reason();
  }
  for (int* descriptor : {&to_worker_, &from_worker_}) {
    if (*descriptor >= 0) close(*descriptor);
    *descriptor = -1;
  }
  received_.clear();
}

std::string Worker::exit_reason() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFSIGNALED(status) ? fmt::format("killed by signal {}", WTERMSIG(status))
                             : fmt::format("ended with exit code {}", WEXITSTATUS(status));
}

WorkerAnswer Worker::ask(const TrialRequest& request, std::chrono::duration<double> limit) {
  using Clock = std::chrono::steady_clock;
  if (pid_ < 0) start();
  const auto deadline = Clock::now() + limit;
  bool alive = write_line(to_worker_, to_line(request));
  while (alive) {
    if (const auto line = take_line(received_)) {
      std::string fault;
      try {
        TrialReply reply = parse_reply(*line);
        if (reply.fault.empty())
          return {.end = WorkerAnswer::End::replied, .reply = std::move(reply), .reason = {}};
        fault = std::move(reply.fault);
      } catch (const Error& error) {
        fault = error.what();
      }
      stop();
      return {.end = WorkerAnswer::End::crashed, .reply = {}, .reason = std::move(fault)};
    }
    const double left = std::chrono::duration<double>(deadline - Clock::now()).count();
    if (!wait_readable(from_worker_, left)) {
      stop();
      if (interrupted() != 0) return {.end = WorkerAnswer::End::interrupted, .reply = {}};
      return {.end = WorkerAnswer::End::timed_out,
              .reply = {},
              .reason = fmt::format("no answer within {} s", limit.count())};
    }
    alive = read_some(from_worker_, received_);
  }
  std::string reason = exit_reason();
  stop();
  return {.end = WorkerAnswer::End::crashed, .reply = {}, .reason = std::move(reason)};
}

WorkerAnswer ask_twice(Worker& worker, const TrialRequest& request,
                       std::chrono::duration<double> limit) {
  WorkerAnswer answer = worker.ask(request, limit);
  if (took_worker_down(answer)) {
    const std::string first = std::move(answer.reason);
    answer = worker.ask(request, limit);
    if (took_worker_down(answer)) {
      answer.reason =
          first == answer.reason ? first + ", twice" : first + ", then " + answer.reason;
    }
  }
  if (!answer.reply.device_lost.empty()) {
    throw Error(Status::unavailable, answer.reply.device_lost);
  }
  return answer;
}

bool took_worker_down(const WorkerAnswer& answer) {
  return answer.end == WorkerAnswer::End::timed_out || answer.end == WorkerAnswer::End::crashed;
}

Outcome outcome_of(WorkerAnswer::End end) {
  return end == WorkerAnswer::End::timed_out ? Outcome::timed_out : Outcome::crashed;
}

std::vector<std::string> worker_command(const std::string& device) {
  default_threads();  // a wrong number of them would fail every candidate, which is stored for good
  // Not the path behind it: the program's file may be replaced while a sweep runs.
  return {"/proc/self/exe", "worker", "--device", device};
}

}  // namespace convtune
