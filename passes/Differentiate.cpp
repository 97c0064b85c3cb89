// Expands vjp and jvp operations. Knows which function is differentiated when, and where the
// program that comes of it goes; the derivative itself is the sweep's.
#include "ir/DialectHalves.h"
#include "ir/Emitter.h"
#include "passes/DifferentiateProgram.h"
#include "passes/Identity.h"
#include "passes/Passes.h"

#include "mlir/IR/SymbolTable.h"

namespace diptych::passes {

#define GEN_PASS_DEF_DIFFERENTIATE
#include "passes/Passes.h.inc"

namespace {
using namespace ir;

// Each order triples a program that is not simplified; strict must keep the order of additions.
void prepare(mlir::func::FuncOp callee, Numerics numerics) {
  if (numerics == Numerics::strict)
    eraseDeadOperations(callee, Carries::wanted);
  else
    simplify(callee, numerics);
}

class Expansion {
public:
  Expansion(mlir::ModuleOp module, Numerics numerics, Calls calls)
      : module_(module), numerics_(numerics), calls_(calls) {}

  void run() {
    const llvm::SmallVector<mlir::func::FuncOp> all(module_.getOps<mlir::func::FuncOp>());
    for (mlir::func::FuncOp function : all)
      if (!function.isPrivate() || called(function))
        expand(function);
    if (calls_ == Calls::inlined)
      for (mlir::func::FuncOp function : all)
        if (!function.isPrivate() && !function.isDeclaration())
          inlineCalls(function);
    while (eraseUnused()) {
    }
  }

private:
  enum class State { open, done };

  // A private function that only derivatives use may be gone when they are.
  bool called(mlir::func::FuncOp function) {
    const auto uses = mlir::SymbolTable::getSymbolUses(function.getNameAttr(), module_);
    return uses && llvm::any_of(*uses, [](const mlir::SymbolTable::SymbolUse& use) {
             return !llvm::isa<VjpOp, JvpOp, CustomOp, CheckpointOp>(use.getUser());
           });
  }

  void expand(mlir::func::FuncOp function) {
    if (function.isDeclaration())
      return;
    const auto [entry, fresh] = states_.try_emplace(function, State::open);
    if (!fresh) {
      if (entry->second == State::open)
        throw Error("@" + function.getName().str() +
                    " asks for its own derivative; a recursive function has none");
      return;
    }
    // A dead derivative is not worth expanding.
    eraseDeadOperations(function, Carries::wanted);
    expandCallees(function);
    const llvm::SmallVector<mlir::Operation*> asks = derivativesIn(function);
    for (mlir::Operation* op : asks) {
      const SourceLocation where = sourceLocationOf(op->getLoc());
      const LocationOverride location(where);
      try {
        expand(op);
      } catch (const Error& error) {
        if (error.where().known())
          throw;
        throw Error(where, error.what());
      }
    }
    states_[function] = State::done;
  }

  // Those in the bodies of loops and branches too.
  static llvm::SmallVector<mlir::Operation*> derivativesIn(mlir::func::FuncOp function) {
    llvm::SmallVector<mlir::Operation*> result;
    function.walk([&](mlir::Operation* op) {
      if (llvm::isa<VjpOp, JvpOp>(op))
        result.push_back(op);
    });
    return result;
  }

  // What a sweep may put in place of a call.
  void expandCallees(mlir::func::FuncOp function) {
    function.walk([&](mlir::Operation* op) {
      for (const char* name : {"callee", "vjp", "jvp"})
        if (llvm::isa<CustomOp, CheckpointOp>(op) && op->hasAttr(name))
          expand(functionOf(op, name));
    });
  }

  mlir::func::FuncOp functionOf(mlir::Operation* op, const char* attribute) {
    const auto name = op->getAttrOfType<mlir::FlatSymbolRefAttr>(attribute);
    auto function = module_.lookupSymbol<mlir::func::FuncOp>(name.getAttr());
    if (!function || function.isDeclaration())
      throw Error("@" + name.getValue().str() + " has no body to differentiate");
    return function;
  }

  void expand(mlir::Operation* op) {
    mlir::func::FuncOp callee = functionOf(op, "callee");
    const bool hessian = isHessian(op, callee);
    expand(callee);
    if (prepared_.insert(callee).second)
      prepare(callee, numerics_);
    // A program of its own first: at the call site two inputs may be one value, and the derivative
    // by one of them would count the other's part too. It stands in the module while it is made,
    // since rules may trace functions beside it.
    mlir::func::FuncOp program = callee.clone();
    program.setName(freeName("derivative"));
    program.setPrivate();
    module_.push_back(program);
    if (auto vjp = llvm::dyn_cast<VjpOp>(op))
      appendVjp(program, vjp.getWrt(), static_cast<int64_t>(vjp.getBatch()));
    else
      append(program, llvm::cast<JvpOp>(op), hessian ? Jacobian::symmetric : Jacobian::general);
    inlineAt(op, program);
    program.erase();
  }

