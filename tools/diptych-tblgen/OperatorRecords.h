// The operator records of Ops.td as plain C++ structs. Knows TableGen, writes nothing.
#pragma once

#include <string>
#include <vector>

namespace llvm {
class RecordKeeper;
}

namespace diptych::tblgen {

struct OperatorRecord {
  std::string code;     // Tanh
  std::string mnemonic; // tanh
  std::string family, derivative, reason, typeRule, dslName, combiner, batching;
  std::string summary, description, convention;
  std::vector<std::string> dtypes, operands, attributes;
  bool variadic = false;
  int cost = 1;
  std::vector<double> domain;
};

/// Every record derived from Diptych_Op, in the order of the file.
std::vector<OperatorRecord> readOperators(const llvm::RecordKeeper& records);

} // namespace diptych::tblgen
