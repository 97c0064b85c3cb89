// Files as wholes: read at once, replaced at once. Knows no format.
#include "frontend/nn/StateFile.h"

#include <diptych/Factories.h>

#include "frontend/Ops.h"
#include "runtime/NewFile.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <sys/stat.h>
#include <unistd.h>

namespace diptych::nn {

void badFile(const char* op, const std::string& path, const std::string& what) {
  throw Error(std::string(op) + ": " + path + ": " + what);
}

[[noreturn]] static void failed(const char* op, const std::string& path, const char* action) {
  badFile(op, path, std::string(action) + " failed: " + std::strerror(errno));
}

namespace {
struct Descriptor {
  explicit Descriptor(int number) : number(number) {}
  ~Descriptor() {
    if (number >= 0)
      ::close(number);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number;
};
} // namespace

std::string readFile(const char* op, const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (file.number < 0 || ::fstat(file.number, &status) != 0)
    failed(op, path, "opening");
  if (!S_ISREG(status.st_mode))
    badFile(op, path, "expected a file, got something else");
  std::string bytes;
  try {
    bytes.resize(static_cast<size_t>(status.st_size));
  } catch (const std::exception&) {
    badFile(op, path, "its " + std::to_string(status.st_size) + " bytes do not fit in memory");
  }
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = ::read(file.number, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      failed(op, path, "reading");
    if (count == 0)
      badFile(op, path, "it became shorter while it was read");
    done += static_cast<size_t>(count);
  }
  return bytes;
}

void writeFile(const char* op, const std::string& path, const std::string& bytes) {
  runtime::NewFile file(op, path);
  file.write(bytes);
  file.keep();
}

std::optional<uint64_t> bytesOf(DType dtype, const std::vector<uint64_t>& shape) {
  constexpr uint64_t most = std::numeric_limits<int64_t>::max();
  if (shape.size() > kMaxRank)
    return {};
  uint64_t bytes = static_cast<uint64_t>(sizeOf(dtype));
  bool isEmpty = false;
  for (uint64_t extent : shape) {
    if (extent > most || (extent != 0 && bytes > most / extent))
      return {};
    isEmpty |= extent == 0;
    bytes *= extent == 0 ? 1 : extent;
  }
  return isEmpty ? 0 : bytes;
}

void appendBytes(std::string& bytes, const Tensor& tensor) {
  const size_t start = bytes.size();
  bytes.resize(start + static_cast<size_t>(tensor.type().bytes()));
  diptych::detail::copyOut(tensor, tensor.dtype(), bytes.data() + start, {});
}

Tensor fromFile(DType dtype, const std::vector<uint64_t>& shape, std::string_view bytes) {
  TensorType type{dtype, {}};
  for (uint64_t extent : shape)
    type.shape.push_back(static_cast<int64_t>(extent));
  if (dtype != DType::boolean)
    return diptych::detail::fromBytes(type, bytes.data(), {});
  std::string truths(bytes);
  for (char& truth : truths)
    truth = truth != 0;
  return diptych::detail::fromBytes(type, truths.data(), {});
}

//===-- By the path's ending -----------------------------------------------------------------===//

static bool endsIn(const std::string& path, std::string_view ending) {
  return path.size() >= ending.size() && path.ends_with(ending);
}

[[noreturn]] static void unknownEnding(const char* op, const std::string& path) {
  badFile(op, path,
          "expected a name that ends in .safetensors or .npz; rename it, or call the "
          "function of the format itself");
}

void save(const std::string& path, const State& state, SourceLocation where) {
  diptych::detail::located(where, [&] {
    if (endsIn(path, ".safetensors"))
      save_safetensors(path, state, {}, where);
    else if (endsIn(path, ".npz"))
      save_npz(path, state, where);
    else
      unknownEnding("save", path);
  });
}

State load(const std::string& path, SourceLocation where) {
  return diptych::detail::located(where, [&] {
    if (endsIn(path, ".safetensors"))
      return load_safetensors(path, nullptr, where);
    if (endsIn(path, ".npz"))
      return load_npz(path, where);
    unknownEnding("load", path);
  });
}

} // namespace diptych::nn
