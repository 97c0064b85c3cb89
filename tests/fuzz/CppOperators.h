// How an operator's step is written with the public functions. Internal to the C++ text.
#pragma once

#include "Program.h"

namespace diptych::fuzz {

/// One operator with the names of its operands.
struct CallText {
  const Step& step;
  std::vector<std::string> operands;
  std::vector<TensorType> types; // of the operands
};

/// An expression of type dt::Tensor. What has no public function of its own calls emit(), a helper
/// of the printed program.
std::string expressionOf(const CallText& call);

std::string numberText(DType dtype, double number);
/// "{2, 3}"
std::string braces(const Dims& dims);
std::string braces(const std::vector<std::string>& names);
std::string typeText(DType dtype);

} // namespace diptych::fuzz
