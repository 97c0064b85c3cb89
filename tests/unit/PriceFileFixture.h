// Price files written for one test, under the name that its messages will show.
#pragma once

#include "tools/study/PriceFile.h"

#include <diptych/Error.h>

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace diptych::study {

class PriceFileFixture : public ::testing::Test {
protected:
  void SetUp() override {
    const ::testing::TestInfo* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(::testing::TempDir()) /
              ("diptych-" + std::string(test->test_suite_name()) + "-" + test->name());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& text, const std::string& name = "prices.csv") {
    std::string path = (folder_ / name).string();
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  std::string writeGzip(const std::string& text) {
    std::string path = (folder_ / "prices.csv.gz").string();
    gzFile file = gzopen(path.c_str(), "wb");
    gzwrite(file, text.data(), unsigned(text.size()));
    gzclose(file);
    return path;
  }

  static std::string readBytes(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  PriceTable read(const std::string& text, PriceLayout layout = PriceLayout::automatic) {
    PriceReadOptions options;
    options.layout = layout;
    return readPrices(write(text), options);
  }

  /// The message, without the folder of the file.
  std::string messageOfFile(const std::string& path, PriceLayout layout = PriceLayout::automatic) {
    PriceReadOptions options;
    options.layout = layout;
    try {
      readPrices(path, options);
    } catch (const Error& error) {
      std::string message = error.what(), prefix = folder_.string() + "/";
      return message.starts_with(prefix) ? message.substr(prefix.size()) : message;
    }
    return "no error";
  }

  std::string messageOf(const std::string& text, PriceLayout layout = PriceLayout::automatic) {
    return messageOfFile(write(text), layout);
  }

  std::filesystem::path folder_;
};

} // namespace diptych::study
