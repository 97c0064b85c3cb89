// diptych-tblgen: writes C++ and Markdown from the operator table.
#include "Generators.h"

#include "mlir/TableGen/GenInfo.h"
#include "mlir/Tools/mlir-tblgen/MlirTblgenMain.h"
#include "llvm/TableGen/Record.h"

using namespace diptych::tblgen;

using Generator = void (*)(const Operators&, llvm::raw_ostream&);

namespace {
struct Registration : mlir::GenRegistration {
  Registration(const char* flag, const char* help, Generator generate)
      : mlir::GenRegistration(flag, help,
                              [generate](const llvm::RecordKeeper& records, llvm::raw_ostream& os) {
                                generate(readOperators(records), os);
                                return false;
                              }) {}
};

const Registration registrations[] = {
    {"gen-op-codes", "the enumerators of OpCode", genOpCodes},
    {"gen-op-table", "the rows of the table", genOpTable},
    {"gen-emitted", "functions on Value, for rules", genEmitted},
    {"gen-dsl-decls", "the public DSL functions", genDslDecls},
    {"gen-dsl-defs", "their definitions", genDslDefs},
    {"gen-rule-decls", "declarations of derivative rules", genRuleDecls},
    {"gen-rule-table", "the table of derivative rules", genRuleTable},
    {"gen-lowering-decls", "declarations of lowerings", genLoweringDecls},
    {"gen-lowering-table", "the table of lowerings", genLoweringTable},
    {"gen-library-decls", "declarations of library kernels", genLibraryDecls},
    {"gen-library-table", "the table of library kernels", genLibraryTable},
    {"gen-docs", "the operator page", genDocs},
    {"gen-suite", "the rows of the operator test suite", genSuite},
};
} // namespace

int main(int argc, char** argv) { return mlir::MlirTblgenMain(argc, argv); }
