// The dialect as mlir-tblgen sees it: the operator table, and the structure around it.
// What stands here is no operator: it has no row in the table, no kernel and no derivative rule.
#ifndef DIPTYCH_DIALECT
#define DIPTYCH_DIALECT

include "ir/Ops.td"
include "mlir/IR/SymbolInterfaces.td"

class Diptych_Structure<string mnemonic, list<Trait> traits = []>
    : Op<Diptych_Dialect, mnemonic, traits # [Pure]>;

class Diptych_Derivative<string mnemonic>
    : Diptych_Structure<mnemonic, [AttrSizedOperandSegments,
                                   DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let results = (outs Variadic<Diptych_Tensor>:$results);
}

def VjpOp : Diptych_Derivative<"vjp"> {
  let summary = "a function's outputs, and cotangents of its outputs pulled back to inputs `wrt`";
  let description = [{
    Results are the callee's outputs, then one cotangent for each input in `wrt`, of that input's type.
    With `batch` n > 0 every cotangent, given or returned, carries a leading axis of size n.

    ```mlir
    %y, %dx = diptych.vjp @f(%x) cotangents(%dy) wrt [0]
        : (tensor<3xf64>, tensor<f64>) -> (tensor<f64>, tensor<3xf64>)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<Diptych_Tensor>:$inputs,
                   Variadic<Diptych_Tensor>:$cotangents, DenseI64ArrayAttr:$wrt,
                   DefaultValuedAttr<I64Attr, "0">:$batch);
  let assemblyFormat = [{
    $callee `(` $inputs `)` `cotangents` `(` $cotangents `)` `wrt` $wrt (`batch` $batch^)? attr-dict
    `:` functional-type(operands, results)
  }];
}

def JvpOp : Diptych_Derivative<"jvp"> {
  let summary = "a function's outputs, and tangents of its inputs `wrt` pushed forward to them";
  let description = [{
    Results are the callee's outputs, then one tangent for each output, of that output's type.
    With `batch` n > 0 every tangent, given or returned, carries a leading axis of size n.

    ```mlir
    %y, %dy = diptych.jvp @f(%x) tangents(%dx) wrt [0]
        : (tensor<3xf64>, tensor<3xf64>) -> (tensor<f64>, tensor<f64>)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<Diptych_Tensor>:$inputs,
                   Variadic<Diptych_Tensor>:$tangents, DenseI64ArrayAttr:$wrt,
                   DefaultValuedAttr<I64Attr, "0">:$batch);
  let assemblyFormat = [{
    $callee `(` $inputs `)` `tangents` `(` $tangents `)` `wrt` $wrt (`batch` $batch^)? attr-dict
    `:` functional-type(operands, results)
  }];
}

class Diptych_Call<string mnemonic, list<Trait> traits = []>
    : Diptych_Structure<mnemonic, traits # [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let results = (outs Variadic<Diptych_Tensor>:$results);
}

