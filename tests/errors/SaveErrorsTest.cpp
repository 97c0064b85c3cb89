// Files that are no saved functions, or damaged ones, and calls that do not fit: Error, and nothing
// worse.
#include "Throws.h"

#include "frontend/SavedFile.h"
#include "tests/Folder.h"

#include <diptych/Save.h>
#include <diptych/diptych.h>
#include <diptych/nn/nn.h>

#include <zlib.h>

namespace dt = diptych;
using namespace diptych::test;
using dt::Tensor;

namespace {

class SaveErrors : public testing::Test {
protected:
  void SetUp() override {
    dt::save_function(path, f, x);
    bytes = bytesOfFile(path);
  }
  // As if the file had been written like this: with the right checksum.
  std::string written(std::string changed) const {
    changed.resize(changed.size() - 4);
    const auto crc = static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(changed.data()),
                                                 static_cast<uInt>(changed.size())));
    dt::nn::appendNumber<uint32_t>(changed, crc);
    return changed;
  }
  std::string loading(const std::string& content) const {
    writeBytes(folder.path("changed"), content);
    return messageOf([&] { dt::load_function(folder.path("changed")); });
  }

  const Folder folder;
  const std::string path = folder.path("f.diptych");
  const Tensor W = dt::ones({2, 3}), x = dt::ones({3});
  std::function<Tensor(const Tensor&)> f = [this](const Tensor& x) {
    return dt::sin(dt::matmul(W, x));
  };
  std::string bytes;
};

TEST_F(SaveErrors, FileIsMissing) {
  EXPECT_ERROR_HERE(dt::load_function(folder.path("none")), "load_function: ", "none", "opening");
  EXPECT_ERROR_HERE(dt::load_function(folder.path("")), "expected a file");
}

TEST_F(SaveErrors, FileIsCutOffAnywhere) {
  for (size_t size = 0; size < bytes.size(); ++size)
    expectMessage(loading(bytes.substr(0, size)), {"load_function: "});
  expectMessage(loading(bytes.substr(0, 12)), {"cut off after 12 bytes"});
  expectMessage(loading(bytes.substr(0, bytes.size() - 1)), {"damaged or cut off"});
  expectMessage(loading(bytes + "x"), {"damaged or cut off"});
}

TEST_F(SaveErrors, AnyByteIsDamaged) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
    expectMessage(loading(damaged), {"load_function: "});
  }
}

// Damage that the checksum was made for: readers of every part must stand it. A changed element is
// no error, nor is a changed line number.
TEST_F(SaveErrors, AnyByteIsOther) {
  int refused = 0;
  for (size_t i = 20; i < bytes.size() - 4; i += 3)
    for (int change : {1, 0x80}) {
      std::string other = bytes;
      other[i] = static_cast<char>(other[i] ^ change);
      refused += loading(written(other)) != "no error";
    }
  EXPECT_GT(refused, static_cast<int>(bytes.size()) / 3);
}

TEST_F(SaveErrors, FileIsSomethingElse) {
  expectMessage(loading("module {}"), {"expected a function that save_function wrote"});
  expectMessage(loading(std::string(100, '\0')), {"expected a function"});
}

TEST_F(SaveErrors, FormatIsOfALaterVersion) {
  std::string later = bytes;
  later[8] = 9;
  expectMessage(loading(written(later)),
                {"version 9 of the format", "reads 1 to 1", "version of Diptych that wrote it"});
}

TEST_F(SaveErrors, DialectIsOfALaterVersion) {
  dt::SavedFile file = dt::unpackSaved(path, bytes);
  file.dialect = 40;
  expectMessage(loading(dt::packSaved(path, file)),
                {"version 40 of the diptych dialect", "reads 1 to 1"});
}

