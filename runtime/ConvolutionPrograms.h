// Eager convolutions as compiled programs. Where a compiler is linked, a convolution of one shape
// and layout that has been worth compiling by now is compiled, with the zeros around its image, and
// is that program from then on. The bits are the eager kernels'. Knows no compiler: one installs
// itself.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "runtime/Launch.h"
#include "runtime/Program.h"

namespace diptych::runtime {

/// What a program is made for: types, strides and attributes, but not where operands lie.
struct ConvolutionCall {
  const Strided &x, &w;
  const Attrs& attrs;
  const Attrs* pad; // of x, before; or null
  const TensorType& output;

  double operations() const;
};

class ConvolutionPrograms {
public:
  /// Null where it can't be compiled at this moment.
  using Compile = std::unique_ptr<ProgramRunner> (*)(const ConvolutionCall&);

  static ConvolutionPrograms& global();

  static void install(Compile compile);
  /// The program for such a call; null while kernels have taken less time for it than compiling
  /// would. Safe to call from several threads.
  ProgramRunner* find(const ConvolutionCall& call);

  /// Operations after which a program is made; returns what it was.
  double setPatience(double operations);
  /// How many have been asked for.
  int64_t count() const;

private:
  struct Entry {
    double operations = 0;
    bool isAsked = false; // for its program, once
    std::unique_ptr<ProgramRunner> program;
  };
  using Key = std::vector<int64_t>;
  struct Hash {
    size_t operator()(const Key& key) const;
  };
  ConvolutionPrograms();
  static Key keyOf(const ConvolutionCall& call);

  static std::atomic<Compile> compile_;
  mutable std::mutex mutex_;
  double patience_;
  int64_t programs_ = 0;
  std::unordered_map<Key, Entry, Hash> entries_;
};

/// Makes programs, those that there are too, wait for so many operations, for a scope.
class PatienceScope {
public:
  explicit PatienceScope(double operations)
      : before_(ConvolutionPrograms::global().setPatience(operations)) {}
  ~PatienceScope() { ConvolutionPrograms::global().setPatience(before_); }
  PatienceScope(const PatienceScope&) = delete;

private:
  double before_;
};

} // namespace diptych::runtime
