// Machine code on disk: found again by another process, and never trusted.
#include "codegen/ObjectCache.h"
#include "tests/Folder.h"

#include <diptych/Jit.h>
#include <diptych/diptych.h>

#include <gtest/gtest.h>

#include "llvm/Support/MemoryBuffer.h"

#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <thread>

namespace fs = std::filesystem;
namespace dt = diptych;
using namespace diptych::codegen;

namespace {

class ObjectCacheTest : public testing::Test {
protected:
  std::vector<fs::path> entries() const {
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(folder_))
      if (entry.path().filename().string().starts_with("llvmcache-"))
        paths.push_back(entry.path());
    return paths;
  }
  void overwrite(size_t place, const std::string& bytes) const {
    std::fstream file(entries().at(0), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(place));
    file << bytes;
  }

  const diptych::test::Folder own_;
  const std::string folder_ = own_.path();
};

Objects two(const std::string& first, const std::string& second) {
  Objects objects;
  objects.push_back(llvm::MemoryBuffer::getMemBufferCopy(first));
  objects.push_back(llvm::MemoryBuffer::getMemBufferCopy(second));
  return objects;
}

std::string textOf(const std::optional<Objects>& objects) {
  std::string text;
  if (objects)
    for (const auto& object : *objects)
      text += object->getBuffer().str() + "|";
  return objects ? text : "nothing";
}

TEST_F(ObjectCacheTest, GivesBackWhatWasPutIn) {
  ObjectCache cache(folder_);
  EXPECT_EQ(textOf(cache.find("k")), "nothing");
  cache.insert("k", two("some code", std::string(100, '\0')));
  EXPECT_EQ(textOf(cache.find("k")), "some code|" + std::string(100, '\0') + "|");
  EXPECT_EQ(textOf(ObjectCache(folder_).find("k")), textOf(cache.find("k")));
  EXPECT_EQ(textOf(cache.find("another")), "nothing");
  cache.insert("empty", {});
  EXPECT_EQ(textOf(cache.find("empty")), "");
}

TEST_F(ObjectCacheTest, WhatIsDamagedIsNotThere) {
  ObjectCache cache(folder_);
  const size_t size = [&] {
    cache.insert("k", two("some code", "more"));
    return fs::file_size(entries().at(0));
  }();
  for (size_t place : {size_t{0}, size_t{10}, size_t{50}, size_t{72}, size_t{80}, size - 1}) {
    cache.insert("k", two("some code", "more"));
    ASSERT_EQ(textOf(cache.find("k")), "some code|more|");
    overwrite(place, "\x7f");
    EXPECT_EQ(textOf(cache.find("k")), "nothing") << "byte " << place;
  }
  for (size_t length = 0; length < size; ++length) {
    cache.insert("k", two("some code", "more"));
    fs::resize_file(entries().at(0), length);
    EXPECT_EQ(textOf(cache.find("k")), "nothing") << length << " bytes";
  }
  cache.insert("k", two("some code", "more"));
  EXPECT_EQ(textOf(cache.find("k")), "some code|more|") << "made anew";
}

TEST_F(ObjectCacheTest, AnEntryUnderAnotherNameIsForeign) {
  ObjectCache cache(folder_);
  cache.insert("k", two("k's code", ""));
  const fs::path mine = entries().at(0);
  cache.insert("l", two("l's code", ""));
  for (const fs::path& path : entries())
    if (path != mine)
      fs::copy_file(path, mine, fs::copy_options::overwrite_existing);
  EXPECT_EQ(textOf(cache.find("k")), "nothing");
}

