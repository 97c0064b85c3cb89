// Passes on the dialect, each one sentence. Why they stand in an order is said in Pipelines.cpp.
#ifndef DIPTYCH_PASSES
#define DIPTYCH_PASSES

include "mlir/Pass/PassBase.td"

class Diptych_NumericsPass<string argument, string operation> : Pass<argument, operation> {
  let options = [
    Option<"numerics", "numerics", "::diptych::Numerics", "::diptych::Numerics::strict",
           "What rewrites may do to the numbers",
           [{::llvm::cl::values(
             clEnumValN(::diptych::Numerics::strict, "strict", "keep every bit"),
             clEnumValN(::diptych::Numerics::standard, "standard", "errors of the same order"),
             clEnumValN(::diptych::Numerics::fast, "fast", "as standard"))}]>
  ];
  let dependentDialects = ["::diptych::ir::DiptychDialect", "::mlir::func::FuncDialect"];
}

def Simplify : Diptych_NumericsPass<"diptych-simplify", "::mlir::func::FuncOp"> {
  let summary = "Fold, merge equal operations, erase what nobody uses";
  let description = [{
    Strict numerics keep every bit; standard numerics add algebra.
    ```mlir
    %a = diptych.neg %x : tensor<3xf64> -> tensor<3xf64>       // before
    %b = diptych.neg %a : tensor<3xf64> -> tensor<3xf64>
    return %b : tensor<3xf64>

    return %x : tensor<3xf64>                                  // after
    ```
  }];
}

def Differentiate : Diptych_NumericsPass<"diptych-differentiate", "::mlir::ModuleOp"> {
  let summary = "Replace vjp and jvp operations by the programs they ask for, innermost first";
  let description = [{
    ```mlir
    %y, %dx = diptych.vjp @sine(%x) cotangents(%dy) wrt [0]    // before
        : (tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)

    %y = diptych.sin %x : tensor<f64> -> tensor<f64>           // after
    %c = diptych.cos %x : tensor<f64> -> tensor<f64>
    %dx = diptych.mul %dy, %c : tensor<f64>, tensor<f64> -> tensor<f64>
    ```
    Standard numerics simplify each program before it is differentiated again: otherwise every order
    triples it. Strict numerics only drop dead code there, to keep the order of accumulation.
  }];
}

def CallSolvers : Pass<"diptych-call-solvers", "::mlir::func::FuncOp"> {
  let summary = "Call a GPU's solver library for operators of linear algebra";
  let description = [{
    The library gets f64 matrices that are finite, and gives bare factors; signs, unused halves, NaN of what
    failed or was not finite, and the layout of the result are operators around, which join other kernels.

    ```mlir
    %y = diptych.cholesky %x {check = true} : tensor<3x3xf32> -> tensor<3x3xf32>   // before

    %l, %info = diptych.solver "cholesky"(%s) checked tensor<3x3xf32>              // after
        : (tensor<1x3x3xf64>) -> (tensor<1x3x3xf64>, tensor<1xi32>)
    ```
    Left as they are, for the host: matrices without elements, and routines that take one matrix at a time
    where there are more than 16.
  }];
}

def WidenHalves : Pass<"diptych-widen-halves", "::mlir::func::FuncOp"> {
  let summary = "Compute with bf16 and f16 in f32, and round each result";
  let description = [{
    ```mlir
    %y = diptych.exp %x : tensor<3xbf16> -> tensor<3xbf16>                     // before

    %w = diptych.convert %x : tensor<3xbf16> -> tensor<3xf32>                  // after
    %e = diptych.exp %w : tensor<3xf32> -> tensor<3xf32>
    %y = diptych.convert %e {diptych.rounds} : tensor<3xf32> -> tensor<3xbf16>
    ```
    Operators that only hand elements on stay as they are. Conversions are fused like any operator, so that
    arrays in memory keep their size.
  }];
}

