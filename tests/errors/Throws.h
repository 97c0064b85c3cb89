// Expecting a misuse to throw diptych::Error on the line it stands on, with a message that says
// what it should.
#pragma once

#include <diptych/Error.h>

#include <gtest/gtest.h>

#include <functional>
#include <initializer_list>
#include <string>

namespace diptych::test {

/// "no error" where nothing is thrown.
inline std::string messageOf(const std::function<void()>& misuse) {
  try {
    misuse();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

inline void expectMessage(const std::string& message, std::initializer_list<const char*> pieces) {
  for (const char* piece : pieces)
    EXPECT_NE(message.find(piece), std::string::npos) << "'" << piece << "' is not in: " << message;
}

/// The message names `line` of `file` once, in front, and holds every piece.
inline void expectErrorAt(const std::function<void()>& misuse, const std::string& file, int line,
                          std::initializer_list<const char*> pieces) {
  const std::string message = messageOf(misuse);
  const std::string name = file.substr(file.rfind('/') + 1);
  const std::string prefix = name + ":" + std::to_string(line) + ": ";
  EXPECT_EQ(message.find(prefix), 0u) << "expected " << prefix << " in front of: " << message;
  EXPECT_EQ(message.find(name, prefix.size()), std::string::npos) << "a second line: " << message;
  expectMessage(message, pieces);
}

} // namespace diptych::test

/// The expression throws, names this line, and its message holds the pieces that follow.
#define EXPECT_ERROR_HERE(EXPRESSION, ...)                                                         \
  ::diptych::test::expectErrorAt([&] { (void)(EXPRESSION); }, __FILE__, __LINE__, {__VA_ARGS__})