TEST_F(ObjectCacheTest, StaysWithinItsLimit) {
  ObjectCache cache(folder_, 10'000);
  for (int i = 0; i < 50; ++i)
    cache.insert("k" + std::to_string(i), two(std::string(1000, 'x'), ""));
  uint64_t bytes = 0;
  for (const fs::path& path : entries())
    bytes += fs::file_size(path);
  EXPECT_LE(bytes, 10'000u + 10'000u / 8 + 1200u);
  EXPECT_GE(entries().size(), 5u);
}

TEST_F(ObjectCacheTest, AFolderThatOthersMayWriteToIsNotUsed) {
  chmod(folder_.c_str(), 0777);
  EXPECT_EQ(ObjectCache(folder_).folder(), "");
  chmod(folder_.c_str(), 0700);
  EXPECT_EQ(ObjectCache(folder_).folder(), folder_);
}

TEST_F(ObjectCacheTest, WhereNothingCanBeWrittenThereIsNoCache) {
  std::ofstream(folder_ + "/file") << "in the way";
  ObjectCache cache(folder_ + "/file/below");
  cache.insert("k", two("a", "b"));
  EXPECT_EQ(textOf(cache.find("k")), "nothing");
  ObjectCache gone(folder_ + "/gone");
  fs::remove_all(folder_ + "/gone");
  gone.insert("k", two("a", "b"));
  EXPECT_EQ(textOf(gone.find("k")), "nothing");
}

TEST_F(ObjectCacheTest, WritersAtOnceLeaveOneSoundEntry) {
  std::vector<std::thread> threads;
  for (int id = 0; id < 4; ++id)
    threads.emplace_back([&] {
      ObjectCache cache(folder_);
      for (int i = 0; i < 50; ++i) {
        cache.insert("k", two("some code", "more"));
        EXPECT_EQ(textOf(cache.find("k")), "some code|more|");
      }
    });
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(entries().size(), 1u);
}

// 0: compiled all; 1: loaded all; 2: something else.
int compileHere(bool diskCache) {
  auto f = dt::jit(
      dt::value_and_grad([](const dt::Tensor& x) { return dt::sum(dt::tanh(x * 1.234567) * x); }),
      {.diskCache = diskCache});
  const dt::Tensor x = dt::linspace(-1, 1, 100);
  const auto [value, gradient] = f(x);
  const auto expected = dt::value_and_grad(
      [](const dt::Tensor& x) { return dt::sum(dt::tanh(x * 1.234567) * x); })(x);
  if (std::abs(value.item<double>() - expected.first.item<double>()) > 1e-12 ||
      dt::max(dt::abs(gradient - expected.second)).item<double>() > 1e-12)
    return 3;
  const dt::JitStats stats = f.stats();
  return stats.kernelsLoaded == 0     ? (stats.kernelsCompiled > 0 ? 0 : 2)
         : stats.kernelsCompiled == 0 ? 1
                                      : 2;
}

void damageAll(const std::string& folder) {
  for (const auto& entry : fs::directory_iterator(folder))
    fs::resize_file(entry.path(), fs::file_size(entry.path()) / 2);
}

// Each runs in a process of its own, which begins this test anew and inherits the folder.
TEST(ObjectCacheDeathTest, AnotherProcessFindsTheCode) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  std::string pattern = (fs::temp_directory_path() / "diptych-cache-XXXXXX").string();
  if (!std::getenv("DIPTYCH_TEST_CACHE_DIR"))
    setenv("DIPTYCH_TEST_CACHE_DIR", mkdtemp(pattern.data()), 1);
  const std::string folder = std::getenv("DIPTYCH_TEST_CACHE_DIR");
  setenv("DIPTYCH_CACHE_DIR", folder.c_str(), 1);
  setenv("DIPTYCH_CACHE", "on", 1);
  const auto exits = [](int code) { return testing::ExitedWithCode(code); };
  EXPECT_EXIT(exit(compileHere(true)), exits(0), "");
  EXPECT_EXIT(exit(compileHere(true)), exits(1), "");
  EXPECT_EXIT(exit(compileHere(false)), exits(0), "");
  EXPECT_EXIT((damageAll(folder), exit(compileHere(true))), exits(0), "");
  EXPECT_EXIT(exit(compileHere(true)), exits(1), "");
  EXPECT_EXIT((setenv("DIPTYCH_CACHE", "off", 1), exit(compileHere(true))), exits(0), "");
  fs::remove_all(folder);
  unsetenv("DIPTYCH_TEST_CACHE_DIR");
}

} // namespace