def CustomOp : Diptych_Call<"custom", [AttrSizedOperandSegments]> {
  let summary = "a call of a function that has derivative rules of its own";
  let description = [{
    `captured` are the callee's last arguments: values of the program that no rule knows. The rule
    `vjp` takes the inputs, the results, a cotangent for each float result, and `vjpCaptured`; it
    gives a cotangent for each float input. The rule `jvp` takes the inputs, the results, a tangent
    for each float input, and `jvpCaptured`; it gives a tangent of each float result.

    ```mlir
    %y = diptych.custom @f(%x) captured() vjp @f_vjp() jvp @f_jvp() "custom_vjp"
        : (tensor<3xf64>) -> tensor<3xf64>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<Diptych_Tensor>:$inputs,
                   Variadic<Diptych_Tensor>:$captured, FlatSymbolRefAttr:$vjp,
                   Variadic<Diptych_Tensor>:$vjpCaptured, FlatSymbolRefAttr:$jvp,
                   Variadic<Diptych_Tensor>:$jvpCaptured, StrAttr:$label);
  let assemblyFormat = [{
    $callee `(` $inputs `)` `captured` `(` $captured `)` `vjp` $vjp `(` $vjpCaptured `)`
    `jvp` $jvp `(` $jvpCaptured `)` $label attr-dict `:` functional-type(operands, results)
  }];
}

def CheckpointOp : Diptych_Call<"checkpoint"> {
  let summary = "a call of a function whose intermediate values a reverse sweep computes again";
  let description = [{
    ```mlir
    %y = diptych.checkpoint @f(%x) : (tensor<3xf64>) -> tensor<3xf64>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<Diptych_Tensor>:$inputs);
  let assemblyFormat = [{
    $callee `(` $inputs `)` attr-dict `:` functional-type(operands, results)
  }];
}

def BarrierOp : Diptych_Structure<"barrier", [AllTypesMatch<["x", "result"]>]> {
  let summary = "the same value, but not to be merged with what is computed from x elsewhere";
  let description = [{
    Stands before what is computed again, so that CSE keeps it apart from the first time. Goes when
    kernels are formed.

    ```mlir
    %b = diptych.barrier %x : tensor<3xf64>
    ```
  }];
  let arguments = (ins Diptych_Tensor:$x);
  let results = (outs Diptych_Tensor:$result);
  let assemblyFormat = "$x attr-dict `:` type($x)";
}

class Diptych_Control<string mnemonic, list<Trait> traits = []>
    : Diptych_Structure<mnemonic, traits # [IsolatedFromAbove, SingleBlock]> {
  let results = (outs Variadic<Diptych_Tensor>:$results);
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def ScanOp : Diptych_Control<"scan", [AttrSizedOperandSegments]> {
  let summary = "a loop over axis 0 of xs, which hands a carry on and stacks ys";
  let description = [{
    The body takes the consts, the carry and a step's part of each of xs; it yields the next carry,
    and the step's part of each of ys. Results are the last carry and ys. `reverse` goes from the
    last step to the first. `kept` n: the last n ys are the carry that each step began with.

    ```mlir
    %c, %ys = diptych.scan consts(%w) carry(%c0) xs(%xs) length 5
        : (tensor<f64>, tensor<f64>, tensor<5xf64>) -> (tensor<f64>, tensor<5xf64>) {
    ^bb0(%w: tensor<f64>, %c: tensor<f64>, %x: tensor<f64>):
      %p = diptych.mul %c, %w : tensor<f64>, tensor<f64> -> tensor<f64>
      %n = diptych.add %p, %x : tensor<f64>, tensor<f64> -> tensor<f64>
      diptych.yield %n, %p : tensor<f64>, tensor<f64>
    }
    ```
  }];
  let arguments = (ins Variadic<Diptych_Tensor>:$consts, Variadic<Diptych_Tensor>:$carry,
                   Variadic<Diptych_Tensor>:$xs, I64Attr:$length, UnitAttr:$reverse,
                   DefaultValuedAttr<I64Attr, "0">:$kept);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `consts` `(` $consts `)` `carry` `(` $carry `)` `xs` `(` $xs `)` `length` $length
    (`reverse` $reverse^)? (`kept` $kept^)? attr-dict `:` functional-type(operands, results) $body
  }];
}

def WhileOp : Diptych_Control<"while", [AttrSizedOperandSegments]> {
  let summary = "a loop as long as a condition on its carry holds, for at most `max_steps` steps";
  let description = [{
    Both regions take the consts and the carry; `condition` yields one boolean, `body` the next
    carry. Without `max_steps` there is no bound.

    ```mlir
    %c = diptych.while consts(%n) carry(%c0) max_steps 9
        : (tensor<f64>, tensor<f64>) -> tensor<f64> {
    ^bb0(%n: tensor<f64>, %c: tensor<f64>):
      %p = diptych.lt %c, %n : tensor<f64>, tensor<f64> -> tensor<i1>
      diptych.yield %p : tensor<i1>
    } do {
    ^bb0(%n: tensor<f64>, %c: tensor<f64>):
      %d = diptych.add %c, %c : tensor<f64>, tensor<f64> -> tensor<f64>
      diptych.yield %d : tensor<f64>
    }
    ```
  }];
  let arguments = (ins Variadic<Diptych_Tensor>:$consts, Variadic<Diptych_Tensor>:$carry,
                   OptionalAttr<I64Attr>:$max_steps);
  let regions = (region SizedRegion<1>:$condition, SizedRegion<1>:$body);
  let assemblyFormat = [{
    `consts` `(` $consts `)` `carry` `(` $carry `)` (`max_steps` $max_steps^)? attr-dict
    `:` functional-type(operands, results) $condition `do` $body
  }];
}

