// Entries with open shapes: jit's bits for every size, memory that is exactly respected,
// constraints that are checked, and functions that are refused.
#include "Artefacts.h"

namespace diptych::test {
namespace {

using Shapes = std::map<std::string, std::vector<std::variant<int64_t, Dim>>>;

aot::Options options(const Folder& folder, std::vector<std::string> arguments, Shapes shapes,
                     int threads = 1, Numerics numerics = Numerics::strict) {
  aot::Options options;
  options.name = "model";
  options.directory = folder.path();
  options.kind = aot::Kind::shared;
  options.numerics = numerics;
  options.threads = threads;
  options.arguments = std::move(arguments);
  options.shapes = std::move(shapes);
  return options;
}

std::string contentOf(const std::string& path) {
  std::ifstream stream(path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

constexpr int64_t kSizes[] = {1, 2, 3, 15, 16, 17, 100, 1000, 4095, 4096, 4097, 5000};

Tensor sharpe(const Tensor& w, const Tensor& X, const Tensor& r) {
  const Tensor position = softmax(matmul(X, w), -1);
  const Tensor pnl = sum(position * r, -1);
  return std::sqrt(252.0) * mean(pnl) / stddev(pnl) - 0.05 * sum(w * w);
}

/// Bits, but any NaN for a NaN.
void expectSame(const Loaded::Result& result, const std::vector<Tensor>& expected) {
  ASSERT_EQ(result.code, 0);
  ASSERT_EQ(result.outputs.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    const Tensor wanted = expected[i].contiguous();
    const auto& got = result.outputs[i];
    const auto width = static_cast<size_t>(sizeOf(wanted.dtype()));
    ASSERT_EQ(got.size(), static_cast<size_t>(wanted.numel()) * width);
    const std::byte* bytes = Loaded::bytesOf(wanted);
    const auto isNaN = [&](const std::byte* at) {
      double wide = 0;
      float narrow = 0;
      if (wanted.dtype() == DType::f64)
        std::memcpy(&wide, at, 8);
      if (wanted.dtype() == DType::f32)
        std::memcpy(&narrow, at, 4);
      return std::isnan(wide) || std::isnan(narrow);
    };
    size_t wrong = 0;
    for (size_t at = 0; at < got.size(); at += width)
      wrong += !std::equal(bytes + at, bytes + at + width, got.data() + at) &&
               !(isNaN(bytes + at) && isNaN(got.data() + at));
    EXPECT_EQ(wrong, 0U) << "elements of output " << i << ", " << wanted.value().type();
  }
}

/// The artefact against jit for all those sizes, on one thread and on three.
struct Case {
  std::vector<std::vector<std::variant<int64_t, Dim>>> shapes;
  std::vector<DType> dtypes = {};
  std::vector<std::vector<int64_t>> sizes = {};
  int64_t example = 1000;
};

Tensor argument(const std::vector<std::variant<int64_t, Dim>>& shape,
                const std::vector<std::string>& dims, const std::vector<int64_t>& sizes,
                DType dtype) {
  std::vector<int64_t> extents;
  for (const auto& size : shape)
    if (auto* dim = std::get_if<Dim>(&size))
      extents.push_back(sizes[static_cast<size_t>(std::find(dims.begin(), dims.end(), dim->name) -
                                                  dims.begin())]);
    else
      extents.push_back(std::get<int64_t>(size));
  const Tensor x = randn(extents);
  return isFloat(dtype) ? x.to(dtype) : floor(x * 10.0).to(dtype);
}

template <size_t count, class F> void everySize(const F& f, const Case& with) {
  std::vector<std::string> names, dims;
  Shapes shapes;
  for (size_t i = 0; i < count; ++i) {
    names.push_back("x" + std::to_string(i));
    for (const auto& size : with.shapes[i])
      if (auto* dim = std::get_if<Dim>(&size))
        if (std::find(dims.begin(), dims.end(), dim->name) == dims.end())
          dims.push_back(dim->name);
    shapes[names[i]] = with.shapes[i];
  }
  const auto inputs = [&](const std::vector<int64_t>& sizes) {
    std::vector<Tensor> tensors;
    for (size_t i = 0; i < count; ++i)
      tensors.push_back(argument(with.shapes[i], dims, sizes,
                                 i < with.dtypes.size() ? with.dtypes[i] : DType::f64));
    return tensors;
  };
  const auto tupleOf = [&](const std::vector<Tensor>& tensors) {
    return [&]<size_t... i>(std::index_sequence<i...>) {
      return std::tuple(tensors[i]...);
    }(std::make_index_sequence<count>());
  };
  std::vector<std::vector<int64_t>> all = with.sizes;
  if (all.empty())
    for (const int64_t size : kSizes)
      all.push_back({size});
  for (const int threads : {1, 3}) {
    const Folder folder;
    const Loaded model(
        aot::compile({{"f", f}}, tupleOf(inputs(std::vector<int64_t>(dims.size(), with.example))),
                     options(folder, names, shapes, threads)));
    for (const auto& sizes : all) {
      SCOPED_TRACE("size " + Dims(sizes).str() + ", " + std::to_string(threads) + " threads");
      const std::vector<Tensor> arguments = inputs(sizes);
      const auto expected = std::apply(
          [&](const auto&... x) { return leaves(jit(f, {.numerics = Numerics::strict})(x...)); },
          tupleOf(arguments));
      const auto team = threads > 1 ? std::optional(Threads{threads}) : std::nullopt;
      expectSame(model.callOpen("f", sizes, arguments, team), expected);
    }
  }
}

const Dim n = dim("n", 1), m = dim("m", 1);

TEST(AotOpen, SharpeRatioOfAnyNumberOfDays) {
  for (const int threads : {1, 3}) {
    const Folder folder;
    const Tensor w = 0.1 * randn({8});
    const auto chosen = options(folder, {"w", "X", "r"},
                                {{"X", {dim("days"), 30, 8}}, {"r", {dim("days"), 30}}}, threads);
    const Loaded model(aot::compile(
        {{"loss", sharpe}, {"slope", value_and_grad(sharpe)}, {"curvature", hessian(sharpe)}},
        std::tuple(w, zeros({1000, 30, 8}), zeros({1000, 30})), chosen));
    for (const int64_t days : kSizes) {
      SCOPED_TRACE(std::to_string(days) + " days, " + std::to_string(threads) + " threads");
      const Tensor X = randn({days, 30, 8}), r = 0.02 * randn({days, 30});
      const auto jitted = [&](auto f) {
        return leaves(jit(f, {.numerics = Numerics::strict})(w, X, r));
      };
      for (int count = 1; count <= threads; ++count) {
        const auto team = threads > 1 ? std::optional(Threads{count}) : std::nullopt;
        expectSame(model.callOpen("loss", {days}, {w, X, r}, team), jitted(sharpe));
        expectSame(model.callOpen("slope", {days}, {w, X, r}, team),
                   jitted(value_and_grad(sharpe)));
        if (days <= 1000)
          expectSame(model.callOpen("curvature", {days}, {w, X, r}, team), jitted(hessian(sharpe)));
      }
    }
  }
}

Tensor layersLoss(const Tensor& w, const Tensor& x, const Tensor& y) {
  const Tensor first = reshape(slice(w, 0, 0, 96), {6, 16}),
               second = reshape(slice(w, 0, 96), {16, 2});
  const Tensor found = matmul(tanh(matmul(x, first)), second);
  return mean(square(found - y));
}

TEST(AotOpen, StandardNumericsAreClose) {
  const Folder folder;
  const Tensor w = 0.1 * randn({8});
  const Loaded model(aot::compile(
      {{"slope", value_and_grad(sharpe)}, {"curvature", hessian(sharpe)}},
      std::tuple(w, zeros({1000, 300, 8}), zeros({1000, 300})),
      options(folder, {"w", "X", "r"},
              {{"X", {dim("days"), dim("stocks"), 8}}, {"r", {dim("days"), dim("stocks")}}}, 2,
              Numerics::standard)));
  for (const auto& [days, stocks] : {std::pair(2, 3), {17, 100}, {1000, 300}, {5000, 37}}) {
    SCOPED_TRACE(std::to_string(days) + " days of " + std::to_string(stocks));
    const Tensor X = randn({days, stocks, 8}), r = 0.02 * randn({days, stocks});
    const auto compare = [&](const std::string& name, const std::vector<Tensor>& wanted) {
      const auto result = model.callOpen(name, {days, stocks}, {w, X, r}, Threads{2});
      ASSERT_EQ(result.code, 0);
      for (size_t i = 0; i < wanted.size(); ++i) {
        std::vector<double> got(static_cast<size_t>(wanted[i].numel()));
        std::memcpy(got.data(), result.outputs[i].data(), result.outputs[i].size());
        const Tensor flat = reshape(wanted[i], {wanted[i].numel()}).contiguous();
        const double largest = max(abs(flat)).item<double>();
        for (size_t k = 0; k < got.size(); ++k)
          EXPECT_NEAR(got[k], flat.data<double>()[k], 1e-9 * largest) << name << " " << k;
      }
    };
    compare("slope", leaves(value_and_grad(sharpe)(w, X, r)));
    compare("curvature", leaves(hessian(sharpe)(w, X, r)));
  }
}

TEST(AotOpen, MeanLossOfLayersOverABatch) {
  everySize<3>(value_and_grad(layersLoss), {{{128}, {n, 6}, {n, 2}}});
  everySize<2>(hvp([](const Tensor& w) { return mean(square(tanh(w))); }), {{{n}, {n}}});
}

TEST(AotOpen, TwoOpenSizes) {
  const std::vector<std::vector<int64_t>> sizes{{1, 1},    {2, 3},  {17, 16},  {3, 4097},
                                                {4097, 3}, {1, 50}, {100, 37}, {256, 300}};
  everySize<3>(value_and_grad(sharpe), {{{8}, {n, m, 8}, {n, m}}, {}, sizes, 100});
  everySize<1>(
      [](const Tensor& x) {
        return std::pair(mean(mean(x, -1), 0),
                         grad([](const Tensor& y) { return mean(mean(y * y, -1), 0); })(x));
      },
      {{{n, m}}, {}, sizes, 100});
  everySize<2>([](const Tensor& a, const Tensor& b) { return matmul(a, b); },
               {{{n, m}, {m, n}}, {}, sizes, 100});
  everySize<1>([](const Tensor& x) { return matmul(transpose(x, {1, 0}) - mean(x, 0), x); },
               {{{n, n}}, {}, {{1}, {2}, {5}, {16}, {100}, {257}}, 100});
}

TEST(AotOpen, ReductionsAlongTheOpenAxis) {
  everySize<1>(
      [](const Tensor& x) {
        return std::tuple(sum(x, 0), prod(x * 0.1 + 1.0, 0), max(x, 0), min(x, 0), var(x, 0));
      },
      {{{n, 5}}});
  everySize<1>([](const Tensor& x) { return std::tuple(sum(x, 1), max(x, 1), softmax(x, 1)); },
               {{{3, n}}});
  everySize<1>([](const Tensor& x) { return std::tuple(sum(x), mean(x), stddev(x)); },
               {{{n}}, {DType::f32}});
  everySize<1>([](const Tensor& x) { return std::tuple(sum(x), max(x, 0), sum(x, 1)); },
               {{{n, 3}}, {DType::i32}});
  everySize<1>([](const Tensor& x) { return std::tuple(argmax(x, 0), argmin(x, 0)); }, {{{n, 4}}});
  everySize<1>(
      [](const Tensor& x) { return std::tuple(argmax(x, 1), any(x > 2.0), logsumexp(x, 1)); },
      {{{4, n}}});
}

// The example is large enough for tiles, so they are what every size has.
TEST(AotOpen, ColumnsInTiles) {
  const auto f = [](const Tensor& x) {
    const Tensor y = x * 2.0 - 1.0;
    return std::tuple(y, sum(y, 0), max(x, 0), var(x, 0));
  };
  everySize<1>(f, {{{n, 70}}, {}, {{1}, {17}, {130}, {4097}}, 3000});
  const std::vector<std::vector<int64_t>> sizes{{1, 1}, {3, 5}, {200, 8}, {129, 1}, {4100, 17}};
  everySize<1>(f, {{{n, m}}, {DType::f32}, sizes, 700});
}

TEST(AotOpen, ProductsWithAnOpenSide) {
  everySize<2>([](const Tensor& a, const Tensor& b) { return matmul(a, b); }, {{{n, 7}, {7, 5}}});
  everySize<2>([](const Tensor& a, const Tensor& b) { return matmul(a, b); }, {{{5, 7}, {7, n}}});
  everySize<2>([](const Tensor& a, const Tensor& b) { return matmul(a, b); }, {{{5, n}, {n, 3}}});
  everySize<2>([](const Tensor& a, const Tensor& b) { return matmul(a, b); },
               {{{5, n}, {n, 3}}, {}, {{1}, {1023}, {1024}, {1025}, {8192}, {20000}}, 10000});
  everySize<2>([](const Tensor& a, const Tensor& b) { return matmul(transpose(a, {1, 0}), b); },
               {{{n, 9}, {n}}, {DType::f32, DType::f32}});
  everySize<2>([](const Tensor& a, const Tensor& b) { return matmul(a, b); },
               {{{n, 3, 4}, {n, 4, 2}}});
  everySize<2>([](const Tensor& a, const Tensor& b) { return matmul(a, transpose(b, {1, 0})); },
               {{{n, 20}, {6, 20}}});
}

TEST(AotOpen, MovementsAndIndices) {
  everySize<1>(
      [](const Tensor& x) {
        const Tensor turned = reverse(x, {0});
        return std::tuple(concatenate({x, turned, x * 2.0}, 0), pad(x, {{2, 3}, {0, 1}}),
                          transpose(x, {1, 0}), turned - x);
      },
      {{{n, 3}}});
  everySize<1>([](const Tensor& x) { return slice(x, 0, 1) - slice(x, 0, 0, x.shape()[0] - 1); },
               {{{dim("n", 2), 3}}, {}, {{2}, {3}, {17}, {1000}, {4097}}});
  everySize<1>([](const Tensor& x) { return x * arange(x.shape()[0]).to(DType::f64); }, {{{n}}});
  everySize<1>(
      [](const Tensor& x) { return where(reshape(x, {x.shape()[0] * 4}) > 0.0, 2.0, 1.0); },
      {{{n, 4}}});
  everySize<2>(
      [](const Tensor& x, const Tensor& i) {
        const Tensor rows = floor(remainder(i.to(DType::f64), 5.0)).to(DType::i64);
        return std::pair(gather(x, rows, 0), scatter_add(x, rows, gather(x, rows, 0), 0));
      },
      {{{5, 3}, {n}}, {DType::f64, DType::i64}});
  everySize<2>(
      [](const Tensor& x, const Tensor& i) {
        return gather(
            x, floor(remainder(i.to(DType::f64), static_cast<double>(x.shape()[0]))).to(DType::i64),
            0);
      },
      {{{n, 3}, {m}}, {DType::f64, DType::i64}, {{1, 1}, {7, 100}, {1000, 3}, {5000, 4097}}});
}

TEST(AotOpen, CumulativeOperatorsAndLoops) {
  everySize<1>([](const Tensor& x) { return std::pair(cumsum(x, 0), cummax(x, 0)); }, {{{n, 3}}});
  everySize<1>(
      [](const Tensor& x) { return grad([](const Tensor& y) { return sum(cumprod(y, 1)); })(x); },
      {{{3, n}}, {}, {{1}, {2}, {3}, {17}, {100}, {1000}}});
  // In one kernel with what is around them: the axis is open, what lies behind it, or both.
  const auto drawdown = [](const Tensor& x) {
    const Tensor wealth = cumsum(log(x * x + 1.0), 0);
    return std::pair(exp(wealth) - cumsum(x, 0), linear_recurrence(0.9, wealth * x, 0, true));
  };
  everySize<1>(drawdown, {{{n, 40}}});
  everySize<1>(drawdown, {{{30, n}}});
  everySize<1>([](const Tensor& x) { return rolling_std(x, 5, 0); }, {{{32, n}}});
  everySize<1>(drawdown, {{{n, m}}, {}, {{1, 1}, {7, 100}, {1000, 3}, {500, 409}}});
  everySize<2>(
      [](const Tensor& x, const Tensor& s) {
        const auto [last, path] = scan(
            [](const Tensor& state, const Tensor& row) {
              const Tensor next = tanh(state * 0.5 + row);
              return std::pair(next, sum(next));
            },
            s, x);
        return std::pair(last, path);
      },
      {{{n, 4}, {4}}});
  everySize<2>(
      [](const Tensor& x, const Tensor& s) {
        return value_and_grad([&](const Tensor& state) {
          const auto [last, path] = scan(
              [](const Tensor& a, const Tensor& row) {
                const Tensor next = tanh(a * 0.5 + row);
                return std::pair(next, next);
              },
              state, x);
          return sum(last * last) + mean(path);
        })(s);
      },
      {{{n, 4}, {4}}});
  everySize<1>(
      [](const Tensor& x) {
        return cond(
            sum(x) > 0.0, [](const Tensor& y) { return y * 2.0; },
            [](const Tensor& y) { return cumsum(y, 0); }, x);
      },
      {{{n}}});
}

TEST(AotOpen, OrderAlongAnyAxis) {
  const auto all = [](const Tensor& x) {
    return std::tuple(argsort(x, 0), sort(x, 1, true), searchsorted(sort(x, 1), x));
  };
  everySize<1>(all, {.shapes = {{n, 6}}});
  everySize<1>(all, {.shapes = {{4, n}}, .dtypes = {DType::i64}});
  everySize<1>(all, {.shapes = {{n, m}},
                     .sizes = {{1, 1}, {1, 300}, {300, 1}, {70, 90}, {2049, 3}},
                     .example = 100});
  everySize<1>([](const Tensor& x) { return std::tuple(sort(x), rank(x, 0)); }, {.shapes = {{n}}});
}

TEST(AotOpen, ConvolutionsOfABatch) {
  everySize<2>([](const Tensor& x, const Tensor& w) { return conv2d(x, w); },
               {{{n, 3, 8, 9}, {4, 3, 3, 3}}, {}, {{1}, {2}, {17}, {100}}});
}

//===-- What a caller sees -------------------------------------------------------------------===//

TEST(AotOpen, SizesOutOfBoundsGiveACode) {
  const Folder folder;
  const auto f = [](const Tensor& x, const Tensor& y) { return sum(x, 0) * mean(y); };
  const Loaded model(aot::compile(
      {{"f", f}}, std::tuple(zeros({100, 3}), zeros({100})),
      options(folder, {"x", "y"}, {{"x", {dim("days", 1, 300), 3}}, {"y", {dim("days")}}})));
  const Tensor x = randn({300, 3}), y = randn({300});
  expectSame(model.callOpen("f", {300}, {x, y}),
             leaves(jit(f, {.numerics = Numerics::strict})(x, y)));
  void* call = model.symbol<void*>("model_f");
  const Aligned in(7200), out(24), workspace(1 << 20);
  std::memset(in.memory, 0, 7200);
  const auto code = [&](int64_t days, void* a, void* w) {
    return callPointers(call, {reinterpret_cast<void*>(days), a, in.memory, out.memory, w});
  };
  EXPECT_EQ(code(300, in.memory, workspace.memory), 0);
  for (const int64_t days : {int64_t{0}, int64_t{-1}, int64_t{301}, INT64_MIN, INT64_MAX}) {
    EXPECT_EQ(code(days, in.memory, workspace.memory), 7);
    EXPECT_EQ(model.workspaceBytes(model.entry("f"), {days}), 0U);
  }
  EXPECT_EQ(code(20, nullptr, workspace.memory), 1);
  EXPECT_GT(model.workspaceBytes(model.entry("f"), {20}), 0U);
  EXPECT_EQ(code(20, in.memory, nullptr), 2);
  EXPECT_EQ(code(20, in.memory, static_cast<char*>(workspace.memory) + 8), 2);
  EXPECT_STREQ(model.symbol<const char* (*)(int)>("model_error_message")(7),
               "a size is out of bounds: expected 1 <= days <= 300 in model_f");
}

TEST(AotOpen, NoElementsNeedNoMemory) {
  const Folder folder;
  const auto f = [](const Tensor& x) { return std::pair(sum(x, 0), cumsum(x, 0) * 2.0); };
  const Loaded model(aot::compile({{"f", f}}, std::tuple(zeros({100, 3})),
                                  options(folder, {"x"}, {{"x", {dim("days"), 3}}})));
  const Tensor none = zeros({0, 3});
  expectSame(model.callOpen("f", {0}, {none}), {zeros({3}), none});
  std::array<double, 3> out{1, 1, 1};
  EXPECT_EQ(callPointers(model.symbol<void*>("model_f"),
                         {nullptr, nullptr, out.data(), nullptr, nullptr}),
            0);
  EXPECT_EQ(out, (std::array<double, 3>{}));
}

TEST(AotOpen, LeastSizesAreFound) {
  const Folder folder;
  const auto f = [](const Tensor& x) { return max(slice(x, 0, 4), 0); };
  const Loaded model(aot::compile({{"f", f}}, std::tuple(zeros({100})),
                                  options(folder, {"x"}, {{"x", {dim("days")}}})));
  EXPECT_EQ(model.entry("f").dims[0].least, 5);
  expectSame(model.callOpen("f", {5}, {arange(5.0)}), {tensor(4.0)});
  EXPECT_NE(contentOf(model.artefact().header).find("     days  size  5 <= days"),
            std::string::npos);
}

TEST(AotOpen, SizesThatFollowFromOthersAreChecked) {
  const Folder folder;
  const auto f = [](const Tensor& x, const Tensor& y) { return slice(x, 0, y.shape()[0]) * 2.0; };
  const Loaded model(
      aot::compile({{"f", f}}, std::tuple(zeros({2000}), zeros({100})),
                   options(folder, {"x", "y"}, {{"x", {dim("all")}}, {"y", {dim("some")}}})));
  const Tensor x = randn({7}), y = randn({3});
  expectSame(model.callOpen("f", {7, 3}, {x, y}), {slice(x, 0, 3) * 2.0});
  EXPECT_EQ(model.workspaceBytes(model.entry("f"), {3, 7}), 0U);
  std::array<double, 9> a{};
  EXPECT_EQ(callPointers(model.symbol<void*>("model_f"),
                         {reinterpret_cast<void*>(3), reinterpret_cast<void*>(7), a.data(),
                          a.data(), a.data(), nullptr}),
            7);
  EXPECT_NE(contentOf(model.artefact().header).find("     0 <= all - some\n"), std::string::npos);
}

TEST(AotOpen, HeaderAndAboutShowSizes) {
  const Folder folder;
  const auto chosen = options(
      folder, {"X", "r"},
      {{"X", {dim("days", 1), dim("stocks", 1, 5000), 8}}, {"r", {dim("days"), dim("stocks")}}});
  const Loaded model(aot::compile(
      {{"f", [](const Tensor& X, const Tensor& r) { return concatenate({sum(X, 2), r}, 0); }}},
      std::tuple(zeros({100, 30, 8}), zeros({100, 30})), chosen));
  const std::string header = contentOf(model.artefact().header);
  for (const char* line :
       {"     days  size  1 <= days", "     stocks  size  1 <= stocks <= 5000\n",
        "     X  in  f64[days,stocks,8]\n", "     out  out  f64[2*days,stocks]\n",
        "     workspace  model_f_workspace_bytes(days, stocks) bytes\n",
        "#define MODEL_F_OUT_ELEMENTS(days, stocks) ((size_t)(stocks) * (size_t)(days) * 2)\n",
        "size_t model_f_workspace_bytes(int64_t days, int64_t stocks);\n",
        "int model_f(int64_t days, int64_t stocks, const double *X, const double *r, double *out, "
        "void "
        "*workspace);\n"})
    EXPECT_NE(header.find(line), std::string::npos) << line << header;
  const std::string about = model.symbol<const char*>("model_about");
  EXPECT_NE(about.find("\"shape\":[\"2*days\",\"stocks\"]"), std::string::npos) << about;
  EXPECT_NE(about.find("\"workspace_bytes\":null"), std::string::npos) << about;
}

TEST(AotOpen, FailuresNameSizes) {
  const Folder folder;
  const auto f = [](const Tensor& x, const Tensor& i) { return gather(x, i, 0); };
  const Loaded model(aot::compile({{"f", f}}, std::tuple(zeros({100, 2}), zeros({9}, DType::i64)),
                                  options(folder, {"x", "i"}, {{"x", {n, 2}}, {"i", {m}}})));
  const Tensor x = randn({4, 2});
  expectSame(model.callOpen("f", {4, 2}, {x, tensor({3, 0}).to(DType::i64)}),
             {gather(x, tensor({3, 0}), 0)});
  const int code = model.callOpen("f", {4, 2}, {x, tensor({3, 4}).to(DType::i64)}).code;
  EXPECT_NE(std::string(model.symbol<const char* (*)(int)>("model_error_message")(code))
                .find("gather: an index is out of range for axis 0 of f64[n,2]; indices go from 0 "
                      "to n - 1"),
            std::string::npos)
      << model.symbol<const char* (*)(int)>("model_error_message")(code);
}

//===-- What is refused ----------------------------------------------------------------------===//

template <class F>
std::string refusal(const F& f, const std::vector<std::variant<int64_t, Dim>>& shape,
                    const Tensor& example = zeros({100, 4})) {
  const Folder folder;
  try {
    aot::compile({{"f", f}}, std::tuple(example), options(folder, {"x"}, {{"x", shape}}));
  } catch (const Error& error) {
    EXPECT_EQ(folder.files(), std::vector<std::string>());
    return error.what();
  }
  return "nothing thrown";
}

TEST(AotOpen, FunctionsThatAskForSizesAreRefused) {
  const auto expectIn = [](const std::string& part, const std::string& text) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  const int line = __LINE__ + 1;
  const auto branches = [](const Tensor& x) { return x.shape()[0] > 300 ? exp(x) : tanh(x); };
  const std::string text = refusal(branches, {n, 4});
  expectIn("OpenShapesTest.cpp:" + std::to_string(line) +
               ": aot: the function does something else for n = ",
           text);
  expectIn("exp comes in its place", text);
  const auto padded = [](const Tensor& x) {
    const int64_t rows = x.shape()[0];
    return pad(x, {{0, (rows + 15) / 16 * 16 - rows}, {0, 0}});
  };
  expectIn("for n = 1 the results have other shapes", refusal(padded, {n, 4}));
  const auto number = [](const Tensor& x) {
    return x * std::log(static_cast<double>(x.shape()[0]));
  };
  expectIn("mul: a number in it depends on n", refusal(number, {n, 4}));
  const auto root = [](const Tensor& x) {
    return sum(x) / std::sqrt(3.0 * static_cast<double>(x.shape()[0]));
  };
  EXPECT_EQ(refusal(root, {n, 4}), "nothing thrown");
  std::vector<Tensor> kept;
  const auto captures = [&](const Tensor& x) { return x + kept[x.shape()[0] % 2]; };
  {
    kept = {tensor(1.0), tensor(2.0)};
    expectIn("captures other tensors", refusal(captures, {n, 4}));
  }
}

TEST(AotOpen, WrongShapesAreErrors) {
  const auto twice = [](const Tensor& x) { return x * 2.0; };
  const auto expectIn = [](const std::string& part, const std::string& text) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  expectIn("expected a shape of 2 sizes for x, which is f64[100,4]", refusal(twice, {n}));
  expectIn("expected the example's shape [100,4] for x, got a size of 5", refusal(twice, {n, 5}));
  expectIn("expected one size n in the example, got 100 and, of x, 4", refusal(twice, {n, n}));
  expectIn("0 <= least <= most", refusal(twice, {dim("n", 7, 3), 4}));
  expectIn("'2n'", refusal(twice, {dim("2n"), 4}));
  expectIn("would be called out", refusal(twice, {dim("out"), 4}));
  const Folder folder;
  try {
    aot::compile({{"f", twice}}, std::tuple(zeros({3})), options(folder, {"x"}, {{"y", {n}}}));
    FAIL();
  } catch (const Error& error) {
    expectIn("Options::shapes names y, which is an argument of no entry", error.what());
  }
}

} // namespace
} // namespace diptych::test
