#include "runtime/npy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "kernels/checked.hpp"
#include "kernels/dtype.hpp"
#include "kernels/error.hpp"

namespace convtune {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t max_header = 1 << 16;
constexpr std::size_t alignment = 64;
constexpr std::string_view write_again = "write the file again with numpy.save";

[[noreturn]] void refuse(Status status, const std::filesystem::path& path,
                         const std::string& found) {
  throw Error(status, fmt::format("{}: {}", path.string(), found));
}

[[noreturn]] void refuse_dtype(const std::filesystem::path& path, std::string_view dtype) {
  refuse(Status::invalid, path,
         fmt::format("its dtype is {}, but float16, float32 and float64 in little-endian order are "
                     "read; save numpy.ascontiguousarray(x, dtype='<f4')",
                     dtype));
}

/// Reads the header's Python dictionary: 'descr': a string, 'fortran_order': a boolean, 'shape': a
/// tuple of integers.
class HeaderParser {
 public:
  HeaderParser(const std::filesystem::path& path, std::string_view text)
      : path_(path), rest_(text) {}

  struct Header {
    std::optional<std::string> descr;
    std::optional<bool> fortran_order;
    std::optional<std::vector<std::int64_t>> shape;
  };

  Header parse() {
    Header header;
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr" && !header.descr) {
        if (accept('[')) refuse_dtype(path_, "a record of fields");
        header.descr = string();
      } else if (key == "fortran_order" && !header.fortran_order) {
        header.fortran_order = boolean();
      } else if (key == "shape" && !header.shape) {
        header.shape = tuple();
      } else {
        damaged(fmt::format("has the unexpected key '{}'", key));
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (!rest_.empty()) damaged("goes on after its dictionary");
    if (!header.descr || !header.fortran_order || !header.shape) damaged("lacks a key");
    return header;
  }

 private:
  [[noreturn]] void damaged(const std::string& how) const {
    refuse(Status::storage, path_, fmt::format("its .npy header {}; {}", how, write_again));
  }

  void skip_space() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\n"), rest_.size()));
  }

  bool accept(char wanted) {
    skip_space();
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(char wanted) {
    if (!accept(wanted)) damaged(fmt::format("lacks a '{}'", wanted));
  }

  bool accept_word(std::string_view word) {
    skip_space();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  std::string string() {
    skip_space();
    if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) damaged("lacks a quoted string");
    const std::size_t end = rest_.find(rest_[0], 1);
    if (end == std::string_view::npos) damaged("has a string without an end");
    std::string text(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }

  bool boolean() {
    if (accept_word("True")) return true;
    if (!accept_word("False")) damaged("lacks a True or False");
    return false;
  }

  std::int64_t integer() {
    skip_space();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc() || value < 0) damaged("has a size that is no number");
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }

  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> values;
    expect('(');
    while (!accept(')')) {
      values.push_back(integer());
      if (!accept(',')) {
        if (values.size() == 1) damaged("has a shape that is no tuple");
        expect(')');
        break;
      }
    }
    return values;
  }

  const std::filesystem::path& path_;
  std::string_view rest_;
};

/// The bytes from the start of the file to the array: magic, version, header's length, header.
std::string read_header(const std::filesystem::path& path, std::ifstream& file,
                        std::uint64_t& data_begins) {
  std::string start(8, '\0');
  if (!file.read(start.data(), 8) || !start.starts_with(magic)) {
    refuse(Status::storage, path, fmt::format("it is no .npy file; {}", write_again));
  }
  const int major = static_cast<unsigned char>(start[6]);
  const int minor = static_cast<unsigned char>(start[7]);
  if (major < 1 || major > 3 || minor != 0) {
    refuse(Status::invalid, path,
           fmt::format("its .npy format is {}.{}, but 1.0, 2.0 and 3.0 are read; {}", major, minor,
                       write_again));
  }
  const std::size_t width = major == 1 ? 2 : 4;
  std::uint32_t length = 0;
  if (!file.read(reinterpret_cast<char*>(&length), static_cast<std::streamsize>(width)) ||
      length > max_header) {
    refuse(Status::storage, path,
           fmt::format("its .npy header is cut off or too long; {}", write_again));
  }
  std::string header(length, '\0');
  if (!file.read(header.data(), length)) {
    refuse(Status::storage, path, fmt::format("its .npy header is cut off; {}", write_again));
  }
  data_begins = magic.size() + 2 + width + length;
  return header;
}

float to_float(float value) { return value; }
float to_float(double value) { return static_cast<float>(value); }
float to_float(Bits16 bits) { return float_from_float16(bits); }