def CondOp : Diptych_Control<"cond"> {
  let summary = "one of two regions, by a predicate; the other is not computed";
  let description = [{
    ```mlir
    %y = diptych.cond %p(%x) : (tensor<i1>, tensor<f64>) -> tensor<f64> {
    ^bb0(%x: tensor<f64>):
      diptych.yield %x : tensor<f64>
    } else {
    ^bb0(%x: tensor<f64>):
      %n = diptych.neg %x : tensor<f64> -> tensor<f64>
      diptych.yield %n : tensor<f64>
    }
    ```
  }];
  let arguments = (ins Diptych_Tensor:$predicate, Variadic<Diptych_Tensor>:$inputs);
  let regions = (region SizedRegion<1>:$body, SizedRegion<1>:$otherwise);
  let assemblyFormat = [{
    $predicate `(` $inputs `)` attr-dict `:` functional-type(operands, results) $body `else`
    $otherwise
  }];
}

def FusionOp : Diptych_Structure<"fusion", [IsolatedFromAbove, SingleBlock]> {
  let summary = "operators that become one kernel";
  let description = [{
    The region's arguments are the operands. `kind` is "pointwise" (pointwise, creation and movement
    operators), "reduction" (these, and reductions) or "scan" (these, and cumulative operators of one
    shape along one axis, whose results are read element by element or leave the region). "pieces" are
    pointwise too, with pads and concatenations along one axis: a kernel for each piece of it.

    ```mlir
    %r = diptych.fusion "pointwise" (%a = %x : tensor<4xf64>) -> tensor<4xf64> {
      %e = diptych.exp %a : tensor<4xf64> -> tensor<4xf64>
      diptych.yield %e : tensor<4xf64>
    }
    ```
  }];
  let arguments = (ins Variadic<Diptych_Tensor>:$captures, StrAttr:$kind);
  let results = (outs Variadic<Diptych_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def SolverOp : Diptych_Structure<"solver"> {
  let summary = "a routine of a GPU's solver library on a stack of matrices";
  let description = [{
    What `diptych-call-solvers` leaves of an operator of linear algebra: the bare factorisation, whose
    signs and unused halves are as the library leaves them. Matrices are f64, [b, rows, columns]; `_t`
    says that they are transposed, since the library goes down columns. `info` is 0 where a matrix
    was regular, else the number of its failing pivot from 1.

    ```
    cholesky(x)                    -> l, info       the lower half of l counts
    triangular_solve(a, b, info)   -> x, info       `lower`, `transposed`, `unit`: of a; info is handed on
    solve(a, b_t)                  -> x_t, info     `transposed`: of a
    lu(x)                          -> lu_t, pivots  row i was exchanged with row pivots[i] - 1
    qr(x_t)                        -> r_t, q_t      of r_t [b, n, m], the lower half of n columns counts
    eigh(x)                        -> v_t, w, info  ascending
    svd(x_t)                       -> u_t, v, s, info  descending
    ```

    `checked`: that a matrix fails is an error, which names the matrices of an operand of that type.

    ```mlir
    %l, %info = diptych.solver "cholesky"(%x) checked tensor<3x3xf32>
        : (tensor<1x3x3xf64>) -> (tensor<1x3x3xf64>, tensor<1xi32>)
    ```
  }];
  let arguments = (ins StrAttr:$routine, Variadic<Diptych_Tensor>:$inputs, UnitAttr:$lower,
                   UnitAttr:$transposed, UnitAttr:$unit, OptionalAttr<TypeAttr>:$checked);
  let results = (outs Variadic<Diptych_Tensor>:$results);
  let assemblyFormat = [{
    $routine `(` $inputs `)` (`lower` $lower^)? (`transposed` $transposed^)? (`unit` $unit^)?
    (`checked` $checked^)? attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = [{
    /// Of a routine for inputs of these types; none where they do not fit.
    static std::optional<std::vector<TensorType>> resultTypes(llvm::StringRef routine,
                                                              llvm::ArrayRef<TensorType> inputs);
    /// Whether one call serves all `count` matrices of order n.
    static bool isBatched(llvm::StringRef routine, int64_t count, int64_t n);
  }];
  let hasVerifier = 1;
}

def YieldOp : Diptych_Structure<"yield", [Terminator, ParentOneOf<["FusionOp", "ScanOp", "WhileOp",
                                                               "CondOp"]>]> {
  let summary = "ends a region and gives its results";
  let arguments = (ins Variadic<Diptych_Tensor>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

#endif
