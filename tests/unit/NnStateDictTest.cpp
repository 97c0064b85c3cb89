// States in files: there and back, read by NumPy and safetensors themselves where they are
// installed, and every kind of damage refused with a message.
#include "tests/Folder.h"
#include "tests/errors/Throws.h"
#include "tests/unit/SameBits.h"

#include <diptych/nn/nn.h>

#include <gmock/gmock.h>

#include <cstdlib>

namespace dt = diptych;
namespace nn = diptych::nn;
using namespace diptych::test;
using dt::Tensor;
using testing::HasSubstr;

namespace {

class NnStateDict : public testing::Test {
protected:
  std::string at(const std::string& name) const { return folder.path(name); }
  std::string write(const std::string& name, const std::string& bytes) const {
    writeBytes(at(name), bytes);
    return at(name);
  }
  const Folder folder;
};

// All dtypes; rank 0; no elements; names as users choose them.
nn::State everything() {
  dt::manual_seed(1);
  return {{"layer.weight", dt::randn({3, 2})},
          {"layer.bias", dt::randn({5}, dt::f32)},
          {"scalar", dt::tensor(2.5)},
          {"counts", dt::tensor({{1, -2}, {3, 2147483647}})},
          {"steps", dt::tensor(int64_t{1} << 60)},
          {"mask", dt::tensor({true, false, true})},
          {"empty", dt::zeros({0, 4})},
          {"turned", dt::transpose(dt::randn({2, 3}))},
          {"g\u00fc\"nter", dt::tensor({0.1f})}};
}

void expectSame(const nn::State& got, const nn::State& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(got.contains(name)) << name;
    EXPECT_TRUE(sameTensor(got.at(name), tensor)) << name;
  }
}

TEST_F(NnStateDict, ComesBackBitForBit) {
  for (const char* name : {"a.safetensors", "a.npz"}) {
    nn::save(at(name), everything());
    expectSame(nn::load(at(name)), everything());
    nn::save(at(name), {});
    EXPECT_TRUE(nn::load(at(name)).empty());
  }
  EXPECT_ERROR_HERE(nn::save(at("a.bin"), {}), "ends in .safetensors or .npz");
  EXPECT_ERROR_HERE(nn::load(at("b.npz")), "load_npz", "b.npz", "No such file");
}

TEST_F(NnStateDict, AModuleComesBack) {
  nn::Sequential a(nn::Linear(3, 4), nn::BatchNorm1d(4)), b(nn::Linear(3, 4), nn::BatchNorm1d(4));
  nn::save(at("model.safetensors"), a.state_dict());
  b.load_state_dict(nn::load(at("model.safetensors")));
  expectSame(b.state_dict(), a.state_dict());
}

TEST_F(NnStateDict, MetadataTravels) {
  nn::save_safetensors(at("a.safetensors"), everything(), {{"format", "pt"}, {"epoch", "3"}});
  nn::Metadata metadata;
  expectSame(nn::load_safetensors(at("a.safetensors"), &metadata), everything());
  EXPECT_EQ(metadata, (nn::Metadata{{"format", "pt"}, {"epoch", "3"}}));
}

TEST_F(NnStateDict, SafetensorsLayoutIsTheFormats) {
  nn::save_safetensors(at("a.safetensors"), {{"w", dt::tensor({1.0f})}});
  const std::string bytes = bytesOfFile(at("a.safetensors"));
  const std::string header = R"({"w":{"data_offsets":[0,4],"dtype":"F32","shape":[1]}})";
  ASSERT_EQ(bytes.size() % 8, 4u);
  EXPECT_EQ(static_cast<unsigned char>(bytes[0]), bytes.size() - 12);
  EXPECT_EQ(bytes.substr(8, header.size()), header);
  EXPECT_EQ(bytes.substr(bytes.size() - 4), std::string("\0\0\x80\x3f", 4));
}

