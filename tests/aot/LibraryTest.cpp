// Operators whose kernels are library code, in artefacts: jit's bits, failures with their lines,
// and memory: what is asked for suffices, and less of it is an error.
#include "Artefacts.h"

#include "aot/LibraryCode.h"
#include "frontend/JitPipeline.h"
#include "frontend/Trace.h"

#include "llvm/IR/LLVMContext.h"
#include "llvm/Target/TargetMachine.h"

namespace diptych::test {
namespace {

using codegen::Schedule;
using codegen::ScheduledCall;

aot::Options options(const Folder& folder, int threads = 1) {
  aot::Options options;
  options.name = "model";
  options.directory = folder.path();
  options.kind = aot::Kind::shared;
  options.threads = threads;
  return options;
}

/// On one thread, and on three.
template <class F, class... Args> void expectJitBits(const F& f, const Args&... arguments) {
  const auto expected = leaves(jit(f)(arguments...));
  const Folder folder;
  const Loaded model(aot::compile({{"f", f}}, std::tuple(arguments...), options(folder, 3)));
  for (const int threads : {1, 3})
    expectSameBits(model.call("f", {arguments...}, Threads{threads}), expected);
}

Tensor regular(const Shape& shape, DType dtype = f64) {
  Shape square = shape;
  square.push_back(shape.back());
  return (randn(square) + 3.0 * eye(shape.back())).to(dtype);
}

Tensor withGaps(const Tensor& x) { return where(x > 1.2, full({}, std::nan("")), x); }

TEST(AotLibrary, SortingHasJitsBits) {
  const auto all = [](const Tensor& x, const Tensor& i) {
    return std::tuple(sort(x, 0), sort(x, 1, true), median(x, 1), nanquantile(x, 0.3, 0),
                      rank(x, 1), sort(i, -1), count_unique(i, 0),
                      searchsorted(sort(x, 1), x, Side::right));
  };
  expectJitBits(all, withGaps(randn({70, 90})), (randn({40, 3}) * 5.0).to(i32));
  expectJitBits(all, randn({33, 8}, f32), (randn({500}) * 50.0).to(i64));
  expectJitBits(grad([](const Tensor& x) { return sum(square(sort(x, 0))); }), randn({100, 300}));
}

// Rows of which a few bits leave no room for positions, or many that are sorted again.
TEST(AotLibrary, SortingOfAnySizeHasScratchEnough) {
  const auto all = [](const Tensor& x) { return std::tuple(argsort(x, 0), argsort(x, 1, true)); };
  for (const Shape& shape : {Shape{3, 5}, {500, 7}, {2, 383}, {9, 2049}, {4097, 2}, {1, 70000}}) {
    const Tensor close = (rand(shape) * 1e5).to(i64);
    const Tensor ends = full(shape, std::numeric_limits<int64_t>::max(), i64);
    expectJitBits(all, where(close == 7, -ends, where(close < 10, ends, close)));
    expectJitBits(all, where(close == 7, full(shape, -1e300), 1.0 + close.to(f64) * 0x1p-50));
  }
}

TEST(AotLibrary, RollingOrderHasJitsBits) {
  const auto all = [](const Tensor& x) {
    return std::tuple(rolling_max(x, 5, 0), rolling_argmin(x, 3, 1), rolling_rank(x, 7, 0),
                      rolling_median(x, 4, 1), rolling_quantile(x, 0.9, 20, 0));
  };
  expectJitBits(all, withGaps(randn({60, 70})));
  expectJitBits(all, randn({31, 9}, f32));
  // What they ask for in between grows with the window and with the lanes that series fill.
  for (const int64_t window : {1, 40, 700})
    for (const Shape& shape : {Shape{900}, Shape{900, 16}})
      expectJitBits(
          [window](const Tensor& x) {
            return std::tuple(rolling_argmax(x, window, 0), rolling_rank(x, window, 0),
                              rolling_quantile(x, 0.3, window, 0));
          },
          randn(shape));
}

TEST(AotLibrary, SolversHaveJitsBits) {
  const auto all = [](const Tensor& a, const Tensor& b) {
    const Tensor definite = matmul(a, transpose(a, {0, 2, 1}));
    const auto [sign, logarithm] = linalg::slogdet(a);
    return std::tuple(linalg::solve(a, b), linalg::cholesky(definite), linalg::det(a), sign,
                      logarithm, linalg::inverse(a), linalg::triangular_solve(a, b));
  };
  for (const DType dtype : {f64, f32}) {
    expectJitBits(all, regular({6, 4}, dtype), randn({6, 4, 3}, dtype));
    expectJitBits(all, regular({2, 37}, dtype), randn({2, 37, 20}, dtype));
  }
  // Past the sizes that Eigen cuts into blocks.
  expectJitBits(all, regular({1, 150}), randn({1, 150, 70}));
  expectJitBits(grad([](const Tensor& a, const Tensor& b) { return sum(linalg::solve(a, b)); }),
                regular({40}), randn({40, 2}));
}

TEST(AotLibrary, DecompositionsHaveJitsBits) {
  const auto all = [](const Tensor& x) {
    const auto [q, r] = linalg::qr(x);
    const auto [u, s, v] = linalg::svd(x);
    const auto [values, vectors] = linalg::eigh(matmul(transpose(x), x));
    return std::tuple(q, r, u, s, v, values, vectors, linalg::pinv(x));
  };
  expectJitBits(all, randn({7, 4}));
  expectJitBits(all, randn({90, 90}));
  expectJitBits(all, randn({40, 30}, f32));
  expectJitBits(all, zeros({5, 5}));
  expectJitBits(all, full({6, 3}, std::nan("")));
}

TEST(AotLibrary, LoopsAndBatchesHaveJitsBits) {
  expectJitBits(
      [](const Tensor& start, const Tensor& xs) {
        return scan(
            [](const Tensor& s, const Tensor& x) {
              const Tensor next = sort(s + x);
              return std::pair(next, median(next));
            },
            start, xs);
      },
      randn({30}), randn({6, 30}));
  const auto middle = [](const Tensor& x) { return median(x) + sum(sort(x) * 0.5); };
  const Tensor xs = randn({37, 11});
  const Folder folder;
  const Loaded model(aot::compile({{"f", aot::each(dim("batch"), middle)}}, std::tuple(randn({11})),
                                  options(folder, 3)));
  for (const int threads : {1, 3})
    expectSameBits(model.callBatch("f", 37, {xs}, Threads{threads}), leaves(jit(vmap(middle))(xs)));
}

TEST(AotLibrary, FailuresTellTheLineOfTheModel) {
  for (const int threads : {1, 3}) {
    const Folder folder;
    const int line = __LINE__ + 1;
    const auto f = [](const Tensor& a, const Tensor& b) { return linalg::solve(a, b); };
    const Tensor good = regular({50, 12}), b = randn({50, 12, 1});
    const Tensor bad = good * (reshape(arange(50.0), {50, 1, 1}) != 30.0).to(f64);
    const Loaded model(aot::compile({{"f", f}}, std::tuple(good, b), options(folder, threads)));
    const auto team = threads > 1 ? std::optional(Threads{threads}) : std::nullopt;
    expectSameBits(model.call("f", {good, b}, team), leaves(jit(f)(good, b)));
    const int code = model.call("f", {bad, b}, team).code;
    EXPECT_STREQ(model.symbol<const char* (*)(int)>("model_error_message")(code),
                 ("LibraryTest.cpp:" + std::to_string(line) +
                  ": solve: expected a regular matrix, got a matrix of f64[50,12,12] with pivot 0; "
                  "use pinv or lstsq, or pass check = false, which gives NaN in its place")
                     .c_str());
    EXPECT_EQ(model.symbol<int (*)(int)>("model_error_position")(code), 30);
  }
}

//===-- Memory -------------------------------------------------------------------------------===//

using Kernel = int (*)(void* const*, const int64_t*, int64_t, int64_t, void*, int64_t);

/// Kernels by their names, from a shared library that has nothing else.
class Kernels {
public:
  explicit Kernels(const std::vector<std::string>& names) {
    const codegen::Target target("x86-64-v3");
    llvm::LLVMContext context;
    llvm::Module module("kernels", context);
    module.setDataLayout(target.machine().createDataLayout());
    module.setTargetTriple(target.machine().getTargetTriple());
    for (const std::string& name : names)
      aot::libraryKernel(module, name);
    aot::addLibraryCode(module);
    for (const std::string& name : names)
      aot::libraryKernel(module, name)->setLinkage(llvm::GlobalValue::ExternalLinkage);
    std::ofstream(folder_.path("kernels.o"), std::ios::binary)
        << codegen::machineCode(module, target, false);
    const std::string library = folder_.path("kernels.so");
    const std::string command =
        "cc -shared -o " + library + " " + folder_.path("kernels.o") + " -lm";
    if (std::system(command.c_str()))
      throw std::runtime_error(command);
    handle_ = dlopen(library.c_str(), RTLD_NOW);
    if (!handle_)
      throw std::runtime_error(dlerror());
  }
  Kernels(const Kernels&) = delete;
  ~Kernels() { dlclose(handle_); }
  Kernel operator[](const std::string& name) const {
    return reinterpret_cast<Kernel>(dlsym(handle_, ("diptych_kernel_" + name).c_str()));
  }

private:
  Folder folder_;
  void* handle_ = nullptr;
};

/// The library steps of a function of one tensor, as an artefact would run them.
std::vector<ScheduledCall> stepsOf(const Function& f, const std::vector<TensorType>& inputs,
                                   Schedule& schedule) {
  const std::lock_guard lock(traceMutex());
  auto traced = traceFunction(f, inputs);
  JitStats stats;
  schedule = runPipeline(*traced.module, Numerics::strict, stats, "", 32, /*scratchPieces=*/1);
  std::vector<ScheduledCall> steps;
  for (const ScheduledCall& call : schedule.calls)
    if (call.library)
      steps.push_back(call);
  return steps;
}

struct Shaped {
  const char* what;
  std::function<Tensor(const Tensor&)> function; // of an [m, n], whose last library step counts
  bool square;
};

const std::vector<Shaped>& shaped() {
  static const std::vector<Shaped> all = {
      {"qr", [](const Tensor& x) { return linalg::qr(x).second; }, false},
      {"svd", [](const Tensor& x) { return linalg::svdvals(x); }, false},
      {"pinv", [](const Tensor& x) { return linalg::pinv(x); }, false},
      {"eigh", [](const Tensor& x) { return linalg::eigvalsh(x); }, true},
      {"cholesky", [](const Tensor& x) { return linalg::cholesky(x, false); }, true},
      {"det", [](const Tensor& x) { return linalg::det(x); }, true},
      {"slogdet", [](const Tensor& x) { return linalg::slogdet(x).second; }, true},
      {"argsort", [](const Tensor& x) { return sort(x); }, false},
      {"rolling_rank", [](const Tensor& x) { return rolling_rank(x, 50, 0); }, false},
      {"rolling_argmax", [](const Tensor& x) { return rolling_argmax(x, 50, 1); }, false}};
  return all;
}

/// Runs a step on `memory` bytes between guards, aligned no better than an output; its code.
/// `used`: how far it wrote.
int runIn(const Kernels& kernels, const ScheduledCall& step, std::vector<void*> args,
          int64_t memory, int64_t* used = nullptr) {
  const auto bytes = static_cast<size_t>(memory + 4096);
  const Aligned block(static_cast<int64_t>(bytes) + 8);
  auto* data = static_cast<unsigned char*>(block.memory) + 8;
  std::memset(data, 0xAB, bytes);
  const int code =
      kernels[step.libraryName](args.data(), step.params.data(), 0, step.range, data, memory);
  size_t last = bytes;
  while (last > 0 && data[last - 1] == 0xAB)
    --last;
  EXPECT_LE(last, static_cast<size_t>(memory));
  if (used)
    *used = static_cast<int64_t>(last);
  return code;
}

/// Matrices that take different ways: random, zero, of rank 1, the identity, badly scaled.
std::vector<Tensor> contents(int64_t m, int64_t n) {
  const Tensor random = randn({m, n});
  const Tensor row = reshape(arange(static_cast<double>(n)), {1, n});
  const Tensor column = reshape(arange(static_cast<double>(m)), {m, 1});
  return {random, zeros({m, n}), sin(row) * cos(column), (row == column).to(f64) + zeros({m, n}),
          random * exp(-0.5 * row - 0.25 * column)};
}

TEST(AotLibrary, MemoryThatIsAskedForSuffices) {
  std::vector<std::string> names;
  for (const Shaped& each : shaped())
    names.push_back(std::string(each.what) + "_f64");
  const Kernels kernels(names);
  const std::vector<std::pair<int64_t, int64_t>> shapes = {
      {1, 1},   {2, 2},     {3, 3},     {4, 4},   {5, 5},   {8, 8},    {9, 9},
      {15, 15}, {16, 16},   {17, 17},   {31, 31}, {33, 33}, {48, 48},  {64, 64},
      {65, 65}, {100, 100}, {150, 150}, {3, 1},   {100, 1}, {1000, 1}, {20, 3},
      {50, 16}, {50, 17},   {300, 40},  {1, 70},  {7, 90},  {40, 300}};
  for (const auto& [m, n] : shapes)
    for (const Shaped& each : shaped()) {
      SCOPED_TRACE(std::string(each.what) + " " + std::to_string(m) + " x " + std::to_string(n));
      if (each.square && m != n)
        continue;
      Schedule schedule;
      const Function traced = [&](ValueSpan x) {
        return Values{each.function(Tensor(x[0])).value()};
      };
      const auto steps = stepsOf(traced, {{f64, {m, n}}}, schedule);
      ASSERT_FALSE(steps.empty());
      const ScheduledCall& step = steps[0];
      ASSERT_EQ(step.libraryName, std::string(each.what) + "_f64");
      for (const Tensor& x : contents(m, n)) {
        const Tensor held =
            (m < n && std::string(each.what) == "svd" ? transpose(x) : x).contiguous();
        std::vector<std::byte> result(
            static_cast<size_t>(schedule.buffers[static_cast<size_t>(step.buffers[1])].bytes));
        int64_t status = 0, used = 0;
        EXPECT_EQ(runIn(kernels, step,
                        {const_cast<double*>(held.data<double>()), result.data(), &status, nullptr},
                        step.scratchBytes, &used),
                  0);
        EXPECT_LE(used, step.scratchBytes);
      }
    }
}

// Right-hand sides of any width.
TEST(AotLibrary, MemoryOfSolversSuffices) {
  const Kernels kernels({"solve_f64", "triangular_solve_f64"});
  for (const int64_t n : {1, 2, 5, 16, 17, 40, 64, 100, 200})
    for (const int64_t k : {1, 2, 9, 50, 300, 1000})
      for (const bool transposed : {false, true})
        for (const bool lu : {false, true}) {
          SCOPED_TRACE(std::to_string(n) + ", " + std::to_string(k));
          Schedule schedule;
          const Function traced = [&](ValueSpan in) {
            const Tensor a(in[0]), b(in[1]);
            return Values{(lu ? linalg::solve(a, b, {.transposed = transposed})
                              : linalg::triangular_solve(
                                    a, b, {.lower = k % 2 == 0, .transposed = transposed}))
                              .value()};
          };
          const auto steps = stepsOf(traced, {{f64, {n, n}}, {f64, {n, k}}}, schedule);
          ASSERT_EQ(steps.size(), 1u);
          const Tensor a = regular({n}), b = randn({n, k});
          std::vector<std::byte> result(static_cast<size_t>(8 * n * k));
          int64_t status = 0;
          EXPECT_EQ(runIn(kernels, steps[0],
                          {const_cast<double*>(a.data<double>()),
                           const_cast<double*>(b.data<double>()), result.data(), &status, nullptr},
                          steps[0].scratchBytes),
                    0);
          EXPECT_EQ(status, 0);
        }
}

TEST(AotLibrary, LessMemoryIsAnError) {
  const Kernels kernels({"svd_f64", "argsort_f64"});
  for (const char* what : {"svd", "argsort"}) {
    const Function traced = [&](ValueSpan x) {
      return Values{(*what == 's' ? linalg::svdvals(Tensor(x[0])) : sort(Tensor(x[0]))).value()};
    };
    Schedule schedule;
    const auto steps = stepsOf(traced, {{f64, {20, 20}}}, schedule);
    ASSERT_EQ(steps.size(), 1u);
    const Tensor x = randn({20, 20});
    std::vector<std::byte> result(
        static_cast<size_t>(schedule.buffers[static_cast<size_t>(steps[0].buffers[1])].bytes));
    int64_t status = 0, used = 0, refused = 0;
    const std::vector<void*> args = {const_cast<double*>(x.data<double>()), result.data(), &status,
                                     nullptr};
    ASSERT_EQ(runIn(kernels, steps[0], args, steps[0].scratchBytes, &used), 0);
    for (int64_t memory = 0; memory <= steps[0].scratchBytes; memory += 64) {
      const int code = runIn(kernels, steps[0], args, memory);
      refused += code;
      EXPECT_EQ(code, memory + 64 <= used ? 1 : code) << memory;
    }
    EXPECT_GT(refused, 0);
  }
}

} // namespace
} // namespace diptych::test
