// The emitter whose values are lines of IR. Traces derivatives into functions of their own; expands
// nothing, folds nothing, and knows neither kernels nor the tape.
#pragma once

#include "ir/Dialect.h"
#include "ir/Emitter.h"

#include "mlir/IR/BuiltinOps.h"

#include <memory>

namespace diptych::ir {

class IrEmitter;

namespace detail {
struct Trace;
}

/// A line of a trace. Stays valid as an object when the trace is over, but can't be used any more.
class IrValue final : public ValueImpl {
public:
  IrValue(mlir::Value value, const TensorType& type, std::shared_ptr<detail::Trace> trace);
  ~IrValue() override;

  /// The emitter it belongs to; null when that is gone.
  IrEmitter* owner() const;
  mlir::Value value() const { return value_; }

private:
  mlir::Value value_;
  std::shared_ptr<detail::Trace> trace_;
};

/// Creates dialect operations at its builder's insertion point, with the user's current line.
class IrEmitter : public Emitter {
public:
  /// Appends to the function's body, before its terminator where it has one. The dialect must be
  /// loaded; the function must stand in a module.
  explicit IrEmitter(mlir::func::FuncOp function);
  ~IrEmitter() override;
  IrEmitter(const IrEmitter&) = delete;
  IrEmitter& operator=(const IrEmitter&) = delete;

  Value emit(OpCode code, ValueSpan operands, const Attrs& attrs) override;
  /// Jitted functions are traced in line: always throws.
  Values call(const std::shared_ptr<Callee>& callee, ValueSpan inputs) override;
  Derivatives vjp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                  const std::function<Seeds(std::span<const TensorType>)>& seeds) override;
  Derivatives jvp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                  const Seeds& tangents) override;
  Values custom(const std::shared_ptr<const CustomFunction>& f, ValueSpan inputs) override;
  Values checkpoint(const Function& f, ValueSpan inputs) override;
  Values control(const std::shared_ptr<const ControlFlow>& flow, ValueSpan operands) override;

  /// The same handle for the same value as long as somebody holds one.
  Value wrap(mlir::Value value);
  Values wrap(mlir::ValueRange values);
  /// The IR of a value. A value of an enclosing trace becomes an extra argument of this function
  /// (lifting); what belongs to no enclosing trace goes to the outermost emitter's capture().
  mlir::Value unwrap(const Value& value);
  llvm::SmallVector<mlir::Value> unwrap(ValueSpan values);

  /// A new last argument of the function.
  mlir::Value appendArgument(const TensorType& type);
  /// Ends the function with `func.return` and gives it its result types.
  void finish(ValueSpan results);

  mlir::func::FuncOp function() const { return function_; }
  mlir::OpBuilder& builder() { return builder_; }

protected:
  /// Called on the outermost emitter, once for each value that belongs to no enclosing trace; its
  /// answer is remembered and the value kept alive. Throws Error unless a subclass knows better.
  virtual mlir::Value capture(const Value& value);

private:
  struct Nested;
  IrEmitter(mlir::func::FuncOp function, IrEmitter& parent);
  void fill(mlir::Region& region, const ClosedFunction& function);
  Nested trace(const char* name, const Function& f, llvm::ArrayRef<mlir::Type> inputs);
  Derivatives split(mlir::Operation* op, size_t outputs);

  mlir::func::FuncOp function_;
  mlir::OpBuilder builder_;
  IrEmitter* parent_ = nullptr;
  std::shared_ptr<detail::Trace> trace_;
  llvm::DenseMap<ValueImpl*, mlir::Value> foreign_; // lifted or captured
  Values lifted_;                                   // keys of foreign_, in order of arguments
  llvm::SmallVector<mlir::func::FuncOp> callees_;   // of the derivatives emitted here
};

} // namespace diptych::ir
