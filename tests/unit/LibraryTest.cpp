// The status that library kernels report through.
#include "runtime/Library.h"

#include <gtest/gtest.h>

#include <thread>

namespace diptych::runtime {
namespace {

TEST(Library, FirstFailingProblemIsKept) {
  LibraryCall call;
  call.failure = [](int64_t problem, int64_t detail) {
    return "problem " + std::to_string(problem) + " at " + std::to_string(detail);
  };
  int64_t status = 0;
  reportFailure(&status, 7, 0);
  EXPECT_EQ(failureText(call, status), "problem 7 at 0");
  reportFailure(&status, 3, 12);
  reportFailure(&status, 5, 1);
  EXPECT_EQ(failureText(call, status), "problem 3 at 12");
  reportFailure(&status, 0, 0);
  EXPECT_EQ(failureText(call, status), "problem 0 at 0");
}

TEST(Library, FirstFailingProblemIsKeptOnSeveralThreads) {
  int64_t status = 0;
  std::vector<std::thread> threads;
  for (int64_t first : {400, 300, 200})
    threads.emplace_back([&status, first] {
      for (int64_t problem = first + 90; problem >= first; --problem)
        reportFailure(&status, problem, problem % 7);
    });
  for (std::thread& thread : threads)
    thread.join();
  LibraryCall call;
  call.failure = [](int64_t problem, int64_t detail) {
    return std::to_string(problem) + "/" + std::to_string(detail);
  };
  EXPECT_EQ(failureText(call, status), "200/4");
}

TEST(Library, GrainIsThePieceOverTheWorkOfAProblem) {
  LibraryCall call;
  call.work = 100;
  EXPECT_EQ(call.grain(1000), 10);
  call.work = 5000;
  EXPECT_EQ(call.grain(1000), 1);
  call.work = 0;
  EXPECT_EQ(call.grain(1000), 1000);
}

} // namespace
} // namespace diptych::runtime
