// What goes wrong, when an artefact is made and when it is called: an error or a code, and nothing
// half written.
#include "Artefacts.h"

#include <sys/stat.h>

#include <climits>

namespace diptych::test {
namespace {

Tensor twice(const Tensor& x) { return x * 2.0; }

aot::Options options(const Folder& folder) {
  aot::Options options;
  options.name = "model";
  options.directory = folder.path();
  options.kind = aot::Kind::shared;
  return options;
}

std::string messageOf(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing thrown";
}

TEST(AotErrors, BadPointersGiveCodes) {
  const Folder folder;
  const auto chain = [](const Tensor& x) { return sum(matmul(x, x)) * x; };
  const Loaded model(aot::compile({{"f", chain}}, std::tuple(randn({6, 6})), options(folder)));
  ASSERT_GT(model.entry("f").workspaceBytes, 0);
  void* f = model.symbol<void*>("model_f");
  const Aligned in(288), out(288), workspace(model.entry("f").workspaceBytes);
  std::memset(in.memory, 0, 288);
  const auto message = model.symbol<const char* (*)(int)>("model_error_message");
  EXPECT_EQ(callPointers(f, {in.memory, out.memory, workspace.memory}), 0);
  EXPECT_EQ(callPointers(f, {nullptr, out.memory, workspace.memory}), 1);
  EXPECT_EQ(callPointers(f, {in.memory, nullptr, workspace.memory}), 1);
  EXPECT_EQ(callPointers(f, {in.memory, out.memory, nullptr}), 2);
  EXPECT_EQ(callPointers(f, {in.memory, out.memory, static_cast<char*>(workspace.memory) + 8}), 2);
  EXPECT_STREQ(message(0), "done");
  EXPECT_NE(std::string(message(1)).find("NULL"), std::string::npos);
  EXPECT_NE(std::string(message(2)).find("aligned to 64"), std::string::npos);
  const auto position = model.symbol<int (*)(int)>("model_error_position");
  for (int code : {-1, 4, 15, 16, 1 << 30, (1 << 12) + 1, INT_MAX, INT_MIN})
    EXPECT_STREQ(message(code), "unknown error code");
  for (int code : {-1, 0, 3, 16, (1 << 12) + 1, INT_MIN})
    EXPECT_EQ(position(code), -1);
}

// LLVM would call a runtime library for it; bf16 is integer arithmetic anywhere.
TEST(AotErrors, F16WantsATargetThatConvertsIt) {
  const auto made = [](DType dtype, const std::string& target) {
    const Folder folder;
    aot::Options chosen = options(folder);
    chosen.targets = {target};
    return messageOf([&] { aot::compile({{"f", twice}}, std::tuple(ones({8}, dtype)), chosen); });
  };
  EXPECT_EQ(made(DType::f16, "x86-64"),
            "aot: expected a target that converts f16 (F16C), got x86-64; use a target from "
            "x86-64-v3 on, or bf16");
  EXPECT_EQ(made(DType::bf16, "x86-64"), "nothing thrown");
  EXPECT_EQ(made(DType::f16, "x86-64-v3"), "nothing thrown");
}

TEST(AotErrors, IndexOutOfRangeGivesTheLineOfTheModel) {
  for (const int threads : {1, 4}) {
    const Folder folder;
    aot::Options chosen = options(folder);
    chosen.threads = threads;
    const int line = __LINE__ + 1;
    const auto pick = [](const Tensor& x, const Tensor& i) { return gather(x, i, 0) * 2.0; };
    const Tensor x = randn({5, 40000}), good = tensor({4, 0}), bad = tensor({4, 5});
    const Loaded model(aot::compile({{"f", pick}}, std::tuple(x, good), chosen));
    for (int count = 1; count <= threads; ++count) {
      const auto team = threads > 1 ? std::optional(Threads{count}) : std::nullopt;
      EXPECT_EQ(model.call("f", {x, good}, team).code, 0);
      const int code = model.call("f", {x, bad}, team).code;
      EXPECT_GE(code, 16);
      const std::string message = model.symbol<const char* (*)(int)>("model_error_message")(code);
      EXPECT_EQ(message, "AotErrorsTest.cpp:" + std::to_string(line) +
                             ": gather: an index is out of range for axis 0 of f64[5,40000]; "
                             "indices go from 0 to 4");
      EXPECT_EQ(model.symbol<int (*)(int)>("model_error_position")(code), 1); // bad[1]
    }
  }
}

TEST(AotErrors, IndexInALoopEndsTheCall) {
  for (const int threads : {1, 3}) {
    const Folder folder;
    aot::Options chosen = options(folder);
    chosen.threads = threads;
    const auto walk = [](const Tensor& x, const Tensor& is) {
      return scan([&](const Tensor& s,
                      const Tensor& i) { return std::pair(s + gather(x, i, 0), std::tuple<>()); },
                  zeros({30000}), is)
          .first;
    };
    const Tensor x = randn({5, 30000});
    const Tensor good = tensor({4, 0, 1}), bad = tensor({4, -1, 1});
    const Loaded model(aot::compile({{"f", walk}}, std::tuple(x, good), chosen));
    const auto team = threads > 1 ? std::optional(Threads{threads}) : std::nullopt;
    expectSameBits(model.call("f", {x, good}, team), leaves(jit(walk)(x, good)));
    const int code = model.call("f", {x, bad}, team).code;
    EXPECT_EQ(code & 0xfff, 16);
    EXPECT_EQ(model.symbol<int (*)(int)>("model_error_position")(code), 0); // of the step's indices
  }
}

// Truncated, changed, missing, another's: a code each time, and no call reads what is not there.
TEST(AotErrors, FilesOfWeightsAreChecked) {
  const Tensor matrix = randn({40, 30}), x = randn({2, 40});
  const auto layer = [&](const Tensor& x) { return tanh(matmul(x, matrix)); };
  const Folder folder;
  aot::Options chosen = options(folder);
  chosen.weights = aot::Weights::file;
  const Loaded model(aot::compile({{"layer", layer}}, std::tuple(x), chosen));
  std::ifstream stream(model.artefact().weights, std::ios::binary);
  const std::string good{std::istreambuf_iterator<char>(stream), {}};
  const auto codeFor = [&](const std::string& bytes) {
    std::ofstream(folder.path("other"), std::ios::binary) << bytes;
    const WeightsOf weights(model, folder.path("other"));
    EXPECT_EQ(weights.mapped.data == nullptr, weights.code != 0);
    EXPECT_EQ(model.call("layer", {x}, weights.mapped).code, weights.code ? 4 : 0);
    return weights.code;
  };
  EXPECT_EQ(codeFor(good), 0);
  for (size_t length : {size_t{0}, size_t{1}, size_t{8}, good.size() / 2, good.size() - 1})
    EXPECT_EQ(codeFor(good.substr(0, length)), 6) << length;
  EXPECT_EQ(codeFor(good + "x"), 6);
  const size_t header = good.size() - 40 * 30 * 8;
  for (size_t at = 0; at < header; at += 7) {
    std::string changed = good;
    changed[at] = static_cast<char>(changed[at] ^ 0x20);
    EXPECT_EQ(codeFor(changed), 6) << at;
  }
  std::string trained = good; // other values are welcome
  trained[header + 6] = 0;
  EXPECT_EQ(codeFor(trained), 0);
  EXPECT_EQ(WeightsOf(model, folder.path("missing")).code, 5);
  EXPECT_EQ(WeightsOf(model, folder.path()).code, 6); // a folder has another size
  const auto open = model.symbol<int (*)(const char*, Mapped*)>("model_open_weights");
  Mapped mapped;
  EXPECT_EQ(open(nullptr, &mapped), 1);
  EXPECT_EQ(open("model.safetensors", nullptr), 1);
  const auto message = model.symbol<const char* (*)(int)>("model_error_message");
  EXPECT_NE(std::string(message(4)).find("model_open_weights"), std::string::npos);
  EXPECT_NE(std::string(message(6)).find("model.safetensors"), std::string::npos);
}

TEST(AotErrors, LibraryOperatorsAreRefusedByNameWhereTheTargetIsAnother) {
  const Folder folder;
  for (const auto& [target, reason] :
       {std::pair("aarch64", "its library code is for x86_64"),
        std::pair("x86-64-v2", "its library code needs +avx, which x86-64-v2 lacks")}) {
    aot::Options chosen = options(folder);
    chosen.targets = {target};
    chosen.kind = aot::Kind::object;
    const std::string message = messageOf([&] {
      aot::compile({{"f", [](const Tensor& x) { return sort(x); }}}, std::tuple(randn({5})),
                   chosen);
    });
    EXPECT_NE(message.find("AotErrorsTest.cpp:"), std::string::npos) << message;
    EXPECT_NE(message.find("argsort is computed by library code"), std::string::npos) << message;
    EXPECT_NE(message.find(std::string("an artefact can't carry here: ") + reason),
              std::string::npos)
        << message;
    EXPECT_EQ(folder.files(), std::vector<std::string>());
  }
}

TEST(AotErrors, NamesMustBeC) {
  const Folder folder;
  const auto with = [&](const std::string& name, const std::vector<std::string>& arguments,
                        const std::string& first, const std::string& second) {
    return messageOf([&] {
      aot::Options chosen = options(folder);
      chosen.name = name;
      chosen.arguments = arguments;
      aot::compile({{first, twice}, {second, twice}}, std::tuple(randn({5})), chosen);
    });
  };
  EXPECT_NE(with("", {}, "f", "g").find("expected a C identifier"), std::string::npos);
  EXPECT_NE(with("a-b", {}, "f", "g").find("'a-b'"), std::string::npos);
  EXPECT_NE(with("m", {"double"}, "f", "g").find("'double'"), std::string::npos);
  EXPECT_NE(
      with("m", {"x", "y"}, "f", "g").find("expected names of the 1 arguments of entry f, got 2"),
      std::string::npos);
  EXPECT_NE(with("m", {}, "f", "2").find("an entry, got '2'"), std::string::npos);
  EXPECT_NE(with("m", {}, "f", "f").find("would be called m_f"), std::string::npos);
  EXPECT_NE(with("m", {}, "version", "f").find("m_version"), std::string::npos);
  EXPECT_NE(with("m", {}, "f", "F").find("macros"), std::string::npos);
  EXPECT_NE(with("m", {"workspace"}, "f", "g").find("workspace"), std::string::npos);
  EXPECT_NE(with("m", {"out"}, "f", "g").find("would be called out"), std::string::npos);
  EXPECT_EQ(folder.files(), std::vector<std::string>());
}

TEST(AotErrors, OptionsAreChecked) {
  const Folder folder;
  const auto with = [&](const std::function<void(aot::Options&)>& change) {
    return messageOf([&] {
      aot::Options chosen = options(folder);
      change(chosen);
      aot::compile({{"f", twice}}, std::tuple(randn({5})), chosen);
    });
  };
  EXPECT_NE(with([](auto& o) { o.threads = 0; }).find("threads from 1 to 256, got 0"),
            std::string::npos);
  EXPECT_NE(with([](auto& o) { o.targets = {}; }).find("at least one target"), std::string::npos);
  EXPECT_NE(with([](auto& o) { o.targets = {"pdp11"}; }).find("'pdp11'"), std::string::npos);
  EXPECT_NE(with([](auto& o) { o.targets = {"x86-64-v3", "aarch64"}; }).find("must all be x86"),
            std::string::npos);
  EXPECT_NE(with([](auto& o) { o.numerics = Numerics::fast; }).find("strict or standard"),
            std::string::npos);
  EXPECT_EQ(folder.files(), std::vector<std::string>());
}

TEST(AotErrors, FilesThatCannotBeWrittenAreNamed) {
  const Folder folder;
  aot::Options chosen = options(folder);
  chosen.directory = folder.path("missing");
  const auto run = [&] { aot::compile({{"f", twice}}, std::tuple(randn({5})), chosen); };
  EXPECT_NE(messageOf(run).find("missing/libmodel.so: No such file or directory"),
            std::string::npos)
      << messageOf(run);
  // The header's name is taken by a folder: the library is not left alone either.
  chosen.directory = folder.path();
  chosen.kind = aot::Kind::object;
  mkdir(folder.path("model.h").c_str(), 0755);
  EXPECT_NE(messageOf(run).find("model.h"), std::string::npos) << messageOf(run);
  EXPECT_EQ(folder.files(), std::vector<std::string>{"model.h"});
}

TEST(AotErrors, MissingLinkerIsNamed) {
  const Folder folder;
  const std::string path = std::getenv("PATH");
  setenv("PATH", folder.path().c_str(), 1);
  const std::string message =
      messageOf([&] { aot::compile({{"f", twice}}, std::tuple(randn({5})), options(folder)); });
  setenv("PATH", path.c_str(), 1);
  EXPECT_NE(message.find("expected a linker"), std::string::npos) << message;
  EXPECT_EQ(folder.files(), std::vector<std::string>());
}

TEST(AotErrors, WritesNothingButTheTwoFiles) {
  const Folder folder;
  aot::Options chosen = options(folder);
  for (const auto& [kind, file] :
       {std::pair(aot::Kind::object, "model.o"), std::pair(aot::Kind::archive, "libmodel.a"),
        std::pair(aot::Kind::shared, "libmodel.so")}) {
    const Folder own;
    chosen.directory = own.path();
    chosen.kind = kind;
    const aot::Artefact artefact = aot::compile({{"f", twice}}, std::tuple(randn({5})), chosen);
    std::vector<std::string> files{file, "model.h"};
    std::sort(files.begin(), files.end());
    EXPECT_EQ(own.files(), files);
    EXPECT_EQ(artefact.library, own.path(file));
    EXPECT_EQ(artefact.bytes, static_cast<int64_t>(std::filesystem::file_size(artefact.library)));
  }
}

} // namespace
} // namespace diptych::test
