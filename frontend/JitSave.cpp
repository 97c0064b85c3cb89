// Saved functions: a trace to text and back, and behind it the same program as jit's.
#include <diptych/Save.h>

#include "frontend/EagerEmitter.h"
#include "frontend/JitProgram.h"
#include "frontend/Ops.h"
#include "frontend/SavedFile.h"
#include "ir/DialectText.h"
#include "passes/Interpreter.h"

namespace diptych::detail {

class SavedProgram {
public:
  SavedProgram(mlir::OwningOpRef<mlir::ModuleOp> module, SavedFile file)
      : module(std::move(module)), file(std::move(file)) {
    JitOptions options;
    options.numerics = this->file.numerics;
    program = std::make_shared<JitProgram>(this->module.get().clone(), options,
                                           std::make_shared<SharedStats>());
    for (const Tensor& weight : this->file.weights)
      weights.push_back(weight.value());
  }
  ~SavedProgram() {
    const std::lock_guard lock(traceMutex());
    module = nullptr;
  }
  SavedProgram(const SavedProgram&) = delete;
  SavedProgram& operator=(const SavedProgram&) = delete;

  mlir::OwningOpRef<mlir::ModuleOp> module;
  SavedFile file;
  Values weights;
  std::shared_ptr<JitProgram> program;
};

namespace {

/// Positions without the folders of the machine on which it was traced.
void shortenLocations(mlir::ModuleOp module) {
  mlir::MLIRContext* context = module.getContext();
  const auto shortened = [&](mlir::Location location) -> mlir::Location {
    const SourceLocation where = ir::sourceLocationOf(location);
    if (!where.known())
      return mlir::UnknownLoc::get(context);
    return mlir::FileLineColLoc::get(context,
                                     llvm::StringRef(where.file).rsplit('/').second.empty()
                                         ? llvm::StringRef(where.file)
                                         : llvm::StringRef(where.file).rsplit('/').second,
                                     static_cast<unsigned>(where.line),
                                     static_cast<unsigned>(where.column));
  };
  module.walk([&](mlir::Operation* op) {
    op->setLoc(shortened(op->getLoc()));
    for (mlir::Region& region : op->getRegions())
      for (mlir::Block& block : region)
        for (mlir::BlockArgument argument : block.getArguments())
          argument.setLoc(shortened(argument.getLoc()));
  });
}

std::string typesText(const std::vector<TensorType>& types) {
  std::string text;
  for (const TensorType& type : types)
    text += (text.empty() ? "" : ", ") + type.str();
  return "(" + text + ")";
}

/// What the header promises is what the program has.
void checkProgram(mlir::ModuleOp module, const SavedFile& file) {
  auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
  if (!main || main.isExternal())
    throw Error("its program has no function @main");
  std::vector<TensorType> inputs = file.inputs;
  for (const Tensor& weight : file.weights)
    inputs.push_back(weight.type());
  const std::vector<TensorType> own = ir::tensorTypesOf(main.getArgumentTypes());
  const std::vector<TensorType> results = ir::tensorTypesOf(main.getResultTypes());
  if (own != inputs)
    throw Error("its program takes " + typesText(own) + ", but its header and weights say " +
                typesText(inputs));
  if (results != file.outputs)
    throw Error("its program returns " + typesText(results) + ", but its header says " +
                typesText(file.outputs));
}

} // namespace

void saveProgram(const FilePath& path, const Function& f, ValueSpan inputs,
                 const SaveOptions& options) {
  if (&currentEmitter() != &eagerEmitter())
    throw Error(path.where, "save_function: expected to be called outside of traced functions and "
                            "vmap, got a call inside; move it out");
  located(path.where, [&] {
    SavedFile file;
    file.numerics = options.numerics;
    for (const Value& input : inputs)
      file.inputs.push_back(input.type());
    {
      const std::lock_guard lock(traceMutex());
      TracedModule traced = traceFunction(f, file.inputs);
      shortenLocations(*traced.module);
      file.outputs = ir::tensorTypesOf(traced.main().getResultTypes());
      file.program = ir::textOf(*traced.module);
      for (const Value& capture : traced.captures)
        file.weights.emplace_back(capture);
    }
    writeSaved(path.text, file, options.weights);
  });
}

std::shared_ptr<SavedProgram> loadProgram(const FilePath& path, std::optional<Numerics> numerics) {
  return located(path.where, [&] {
    SavedFile file = readSaved(path.text);
    const std::lock_guard lock(traceMutex());
    try {
      auto module = ir::parseText(file.program, traceContext());
      checkProgram(*module, file);
      file.numerics = numerics.value_or(file.numerics);
      return std::make_shared<SavedProgram>(std::move(module), std::move(file));
    } catch (const Error& error) {
      nn::badFile("load_function", path.text, error.what());
    }
  });
}

Values callProgram(const SavedProgram& program, ValueSpan inputs) {
  const std::vector<TensorType>& types = program.file.inputs;
  bool fits = inputs.size() == types.size();
  std::vector<TensorType> got;
  for (size_t i = 0; i < inputs.size(); ++i) {
    got.push_back(inputs[i].type());
    fits &= fits && got.back() == types[i];
  }
  if (!fits)
    throw Error("saved function: expected arguments of types " + typesText(types) + ", got " +
                typesText(got) + "; save it once for each kind of arguments");
  Values all(inputs.begin(), inputs.end());
  all.insert(all.end(), program.weights.begin(), program.weights.end());
  if (&currentEmitter() == &eagerEmitter())
    return eagerEmitter().call(program.program, all);
  // In line, as a jitted function: the outer program is what gets compiled.
  const std::lock_guard lock(traceMutex());
  return passes::interpret(program.module.get().lookupSymbol<mlir::func::FuncOp>("main"), all);
}

const std::vector<TensorType>& inputTypes(const SavedProgram& program) {
  return program.file.inputs;
}
const std::vector<TensorType>& outputTypes(const SavedProgram& program) {
  return program.file.outputs;
}
const Values& weightsOf(const SavedProgram& program) { return program.weights; }
Numerics numericsOf(const SavedProgram& program) { return program.file.numerics; }
std::string textOf(const SavedProgram& program, const std::string& stage) {
  return program.program->text(stage);
}

void badResultType(size_t expected, int got, const SourceLocation& where) {
  throw Error(where, "load_function: expected a result type of " + std::to_string(expected) +
                         " tensors, as the saved function returns, got one of " +
                         std::to_string(got) + "; std::vector<Tensor> takes any number");
}

} // namespace diptych::detail