def FactorProducts : Pass<"diptych-factor-products", "::mlir::func::FuncOp"> {
  let summary = "Sum sums of products of smaller arrays without writing them out";
  let description = [{
    ```mlir
    %b = diptych.broadcast %c {axes = array<i64: 0, 1>} ...   // before: c[k,t] a[t,n] X[k,t,n]
    %s = diptych.sum %v {axes = array<i64: 2>} : tensor<KxTxNxf64> -> tensor<KxTxf64>

    %m = diptych.matmul %a_t, %x_t       // after: sum over n of a[t,n] X[k,t,n] for each t,
    %s = diptych.mul %c, %m              // times c[k,t]
    ```
    Products of matrices whose operands are such sums are taken apart in the same way, where that
    costs no more than the product itself. Standard numerics only.
  }];
  let options = [
    Option<"minBytes", "min-bytes", "int64_t", "1024", "Smaller arrays are left as they are">
  ];
  let dependentDialects = ["::diptych::ir::DiptychDialect", "::mlir::func::FuncDialect"];
}

def CollectDiagonals : Pass<"diptych-collect-diagonals", "::mlir::func::FuncOp"> {
  let summary = "Compute no more than the diagonals of matrices that are zero elsewhere";
  let description = [{
    ```mlir
    %a = diptych.mul %identity, %x_repeated                     // before
    %b = diptych.slice %identity ... ; %c = diptych.mul %b, %y_repeated
    %m = diptych.sub %a, %c

    %n = diptych.neg %y                                         // after
    %r = diptych.where %below, %n_repeated, %zeros
    %m = diptych.where %on, %x_repeated, %r
    ```
    Their sums over columns are vectors, and their products with matrices are sums of scaled rows or columns.
    Standard numerics only: what is infinite beside a zero leaves no NaN.
  }];
  let dependentDialects = ["::diptych::ir::DiptychDialect", "::mlir::func::FuncDialect"];
}

def FactorRows : Pass<"diptych-factor-rows", "::mlir::func::FuncOp"> {
  let summary = "Take late numbers out of sums over rows, so that a large array is read once";
  let description = [{
    Where g = c u row by row, and c is known only after all rows of X were read:
    ```mlir
    %d = diptych.matmul %xt, %g          // before: X' g, a second pass over X

    %v = diptych.matmul %xt_rows, %u     // after: X_t' u_t for each row t, beside the first pass
    %d = diptych.matmul %c, %v           // sum over t of c_t v_t
    ```
  }];
  let dependentDialects = ["::diptych::ir::DiptychDialect", "::mlir::func::FuncDialect"];
}

def UseSymmetry : Pass<"diptych-use-symmetry", "::mlir::func::FuncOp"> {
  let summary = "Compute one half of the products that make up a symmetric result, and turn none";
  let description = [{
    ```mlir
    func.func @main(...) -> (tensor<NxNxf64> {diptych.symmetric})
    %p = diptych.matmul %a, %b                           // before
    %h = diptych.transpose %p ...
    return %h

    %u = diptych.matmul %a, %b {diptych.upper}           // after: nothing is known where row > column
    %h = diptych.where %row_le_column, %u, %u_transposed
    return %h
    ```
    Standard numerics only: the transpose is the same but for rounding.
  }];
  let dependentDialects = ["::diptych::ir::DiptychDialect", "::mlir::func::FuncDialect"];
}

def FormFusions : Pass<"diptych-form-fusions", "::mlir::func::FuncOp"> {
  let summary = "Group operators that become one kernel";
  let description = [{
    Pointwise operators join the kernel of their consumer; a reduction takes in what it reduces. What
    several kernels need is computed again where that is cheap and stored where it is not.
    ```mlir
    %a = diptych.exp %x : tensor<4x8xf64> -> tensor<4x8xf64>            // before
    %s = diptych.sum %a {axes = array<i64: 1>} : tensor<4x8xf64> -> tensor<4xf64>

    %s = diptych.fusion "reduction" (%c = %x : tensor<4x8xf64>) -> (tensor<4xf64>) {  // after
      %a = diptych.exp %c : tensor<4x8xf64> -> tensor<4x8xf64>
      %t = diptych.sum %a {axes = array<i64: 1>} : tensor<4x8xf64> -> tensor<4xf64>
      diptych.yield %t : tensor<4xf64>
    }
    ```
    Reductions over several axes become one for each axis, innermost first: the canonical order.
  }];
  let dependentDialects = ["::diptych::ir::DiptychDialect", "::mlir::func::FuncDialect"];
}

#endif
