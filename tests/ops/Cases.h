// Applications of one operator: chosen by its family and type rule, never by its name, so that a
// new row of the table is covered as it comes.
#pragma once

#include "Samples.h"
#include "ir/Emitted.h"

namespace diptych::suite {

/// One small program with one result, and numbers to run it on.
struct Case {
  std::string label;
  Values inputs;
  std::function<Value(ValueSpan)> program;
  /// Inputs are sampled where differences of the program are its derivatives.
  bool smooth = false;
};

/// How an operand comes to the operator: as it is, or seen through movement operators.
enum class View {
  plain,
  transposed,
  sliced,
  reversed,
  repeatedFirst,
  repeatedLast,
  splat,
  reshaped
};
constexpr View kViews[] = {View::transposed,   View::sliced, View::reversed, View::repeatedFirst,
                           View::repeatedLast, View::splat,  View::reshaped};
const char* name(View view);
/// Whether the view exists for a shape.
bool applies(View view, const Shape& shape);
/// Shape of what is seen as `shape`.
Shape baseShape(View view, const Shape& shape);
/// `base` seen as `shape`, on the current emitter.
Value seen(View view, const Value& base, const Shape& shape);

/// By its name: the numbers of an operator stay when the table grows.
uint64_t seedOf(const OpInfo& op);

class CaseList {
public:
  CaseList(const OpInfo& op, DType dtype);
  const OpInfo& op;
  const DType dtype;
  Generator generator;
  std::vector<Case> cases;

  /// Of the operator's domain; `lane` keeps operands apart (see grid).
  Value sample(const TensorType& type, int lane = 0);
  Value sample(const Shape& shape, int lane = 0) { return sample({dtype, shape}, lane); }
  /// The operator on `inputs`.
  Case& add(const std::string& label, Values inputs, const Attrs& attrs = {});
  /// The operator on operands of these types, of which those in `viewed` are seen through a view:
  /// once inside the program, once before it.
  void addViewed(View view, const std::vector<TensorType>& types, const std::vector<bool>& viewed,
                 const Attrs& attrs, const std::function<Value(const TensorType&, size_t)>& make);
};

/// All of them. Throws Error for a family or type rule that has no sampler here.
std::vector<Case> casesOf(const OpInfo& op, DType dtype);

// By family.
void pointwiseCases(CaseList& list);
void creationCases(CaseList& list);
void movementCases(CaseList& list);
void reductionCases(CaseList& list);
void matmulCases(CaseList& list);
void convolutionCases(CaseList& list);
void overlapAddCases(CaseList& list);
void windowsCases(CaseList& list);
void indexingCases(CaseList& list);
void libraryCases(CaseList& list);

/// The inputs of all cases in one list, and a program that computes every result.
struct Joined {
  Values inputs;
  Function program;
};
Joined join(const std::vector<Case>& cases);

} // namespace diptych::suite
