// Artefacts made and called in a test: compiled to a folder of its own, loaded, compared with jit.
#pragma once

#include "tests/Folder.h"

#include <diptych/Aot.h>
#include <diptych/diptych.h>

#include <gtest/gtest.h>

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

namespace diptych::test {

/// diptych_threads of the header.
struct Threads {
  int count = 1;
  void (*run)(void*, int, void (*)(void*, int), void*) = nullptr;
  void* pool = nullptr;
};

/// diptych_weights of the header.
struct Mapped {
  const void* data = nullptr;
  size_t bytes = 0;
};

/// Calls a function that takes so many pointers.
inline int callPointers(void* function, const std::vector<void*>& p) {
  const auto call = [&]<size_t... i>(std::index_sequence<i...>) {
    using Function = int (*)(std::enable_if_t<(i >= 0), void*>...);
    return reinterpret_cast<Function>(function)(p[i]...);
  };
  int code = -1;
  [&]<size_t... n>(std::index_sequence<n...>) {
    ((p.size() == n ? void(code = call(std::make_index_sequence<n>())) : void()), ...);
  }(std::make_index_sequence<24>());
  return code;
}

/// Memory as the caller of an artefact has it.
struct Aligned {
  explicit Aligned(int64_t bytes)
      : memory(std::aligned_alloc(64, static_cast<size_t>((bytes + 127) / 64 * 64))) {
    std::memset(memory, 0xAB, static_cast<size_t>((bytes + 127) / 64 * 64));
  }
  Aligned(const Aligned&) = delete;
  ~Aligned() { std::free(memory); }
  void* memory;
};

/// Memory between marks, which must be there at the end.
class Guarded {
public:
  explicit Guarded(size_t bytes) : bytes_(bytes), memory_((bytes + 63) / 64 * 64 + 3 * kMark) {
    std::fill(memory_.begin(), memory_.end(), std::byte{0xA5});
  }
  void* at() const {
    const auto address = reinterpret_cast<uintptr_t>(memory_.data()) + kMark;
    return reinterpret_cast<void*>((address + kMark - 1) / kMark * kMark);
  }
  std::vector<std::byte> content() const {
    const auto* begin = static_cast<const std::byte*>(at());
    const auto marked = [](const std::byte* from, const std::byte* to) {
      return std::all_of(from, to, [](std::byte b) { return b == std::byte{0xA5}; });
    };
    EXPECT_TRUE(marked(memory_.data(), begin)) << "something is written in front";
    EXPECT_TRUE(marked(begin + bytes_, memory_.data() + memory_.size()))
        << "something is written behind";
    return {begin, begin + bytes_};
  }

private:
  static constexpr size_t kMark = 256;
  size_t bytes_;
  std::vector<std::byte> memory_;
};

/// A shared library, loaded.
class Loaded {
public:
  explicit Loaded(aot::Artefact artefact)
      : artefact_(std::move(artefact)), handle_(dlopen(artefact_.library.c_str(), RTLD_NOW)) {
    if (!handle_)
      throw std::runtime_error(dlerror());
  }
  Loaded(const Loaded&) = delete;
  ~Loaded() { dlclose(handle_); }

  template <class T> T symbol(const std::string& name) const {
    void* found = dlsym(handle_, name.c_str());
    if (!found)
      throw std::runtime_error("no symbol " + name);
    return reinterpret_cast<T>(found);
  }
  const aot::Artefact& artefact() const { return artefact_; }
  const aot::EntryInfo& entry(const std::string& name) const {
    for (const aot::EntryInfo& entry : artefact_.entries)
      if (entry.name == name)
        return entry;
    throw std::runtime_error("no entry " + name);
  }