/// Fills `values` from numbers of type T; false if the file ends before.
template <typename T>
bool read_numbers(std::ifstream& file, std::vector<float>& values) {
  std::array<T, 4096> chunk;
  for (std::size_t done = 0; done < values.size();) {
    const std::size_t count = std::min(chunk.size(), values.size() - done);
    if (!file.read(reinterpret_cast<char*>(chunk.data()),
                   static_cast<std::streamsize>(count * sizeof(T)))) {
      return false;
    }
    for (std::size_t i = 0; i < count; ++i) values[done++] = to_float(chunk[i]);
  }
  return true;
}

struct Element {
  std::string_view descr;
  std::int64_t bytes;
  bool (*read)(std::ifstream& file, std::vector<float>& values);
};
constexpr std::array readable = {Element{"<f2", 2, read_numbers<Bits16>},
                                 Element{"<f4", 4, read_numbers<float>},
                                 Element{"<f8", 8, read_numbers<double>}};

std::int64_t bytes_of(const std::vector<std::int64_t>& shape, std::int64_t element_bytes,
                      const std::filesystem::path& path) {
  Checked bytes = element_bytes;
  for (const std::int64_t size : shape) bytes = bytes * size;
  if (!bytes.value()) {
    refuse(Status::storage, path,
           fmt::format("the sizes in its .npy header overflow; {}", write_again));
  }
  return *bytes.value();
}

/// In Fortran order the first index runs fastest, in C order the last.
std::vector<float> in_c_order(const std::vector<float>& fortran,
                              const std::vector<std::int64_t>& shape) {
  std::vector<float> values(fortran.size());
  std::vector<std::int64_t> index(shape.size());
  for (const float value : fortran) {
    std::int64_t at = 0;
    for (std::size_t d = 0; d < shape.size(); ++d) at = at * shape[d] + index[d];
    values[static_cast<std::size_t>(at)] = value;
    for (std::size_t d = 0; d < shape.size() && ++index[d] == shape[d]; ++d) index[d] = 0;
  }
  return values;
}

}  // namespace

std::string shape_text(const NpyArray& array) {
  return fmt::format("({}{})", fmt::join(array.shape, ", "), array.shape.size() == 1 ? "," : "");
}

NpyArray read_npy(const std::filesystem::path& path) {
  std::error_code unreadable;
  const std::uint64_t file_bytes = std::filesystem::file_size(path, unreadable);
  std::ifstream file(path, std::ios::binary);
  if (unreadable || !file) {
    if (!unreadable) unreadable.assign(errno, std::generic_category());
    refuse(Status::storage, path,
           fmt::format("it cannot be read ({}); name a .npy file", unreadable.message()));
  }

  std::uint64_t data_begins = 0;
  const std::string text = read_header(path, file, data_begins);
  const HeaderParser::Header header = HeaderParser(path, text).parse();
  const auto element = std::ranges::find(readable, *header.descr, &Element::descr);
  if (element == readable.end()) {
    refuse_dtype(path, header.descr->find('O') != std::string::npos
                           ? "Python objects"
                           : fmt::format("'{}'", *header.descr));
  }
  NpyArray array{.shape = *header.shape, .values = {}};
  const std::int64_t data_bytes = bytes_of(array.shape, element->bytes, path);
  if (file_bytes - data_begins != static_cast<std::uint64_t>(data_bytes)) {
    refuse(Status::storage, path,
           fmt::format("it holds {} bytes of data, but its shape {} needs {}; {}",
                       file_bytes - data_begins, shape_text(array), data_bytes, write_again));
  }
  array.values.resize(static_cast<std::size_t>(data_bytes / element->bytes));
  if (!element->read(file, array.values)) {
    refuse(Status::storage, path, "it cannot be read to its end; check the disk");
  }
  if (*header.fortran_order) array.values = in_c_order(array.values, array.shape);
  return array;
}

void write_npy(const std::filesystem::path& path, const NpyArray& array) {
  std::string header =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': {}, }}", shape_text(array));
  const std::size_t start = magic.size() + 4;
  header.append(alignment - (start + header.size() + 1) % alignment, ' ');
  header += '\n';
  const auto length = static_cast<std::uint16_t>(header.size());

  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (!file) {
    refuse(Status::storage, path,
           fmt::format("it cannot be written ({}); check its folder, or name another file",
                       std::generic_category().message(errno)));
  }
  file.write(magic.data(), static_cast<std::streamsize>(magic.size()));
  file.write("\x01\x00", 2);
  file.write(reinterpret_cast<const char*>(&length), sizeof length);
  file << header;
  file.write(reinterpret_cast<const char*>(array.values.data()),
             static_cast<std::streamsize>(array.values.size() * sizeof(float)));
  file.close();
  if (!file) {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(path, ignored)) std::filesystem::remove(path, ignored);
    refuse(Status::storage, path, "it could not be written; is the disk full?");
  }
}

}  // namespace convtune
