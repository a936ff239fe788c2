#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace convtune {

/// A packed float32 array as NumPy stores it.
struct NpyArray {
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

/// "(1, 10, 2)", or "(2,)", as NumPy prints a shape.
std::string shape_text(const NpyArray& array);

/// Reads a .npy file of format 1.0, 2.0 or 3.0 (numpy.lib.format) holding little-endian float16,
/// float32 or float64, the last rounded to float32. Fortran order becomes C order. Throws
/// Error{storage} for a file that cannot be read or is damaged (its size must be what the header
/// says), Error{invalid} for another dtype or version.
NpyArray read_npy(const std::filesystem::path& path);

/// Writes format 1.0. Throws Error{storage}, and then leaves no file.
void write_npy(const std::filesystem::path& path, const NpyArray& array);

}  // namespace convtune
