// Threads of the pool for a scope.
#pragma once

#include "runtime/ThreadPool.h"

namespace diptych::test {

class Threads {
public:
  explicit Threads(int n) { pool_.setThreads(n); }
  Threads(const Threads&) = delete;
  ~Threads() { pool_.setThreads(before_); }

private:
  runtime::ThreadPool& pool_ = runtime::ThreadPool::global();
  const int before_ = pool_.threads();
};

} // namespace diptych::test
