// One line after the other.
#include "codegen/LineValues.h"

#include "codegen/Lowerings.h"

namespace diptych::codegen {

using namespace mlir;

Value lastOf(KernelBuilder& k, ArrayRef<Line> lines, int lanes, bool contract,
             llvm::function_ref<Value(const Access&)> load) {
  SmallVector<Value> values;
  for (const Line& line : lines) {
    ScalarBuilder b(k.builder(), k.loc(), line.dtype, contract);
    if (auto* from = std::get_if<Line::Load>(&line.what)) {
      values.push_back(load(from->from));
    } else if (auto* constant = std::get_if<Line::Constant>(&line.what)) {
      values.push_back(k.broadcast(b.literal(constant->value), lanes));
    } else if (auto* parameter = std::get_if<Line::Parameter>(&line.what)) {
      values.push_back(k.broadcast(k.number(*parameter, line.dtype), lanes));
    } else {
      const auto& apply = std::get<Line::Apply>(line.what);
      SmallVector<Value> operands;
      for (int operand : apply.operands)
        operands.push_back(values[static_cast<size_t>(operand)]);
      values.push_back(lowerPointwise(apply.code, b, operands));
    }
  }
  return values.back();
}

} // namespace diptych::codegen
