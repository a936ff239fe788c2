#include <gmock/gmock.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <random>

#include "kernels/error.hpp"
#include "results/sqlite.hpp"
#include "results/store.hpp"
#include "tests/fault_count.hpp"
#include "tests/results/sample_records.hpp"

namespace convtune {
namespace {

/// Runs `action` in a process of its own, which ends with the int it returns, or 99 for an
/// exception.
template <typename Action>
pid_t start_child(Action&& action) {
  const pid_t child = fork();
  if (child != 0) return child;
  int code = 99;
  try {
    code = action();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "child: %s\n", error.what());
  }
  _exit(code);
}

/// The exit status, or 128 + the signal.
int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

struct Pipe {
  std::array<int, 2> ends{};
  Pipe() {
    if (pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_reader();
    close_writer();
  }
  void close_reader() { close(std::exchange(ends[0], -1)); }
  void close_writer() { close(std::exchange(ends[1], -1)); }
};

class Faults : public testing::Test {
 protected:
  TemporaryFolder folder;
  std::filesystem::path path = folder / "test.db";

  std::size_t sound_measurements() {
    const Store store(path, Store::Access::read);
    const Store::Health health = store.check();
    EXPECT_EQ(health.integrity, "ok");
    EXPECT_EQ(health.damaged, 0U);
    return store.info().measurements;
  }
};

/// Inserts measurements first, first + 1, … and acknowledges each through the pipe, for ever.
int insert_until_killed(const std::filesystem::path& path, int first, int acknowledge) {
  Store store(path);
  store.insert(sample_run(), sample_device());
  for (int i = first;; ++i) {
    store.insert(sample_measurement(i));
    if (write(acknowledge, &i, sizeof i) != sizeof i) return 1;
  }
}

TEST_F(Faults, NoAcknowledgedRowIsLostByKills) {
  const int kills = fault_count(25, 1000);
  constexpr int kills_a_database = 25;
  std::mt19937 random(9);
  int next = 0;
  std::size_t acknowledged = 0;
  for (int kill_number = 0; kill_number < kills; ++kill_number) {
    if (kill_number % kills_a_database == 0) std::filesystem::remove(path), next = 0;
    Pipe pipe;
    const pid_t child = start_child([&] { return insert_until_killed(path, next, pipe.ends[1]); });
    pipe.close_writer();
    pollfd first_row = {pipe.ends[0], POLLIN, 0};
    ASSERT_EQ(poll(&first_row, 1, 60'000), 1);
    usleep(random() % 30'000);
    kill(child, SIGKILL);
    ASSERT_EQ(wait_for(child), 128 + SIGKILL);
    for (int row = 0; read(pipe.ends[0], &row, sizeof row) == sizeof row; ++acknowledged) {
      next = row + 1;
    }

    // One more row may be there: committed, but killed before it was acknowledged.
    const std::size_t rows = sound_measurements();
    ASSERT_GE(rows, static_cast<std::size_t>(next));
    ASSERT_LE(rows, static_cast<std::size_t>(next) + 1);
    const Store store(path, Store::Access::read);
    for (int i = 0; i < next; ++i) ASSERT_TRUE(store.find(sample_measurement(i).key)) << i;
  }
  EXPECT_GE(acknowledged, static_cast<std::size_t>(kills));
  fmt::print("seen: {} kills, 0 of {} acknowledged rows lost\n", kills, acknowledged);
}

TEST_F(Faults, ReaderUndoesWhatAKilledWriterLeft) {
  { Store store(path); }
  const std::string before = read_file(path);
  const int code = wait_for(start_child([&] {
    Database database(path, Database::Access::write);
    database.execute("PRAGMA cache_size = 1; PRAGMA foreign_keys = OFF");
    Transaction transaction(database, Database::Access::write);
    for (int i = 0; i < 500; ++i) {
      database.execute(
          fmt::format("INSERT INTO labels VALUES ('p', 'm', '{}', 's', 'l', '{:0500}')", i, i)
              .c_str());
    }
    raise(SIGKILL);
    return 0;
  }));
  ASSERT_EQ(code, 128 + SIGKILL);
  ASSERT_TRUE(std::filesystem::exists(folder / "test.db-journal"));
  ASSERT_NE(read_file(path), before);
  EXPECT_EQ(sound_measurements(), 0U);
  EXPECT_EQ(read_file(path), before);
}

TEST_F(Faults, ProcessesCanCreateOneDatabaseAtOnce) {
  constexpr int processes = 8;
  const int rounds = fault_count(5, 100);
  for (int round = 0; round < rounds; ++round) {
    std::filesystem::remove(path);
    Pipe gate;
    std::vector<pid_t> children;
    for (int number = 0; number < processes; ++number) {
      children.push_back(start_child([&] {
        gate.close_writer();
        char opened = 0;
        if (read(gate.ends[0], &opened, 1) != 0) return 1;
        Store store(path);
        store.insert(sample_run(), sample_device());
        store.insert(sample_measurement(1000));
        store.insert(sample_measurement(number));
        return 0;
      }));
    }
    gate.close_writer();
    for (const pid_t child : children) EXPECT_EQ(wait_for(child), 0);
    EXPECT_EQ(sound_measurements(), processes + 1U);
  }
  fmt::print("seen: {} rounds of {} processes, {} errors\n", rounds, processes,
             HasFailure() ? "some" : "0");
}

TEST_F(Faults, FullDiskIsReportedAndLosesNothing) {
  { Store(path).insert(sample_run(), sample_device()); }
  Pipe pipe;
  const int code = wait_for(start_child([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlim_t room = std::filesystem::file_size(path) + 64 * 1024;
    const rlimit limit = {room, room};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
    Store store(path);
    for (int i = 0; i < 10'000; ++i) {
      try {
        store.insert(sample_measurement(i));
      } catch (const Error& error) {
        const bool clear = std::strstr(error.what(), "test.db") != nullptr &&
                           std::strstr(error.what(), "free space") != nullptr;
        return error.status() == Status::storage && clear ? 0 : 3;
      }
      if (write(pipe.ends[1], &i, sizeof i) != sizeof i) return 4;
    }
    return 5;
  }));
  EXPECT_EQ(code, 0);
  pipe.close_writer();
  int stored = 0;
  for (int row = 0; read(pipe.ends[0], &row, sizeof row) == sizeof row;) stored = row + 1;
  EXPECT_GT(stored, 10);
  EXPECT_EQ(sound_measurements(), static_cast<std::size_t>(stored));
  Store(path).insert(sample_measurement(stored));
  EXPECT_EQ(sound_measurements(), static_cast<std::size_t>(stored) + 1);
}

/// Root may write whatever the mode says.
void become_nobody() {
  constexpr unsigned nobody = 65534;
  if (geteuid() == 0 && (setgid(nobody) != 0 || setuid(nobody) != 0)) {
    throw std::runtime_error("cannot give up root's rights");
  }
}

TEST_F(Faults, ReadOnlyDatabaseInAReadOnlyFolderServesLookUps) {
  namespace fs = std::filesystem;
  {
    Store store(path);
    fill(store, 1);
  }
  fs::permissions(path, fs::perms(0444));
  fs::permissions(folder.path(), fs::perms(0555));
  const int code = wait_for(start_child([&] {
    become_nobody();
    const Store reader(path, Store::Access::read);
    if (!reader.find(sample_problem(), sample_device())) return 1;
    if (reader.near(sample_problem(7), sample_device(), 3).size() != 1) return 2;
    if (reader.check().integrity != "ok") return 3;
    try {
      Store writer(path);
      return 4;
    } catch (const Error& error) {
      const bool clear = std::strstr(error.what(), "is read-only") != nullptr;
      return error.status() == Status::storage && clear ? 0 : 5;
    }
  }));
  EXPECT_EQ(code, 0);
  fs::permissions(folder.path(), fs::perms(0755));
}

TEST_F(Faults, FolderWithoutRightsIsReported) {
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
  const int code = wait_for(start_child([&] {
    become_nobody();
    try {
      Store writer(path);
      return 1;
    } catch (const Error& error) {
      const bool clear = std::strstr(error.what(), "check that the file and its folder") != nullptr;
      return error.status() == Status::storage && clear ? 0 : 2;
    }
  }));
  EXPECT_EQ(code, 0);
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
}

}  // namespace
}  // namespace convtune