TEST_F(SaveErrors, HeaderAndProgramDisagree) {
  dt::SavedFile file = dt::unpackSaved(path, bytes);
  file.inputs[0].shape[0] = 7;
  expectMessage(loading(dt::packSaved(path, file)), {"its program takes (f64[3], f64[2,3])",
                                                     "header and weights say (f64[7], f64[2,3])"});
  file = dt::unpackSaved(path, bytes);
  file.outputs.clear();
  expectMessage(loading(dt::packSaved(path, file)), {"returns (f64[2])", "header says ()"});
  file = dt::unpackSaved(path, bytes);
  file.weights[0] = dt::ones({3, 2});
  expectMessage(loading(dt::packSaved(path, file)), {"its program takes"});
  file = dt::unpackSaved(path, bytes);
  const auto holding = [&](const std::string& program) {
    dt::SavedFile other = dt::unpackSaved(path, bytes);
    other.program = program;
    return loading(dt::packSaved(path, other));
  };
  expectMessage(holding("module {}"), {"its program has no function @main"});
  expectMessage(holding("modul"), {"load_function: ", "custom op 'modul' is unknown"});
  expectMessage(holding(std::string(300, '(')), {"nested at most 256 deep"});
  expectMessage(holding("ML\xefR\x06"), {"got MLIR bytecode"});
}

TEST_F(SaveErrors, WeightsBesideAreMissingOrOthers) {
  const dt::SaveOptions beside{.weights = dt::SaveOptions::Weights::beside};
  const std::string a = folder.path("a.diptych"), b = folder.path("b.diptych");
  dt::save_function(a, f, beside, x);
  dt::save_function(b, [this](const Tensor& x) { return dt::cos(dt::matmul(W, x)); }, beside, x);
  EXPECT_EQ(messageOf([&] { dt::load_function(a); }), "no error");
  std::filesystem::copy_file(folder.path("b.safetensors"), folder.path("a.safetensors"),
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_ERROR_HERE(dt::load_function(a), "a.safetensors", "weights of another program");
  std::filesystem::remove(folder.path("a.safetensors"));
  EXPECT_ERROR_HERE(dt::load_function(a), "a.safetensors", "opening failed");
  std::string damaged = bytesOfFile(folder.path("b.safetensors"));
  damaged.back() ^= 1;
  writeBytes(folder.path("b.safetensors"), damaged);
  EXPECT_ERROR_HERE(dt::load_function(b), "b.safetensors", "checksum of its elements differs");
  EXPECT_ERROR_HERE(dt::save_function(folder.path("c.safetensors"), f, beside, x),
                    "under the same name");
}

TEST_F(SaveErrors, FileCannotBeWritten) {
  EXPECT_ERROR_HERE(dt::save_function(folder.path("no/f.diptych"), f, x),
                    "save_function: ", "cannot write ", "no/f.diptych: No such file or directory");
  EXPECT_ERROR_HERE(dt::save_function(
                        folder.path("g"),
                        [](const Tensor& x) { return dt::tensor(x.item<double>()); }, dt::ones({})),
                    "item");
  const auto inside = [&](const Tensor& x) {
    dt::save_function(folder.path("g"), f, x);
    return x;
  };
  expectMessage(messageOf([&] { dt::jit(inside)(x); }), {"outside of traced functions"});
}

TEST_F(SaveErrors, CallDoesNotFit) {
  const auto loaded = dt::load_function<Tensor>(path);
  expectMessage(messageOf([&] { loaded(dt::ones({4})); }),
                {"saved function: expected arguments of types (f64[3]), got (f64[4])"});
  expectMessage(messageOf([&] { loaded(x, x); }), {"(f64[3]), got (f64[3], f64[3])"});
  expectMessage(messageOf([&] { dt::jit(loaded)(dt::ones({3}, dt::f32)); }), {"got (f32[3])"});
  EXPECT_ERROR_HERE((dt::load_function<std::pair<Tensor, Tensor>>(path)),
                    "expected a result type of 1 tensors", "got one of 2");
}

} // namespace
