// Kernels write their results and nothing beside them, whatever is left over for the last vector.
#include <diptych/diptych.h>

#include "codegen/KernelCompiler.h"
#include "frontend/JitPipeline.h"
#include "frontend/Trace.h"
#include "runtime/ConvolutionPrograms.h"
#include "runtime/Launch.h"

#include <gtest/gtest.h>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace dt = diptych;
using Function = dt::Tensor (*)(const dt::Tensor&);

namespace {

std::shared_ptr<dt::runtime::Program> programOf(Function f, const dt::TensorType& input,
                                                dt::Numerics numerics = dt::Numerics::strict) {
  const std::lock_guard lock(dt::traceMutex());
  auto traced = dt::traceFunction(
      [&](dt::ValueSpan inputs) { return dt::Values{f(dt::Tensor(inputs[0])).value()}; },
      std::span(&input, 1));
  dt::JitStats stats;
  dt::codegen::KernelTimes times;
  return assemble(dt::runPipeline(*traced.module, numerics, stats),
                  /*persistent=*/false, times);
}

const void* dataOf(const dt::Tensor& x) {
  return x.dtype() == dt::f64 ? static_cast<const void*>(x.data<double>()) : x.data<float>();
}

// Runs the program with guards of 256 bytes around its result.
void checkGuarded(const dt::runtime::Program& program, const dt::Tensor& x,
                  const dt::Tensor& expected) {
  constexpr size_t kGuard = 256;
  constexpr auto kPattern = std::byte{0xA5};
  const auto bytes = static_cast<size_t>(expected.numel() * sizeOf(expected.dtype()));
  std::vector<std::byte> memory(bytes + 2 * kGuard + 64, kPattern);
  const auto place = reinterpret_cast<uintptr_t>(memory.data()) + kGuard;
  auto* result = memory.data() + kGuard + (64 - place % 64) % 64;
  void* const input = const_cast<void*>(dataOf(x));
  void* const output = result;
  program.run(std::span(&input, 1), std::span(&output, 1));
  const auto isGuard = [&](std::byte value) { return value == kPattern; };
  EXPECT_TRUE(std::all_of(memory.data(), result, isGuard)) << "written before the result";
  EXPECT_TRUE(std::all_of(result + bytes, memory.data() + memory.size(), isGuard))
      << "written behind the result";
  EXPECT_EQ(std::memcmp(result, dataOf(expected), bytes), 0);
}

struct Case {
  const char* name;
  Function f;
};

// A light body is written down for the tail a second time, a heavy one asks which turn it is.
const Case kCases[] = {
    {"light", [](const dt::Tensor& x) { return x * 2.0 + 1.0; }},
    {"heavy", [](const dt::Tensor& x) { return dt::tanh(x) * x; }},
    {"heavy, transposed", [](const dt::Tensor& x) { return dt::transpose(dt::exp(x)); }},
    {"light, backwards", [](const dt::Tensor& x) { return dt::flip(x) * 2.0 + x; }},
    {"heavy, backwards", [](const dt::Tensor& x) { return dt::tanh(dt::flip(x)) * x; }},
    {"rows, backwards", [](const dt::Tensor& x) { return dt::sum(dt::flip(x) * x, 1); }},
    {"columns, light", [](const dt::Tensor& x) { return dt::sum(x, 0); }},
    {"columns, heavy", [](const dt::Tensor& x) { return dt::sum(dt::exp(x), 0); }},
    {"rows, heavy", [](const dt::Tensor& x) { return dt::sum(dt::exp(x), 1); }},
    {"softmax", [](const dt::Tensor& x) { return dt::softmax(x, 1); }},
    {"softmax of columns", [](const dt::Tensor& x) { return dt::softmax(x, 0); }},
};

class KernelEdges : public testing::TestWithParam<Case> {};

TEST_P(KernelEdges, StayAsTheyWere) {
  for (const dt::DType dtype : {dt::f64, dt::f32})
    for (const int64_t rows : {3, 21})
      for (const int64_t columns : {1, 3, 5, 8, 13, 16, 17, 31, 33}) {
        SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(columns) + " of " +
                     dt::name(dtype));
        const dt::Tensor x = dt::randn({rows, columns}, dtype);
        const dt::Tensor expected = GetParam().f(x).contiguous();
        const auto program = programOf(GetParam().f, {dtype, {rows, columns}});
        checkGuarded(*program, x, expected);
      }
}

// Added in tiles, whose sums have room for whole vectors.
TEST(KernelEdges, LargeColumnsStayAsTheyWere) {
  const Function total = [](const dt::Tensor& x) { return dt::sum(x, 0); };
  for (const dt::DType dtype : {dt::f64, dt::f32})
    for (const dt::Shape& shape : {dt::Shape{40000, 35}, {1000, 1101}}) {
      const dt::Tensor x = dt::randn(shape, dtype);
      checkGuarded(*programOf(total, x.type()), x, total(x));
    }
}

