// The outermost emitter of a trace, and the context it writes to.
#include <mutex>

#include "frontend/Trace.h"

#include "frontend/TensorImpl.h"

namespace diptych {

// MLIR keeps tables in each thread that it can't use once the thread's objects are destroyed.
bool canTrace() {
  static thread_local constinit bool ended = false;
  struct Guard {
    bool* ended;
    ~Guard() { *ended = true; }
  };
  if (!ended) {
    static thread_local Guard guard{&ended};
    (void)guard;
  }
  return !ended;
}

mlir::MLIRContext& traceContext() {
  if (!canTrace())
    throw Error(currentLocation(), "jit: nothing can be compiled while a thread ends, as in the "
                                   "destructor of a static object; compile it before");
  // Never destroyed: traced modules may outlive static destruction.
  static auto* context = [] {
    auto* made = new mlir::MLIRContext(mlir::MLIRContext::Threading::DISABLED);
    ir::loadDialects(*made);
    return made;
  }();
  return *context;
}

std::recursive_mutex& traceMutex() {
  static auto* mutex = new std::recursive_mutex;
  return *mutex;
}

namespace {

class TraceEmitter final : public ir::IrEmitter {
public:
  using IrEmitter::IrEmitter;
  Values captures;

protected:
  mlir::Value capture(const Value& value) override {
    if (!findTensor(value))
      return IrEmitter::capture(value);
    captures.push_back(value);
    return appendArgument(value.type());
  }
};

} // namespace

mlir::func::FuncOp TracedModule::main() const {
  return module.get().lookupSymbol<mlir::func::FuncOp>("main");
}

TracedModule traceFunction(const Function& f, std::span<const TensorType> inputs) {
  mlir::MLIRContext& context = traceContext();
  TracedModule traced;
  traced.module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  llvm::SmallVector<mlir::Type> types;
  for (const TensorType& type : inputs)
    types.push_back(ir::mlirTypeOf(&context, type));
  auto builder = mlir::OpBuilder::atBlockEnd(traced.module->getBody());
  auto main = mlir::func::FuncOp::create(builder, ir::locationOf(&context, currentLocation()),
                                         "main", builder.getFunctionType(types, {}));
  TraceEmitter emitter(main);
  {
    EmitterScope scope(emitter);
    emitter.finish(f(emitter.wrap(main.getArguments().take_front(inputs.size()))));
  }
  traced.captures = std::move(emitter.captures);
  return traced;
}

} // namespace diptych