  struct Result {
    int code = 0;
    std::vector<std::vector<std::byte>> outputs;
  };
  Result call(const std::string& name, const std::vector<Tensor>& inputs,
              std::optional<Threads> threads = {}) const {
    return call(name, inputs, threads ? &*threads : nullptr, threads.has_value());
  }
  Result call(const std::string& name, const std::vector<Tensor>& inputs,
              const Mapped& weights) const {
    return call(name, inputs, &weights, true);
  }
  /// Of an entry with a size.
  Result callBatch(const std::string& name, int64_t size, const std::vector<Tensor>& inputs,
                   std::optional<Threads> threads = {}) const {
    return call(name, inputs, threads ? &*threads : nullptr, threads.has_value(), size);
  }
  /// Of an entry with open shapes. What lies behind the workspace and the outputs must stay.
  Result callOpen(const std::string& name, const std::vector<int64_t>& sizes,
                  const std::vector<Tensor>& inputs, std::optional<Threads> threads = {}) const {
    const aot::EntryInfo& info = entry(name);
    const size_t bytes = workspaceBytes(info, sizes);
    const Guarded workspace(bytes);
    std::vector<Guarded> outputs;
    std::vector<void*> pointers;
    for (const int64_t size : sizes)
      pointers.push_back(reinterpret_cast<void*>(size));
    std::vector<Tensor> held;
    for (size_t i = 0; i < inputs.size(); ++i) {
      held.push_back(inputs[i].contiguous());
      EXPECT_EQ(held[i].value().type().str(), typeAt(info.inputs[i], sizes).str());
      pointers.push_back(const_cast<void*>(static_cast<const void*>(bytesOf(held[i]))));
    }
    for (const aot::TensorInfo& output : info.outputs)
      outputs.emplace_back(static_cast<size_t>(typeAt(output, sizes).bytes()));
    for (const Guarded& output : outputs)
      pointers.push_back(output.at());
    pointers.push_back(bytes ? workspace.at() : nullptr);
    if (threads)
      pointers.push_back(&*threads);
    Result result;
    result.code = callPointers(symbol<void*>(info.symbol), pointers);
    for (const Guarded& output : outputs)
      result.outputs.push_back(output.content());
    workspace.content();
    return result;
  }
  size_t workspaceBytes(const aot::EntryInfo& info, const std::vector<int64_t>& sizes) const {
    const std::string name = info.symbol + "_workspace_bytes";
    if (sizes.size() == 1)
      return symbol<size_t (*)(int64_t)>(name)(sizes[0]);
    if (sizes.size() == 2)
      return symbol<size_t (*)(int64_t, int64_t)>(name)(sizes[0], sizes[1]);
    return symbol<size_t (*)(int64_t, int64_t, int64_t)>(name)(sizes[0], sizes[1], sizes[2]);
  }
  static TensorType typeAt(const aot::TensorInfo& info, const std::vector<int64_t>& sizes) {
    TensorType type{info.type.dtype, {}};
    for (const aot::Extent& extent : info.shape)
      type.shape.push_back(extent.at(sizes));
    return type;
  }
  static const std::byte* bytesOf(const Tensor& tensor) {
    switch (tensor.dtype()) {
    case DType::f32: return reinterpret_cast<const std::byte*>(tensor.data<float>());
    case DType::f64: return reinterpret_cast<const std::byte*>(tensor.data<double>());
    case DType::i32: return reinterpret_cast<const std::byte*>(tensor.data<int32_t>());
    case DType::i64: return reinterpret_cast<const std::byte*>(tensor.data<int64_t>());
    case DType::boolean: return reinterpret_cast<const std::byte*>(tensor.data<bool>());
    case DType::bf16: return reinterpret_cast<const std::byte*>(tensor.data<bfloat16>());
    case DType::f16: return reinterpret_cast<const std::byte*>(tensor.data<float16>());
    }
    return nullptr;
  }

private:
  // `more`: what comes after the workspace, if anything does.
  Result call(const std::string& name, const std::vector<Tensor>& inputs, const void* more,
              bool hasMore, std::optional<int64_t> size = {}) const {
    const aot::EntryInfo& info = entry(name);
    Result result;
    std::vector<void*> pointers;
    if (size) // an i64 and a pointer are passed alike
      pointers.push_back(reinterpret_cast<void*>(*size));
    std::vector<Tensor> held;
    for (const Tensor& input : inputs)
      held.push_back(input.contiguous());
    for (size_t i = 0; i < held.size(); ++i) {
      TensorType type = info.inputs[i].type;
      if (info.inputs[i].batched)
        type.shape.insert(0, *size);
      EXPECT_EQ(held[i].value().type().str(), type.str());
      pointers.push_back(const_cast<void*>(static_cast<const void*>(bytesOf(held[i]))));
    }
    for (const aot::TensorInfo& output : info.outputs)
      result.outputs.emplace_back(
          static_cast<size_t>(output.type.bytes() * std::max<int64_t>(0, size.value_or(1))));
    static std::byte nothing;
    for (auto& output : result.outputs)
      pointers.push_back(output.empty() ? &nothing : output.data());
    const Aligned workspace(info.workspaceBytes);
    pointers.push_back(workspace.memory);
    if (hasMore)
      pointers.push_back(const_cast<void*>(more));
    result.code = callPointers(symbol<void*>(info.symbol), pointers);
    return result;
  }

  aot::Artefact artefact_;
  void* handle_;
};

/// Opened as a caller would.
struct WeightsOf {
  WeightsOf(const Loaded& model, const std::string& path)
      : model(model), code(model.symbol<int (*)(const char*, Mapped*)>("model_open_weights")(
                          path.c_str(), &mapped)) {}
  explicit WeightsOf(const Loaded& model) : WeightsOf(model, model.artefact().weights) {}
  WeightsOf(const WeightsOf&) = delete;
  ~WeightsOf() { model.symbol<void (*)(Mapped*)>("model_close_weights")(&mapped); }
  const Loaded& model;
  Mapped mapped;
  int code;
};

/// Whether the artefact's outputs are those tensors, bit for bit.
inline void expectSameBits(const Loaded::Result& result, const std::vector<Tensor>& expected) {
  ASSERT_EQ(result.code, 0);
  ASSERT_EQ(result.outputs.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    const Tensor wanted = expected[i].contiguous();
    ASSERT_EQ(result.outputs[i].size(), static_cast<size_t>(wanted.value().type().bytes()));
    const auto& got = result.outputs[i];
    EXPECT_TRUE(std::equal(got.begin(), got.end(), Loaded::bytesOf(wanted)))
        << "output " << i << ": " << wanted;
  }
}

/// What jit gives, as a list.
template <class Tree> std::vector<Tensor> leaves(const Tree& tree) {
  Values values;
  flattenTree(tree, values);
  std::vector<Tensor> tensors;
  for (const Value& value : values)
    tensors.emplace_back(value);
  return tensors;
}

} // namespace diptych::test
