#pragma once

#include <istream>
#include <string>

namespace convtune {

/// Which CPU this is, as /proc/cpuinfo tells of the first one.
struct CpuModel {
  std::string name;  ///< x86: "model name"; elsewhere the machine's instruction set
  /// What one name hides: "cpu family", "model" and "stepping" (x86), "CPU implementer",
  /// "architecture", "variant", "part" and "revision" (ARM), as many as are there, joined by dots.
  std::string number;
};

CpuModel read_cpu_model(std::istream& cpuinfo);

}  // namespace convtune
