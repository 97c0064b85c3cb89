// Reads operator records. A record that leaves out its derivative ends the build here.
#include "OperatorRecords.h"

#include "llvm/TableGen/Error.h"
#include "llvm/TableGen/Record.h"

#include <algorithm>

using namespace llvm;

namespace diptych::tblgen {

static std::string stringOf(const Record& record, StringRef field) {
  return record.getValueAsString(field).trim().str();
}

static void readArguments(const Record& record, OperatorRecord& op) {
  const DagInit* arguments = record.getValueAsDag("arguments");
  for (unsigned i = 0; i < arguments->getNumArgs(); ++i) {
    const Record* kind = cast<DefInit>(arguments->getArg(i))->getDef();
    std::string argument = arguments->getArgNameStr(i).str();
    if (kind->isSubClassOf("AttrConstraint")) {
      op.attributes.push_back(argument);
      continue;
    }
    op.operands.push_back(argument);
    op.variadic |= kind->isSubClassOf("Variadic");
  }
}

static std::string derivativeOf(const Record& record) {
  const auto* kind = dyn_cast<DefInit>(record.getValueInit("derivative"));
  if (!kind)
    PrintFatalError(record.getLoc(), record.getName() +
                                         " says nothing of its derivative; add `let derivative = "
                                         "Pointwise | Linear | Bilinear | Custom | Zero | "
                                         "NotDifferentiable`");
  return kind->getDef()->getValueAsString("kind").str();
}

static OperatorRecord readOperator(const Record& record) {
  OperatorRecord op;
  op.code = record.getName().str();
  if (StringRef(op.code).ends_with("Op"))
    op.code.resize(op.code.size() - 2);
  op.mnemonic = stringOf(record, "opName");
  op.family = stringOf(record, "family");
  op.derivative = derivativeOf(record);
  op.reason = stringOf(record, "reason");
  if (op.derivative == "NotDifferentiable" && op.reason.empty())
    PrintFatalError(record.getLoc(), record.getName() + " is NotDifferentiable without a `reason`");
  op.typeRule = stringOf(record, "typeRule");
  op.dslName = stringOf(record, "dslName");
  op.combiner = stringOf(record, "combiner");
  op.batching = stringOf(record, "batching");
  op.summary = stringOf(record, "summary");
  op.description = stringOf(record, "description");
  op.convention = stringOf(record, "convention");
  for (StringRef dtype : record.getValueAsDef("dtypes")->getValueAsListOfStrings("names"))
    op.dtypes.push_back(dtype.str());
  // `domain` holds floats as strings of TableGen code: TableGen has no float type.
  for (StringRef bound : record.getValueAsListOfStrings("domain"))
    op.domain.push_back(std::stod(bound.str()));
  op.cost = static_cast<int>(record.getValueAsInt("cost"));
  readArguments(record, op);
  return op;
}

std::vector<OperatorRecord> readOperators(const RecordKeeper& records) {
  std::vector<const Record*> defs(records.getAllDerivedDefinitions("Diptych_Op"));
  std::sort(defs.begin(), defs.end(),
            [](const Record* a, const Record* b) { return a->getID() < b->getID(); });
  std::vector<OperatorRecord> operators;
  for (const Record* def : defs)
    operators.push_back(readOperator(*def));
  return operators;
}

} // namespace diptych::tblgen
