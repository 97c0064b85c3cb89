// Bytes of the blob: little-endian i64 numbers, and strings behind their length.
#include "runtime/cuda/EagerPtx.h"

#include <cstring>
#include <zlib.h>

#include <diptych/Error.h>

// Written by diptych-kernelgen; not there in the generator itself, nor where the build left it out.
extern "C" {
__attribute__((weak)) extern const char diptych_eager_ptx[];
__attribute__((weak)) extern const int64_t diptych_eager_ptx_bytes;
}

namespace diptych::runtime::cuda {

namespace {

constexpr int64_t kFormat = 2;

class Writer {
public:
  void number(int64_t value) {
    char bytes[8];
    std::memcpy(bytes, &value, 8);
    text_.append(bytes, 8);
  }
  void string(std::string_view text) {
    number(static_cast<int64_t>(text.size()));
    text_.append(text);
  }
  void extent(const Extent& extent) {
    number(extent.value);
    number(extent.slot);
  }
  void count(const Count& count) {
    number(count.pieces);
    number(static_cast<int64_t>(count.factors.size()));
    for (const Count::Factor& factor : count.factors) {
      number(factor.pieces);
      number(factor.least);
      number(static_cast<int64_t>(factor.extents.size()));
      for (const Extent& each : factor.extents)
        extent(each);
    }
  }
  std::string take() { return std::move(text_); }

private:
  std::string text_;
};

class Reader {
public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  int64_t number() {
    int64_t value = 0;
    std::memcpy(&value, take(8).data(), 8);
    return value;
  }
  std::string_view string() { return take(number()); }
  size_t size() {
    const int64_t count = number();
    if (count < 0 || count > static_cast<int64_t>(bytes_.size()))
      throw Error("internal: the eager kernels for CUDA are damaged");
    return static_cast<size_t>(count);
  }
  Extent extent() {
    Extent extent;
    extent.value = number();
    extent.slot = static_cast<int>(number());
    return extent;
  }
  Count count() {
    Count count;
    count.pieces = number();
    count.factors.resize(size());
    for (Count::Factor& factor : count.factors) {
      factor.pieces = number();
      factor.least = number();
      factor.extents.resize(size());
      for (Extent& each : factor.extents)
        each = extent();
    }
    return count;
  }

private:
  std::string_view take(int64_t count) {
    if (count < 0 || count > static_cast<int64_t>(bytes_.size()))
      throw Error("internal: the eager kernels for CUDA are damaged");
    const std::string_view taken = bytes_.substr(0, static_cast<size_t>(count));
    bytes_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view bytes_;
};

void write(Writer& out, const LaunchSpec& spec) {
  out.number(spec.pointers);
  out.number(spec.params);
  out.count(spec.scratch);
  out.number(spec.scratchUnit);
  out.number(static_cast<int64_t>(spec.launches.size()));
  for (const Launch& launch : spec.launches) {
    out.string(launch.name);
    out.count(launch.grid);
    out.number(launch.block);
    out.extent(launch.guard);
    out.number(launch.above);
    out.number(launch.atMost);
    out.number(launch.cooperative);
    out.number(launch.sharedBytes);
    out.number(launch.cluster);
  }
}

LaunchSpec readSpec(Reader& in) {
  LaunchSpec spec;
  spec.pointers = static_cast<int>(in.number());
  spec.params = static_cast<int>(in.number());
  spec.scratch = in.count();
  spec.scratchUnit = in.number();
  spec.launches.resize(in.size());
  for (Launch& launch : spec.launches) {
    launch.name = in.string();
    launch.grid = in.count();
    launch.block = static_cast<int>(in.number());
    launch.guard = in.extent();
    launch.above = in.number();
    launch.atMost = in.number();
    launch.cooperative = in.number() != 0;
    launch.sharedBytes = in.number();
    launch.cluster = static_cast<int>(in.number());
  }
  return spec;
}

} // namespace

EagerPtxModule EagerPtx::compress(const std::string& ptx) {
  EagerPtxModule module;
  module.textBytes = static_cast<int64_t>(ptx.size());
  uLongf bytes = compressBound(ptx.size());
  module.compressed.resize(bytes);
  if (::compress(reinterpret_cast<Bytef*>(module.compressed.data()), &bytes,
                 reinterpret_cast<const Bytef*>(ptx.data()), ptx.size()) != Z_OK)
    throw Error("internal: PTX does not compress");
  module.compressed.resize(bytes);
  return module;
}

std::string EagerPtx::text(int number) const {
  const EagerPtxModule& module = modules.at(static_cast<size_t>(number));
  std::string text(static_cast<size_t>(module.textBytes), '\0');
  uLongf bytes = text.size();
  if (uncompress(reinterpret_cast<Bytef*>(text.data()), &bytes,
                 reinterpret_cast<const Bytef*>(module.compressed.data()),
                 module.compressed.size()) != Z_OK ||
      bytes != text.size())
    throw Error("internal: the eager kernels for CUDA are damaged");
  return text;
}

std::string EagerPtx::serialised() const {
  Writer out;
  out.number(kFormat);
  out.number(static_cast<int64_t>(modules.size()));
  for (const EagerPtxModule& module : modules) {
    out.number(module.textBytes);
    out.string(module.compressed);
  }
  out.number(static_cast<int64_t>(kernels.size()));
  for (const EagerPtxKernel& kernel : kernels) {
    for (int64_t number : {static_cast<int64_t>(kernel.code), static_cast<int64_t>(kernel.in),
                           static_cast<int64_t>(kernel.out), int64_t{kernel.variant},
                           static_cast<int64_t>(kernel.module)})
      out.number(number);
    write(out, kernel.spec);
  }
  return out.take();
}

EagerPtx EagerPtx::read(std::string_view bytes) {
  Reader in(bytes);
  if (in.number() != kFormat)
    throw Error("internal: the eager kernels for CUDA have an unknown format");
  EagerPtx made;
  made.modules.resize(in.size());
  for (EagerPtxModule& module : made.modules) {
    module.textBytes = in.number();
    module.compressed = in.string();
  }
  made.kernels.resize(in.size());
  for (EagerPtxKernel& kernel : made.kernels) {
    kernel.code = static_cast<OpCode>(in.number());
    kernel.in = static_cast<DType>(in.number());
    kernel.out = static_cast<DType>(in.number());
    kernel.variant = static_cast<uint8_t>(in.number());
    kernel.module = static_cast<int>(in.number());
    kernel.spec = readSpec(in);
  }
  return made;
}

const EagerPtx* embeddedEagerPtx() {
  if (!&diptych_eager_ptx_bytes)
    return nullptr;
  static const auto* embedded = new EagerPtx(
      EagerPtx::read({diptych_eager_ptx, static_cast<size_t>(diptych_eager_ptx_bytes)}));
  return embedded;
}

} // namespace diptych::runtime::cuda