// Whole tiles, what is left of rows and columns, and few columns, whose tiles are stored turned.
template <int64_t columns> dt::Tensor productWith(const dt::Tensor& x) {
  return dt::matmul(x, dt::slice(dt::slice(x, 0, 0, x.shape(1)), 1, 0, columns));
}

TEST(ProductEdges, StayAsTheyWere) {
  for (const dt::DType dtype : {dt::f64, dt::f32})
    for (const int64_t rows : {130, 131, 143})
      for (const Function f : {productWith<1>, productWith<3>, productWith<7>, productWith<8>,
                               productWith<17>, productWith<33>}) {
        const dt::Tensor x = dt::randn({rows, 45}, dtype);
        const dt::Tensor expected = f(x).contiguous();
        SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(expected.shape(1)) + " of " +
                     dt::name(dtype));
        checkGuarded(*programOf(f, {dtype, {rows, 45}}), x, expected);
        // Where the last columns are summed in parts.
        checkGuarded(*programOf(f, {dtype, {rows, 45}}, dt::Numerics::standard), x, dt::jit(f)(x));
      }
}

/// A copy of a tensor that ends where memory does: to read behind it is the end of the test.
class AtTheEnd {
public:
  explicit AtTheEnd(const dt::Tensor& x) : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
    const auto bytes = static_cast<size_t>(x.type().bytes());
    size_ = (bytes + page_ - 1) / page_ * page_ + page_;
    memory_ = static_cast<std::byte*>(
        mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(memory_ + size_ - page_, page_, PROT_NONE);
    std::memcpy(data_ = memory_ + size_ - page_ - bytes, dataOf(x), bytes);
  }
  ~AtTheEnd() { munmap(memory_, size_); }
  AtTheEnd(const AtTheEnd&) = delete;
  std::byte* data() const { return data_; }

private:
  size_t page_, size_;
  std::byte *memory_, *data_;
};

dt::Tensor kernelOf(dt::DType dtype) {
  return dt::reshape(dt::sin(dt::arange(1.0, 19.0)), {1, 2, 3, 3}).astype(dtype);
}

struct Steps {
  int64_t stride;
  Function f;
};

template <int64_t stride>
constexpr Steps kSteps{stride, [](const dt::Tensor& x) {
                         return dt::conv2d(x, kernelOf(x.dtype()), {.stride = {1, stride}});
                       }};

// Vectors of elements that lie apart, compiled and eager.
TEST(ConvolutionEdges, NothingBehindTheImageIsRead) {
  for (const dt::DType dtype : {dt::f64, dt::f32})
    for (const auto& [stride, f] : {kSteps<1>, kSteps<2>, kSteps<3>, kSteps<4>})
      for (const int64_t columns : {7, 35, 67, 71, 136}) {
        const dt::Tensor x = dt::randn({1, 2, 5, columns}, dtype), expected = f(x);
        SCOPED_TRACE(expected.type().str() + " of " + std::to_string(columns) + " columns");
        const AtTheEnd image(x), kernel(kernelOf(dtype));
        const auto bytes = static_cast<size_t>(expected.type().bytes());
        std::vector<std::byte> result(bytes);
        void *const input = image.data(), *const output = result.data();
        programOf(f, x.type())->run(std::span(&input, 1), std::span(&output, 1));
        EXPECT_EQ(std::memcmp(output, dataOf(expected), bytes), 0);
        const dt::TensorType types[] = {{dtype, {1, 1, 2, 5, columns}},
                                        {dtype, {1, 1, 2, 3, 3}},
                                        {dtype, {1, 1, 1, 3, expected.shape(3)}}};
        const auto whole = [&](std::byte* data, int i, const dt::Dims& strides) {
          return dt::runtime::Strided{data, &types[i], &strides, true};
        };
        dt::Dims strides[3];
        for (int i = 0; i < 3; ++i)
          strides[i] = dt::contiguousStrides(types[i].shape);
        dt::Attrs attrs;
        attrs.strides = {1, stride}, attrs.dilations = {1, 1};
        for (const double patience : {HUGE_VAL, 0.0}) { // by kernels, by a program
          const dt::runtime::PatienceScope scope(patience);
          std::fill(result.begin(), result.end(), std::byte{});
          dt::runtime::launchConvolution(whole(image.data(), 0, strides[0]), nullptr,
                                         whole(kernel.data(), 1, strides[1]), attrs,
                                         whole(result.data(), 2, strides[2]));
          EXPECT_EQ(std::memcmp(output, dataOf(expected), bytes), 0);
        }
      }
}

INSTANTIATE_TEST_SUITE_P(Cases, KernelEdges, testing::ValuesIn(kCases), [](const auto& info) {
  std::string name = info.param.name;
  std::erase_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); });
  return name;
});

} // namespace
