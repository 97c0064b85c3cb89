// What makes a random program, step by step. Internal to the generator.
#pragma once

#include "Generate.h"

#include <algorithm>

#include "tests/ops/Samples.h"

namespace diptych::fuzz {

class Maker {
public:
  Maker(suite::Generator& generator, const Recipe& recipe, int depth = 0)
      : recipe_(recipe), generator_(generator), depth_(depth) {}
  Program make();

private:
  int64_t below(int64_t n) { return static_cast<int64_t>(generator_() % static_cast<uint64_t>(n)); }
  bool chance(int percent) { return below(100) < percent; }
  /// From 1 to `most`, seldom above `usual`.
  int64_t upTo(int64_t most, int64_t usual) {
    return 1 + below(chance(85) ? std::min(most, usual) : most);
  }
  const Step& at(int i) const { return program_.steps[static_cast<size_t>(i)]; }
  int count() const { return static_cast<int>(program_.steps.size()); }

  Shape shape();
  DType dtype();
  /// In a body: a constant.
  int input(const TensorType& type);
  /// A step for which `fits` holds, recent ones more often; -1: there is none.
  int choose(const std::function<bool(const TensorType&)>& fits);
  /// A step of exactly this type: found, or made by moving or filling.
  int ofType(const TensorType& type, int percentFound = 80);
  /// Adds an operator; throws Error where the type rule refuses or the result is too large.
  int add(OpCode code, std::vector<int> operands, const Attrs& attrs = {});
  int splat(const TensorType& type, double value);
  /// How far apart places of a window may lie on an axis.
  int64_t dilation(int64_t size, int64_t extent) {
    return upTo(size == 1 ? extent : std::max<int64_t>(1, (extent - 1) / (size - 1)), 2);
  }
  int indicesBelow(int64_t extent);
  /// The first element along every axis, as a scalar.
  int first(int x);
  /// A boolean scalar, of numbers only where results may jump.
  int predicate();

  void steps(int wanted);
  void step(const OpInfo& op);
  void pointwise(const OpInfo& op);
  void creation(const OpInfo& op);
  void movement(const OpInfo& op);
  void reduction(const OpInfo& op);
  void cumulative(const OpInfo& op);
  void windows(const OpInfo& op);
  void convolution(const OpInfo& op);
  void matmul(const OpInfo& op);
  void indexing(const OpInfo& op);
  void library(const OpInfo& op);
  void matrix(const OpInfo& op, Attrs attrs);
  int regularMatrix(const TensorType& type);
  bool usable(const OpInfo& op) const;

  // Loops and branches: GenerateControl.cpp.
  void control();
  void scan(bool overIndices);
  void whileLoop();
  void cond();
  void transformed(Control::Kind kind);
  std::vector<int> several(int64_t most);
  /// A body of parameters `types`, with outputs of `wanted` types and up to `more` others.
  Program body(const std::vector<TensorType>& types, const std::vector<TensorType>& wanted,
               int64_t more);
  Program condition(const std::vector<TensorType>& types, int counter);
  void addControl(Control control, std::vector<int> operands, std::vector<TensorType> results);
  std::vector<TensorType> typesOf(const std::vector<int>& steps) const;

  const Recipe recipe_;
  suite::Generator& generator_;
  const int depth_; // how many bodies this is in
  Program program_;
};

} // namespace diptych::fuzz
