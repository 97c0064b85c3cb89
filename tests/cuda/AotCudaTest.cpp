// Artefacts for GPUs: the C file is compiled by a C compiler and run, its driver being the
// simulated one. What stands for machine code there are the same kernels for the simulator.
#include "Simulated.h"
#include "codegen/cuda/DeviceCode.h"
#include "runtime/cuda/Blas.h"
#include "runtime/cuda/JitLink.h"
#include "runtime/cuda/SimulatedDriver.h"
#include "tests/Folder.h"
#include "tests/cuda/Device.h"

#include <diptych/AotCuda.h>
#include <diptych/Jit.h>
#include <diptych/diptych.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>

using namespace diptych;

namespace {

namespace cuda = runtime::cuda;

/// What the driver is given in the place of an image.
cuda::SimulatedImage* standIn = nullptr;
std::vector<std::string> loaded; // the first bytes of each image

cuda::Result loadStandIn(cuda::DriverModule** module, const void* image, unsigned options,
                         int* names, void** values) {
  loaded.emplace_back(static_cast<const char*>(image), 4);
  return cuda::simulatedDriver().moduleLoad(module, standIn, options, names, values);
}

bool withBlas = false;
int64_t libraryCalls = 0;

// The simulated cuBLAS wants a workspace, which the real one has of its own.
void* symbolOfBlas(const char* name) {
  const auto is = [&](const char* symbol) { return std::strcmp(name, symbol) == 0; };
  if (is("cublasCreate_v2"))
    return reinterpret_cast<void*>(cuda::simulatedBlas().create);
  if (is("cublasDestroy_v2"))
    return reinterpret_cast<void*>(+[](cuda::BlasHandle*) { return 0; });
  if (is("cublasSetStream_v2"))
    return reinterpret_cast<void*>(+[](cuda::BlasHandle* handle, cuda::DriverStream* stream) {
      ++libraryCalls;
      cuda::simulatedBlas().setStream(handle, stream);
      return cuda::simulatedBlas().setWorkspace(handle, nullptr, 0);
    });
  if (is("cublasSetMathMode"))
    return reinterpret_cast<void*>(cuda::simulatedBlas().setMathMode);
  if (is("cublasGemmStridedBatchedEx"))
    return reinterpret_cast<void*>(cuda::simulatedBlas().gemm);
  return nullptr;
}

void* symbol(const char* name) {
  if (std::strcmp(name, "cuModuleLoadDataEx") == 0)
    return reinterpret_cast<void*>(&loadStandIn);
#define GIVE(MEMBER, SYMBOL, PARAMETERS)                                                           \
  if (std::strcmp(name, #SYMBOL) == 0)                                                             \
    return reinterpret_cast<void*>(cuda::simulatedDriver().MEMBER);
  DIPTYCH_CUDA_DRIVER(GIVE)
#undef GIVE
  return withBlas ? symbolOfBlas(name) : nullptr;
}

/// The kernels of a program under the names that the artefact's code has for them.
cuda::SimulatedImage* imageOf(const codegen::Schedule& schedule) {
  std::vector<codegen::cuda::GpuRequest> requests;
  codegen::cuda::appendRequests(schedule, requests);
  const auto named = codegen::cuda::compilePtx(requests, "sm_80").kernels;
  const auto simulated = codegen::cuda::compileSimulated(requests);
  auto* image = new cuda::SimulatedImage; // as long as the process
  for (size_t i = 0; i < requests.size(); ++i) {
    const auto& spec = named[i];
    const auto parameters = static_cast<size_t>(spec.pointers + spec.takesScratch());
    for (size_t l = 0; l < spec.launches.size(); ++l)
      image->kernels.push_back(
          cuda::simulatedKernel(spec.launches[l], parameters, simulated[i]->functions[l]));
  }
  return image;
}

class AotCuda : public testing::Test {
protected:
  template <class F>
  aot::CudaArtefact compile(const F& f, const Tensor& x, const Tensor& y,
                            Numerics numerics = Numerics::strict) const {
    return aot::compile_cuda({{"f", f}}, std::tuple(x, y),
                             {.name = "model",
                              .directory = folder_.path(),
                              .numerics = numerics,
                              .arguments = {"x", "y"}});
  }
  /// The C file as a library; its functions by name.
  void build() {
    const std::string library = folder_.path("model.so");
    const std::string command = "cc -std=c99 -Wall -Wextra -Werror -O1 -shared -fPIC " +
                                folder_.path("model_cuda.c") + " -o " + library + " -ldl 2>&1";
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
    handle_ = dlopen(library.c_str(), RTLD_NOW);
    ASSERT_NE(handle_, nullptr) << dlerror();
  }
  template <class T> T* function(const char* name) const {
    return reinterpret_cast<T*>(dlsym(handle_, name));
  }
  void TearDown() override {
    if (artefact_)
      function<void(void*)>("model_cuda_close")(artefact_);
  }
  void SetUp() override {
    if (!cuda_available())
      GTEST_SKIP() << "no GPU: " << cuda_status();
    if (std::system("cc --version > /dev/null 2>&1") != 0)
      GTEST_SKIP() << "there is no C compiler cc";
  }
  int open() {
    if (!test::isSimulated())
      return function<int(int, void**)>("model_cuda_open")(0, &artefact_);
    return function<int(int, void* (*)(const char*), void**)>("model_cuda_open_with")(0, symbol,
                                                                                      &artefact_);
  }
  std::string error() const {
    return function<const char*(const void*)>("model_cuda_error")(artefact_);
  }

  test::Folder folder_;
  void *handle_ = nullptr, *artefact_ = nullptr;
};

const Tensor weights = tensor({0.5, -1.5, 2.5}); // captured

std::tuple<Tensor, Tensor> twoResults(const Tensor& x, const Tensor& y) {
  const Tensor p = softmax(matmul(x, y), -1);
  return {sum(p * weights, 0), tanh(x) + tensor({{1.0}, {2.0}, {3.0}, {4.0}})};
}

const Tensor left = reshape(sin(arange(4.0 * 5)), {4, 5}),
             right = reshape(cos(arange(15.0)), {5, 3});

codegen::Schedule scheduleOf(const Function& program) {
  return suite::gpuSchedule(program, Values{left.contiguous().value(), right.contiguous().value()},
                            Numerics::strict);
}

TEST_F(AotCuda, GivesTheBitsOfEagerOnHostArrays) {
  const auto artefact = compile(twoResults, left, right);
  EXPECT_EQ(artefact.entries.at(0).outputs.at(0).type.str(), "f64[3]");
  build();
  standIn = imageOf(scheduleOf([](ValueSpan x) {
    const auto [a, b] = twoResults(Tensor(x[0]), Tensor(x[1]));
    return Values{a.value(), b.value()};
  }));
  loaded.clear();
  const int64_t before = cuda::simulated::liveBlocks();
  ASSERT_EQ(open(), 0) << error();
  const bool linked = !cuda::jitLinkVersion().empty();
  EXPECT_EQ(artefact.architectures.size(), linked ? 3u : 0u) << artefact.why;
  if (test::isSimulated())
    EXPECT_EQ(loaded.at(0), linked ? "\x7f"
                                     "ELF"
                                   : "//\n/");
  const auto run =
      function<int(void*, const double*, const double*, double*, double*)>("model_cuda_f_host");
  std::vector<double> a(3), b(20);
  const auto x = left.to_vector<double>(), y = right.to_vector<double>();
  for (int i = 0; i < 2; ++i)
    ASSERT_EQ(run(artefact_, x.data(), y.data(), a.data(), b.data()), 0) << error();
  const auto [first, second] = twoResults(left, right);
  EXPECT_EQ(a, first.to_vector<double>());
  EXPECT_EQ(b, second.to_vector<double>());
  function<void(void*)>("model_cuda_close")(artefact_);
  artefact_ = nullptr;
  if (test::isSimulated())
    EXPECT_EQ(cuda::simulated::liveBlocks(), before);
}

TEST_F(AotCuda, AFailedStepNamesItsLine) {
  const auto taken = [](const Tensor& x, const Tensor& y) {
    return exp(take(x, y.astype(i64), 0)); // line 0
  };
  const std::string line = "AotCudaTest.cpp:" + std::to_string(__LINE__ - 2) + ":";
  const Tensor x = arange(5.0) * 0.5, places = tensor({1.0, 4.0, 0.0});
  compile(taken, x, places);
  build();
  standIn = imageOf(suite::gpuSchedule(
      [&](ValueSpan in) { return Values{taken(Tensor(in[0]), Tensor(in[1])).value()}; },
      Values{x.contiguous().value(), places.value()}, Numerics::strict));
  ASSERT_EQ(open(), 0) << error();
  const auto run = function<int(void*, const double*, const double*, double*)>("model_cuda_f_host");
  std::vector<double> numbers = x.to_vector<double>(), at = places.to_vector<double>(), out(3);
  ASSERT_EQ(run(artefact_, numbers.data(), at.data(), out.data()), 0) << error();
  EXPECT_EQ(out, taken(x, places).to_vector<double>());
  at[1] = 5;
  EXPECT_EQ(run(artefact_, numbers.data(), at.data(), out.data()), 7);
  EXPECT_NE(error().find(line), std::string::npos) << error();
  EXPECT_NE(error().find("out of range"), std::string::npos) << error();
}

using Binary = Tensor (*)(const Tensor& x, const Tensor& y);

// Rows of three: two of them do not begin where 16 bytes do.
Tensor scanned(const Tensor& x, const Tensor& y) {
  const auto step = [&](const Tensor& carry, const Tensor& row) {
    const Tensor next = tanh(carry + row * slice(y, 0, 0, 3));
    return std::pair(next, sum(next) + row);
  };
  const auto [last, rows] = scan(step, zeros({3}), x);
  return concatenate({rows, unsqueeze(last, 0)}, 0);
}
Tensor nested(const Tensor& x, const Tensor& y) {
  return fori_loop(
      0, 3,
      [&](const Tensor& i, const Tensor& c) {
        return fori_loop(
            0, 2, [&](const Tensor&, const Tensor& d) { return sin(d) * y + i.astype(f64); }, c);
      },
      x);
}
Tensor whileAndCond(const Tensor& x, const Tensor& y) {
  const Tensor grown = while_loop([](const Tensor& c) { return sum(c) < 100.0; },
                                  [&](const Tensor& c) { return c * 1.5 + square(y); }, x);
  return cond(
      max(grown) > 50.0, [](const Tensor& c) { return c - 1.0; },
      [](const Tensor& c) { return exp(-c); }, grown);
}

// Windows above 128 elements have launches of their own.
Tensor rolled(const Tensor& x, const Tensor& y) {
  return rolling_median(x, 20, 0, {.min_periods = 1}) +
         rolling_max(y, 150, 0, {.min_periods = 1}) * rolling_rank(x, 9, 0, {.min_periods = 1});
}

struct Walk {
  const char* name;
  Binary of;
  Shape x, y;
};
void PrintTo(const Walk& one, std::ostream* os) { *os << one.name; }

class AotCudaWalks : public AotCuda, public testing::WithParamInterface<Walk> {};

TEST_P(AotCudaWalks, GivesEagersBits) {
  const Walk& one = GetParam();
  const auto filled = [](const Shape& shape, double first) {
    return reshape(sin(arange(static_cast<double>(TensorType{f64, shape}.numel())) + first), shape);
  };
  const Tensor x = filled(one.x, 0.0), y = filled(one.y, 0.5);
  compile(one.of, x, y);
  build();
  standIn = imageOf(suite::gpuSchedule(
      [&](ValueSpan in) { return Values{one.of(Tensor(in[0]), Tensor(in[1])).value()}; },
      Values{x.contiguous().value(), y.contiguous().value()}, Numerics::strict));
  ASSERT_EQ(open(), 0) << error();
  const auto run = function<int(void*, const double*, const double*, double*)>("model_cuda_f_host");
  for (const double scale : {1.0, 40.0}) { // the other branch, and fewer steps
    const Tensor scaled = x * scale, expected = one.of(scaled, y);
    const auto xs = scaled.to_vector<double>(), ys = y.to_vector<double>();
    std::vector<double> out(static_cast<size_t>(expected.numel()));
    ASSERT_EQ(run(artefact_, xs.data(), ys.data(), out.data()), 0) << error();
    EXPECT_EQ(out, expected.to_vector<double>()) << scale;
  }
}

INSTANTIATE_TEST_SUITE_P(All, AotCudaWalks,
                         testing::Values(Walk{"scan of odd rows", scanned, {5, 3}, {7}},
                                         Walk{"nested", nested, {2, 5}, {2, 5}},
                                         Walk{"while and cond", whileAndCond, {4}, {4}},
                                         Walk{"rolling windows", rolled, {200}, {200}}));

TEST_F(AotCuda, LargeProductsAreCublassWhereItIs) {
  const auto product = [](const Tensor& x, const Tensor& y) { return tanh(matmul(x, y)); };
  const Tensor x = reshape(sin(arange(70.0 * 80)), {70, 80}),
               y = reshape(cos(arange(80.0 * 90)), {80, 90}), expected = product(x, y);
  compile(product, x, y, Numerics::standard);
  build();
  standIn = imageOf(suite::gpuSchedule(
      [&](ValueSpan in) { return Values{product(Tensor(in[0]), Tensor(in[1])).value()}; },
      Values{x.contiguous().value(), y.contiguous().value()}, Numerics::standard));
  const auto xs = x.to_vector<double>(), ys = y.to_vector<double>();
  const auto close = [&](const std::vector<double>& out) {
    const auto wanted = expected.to_vector<double>();
    for (size_t i = 0; i < out.size(); ++i)
      ASSERT_NEAR(out[i], wanted[i], 1e-12);
  };
  for (const bool with : {false, true}) {
    withBlas = with;
    libraryCalls = 0;
    ASSERT_EQ(open(), 0) << error();
    std::vector<double> out(70 * 90);
    const auto run =
        function<int(void*, const double*, const double*, double*)>("model_cuda_f_host");
    ASSERT_EQ(run(artefact_, xs.data(), ys.data(), out.data()), 0) << error();
    close(out);
    if (test::isSimulated())
      EXPECT_EQ(libraryCalls, with);
    function<void(void*)>("model_cuda_close")(artefact_);
    artefact_ = nullptr;
  }
  withBlas = false;
}

// Read and stored in 16 bits: with cuBLAS and by our own kernel.
TEST_F(AotCuda, LargeProductsOfHalvesToo) {
  const auto product = [](const Tensor& x, const Tensor& y) { return matmul(x, y); };
  const Tensor x = reshape(sin(arange(70.0 * 80)), {70, 80}).astype(bf16),
               y = reshape(cos(arange(80.0 * 90)), {80, 90}).astype(bf16);
  const auto wanted = product(x, y).to_vector<bfloat16>();
  compile(product, x, y, Numerics::standard);
  build();
  standIn = imageOf(suite::gpuSchedule(
      [&](ValueSpan in) { return Values{product(Tensor(in[0]), Tensor(in[1])).value()}; },
      Values{x.contiguous().value(), y.contiguous().value()}, Numerics::standard));
  const auto xs = x.to_vector<bfloat16>(), ys = y.to_vector<bfloat16>();
  for (const bool with : {false, true}) {
    withBlas = with;
    libraryCalls = 0;
    ASSERT_EQ(open(), 0) << error();
    std::vector<bfloat16> out(70 * 90);
    const auto run =
        function<int(void*, const bfloat16*, const bfloat16*, bfloat16*)>("model_cuda_f_host");
    ASSERT_EQ(run(artefact_, xs.data(), ys.data(), out.data()), 0) << error();
    for (size_t i = 0; i < out.size(); ++i)
      ASSERT_NEAR(float{out[i]}, float{wanted[i]}, 0x1p-7 * std::abs(float{wanted[i]}) + 1e-6);
    if (test::isSimulated())
      EXPECT_EQ(libraryCalls, with);
    function<void(void*)>("model_cuda_close")(artefact_);
    artefact_ = nullptr;
  }
  withBlas = false;
}

TEST_F(AotCuda, AddressesAndTheDriverAreChecked) {
  compile(twoResults, left, right);
  build();
  standIn = imageOf(scheduleOf([](ValueSpan x) {
    const auto [a, b] = twoResults(Tensor(x[0]), Tensor(x[1]));
    return Values{a.value(), b.value()};
  }));
  ASSERT_EQ(open(), 0) << error();
  const auto run =
      function<int(void*, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, void*)>("model_cuda_f");
  EXPECT_EQ(run(artefact_, 16, 0, 16, 16, 256, nullptr), 5);
  EXPECT_EQ(run(artefact_, 16, 16, 8, 16, 256, nullptr), 5);
  EXPECT_EQ(run(artefact_, 16, 16, 16, 16, 16, nullptr), 5);
  void* other = nullptr;
  const auto without = [](const char*) -> void* { return nullptr; };
  EXPECT_EQ(function<int(int, void* (*)(const char*), void**)>("model_cuda_open_with")(0, without,
                                                                                       &other),
            2);
  EXPECT_EQ(std::string(function<const char*(const void*)>("model_cuda_error")(other)),
            "the driver has no cuInit");
  function<void(void*)>("model_cuda_close")(other);
}

TEST_F(AotCuda, WhatHasNoCodeIsRefused) {
  const auto message = [&](const auto& f) {
    return test::messageOf([&] { compile(f, left, right); });
  };
  test::expectMessage(message([](const Tensor& x, const Tensor&) { return sort(x, 1); }),
                      {"AotCudaTest.cpp:", "runs on the host"});
  test::expectMessage(message([](const Tensor& x, const Tensor&) {
                        return fori_loop(
                            0, 3, [](const Tensor&, const Tensor& c) { return sort(c, 1); }, x);
                      }),
                      {"AotCudaTest.cpp:", "runs on the host"});
  EXPECT_TRUE(folder_.files().empty());
}

} // namespace
