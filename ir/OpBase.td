// Families of operators and what a record may say. The records themselves are in Ops.td.
#ifndef DIPTYCH_OP_BASE
#define DIPTYCH_OP_BASE

include "mlir/IR/OpBase.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Diptych_Dialect : Dialect {
  let name = "diptych";
  let cppNamespace = "::diptych::ir";
  let summary = "tensor programs: traced, differentiated, fused, compiled";
  let usePropertiesForAttributes = 1;
  let hasConstantMaterializer = 1;
  let extraClassDeclaration = [{
    std::optional<OpCode> codeOf(::mlir::OperationName name) const;
    ::mlir::OperationName nameOf(OpCode code) const { return names_[static_cast<size_t>(code)]; }

  private:
    ::llvm::SmallVector<::mlir::OperationName, 0> names_;
    ::llvm::DenseMap<::mlir::OperationName, OpCode> codes_;

  public:
  }];
}

def Diptych_Tensor : StaticShapeTensorOf<[F32, F64, I32, I64, I1, BF16, F16]>;

// How an operator is differentiated. There is no default: a record without one fails the build.
class DerivativeKind<string n> { string kind = n; }
def Pointwise : DerivativeKind<"Pointwise">;                    // partials; jvp and vjp follow
def Linear : DerivativeKind<"Linear">;                          // in the float operands: transpose; jvp applies the op again
def Bilinear : DerivativeKind<"Bilinear">;                      // two transposes, product rule
def Custom : DerivativeKind<"Custom">;                          // vjp and jvp written out
def Zero : DerivativeKind<"Zero">;                              // locally constant
def NotDifferentiable : DerivativeKind<"NotDifferentiable">;    // record says why in `reason`

// Sets of element types an operator takes.
class DTypes<list<string> n> { list<string> names = n; }
def Floats : DTypes<["f32", "f64", "bf16", "f16"]>;
def FullFloats : DTypes<["f32", "f64"]>;
def Numbers : DTypes<["f32", "f64", "i32", "i64", "bf16", "f16"]>;
def Integers : DTypes<["i32", "i64"]>;
def Longs : DTypes<["i64"]>;
def Booleans : DTypes<["boolean"]>;
// What takes every type only hands numbers on: so do kernels with bf16 and f16, which others widen.
def AnyDType : DTypes<["f32", "f64", "i32", "i64", "boolean", "bf16", "f16"]>;

// What every record says. `family` chooses the kernel class and the batching rule.
class Diptych_Op<string mnemonic, string familyName, list<Trait> traits = []>
    : Op<Diptych_Dialect, mnemonic, traits # [Pure]> {
  string family = familyName;
  DerivativeKind derivative = ?;
  string reason = "";               // of NotDifferentiable
  DTypes dtypes = AnyDType;         // of the operands
  string typeRule = ?;              // function in TypeRules.cpp
  list<string> domain = [];         // where the suite samples floats: ["low", "high"]
  int cost = 1;                     // floating-point operations an element, roughly
  string dslName = mnemonic;        // empty: the DSL function is written by hand
  string combiner = "";             // the pointwise operator a reduction repeats
  string convention = "";           // what happens at degenerate points, for the docs page
  string batching = "";             // function in Batching*.cpp; empty: that of the type rule
  let results = (outs Diptych_Tensor:$result);
  let hasVerifier = 1;
}

class Diptych_Unary<string mnemonic, list<Trait> traits = []> : Diptych_Op<mnemonic, "Pointwise", traits> {
  let arguments = (ins Diptych_Tensor:$x);
  let dtypes = Floats;
  let typeRule = "sameType";
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
}

class Diptych_Binary<string mnemonic, list<Trait> traits = []> : Diptych_Op<mnemonic, "Pointwise", traits> {
  let arguments = (ins Diptych_Tensor:$x, Diptych_Tensor:$y);
  let dtypes = Numbers;
  let typeRule = "sameType";
  let assemblyFormat = "$x `,` $y attr-dict `:` type($x) `,` type($y) `->` type($result)";
}

class Diptych_Comparison<string mnemonic> : Diptych_Binary<mnemonic> {
  let typeRule = "comparison";
  let derivative = Zero;
  let hasFolder = 1;
}

class Diptych_Logical<string mnemonic> : Diptych_Binary<mnemonic> {
  let dtypes = Booleans;
  let derivative = Zero;
  let hasFolder = 1;
}

class Diptych_Reduction<string mnemonic, string combinerOp> : Diptych_Op<mnemonic, "Reduction"> {
  let combiner = combinerOp;
  let arguments = (ins Diptych_Tensor:$x, DenseI64ArrayAttr:$axes);
  let dtypes = Numbers;
  let typeRule = "reduction";
  let dslName = "";
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
}

class Diptych_ArgReduction<string mnemonic> : Diptych_Op<mnemonic, "ArgReduction"> {
  let arguments = (ins Diptych_Tensor:$x, I64Attr:$axis);
  let dtypes = Numbers;
  let typeRule = "argReduction";
  let derivative = Zero;
  let dslName = "";
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
}

// A C++ function of runtime/library computes it, in eager mode and in compiled programs alike. A vmap
// puts its axis in front of all operands, so axes in front of the operator's own must be batch axes.
class Diptych_Library<string mnemonic, string rule> : Diptych_Op<mnemonic, "Library"> {
  let typeRule = rule;
  let batching = "library";
  let dslName = "";
  let assemblyFormat = "operands attr-dict `:` type(operands) `->` type($result)";
}

// Windows of window[0] elements that roll along an axis.
class Diptych_Rolling<string mnemonic, string rule> : Diptych_Library<mnemonic, rule> {
  let arguments = (ins Diptych_Tensor:$x, I64Attr:$axis, DenseI64ArrayAttr:$window);
  let dtypes = Floats;
  let derivative = Zero;
  let domain = ["-3.0", "3.0"];
}

// Along one axis, in order: element i of the result depends on elements 0 to i.
class Diptych_Cumulative<string mnemonic, string combinerOp, string rule>
    : Diptych_Op<mnemonic, "Cumulative"> {
  let combiner = combinerOp;
  let arguments = (ins Diptych_Tensor:$x, I64Attr:$axis);
  let dtypes = Numbers;
  let typeRule = rule;
  let batching = "argReduction";
  let dslName = "";
  let domain = ["-3.0", "3.0"];
  let assemblyFormat = "operands attr-dict `:` type(operands) `->` type($result)";
}

// Moves elements, computes nothing.
class Diptych_Movement<string mnemonic, string rule> : Diptych_Op<mnemonic, "Movement"> {
  let typeRule = rule;
  let derivative = Linear;
  let dslName = "";
  let assemblyFormat = "operands attr-dict `:` type(operands) `->` type($result)";
}

#endif
