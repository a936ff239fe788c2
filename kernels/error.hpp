#pragma once

#include <stdexcept>
#include <string>

namespace convtune {

/// Why something was refused or failed. The numbers are the exit codes of the command line.
enum class Status {
  ok = 0,
  check_failed = 1,  ///< a check or a comparison failed
  invalid = 2,       ///< usage, or a problem that breaks a rule
  unavailable = 3,   ///< no such device, driver or compiler
  storage = 4,       ///< a database or file could not be read or written
  partial = 5,       ///< done in part: some problem ended without a winner
  failed = 6,        ///< a candidate could not be built or run here (a normal event for a tuner)
  no_memory = 7,     ///< there is not enough of it at present
};

/// The one exception of the project. what() is one sentence: what was asked, what was found, what
/// to do.
class Error : public std::runtime_error {
 public:
  Error(Status status, const std::string& message) : std::runtime_error(message), status_(status) {}
  Status status() const { return status_; }

 private:
  Status status_;
};

}  // namespace convtune