TEST_F(NnStateDict, AFailedSaveLeavesTheOldFileAndNothingElse) {
  nn::save(at("a.npz"), everything());
  auto traced = [&](const Tensor& x) {
    nn::save(at("a.npz"), {{"x", x}});
    return x;
  };
  EXPECT_THROW(dt::jit(traced)(dt::ones({2})), dt::Error);
  expectSame(nn::load(at("a.npz")), everything());
  EXPECT_THROW(nn::save(at("no/such/folder/a.npz"), everything()), dt::Error);
  std::filesystem::create_directory(at("b.npz"));
  EXPECT_THROW(nn::save(at("b.npz"), everything()), dt::Error);
  EXPECT_THROW(nn::load(at("b.npz")), dt::Error);
  EXPECT_EQ(folder.files().size(), 2u);
}

//===-- Damage -------------------------------------------------------------------------------===//

// Every cut, and every byte of the structure set to 0, 255 or another: an Error or a state, no
// crash.
TEST_F(NnStateDict, DamageIsAnErrorAndNothingWorse) {
  const nn::State small{{"a.weight", dt::ones({2, 3})}, {"b", dt::tensor({true, false})}};
  for (const char* name : {"a.safetensors", "a.npz"}) {
    nn::save(at(name), small);
    const std::string bytes = bytesOfFile(at(name));
    const std::string damaged = std::string("x") + name;
    for (size_t size = 0; size < bytes.size(); ++size) {
      write(damaged, bytes.substr(0, size));
      EXPECT_THROW(nn::load(at(damaged)), dt::Error) << name << " cut at " << size;
    }
    for (size_t i = 0; i < bytes.size(); ++i)
      for (int change : {0, 0x01, 0x80, 0xff}) {
        std::string other = bytes;
        other[i] = static_cast<char>(change == 1 ? bytes[i] ^ 1 : change);
        write(damaged, other);
        try {
          for (const auto& [key, tensor] : nn::load(at(damaged)))
            EXPECT_LE(tensor.numel(), 64) << key;
        } catch (const dt::Error&) {
        }
      }
  }
}

std::string safetensors(const std::string& header, const std::string& data) {
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(header.size());
  return bytes + header + data;
}

TEST_F(NnStateDict, SafetensorsSaysWhatIsWrong) {
  const std::string data(8, '\0');
  const auto message = [&](const std::string& header) {
    const std::string path = write("a.safetensors", safetensors(header, data));
    return messageOf([&] { nn::load(path); });
  };
  EXPECT_EQ(message(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})"), "no error");
  EXPECT_THAT(message(R"({"w":{"dtype":"F8_E5M2","shape":[8],"data_offsets":[0,8]}})"),
              HasSubstr("\"w\" has elements of type F8_E5M2, expected F32"));
  EXPECT_THAT(message(R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})"),
              HasSubstr("does not fit its 8 bytes"));
  EXPECT_THAT(
      message(R"({"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}})"),
      HasSubstr("does not fit its 8 bytes"));
  EXPECT_THAT(message(R"({"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})"),
              HasSubstr("something other than sizes"));
  EXPECT_THAT(message(R"({"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})"),
              HasSubstr("ends at byte 16 of 8: the file is cut off"));
  EXPECT_THAT(message(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})"),
              HasSubstr("4 bytes at its end belong to no tensor"));
  EXPECT_THAT(message(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                      R"("v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})"),
              HasSubstr("overlap"));
  EXPECT_THAT(message(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                      R"("w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})"),
              HasSubstr("two tensors are named \"w\""));
  EXPECT_THAT(message(R"({"w":)"), HasSubstr("no JSON"));
  EXPECT_THAT(message("[1]"), HasSubstr("no JSON object"));
  EXPECT_THAT(message(R"({"__metadata__":{"a":1}})"), HasSubstr("other than strings"));
  const std::string huge = write("a.safetensors", std::string(8, '\xff') + "{}");
  EXPECT_THAT(messageOf([&] { nn::load(huge); }), HasSubstr("cut off, or no safetensors file"));
}

//===-- Others' readers ----------------------------------------------------------------------===//

