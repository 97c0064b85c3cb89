// NumPy's npz: a zip archive of npy files, each a header in Python's notation and the elements.
#include <diptych/Ops.h>

#include "frontend/Ops.h"
#include "frontend/nn/StateFile.h"
#include "frontend/nn/Zip.h"

#include <algorithm>

namespace diptych::nn {

namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr std::pair<const char*, DType> kNames[] = {
    {"<f4", DType::f32},
    {"<f8", DType::f64},
    {"<i4", DType::i32},
    {"<i8", DType::i64},
    {"|b1", DType::boolean},
    {"<f2", DType::f16},
    // NumPy has no bf16: what ml_dtypes' is saved as
    {"|V2", DType::bf16},
    {"<V2", DType::bf16}};

std::string npyOf(const Tensor& tensor) {
  std::string header = "{'descr': '";
  header += std::find_if(std::begin(kNames), std::end(kNames), [&](const auto& known) {
              return known.second == tensor.dtype();
            })->first;
  header += "', 'fortran_order': False, 'shape': (";
  for (int i = 0; i < tensor.rank(); ++i)
    header += (i ? " " : "") + std::to_string(tensor.shape()[i]) + ",";
  if (tensor.rank() > 1)
    header.pop_back(); // (3,) but (2, 3)
  header += "), }";
  // Magic, version, length, header and a line feed end at a multiple of 64.
  const size_t before = kMagic.size() + 4;
  header.append(63 - (before + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += '\x01';
  bytes += '\0';
  appendNumber<uint16_t>(bytes, static_cast<uint16_t>(header.size()));
  bytes += header;
  appendBytes(bytes, tensor);
  return bytes;
}

// One npy file. The header is a Python literal of three known keys; nothing is evaluated.
class NpyReader {
public:
  NpyReader(const char* op, const std::string& path, const std::string& name,
            std::string_view bytes)
      : op_(op), path_(path), name_(name), bytes_(bytes) {}

  Tensor read() {
    const std::string_view header = findHeader();
    const DType dtype = dtypeOf(header);
    std::vector<uint64_t> shape = shapeOf(header);
    const std::string_view order = valueOf(header, "fortran_order");
    const bool isFortran = order.starts_with("True");
    if (!isFortran && !order.starts_with("False"))
      bad("its header has a fortran_order that is neither True nor False");
    const std::optional<uint64_t> size = bytesOf(dtype, shape);
    if (!size || *size != data_.size())
      bad("its shape does not fit its " + std::to_string(data_.size()) +
          " bytes of elements, or has more than 8 axes");
    if (!isFortran || shape.size() < 2)
      return fromFile(dtype, shape, data_);
    // Columns first are the rows of the transposed array.
    std::reverse(shape.begin(), shape.end());
    Dims axes;
    for (size_t i = shape.size(); i-- > 0;)
      axes.push_back(static_cast<int64_t>(i));
    return transpose(fromFile(dtype, shape, data_), axes).contiguous();
  }

private:
  [[noreturn]] void bad(const std::string& what) const {
    badFile(op_, path_, "\"" + name_ + "\": " + what);
  }

  std::string_view findHeader() {
    if (bytes_.size() < 10 || bytes_.substr(0, 6) != kMagic)
      bad("expected an npy array, got something else");
    const int version = bytes_[6];
    if (version < 1 || version > 3 || (version > 1 && bytes_.size() < 12))
      bad("it has an unknown version of the npy format");
    const size_t start = version == 1 ? 10 : 12;
    const uint64_t length =
        version == 1 ? numberAt<uint16_t>(bytes_, 8) : numberAt<uint32_t>(bytes_, 8);
    if (length > bytes_.size() - start)
      bad("its header is cut off");
    data_ = bytes_.substr(start + length);
    return bytes_.substr(start, length);
  }

  std::string_view valueOf(std::string_view header, const std::string& key) const {
    const size_t at = header.find("'" + key + "'");
    const size_t colon = at == std::string_view::npos ? at : header.find(':', at + key.size() + 2);
    const size_t value =
        colon == std::string_view::npos ? colon : header.find_first_not_of(' ', colon + 1);
    if (value == std::string_view::npos)
      bad("its header has no " + key);
    return header.substr(value);
  }

  DType dtypeOf(std::string_view header) const {
    const std::string_view value = valueOf(header, "descr");
    const size_t end =
        value.size() > 1 && value[0] == '\'' ? value.find('\'', 1) : std::string_view::npos;
    if (end == std::string_view::npos)
      bad("it is a structured array; save its fields one by one");
    const std::string text(value.substr(1, end - 1));
    for (const auto& [known, dtype] : kNames)
      if (text == known)
        return dtype;
    bad("it has elements of type " + text +
        ", expected <f4, <f8, <f2, <i4, <i8, |b1 or |V2 (bf16); convert it with astype in NumPy");
  }

  std::vector<uint64_t> shapeOf(std::string_view header) const {
    std::string_view text = valueOf(header, "shape");
    const size_t end = text.find(')');
    if (text[0] != '(' || end == std::string_view::npos)
      bad("its header has a shape that is no tuple");
    std::vector<uint64_t> shape;
    uint64_t extent = 0;
    bool inNumber = false;
    for (char c : text.substr(1, end)) {
      if (c >= '0' && c <= '9' && extent <= (uint64_t{1} << 58)) {
        extent = 10 * extent + static_cast<uint64_t>(c - '0');
        inNumber = true;
      } else if (c == ',' || c == ')') {
        if (inNumber)
          shape.push_back(extent);
        extent = 0;
        inNumber = false;
      } else if (c != ' ') {
        bad("its header has a shape that holds something other than sizes");
      }
    }
    return shape;
  }

  const char* op_;
  const std::string& path_;
  const std::string& name_;
  std::string_view bytes_, data_;
};

} // namespace

void save_npz(const std::string& path, const State& state, SourceLocation where) {
  diptych::detail::located(where, [&] {
    ZipEntries entries;
    for (const auto& [name, tensor] : state)
      entries.emplace_back(name + ".npy", npyOf(tensor));
    writeFile("save_npz", path, packZip("save_npz", path, entries));
  });
}

State unpackNpz(const char* op, const std::string& path, std::string_view bytes) {
  State state;
  for (const auto& [file, contents] : unpackZip(op, path, bytes)) {
    const std::string name = file.ends_with(".npy") ? file.substr(0, file.size() - 4) : file;
    if (!state.emplace(name, NpyReader(op, path, name, contents).read()).second)
      badFile(op, path, "two arrays are named \"" + name + '"');
  }
  return state;
}

State load_npz(const std::string& path, SourceLocation where) {
  return diptych::detail::located(
      where, [&] { return unpackNpz("load_npz", path, readFile("load_npz", path)); });
}

} // namespace diptych::nn
