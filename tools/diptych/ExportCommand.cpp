// diptych export: a program in a form that others read.
#include "tools/diptych/Commands.h"

#include "tools/diptych/ReadProgram.h"
#include "tools/diptych/Terminal.h"

#include "frontend/TensorImpl.h"
#include "frontend/Trace.h"
#include "frontend/nn/StateFile.h"
#include "passes/Passes.h"
#include "passes/StableHlo.h"

#include <iostream>

namespace diptych::cli {

namespace {

struct Request {
  std::string file, function = "main", output = "-", format = "stablehlo";
};

const char* const kFooter = R"(
Derivatives are expanded and calls inlined first; weights of a saved function become constants.
An operator that can't be written with StableHLO's operations is an error that names it and its
line. Rounding is up to who compiles it. docs/saved.md has the list of what is covered.

Exit codes: 0 done, 2 wrong usage, 3 the file can't be read or written, is no valid program, or
holds what can't be exported, 4 internal error.

Examples:
  diptych export model.mlir -o model.stablehlo.mlir
  diptych export model.diptych > model.stablehlo.mlir)";

mlir::DenseElementsAttr constantOf(const Value& weight) {
  const Value plain = contiguousCopy(weight);
  Literal literal{plain.type(), {}};
  const auto* bytes = static_cast<const std::byte*>(eagerTensor(plain).data());
  literal.bytes.assign(bytes, bytes + plain.type().bytes());
  return ir::literalAttr(literal, &traceContext());
}

std::string stableHloOf(const Request& request) {
  const std::lock_guard lock(traceMutex());
  const Progress progress("exporting " + request.file);
  const ReadProgram read = readProgram(request.file);
  auto function = read.module.get().lookupSymbol<mlir::func::FuncOp>(request.function);
  if (!function || function.isExternal())
    throw Refusal{badInput, request.file + ": expected a function @" + request.function +
                                " with a body, got none of that name; choose one with --function"};
  ir::tensorTypesOf(function.getArgumentTypes());
  function.setPublic();
  // Strict: the program is to stay what it is.
  passes::differentiate(*read.module, Numerics::strict);
  // What is computed in f32 and rounded is written so: nobody else has to round as we do.
  passes::widenHalves(function);
  passes::simplify(function, Numerics::strict);
  llvm::SmallVector<mlir::DenseElementsAttr> weights;
  for (const Value& weight : read.weights)
    weights.push_back(constantOf(weight));
  return passes::stableHlo(function, weights);
}

int exportProgram(const Request& request) {
  try {
    const std::string text = stableHloOf(request);
    if (request.output == "-")
      std::cout << text << std::flush;
    else
      nn::writeFile("export", request.output, text);
    return success;
  } catch (const Refusal& refusal) {
    return complain(refusal.code, refusal.message);
  } catch (const Error& error) {
    return complain(error);
  }
}

} // namespace

void addExport(CLI::App& app, Command& command) {
  auto request = std::make_shared<Request>();
  CLI::App* sub = app.add_subcommand("export", "Write a program in a form that others read");
  sub->add_option("file", request->file, "Textual IR or a saved function; - for stdin")
      ->required()
      ->type_name("FILE");
  sub->add_option("--function", request->function, "Which function")->capture_default_str();
  sub->add_option("-o,--output", request->output, "Where to; - for stdout")
      ->type_name("FILE")
      ->capture_default_str();
  sub->add_option("--format", request->format, "In which form")
      ->check(CLI::IsMember({"stablehlo"}))
      ->capture_default_str();
  sub->footer(kFooter);
  sub->callback([request, &command] { command = [request] { return exportProgram(*request); }; });
}

} // namespace diptych::cli