// The Python that Debian's packages install for, whatever stands before it on PATH.
std::string interpreter() {
  if (const char* chosen = std::getenv("DIPTYCH_PYTHON"))
    return chosen;
  return std::filesystem::exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
}

bool python(const std::string& program, const std::string& argument) {
  const std::string command =
      interpreter() + " -c '" + program + "' '" + argument + "' >/dev/null 2>&1";
  return std::system(command.c_str()) == 0;
}

const nn::State kShared{{"layer.weight", dt::tensor({{1.5, -2.0}, {3.0, 4.0}, {5.0, 6.25}})},
                        {"bias", dt::tensor({0.5f})},
                        {"n", dt::tensor(int64_t{7})},
                        {"mask", dt::tensor({true, false})}};
const char* const kCheck =
    "assert sorted(s) == [\"bias\", \"layer.weight\", \"mask\", \"n\"]\n"
    "w = s[\"layer.weight\"]\n"
    "assert w.dtype == np.float64 and w.tolist() == [[1.5, -2], [3, 4], [5, 6.25]]\n"
    "assert s[\"bias\"].dtype == np.float32 and s[\"bias\"].tolist() == [0.5]\n"
    "assert s[\"n\"].dtype == np.int64 and s[\"n\"].shape == () and s[\"n\"] == 7\n"
    "assert s[\"mask\"].dtype == np.bool_ and s[\"mask\"].tolist() == [True, False]\n";

TEST_F(NnStateDict, NumPyReadsAndWritesNpz) {
  if (!python("import numpy", ""))
    GTEST_SKIP() << "python3-numpy is not installed";
  nn::save_npz(at("a.npz"), kShared);
  EXPECT_TRUE(python(std::string("import sys, numpy as np\n"
                                 "s = np.load(sys.argv[1], allow_pickle=False)\n") +
                         kCheck,
                     at("a.npz")));
  for (const char* how : {"savez", "savez_compressed"}) {
    ASSERT_TRUE(python("import sys, numpy as np\n"
                       "s = dict(np.load(sys.argv[1]))\n"
                       "s[\"layer.weight\"] = np.asfortranarray(s[\"layer.weight\"])\n"
                       "np." +
                           std::string(how) + "(sys.argv[1] + \".b.npz\", **s)\n",
                       at("a.npz")));
    expectSame(nn::load_npz(at("a.npz.b.npz")), kShared);
  }
}

TEST_F(NnStateDict, SafetensorsItselfReadsAndWrites) {
  if (!python("import safetensors.numpy", ""))
    GTEST_SKIP() << "Python's safetensors is not installed";
  nn::save_safetensors(at("a.safetensors"), kShared);
  EXPECT_TRUE(
      python(std::string("import sys, numpy as np\nfrom safetensors.numpy import load_file\n"
                         "s = load_file(sys.argv[1])\n") +
                 kCheck +
                 "from safetensors.numpy import save_file\n"
                 "save_file(s, sys.argv[1] + \".b\")\n",
             at("a.safetensors")));
  expectSame(nn::load_safetensors(at("a.safetensors.b")), kShared);
}

// The zip itself, by Python's own library, which is always there.
TEST_F(NnStateDict, PythonsZipfileFindsNoFault) {
  nn::save_npz(at("a.npz"), everything());
  if (!python("import zipfile", ""))
    GTEST_SKIP() << "python3 is not installed";
  EXPECT_TRUE(python("import sys, zipfile\n"
                     "z = zipfile.ZipFile(sys.argv[1])\n"
                     "assert z.testzip() is None and len(z.namelist()) == 9\n",
                     at("a.npz")));
  ASSERT_TRUE(python("import sys, zipfile\n"
                     "z = zipfile.ZipFile(sys.argv[1])\n"
                     "w = zipfile.ZipFile(sys.argv[1] + \".b.npz\", \"w\", zipfile.ZIP_DEFLATED)\n"
                     "[w.writestr(n, z.read(n)) for n in z.namelist()]\n"
                     "w.close()\n",
                     at("a.npz")));
  expectSame(nn::load_npz(at("a.npz.b.npz")), everything());
}

} // namespace
