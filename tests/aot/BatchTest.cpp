// Entries whose batch is chosen at the call: the bits of jit's vmap for every size, bounds that are
// checked, what the header says.
#include "Artefacts.h"

namespace diptych::test {
namespace {

aot::Options options(const Folder& folder, int threads = 1) {
  aot::Options options;
  options.name = "model";
  options.directory = folder.path();
  options.kind = aot::Kind::shared;
  options.numerics = Numerics::strict;
  options.threads = threads;
  return options;
}

constexpr int64_t kSizes[] = {0, 1, 2, 15, 16, 17, 255, 256, 257, 700};

TEST(AotBatch, EverySizeHasTheBitsOfVmap) {
  const Tensor matrix = randn({5, 3}), shift = randn({3});
  const auto predict = [&](const Tensor& x) {
    const Tensor y = tanh(matmul(x, matrix) + shift);
    return std::pair(softmax(y, -1), argmax(y, 0));
  };
  for (const int threads : {1, 3}) {
    const Folder folder;
    const Loaded model(aot::compile({{"predict", aot::each(dim("batch"), predict)}},
                                    std::tuple(zeros({5})), options(folder, threads)));
    for (const int64_t size : kSizes) {
      SCOPED_TRACE(std::to_string(size) + " examples, " + std::to_string(threads) + " threads");
      const Tensor x = randn({size, 5});
      const auto team = threads > 1 ? std::optional(Threads{threads}) : std::nullopt;
      const auto result = model.callBatch("predict", size, {x}, team);
      if (size == 0)
        EXPECT_EQ(result.code, 0);
      else
        expectSameBits(result, leaves(jit(vmap(predict), {.numerics = Numerics::strict})(x)));
    }
  }
}

TEST(AotBatch, GradientsOfExamplesShareWhatIsNotBatched) {
  const auto loss = [](const Tensor& w, const Tensor& x, const Tensor& y) {
    return sum(square(matmul(x, w) - y));
  };
  const Tensor w = randn({6, 2});
  const Folder folder;
  const Loaded model(aot::compile({{"slopes",
                                    aot::each(dim("n"), value_and_grad(loss), {false, true, true}),
                                    std::tuple(w, zeros({4, 6}), zeros({4, 2})),
                                    {"w", "x", "y"}},
                                   {"loss", loss}},
                                  std::tuple(w, zeros({4, 6}), zeros({4, 2})), options(folder)));
  for (const int64_t size : {1, 19, 300}) {
    const Tensor x = randn({size, 4, 6}), y = randn({size, 4, 2});
    const auto expected = leaves(jit(vmap(value_and_grad(loss), {unbatched, 0, 0}),
                                     {.numerics = Numerics::strict})(w, x, y));
    expectSameBits(model.callBatch("slopes", size, {w, x, y}), expected);
  }
}

TEST(AotBatch, SizesOutOfBoundsGiveACode) {
  const Folder folder;
  const auto twice = [](const Tensor& x) { return x * 2.0; };
  const Loaded model(aot::compile({{"f", aot::each(dim("rows", 1, 40), twice)}},
                                  std::tuple(zeros({})), options(folder)));
  const Tensor x = randn({40});
  expectSameBits(model.callBatch("f", 40, {x}), {x * 2.0});
  void* f = model.symbol<void*>("model_f");
  std::vector<double> out(40);
  for (const int64_t size : {int64_t{0}, int64_t{-1}, int64_t{41}, INT64_MIN, INT64_MAX})
    EXPECT_EQ(callPointers(f, {reinterpret_cast<void*>(size), out.data(), out.data(), nullptr}), 7);
  EXPECT_STREQ(model.symbol<const char* (*)(int)>("model_error_message")(7),
               "a size is out of bounds: expected 1 <= rows <= 40 in model_f");
}

TEST(AotBatch, FailureOfAnExampleIsReported) {
  const auto pick = [](const Tensor& x, const Tensor& i) { return gather(x, i, 0); };
  for (const int threads : {1, 3}) {
    const Folder folder;
    const Loaded model(aot::compile({{"f", aot::each(dim("batch"), pick)}},
                                    std::tuple(zeros({5}), tensor({1, 2})),
                                    options(folder, threads)));
    const auto team = threads > 1 ? std::optional(Threads{threads}) : std::nullopt;
    const Tensor x = randn({600, 5}), good = full({600, 2}, 3, DType::i32);
    EXPECT_EQ(model.callBatch("f", 600, {x, good}, team).code, 0);
    for (const int64_t wrong : {0, 255, 599}) {
      const Tensor bad = where(unsqueeze(arange(600), 1) == wrong, 5, good).to(DType::i32);
      const int code = model.callBatch("f", 600, {x, bad}, team).code;
      EXPECT_GE(code, 16);
      EXPECT_NE(std::string(model.symbol<const char* (*)(int)>("model_error_message")(code))
                    .find("gather: an index is out of range"),
                std::string::npos);
    }
  }
}

TEST(AotBatch, HeaderShowsTheSize) {
  const Folder folder;
  const auto scaled = [](const Tensor& x, const Tensor& w) { return x * w; };
  aot::Options chosen = options(folder);
  chosen.arguments = {"x", "w"};
  const Loaded model(aot::compile({{"f", aot::each(dim("batch", 1), scaled, {true, false})}},
                                  std::tuple(zeros({4}), zeros({4})), chosen));
  std::ifstream stream(model.artefact().header);
  const std::string header{std::istreambuf_iterator<char>(stream), {}};
  for (const char* line :
       {"     batch  size  1 <= batch\n", "     x  in  f64[batch,4]\n", "     w  in  f64[4]\n",
        "     out  out  f64[batch,4]\n", "#define MODEL_ERROR_SIZE 7 ",
        "#define MODEL_F_X_ELEMENTS(batch) ((size_t)(batch) * 4)\n",
        "#define MODEL_F_W_ELEMENTS 4\n",
        "int model_f(int64_t batch, const double *x, const double *w, double *out, void "
        "*workspace);\n"})
    EXPECT_NE(header.find(line), std::string::npos) << line;
  const std::string about = model.symbol<const char*>("model_about");
  EXPECT_NE(about.find("\"dims\":[{\"name\":\"batch\",\"least\":1,"), std::string::npos) << about;
  EXPECT_NE(about.find("\"shape\":[\"batch\",4]"), std::string::npos) << about;
}

TEST(AotBatch, WrongMarksAndBoundsAreErrors) {
  const Folder folder;
  const auto twice = [](const Tensor& x) { return x * 2.0; };
  const auto messageOf = [&](const Dim& size, const std::vector<bool>& batched) -> std::string {
    try {
      aot::compile({{"f", aot::each(size, twice, batched)}}, std::tuple(zeros({3})),
                   options(folder));
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing thrown";
  };
  EXPECT_NE(messageOf(dim("n"), {true, true}).find("expected 1 marks"), std::string::npos);
  EXPECT_NE(messageOf(dim("n"), {false}).find("an argument that is batched"), std::string::npos);
  EXPECT_NE(messageOf(dim("n", 3, 2), {}).find("0 <= least <= most"), std::string::npos);
  EXPECT_NE(messageOf(dim("n", -1), {}).find("0 <= least <= most"), std::string::npos);
  EXPECT_NE(messageOf(dim("2n"), {}).find("'2n'"), std::string::npos);
  EXPECT_NE(messageOf(dim("out"), {}).find("would be called out"), std::string::npos);
  EXPECT_EQ(folder.files(), std::vector<std::string>());
}

} // namespace
} // namespace diptych::test