  // The Hessian where a function returns it, as it is or turned.
  static void markReturned(mlir::Value hessian) {
    if (tensorTypeOf(hessian.getType()).rank() != 2)
      return;
    for (mlir::OpOperand& use : hessian.getUses())
      if (auto turned = llvm::dyn_cast<TransposeOp>(use.getOwner()))
        markReturned(turned.getResult());
      else if (auto last = llvm::dyn_cast<mlir::func::ReturnOp>(use.getOwner()))
        markSymmetric(last->getParentOfType<mlir::func::FuncOp>(), use.getOperandNumber());
  }

  // In strict numerics a tangent of zero still says where NaN comes from.
  void append(mlir::func::FuncOp program, JvpOp jvp, Jacobian kind) {
    const auto batch = static_cast<int64_t>(jvp.getBatch());
    if (numerics_ == Numerics::strict || batch == 0 || jvp.getWrt().size() != 1 ||
        !areUnitTangents(jvp.getTangents()[0]))
      return void(appendJvp(program, jvp.getWrt(), batch));
    if (kind == Jacobian::symmetric)
      markReturned(jvp->getResult(1));
    appendUnitJvp(program, jvp.getWrt()[0], kind);
  }

  // [n, shape...], the identity; a number has nothing to cut.
  static bool areUnitTangents(mlir::Value tangents) {
    const bool rows = tensorTypeOf(tangents.getType()).rank() > 1;
    while (auto view = tangents.getDefiningOp<ReshapeOp>())
      tangents = view.getX();
    return rows && isIdentityMatrix(tangents);
  }

  // Of a function that is the gradient of a number, where every operator has the derivative that is
  // its own: rules that somebody gave, and conventions of linear algebra, need not be symmetric.
  bool isHessian(mlir::Operation* op, mlir::func::FuncOp gradient) {
    auto jvp = llvm::dyn_cast<JvpOp>(op);
    mlir::Operation* last = gradient.getBody().front().getTerminator();
    auto vjp = last->getNumOperands() == 1 ? last->getOperand(0).getDefiningOp<VjpOp>() : VjpOp();
    if (!jvp || !vjp || jvp.getWrt().size() != 1 || vjp.getWrt().size() != 1 ||
        vjp.getCotangents().size() != 1 || vjp.getBatch() != 0)
      return false;
    const mlir::Value cotangent = vjp.getCotangents()[0];
    // A second use may be another input, which the gradient takes as given.
    const mlir::BlockArgument argument = gradient.getArgument(jvp.getWrt()[0]);
    return splatOf(cotangent) && tensorTypeOf(cotangent.getType()).rank() == 0 &&
           last->getOperand(0) == vjp->getResult(1) &&
           vjp.getInputs()[vjp.getWrt()[0]] == argument && argument.hasOneUse() &&
           hasOwnDerivatives();
  }

  // Of the whole module: what calls what is not asked.
  bool hasOwnDerivatives() {
    return !module_
                .walk([](mlir::Operation* op) {
                  const auto code = opCodeOf(op);
                  const bool library = code && info(*code).family == Family::Library;
                  return library || llvm::isa<CustomOp>(op) ? mlir::WalkResult::interrupt()
                                                            : mlir::WalkResult::advance();
                })
                .wasInterrupted();
  }

  std::string freeName(const std::string& stem) {
    for (;; ++names_)
      if (const std::string name = stem + std::to_string(names_); !module_.lookupSymbol(name))
        return name;
  }

  // Nothing asks for a derivative any more: a call is what it calls.
  void inlineCalls(mlir::func::FuncOp function) {
    for (;;) {
      llvm::SmallVector<mlir::Operation*> calls;
      function.walk([&](mlir::Operation* op) {
        if (llvm::isa<CustomOp, CheckpointOp>(op))
          calls.push_back(op);
      });
      if (calls.empty())
        return;
      for (mlir::Operation* op : calls) {
        mlir::func::FuncOp body = functionOf(op, "callee").clone();
        inlineAt(op, body);
        body.erase();
      }
    }
  }

  static void inlineAt(mlir::Operation* op, mlir::func::FuncOp program) {
    mlir::Block& body = program.getBody().front();
    // A custom operation's rules have operands of their own, behind those of its function.
    for (const auto& [argument, operand] : llvm::zip_first(body.getArguments(), op->getOperands()))
      argument.replaceAllUsesWith(operand);
    mlir::Operation* terminator = body.getTerminator();
    op->replaceAllUsesWith(terminator->getOperands());
    terminator->erase();
    op->getBlock()->getOperations().splice(mlir::Block::iterator(op), body.getOperations());
    op->erase();
  }

