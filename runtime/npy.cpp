#include "runtime/npy.hpp"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "kernels/checked.hpp"
#include "kernels/error.hpp"

namespace convtune {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t max_header = 1 << 16;
constexpr std::size_t alignment = 64;

[[noreturn]] void refuse(Status status, const std::filesystem::path& path,
                         const std::string& found) {
  throw Error(status, fmt::format("{}: {}", path.string(), found));
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
    refuse(Status::storage, path_, fmt::format("its .npy header {}", how));
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
    refuse(Status::storage, path, "it is no .npy file");
  }
  const int major = static_cast<unsigned char>(start[6]);
  const int minor = static_cast<unsigned char>(start[7]);
  if ((major != 1 && major != 2) || minor != 0) {
    refuse(Status::invalid, path,
           fmt::format("its .npy format is {}.{}; 1.0 and 2.0 are read", major, minor));
  }
  const std::size_t width = major == 1 ? 2 : 4;
  std::uint32_t length = 0;
  if (!file.read(reinterpret_cast<char*>(&length), static_cast<std::streamsize>(width)) ||
      length > max_header) {
    refuse(Status::storage, path, "its .npy header is cut off or too long");
  }
  std::string header(length, '\0');
  if (!file.read(header.data(), length)) {
    refuse(Status::storage, path, "its .npy header is cut off");
  }
  data_begins = magic.size() + 2 + width + length;
  return header;
}

std::int64_t elements_of(const std::vector<std::int64_t>& shape,
                         const std::filesystem::path& path) {
  Checked bytes = sizeof(float);
  for (const std::int64_t size : shape) bytes = bytes * size;
  if (!bytes.value()) refuse(Status::storage, path, "the sizes in its .npy header overflow");
  return *bytes.value() / static_cast<std::int64_t>(sizeof(float));
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

}  // namespace

NpyArray read_npy(const std::filesystem::path& path) {
  std::error_code unreadable;
  const std::uint64_t file_bytes = std::filesystem::file_size(path, unreadable);
  std::ifstream file(path, std::ios::binary);
  if (unreadable || !file) refuse(Status::storage, path, "it cannot be opened for reading");

  std::uint64_t data_begins = 0;
  const std::string text = read_header(path, file, data_begins);
  const HeaderParser::Header header = HeaderParser(path, text).parse();
  if (*header.descr != "<f4") {
    refuse(
        Status::invalid, path,
        fmt::format("its dtype is '{}'; save it as little-endian float32, '<f4'", *header.descr));
  }
  if (*header.fortran_order && header.shape->size() > 1) {
    refuse(Status::invalid, path, "it is in Fortran order; save it in C order");
  }
  NpyArray array{.shape = *header.shape, .values = {}};
  const std::int64_t elements = elements_of(array.shape, path);
  const std::uint64_t data_bytes = static_cast<std::uint64_t>(elements) * sizeof(float);
  if (file_bytes - data_begins != data_bytes) {
    refuse(Status::storage, path,
           fmt::format("it holds {} bytes of data; its shape {} needs {}", file_bytes - data_begins,
                       shape_text(array.shape), data_bytes));
  }
  array.values.resize(static_cast<std::size_t>(elements));
  if (!file.read(reinterpret_cast<char*>(array.values.data()),
                 static_cast<std::streamsize>(data_bytes))) {
    refuse(Status::storage, path, "it cannot be read to its end");
  }
  return array;
}

void write_npy(const std::filesystem::path& path, const NpyArray& array) {
  std::string header = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': {}, }}",
                                   shape_text(array.shape));
  const std::size_t start = magic.size() + 4;
  header.append(alignment - (start + header.size() + 1) % alignment, ' ');
  header += '\n';
  const auto length = static_cast<std::uint16_t>(header.size());

  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (!file) refuse(Status::storage, path, "it cannot be opened for writing");
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
