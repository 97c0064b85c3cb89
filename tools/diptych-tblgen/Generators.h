// One function for each file generated from the operator table.
#pragma once

#include "OperatorRecords.h"

namespace llvm {
class raw_ostream;
}

namespace diptych::tblgen {

using Operators = std::vector<OperatorRecord>;

void genOpCodes(const Operators& operators, llvm::raw_ostream& os);
void genOpTable(const Operators& operators, llvm::raw_ostream& os);
void genEmitted(const Operators& operators, llvm::raw_ostream& os);
void genDslDecls(const Operators& operators, llvm::raw_ostream& os);
void genDslDefs(const Operators& operators, llvm::raw_ostream& os);
void genRuleDecls(const Operators& operators, llvm::raw_ostream& os);
void genRuleTable(const Operators& operators, llvm::raw_ostream& os);
void genLoweringDecls(const Operators& operators, llvm::raw_ostream& os);
void genLoweringTable(const Operators& operators, llvm::raw_ostream& os);
void genLibraryDecls(const Operators& operators, llvm::raw_ostream& os);
void genLibraryTable(const Operators& operators, llvm::raw_ostream& os);
void genDocs(const Operators& operators, llvm::raw_ostream& os);
void genSuite(const Operators& operators, llvm::raw_ostream& os);

} // namespace diptych::tblgen