  bool eraseUnused() {
    bool erased = false;
    llvm::DenseSet<mlir::StringAttr> used;
    if (const auto uses = mlir::SymbolTable::getSymbolUses(&module_.getBodyRegion()))
      for (const mlir::SymbolTable::SymbolUse& use : *uses)
        used.insert(use.getSymbolRef().getRootReference());
    for (mlir::func::FuncOp function :
         llvm::make_early_inc_range(module_.getOps<mlir::func::FuncOp>()))
      if (function.isPrivate() && !function.isDeclaration() &&
          !used.contains(function.getNameAttr())) {
        function.erase();
        erased = true;
      }
    return erased;
  }

  mlir::ModuleOp module_;
  Numerics numerics_;
  Calls calls_;
  int names_ = 0;
  llvm::DenseMap<mlir::Operation*, State> states_;
  llvm::DenseSet<mlir::Operation*> prepared_;
};

struct DifferentiatePass : impl::DifferentiateBase<DifferentiatePass> {
  using DifferentiateBase::DifferentiateBase;
  void runOnOperation() override {
    try {
      differentiate(getOperation(), numerics);
    } catch (const Error& error) {
      const mlir::Location where = error.where().known() ? locationOf(&getContext(), error.where())
                                                         : getOperation().getLoc();
      mlir::emitError(where) << error.what();
      signalPassFailure();
    }
  }
};
} // namespace

namespace {
void setResults(mlir::func::FuncOp function, llvm::ArrayRef<mlir::Value> results) {
  function.removeResAttrsAttr(); // said of other results
  function.getBody().front().getTerminator()->setOperands(results);
  function.setType(mlir::FunctionType::get(function.getContext(), function.getArgumentTypes(),
                                           mlir::TypeRange(mlir::ValueRange(results))));
}

llvm::SmallVector<mlir::Value> resultsOf(mlir::func::FuncOp function) {
  return llvm::to_vector(function.getBody().front().getTerminator()->getOperands());
}

llvm::SmallVector<int64_t> placesOf(const std::vector<bool>& mask) {
  llvm::SmallVector<int64_t> places;
  for (size_t i = 0; i < mask.size(); ++i)
    if (mask[i])
      places.push_back(static_cast<int64_t>(i));
  return places;
}
} // namespace

std::vector<bool> toVjp(mlir::func::FuncOp function, const Pull& pull, Numerics numerics) {
  const llvm::SmallVector<mlir::Value> outputs = resultsOf(function);
  llvm::SmallVector<mlir::Value> seeded;
  for (const int64_t output : placesOf(pull.seeded))
    seeded.push_back(outputs[static_cast<size_t>(output)]);
  // An input returned as it is has what arrived for it as its cotangent, to which the rest is
  // added.
  for (const int64_t input : placesOf(pull.begun))
    seeded.push_back(function.getArgument(static_cast<unsigned>(input)));
  setResults(function, seeded);
  prepare(function, numerics);
  const unsigned inputs = function.getNumArguments();
  const llvm::SmallVector<int64_t> wrt = placesOf(pull.wanted);
  const std::vector<bool> reached = appendVjp(function, wrt, 0);
  const llvm::SmallVector<mlir::Value> all = resultsOf(function);
  llvm::SmallVector<mlir::Value> kept;
  std::vector<bool> present(pull.wanted.size());
  for (size_t i = 0; i < wrt.size(); ++i) {
    const auto input = static_cast<size_t>(wrt[i]);
    const mlir::Value cotangent = all[seeded.size() + i];
    const auto argument = llvm::dyn_cast<mlir::BlockArgument>(cotangent);
    const bool untouched = pull.begun[input] && argument && argument.getArgNumber() >= inputs;
    if ((present[input] = reached[i] && !untouched))
      kept.push_back(cotangent);
  }
  setResults(function, kept);
  return present;
}

std::vector<bool> toJvp(mlir::func::FuncOp function, const std::vector<bool>& active,
                        Numerics numerics) {
  prepare(function, numerics);
  const size_t outputs = function.getNumResults();
  std::vector<bool> present = appendJvp(function, placesOf(active), 0);
  const llvm::SmallVector<mlir::Value> all = resultsOf(function);
  llvm::SmallVector<mlir::Value> kept;
  for (size_t i = 0; i < outputs; ++i)
    if (present[i])
      kept.push_back(all[outputs + i]);
  setResults(function, kept);
  return present;
}

void differentiate(mlir::ModuleOp module, Numerics numerics, Calls calls) {
  Expansion(module, numerics, calls).run();
}

void eraseBarriers(mlir::func::FuncOp function) {
  function.walk([](BarrierOp barrier) {
    barrier.getResult().replaceAllUsesWith(barrier.getX());
    barrier.erase();
  });
}

} // namespace diptych::passes
