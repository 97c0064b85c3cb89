// THE operator table. A new pointwise operator is one record here, one rule in autodiff/ and one
// lowering in codegen/Lowerings.cpp. docs/design.md shows the diff.
#ifndef DIPTYCH_OPS
#define DIPTYCH_OPS

include "ir/OpBase.td"

//===-- Pointwise: arithmetic ----------------------------------------------------------------===//

def NegOp : Diptych_Unary<"neg"> {
  let summary = "-x, elementwise";
  let dtypes = Numbers;
  let derivative = Pointwise;
  let domain = ["-3.0", "3.0"];
  let hasFolder = 1;
}
def AddOp : Diptych_Binary<"add", [Commutative]> {
  let summary = "x + y, elementwise; integers wrap";
  let derivative = Pointwise;
  let domain = ["-3.0", "3.0"];
  let hasFolder = 1;
}
def SubOp : Diptych_Binary<"sub"> {
  let summary = "x - y, elementwise; integers wrap";
  let derivative = Pointwise;
  let domain = ["-3.0", "3.0"];
  let hasFolder = 1;
}
def MulOp : Diptych_Binary<"mul", [Commutative]> {
  let summary = "x y, elementwise; integers wrap";
  let derivative = Pointwise;
  let domain = ["-3.0", "3.0"];
  let hasFolder = 1;
}
def DivOp : Diptych_Binary<"div"> {
  let summary = "x / y, elementwise, IEEE; floats only";
  let cost = 4;
  let dtypes = Floats;
  let derivative = Pointwise;
  let domain = ["0.5", "3.0"];
  let convention = "x / 0 is an infinity, 0 / 0 is NaN";
  let hasFolder = 1;
}
def PowOp : Diptych_Binary<"pow"> {
  let summary = "x to the power y, elementwise; floats only";
  let cost = 80;
  let dtypes = Floats;
  let derivative = Pointwise;
  let domain = ["0.3", "2.5"];
  let convention = "pow(x, 0) = 1 for every x; d/dx at y = 0 is 0; d/dy at x = 0, y >= 0 is 0";
}
def MaximumOp : Diptych_Binary<"maximum", [Commutative]> {
  let summary = "the larger of x and y, elementwise; NaN if either is NaN";
  let derivative = Pointwise;
  let domain = ["-3.0", "3.0"];
  let convention = "at a tie each side has derivative 1/2; where either is NaN, each has 1";
}
def MinimumOp : Diptych_Binary<"minimum", [Commutative]> {
  let summary = "the smaller of x and y, elementwise; NaN if either is NaN";
  let derivative = Pointwise;
  let domain = ["-3.0", "3.0"];
  let convention = "at a tie each side has derivative 1/2; where either is NaN, each has 1";
}

//===-- Pointwise: functions of one variable -------------------------------------------------===//

def ExpOp : Diptych_Unary<"exp"> {
  let summary = "e to the x, elementwise";
  let cost = 20;
  let derivative = Pointwise;
  let domain = ["-4.0", "4.0"];
}
def Expm1Op : Diptych_Unary<"expm1"> {
  let summary = "exp(x) - 1 without cancellation near 0, elementwise";
  let cost = 25;
  let derivative = Pointwise;
  let domain = ["-4.0", "4.0"];
}
def LogOp : Diptych_Unary<"log"> {
  let summary = "natural logarithm, elementwise";
  let cost = 25;
  let derivative = Pointwise;
  let domain = ["0.1", "8.0"];
  let convention = "log(0) is -infinity, log of a negative number is NaN";
}
def Log1pOp : Diptych_Unary<"log1p"> {
  let summary = "log(1 + x) without cancellation near 0, elementwise";
  let cost = 30;
  let derivative = Pointwise;
  let domain = ["-0.8", "8.0"];
}
def SqrtOp : Diptych_Unary<"sqrt"> {
  let summary = "square root, elementwise, correctly rounded";
  let cost = 6;
  let derivative = Pointwise;
  let domain = ["0.1", "8.0"];
  let convention = "the derivative at 0 is +infinity";
}
def RsqrtOp : Diptych_Unary<"rsqrt"> {
  let summary = "1 / sqrt(x), elementwise";
  let cost = 10;
  let derivative = Pointwise;
  let domain = ["0.1", "8.0"];
}
def TanhOp : Diptych_Unary<"tanh"> {
  let summary = "hyperbolic tangent, elementwise";
  let cost = 30;
  let derivative = Pointwise;
  let domain = ["-4.0", "4.0"];
}
def SigmoidOp : Diptych_Unary<"sigmoid"> {
  let summary = "1 / (1 + exp(-x)), elementwise";
  let cost = 25;
  let derivative = Pointwise;
  let domain = ["-6.0", "6.0"];
}
def ReluOp : Diptych_Unary<"relu"> {
  let summary = "x where x > 0, else 0, elementwise; NaN stays";
  let derivative = Pointwise;
  let domain = ["-3.0", "3.0"];
  let convention = "the derivative at 0 is 0";
}
def SinOp : Diptych_Unary<"sin"> {
  let summary = "sine of x in radians, elementwise";
  let cost = 30;
  let derivative = Pointwise;
  let domain = ["-6.0", "6.0"];
}
def CosOp : Diptych_Unary<"cos"> {
  let summary = "cosine of x in radians, elementwise";
  let cost = 30;
  let derivative = Pointwise;
  let domain = ["-6.0", "6.0"];
}
def ErfOp : Diptych_Unary<"erf"> {
  let summary = "error function 2/sqrt(pi) * integral of exp(-t^2) from 0 to x, elementwise";
  let cost = 40;
  let derivative = Pointwise;
  let domain = ["-3.0", "3.0"];
}
def AbsOp : Diptych_Unary<"abs"> {
  let summary = "absolute value, elementwise; the least integer stays as it is";
  let dtypes = Numbers;
  let derivative = Pointwise;
  let domain = ["-3.0", "3.0"];
  let convention = "the derivative at 0 is 0";
}
def SignOp : Diptych_Unary<"sign"> {
  let summary = "-1, 0 or 1, elementwise; NaN stays, and so does the sign of a zero";
  let dtypes = Numbers;
  let derivative = Zero;
  let domain = ["-3.0", "3.0"];
}
def FloorOp : Diptych_Unary<"floor"> {
  let summary = "the largest integer not above x, elementwise";
  let derivative = Zero;
  let domain = ["-3.0", "3.0"];
}

//===-- Pointwise: comparison, logic, selection ----------------------------------------------===//

def EqOp : Diptych_Comparison<"eq"> { let summary = "x == y, elementwise; false on NaN"; }
def NeOp : Diptych_Comparison<"ne"> { let summary = "x != y, elementwise; true on NaN"; }
def LtOp : Diptych_Comparison<"lt"> { let summary = "x < y, elementwise; false on NaN"; }
def LeOp : Diptych_Comparison<"le"> { let summary = "x <= y, elementwise; false on NaN"; }
def GtOp : Diptych_Comparison<"gt"> { let summary = "x > y, elementwise; false on NaN"; }
def GeOp : Diptych_Comparison<"ge"> { let summary = "x >= y, elementwise; false on NaN"; }

def LogicalAndOp : Diptych_Logical<"logical_and"> { let summary = "x and y, elementwise"; }
def LogicalOrOp : Diptych_Logical<"logical_or"> { let summary = "x or y, elementwise"; }
def LogicalXorOp : Diptych_Logical<"logical_xor"> { let summary = "either x or y, elementwise"; }
def LogicalNotOp : Diptych_Unary<"logical_not"> {
  let summary = "not x, elementwise";
  let dtypes = Booleans;
  let derivative = Zero;
  let hasFolder = 1;
}

def WhereOp : Diptych_Op<"where", "Pointwise"> {
  let summary = "x where the condition holds, else y, elementwise";
  let arguments = (ins Diptych_Tensor:$condition, Diptych_Tensor:$x, Diptych_Tensor:$y);
  let typeRule = "where";
  let derivative = Pointwise;
  let domain = ["-3.0", "3.0"];
  let convention = "the side that is not taken has cotangent 0, whatever its value";
  let hasFolder = 1;
  let assemblyFormat = "operands attr-dict `:` type(operands) `->` type($result)";
}
def ConvertOp : Diptych_Op<"convert", "Pointwise"> {
  let summary = "the same numbers in another element type";
  let description = [{Float to integer truncates towards zero and saturates (NaN gives 0); number to
    boolean is x != 0; f64 to f32 rounds to nearest even.}];
  let arguments = (ins Diptych_Tensor:$x);
  let typeRule = "convert";
  let derivative = Linear;
  let dslName = "";
  let domain = ["-3.0", "3.0"];
  let hasFolder = 1;
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
}
def StopGradientOp : Diptych_Unary<"stop_gradient"> {
  let summary = "x, with derivative zero";
  let dtypes = AnyDType;
  let derivative = Zero;
  let domain = ["-3.0", "3.0"];
}

//===-- Creation -----------------------------------------------------------------------------===//

def ConstantOp : Diptych_Op<"constant", "Creation",
                            [ConstantLike, AllTypesMatch<["value", "result"]>]> {
  let summary = "a tensor of known values";
  let arguments = (ins ElementsAttr:$value);
  let typeRule = "creation";
  let derivative = Zero;
  let dslName = "";
  let hasFolder = 1;
  let assemblyFormat = "$value attr-dict";
  let extraClassDeclaration = [{
    static bool isBuildableWith(::mlir::Attribute value, ::mlir::Type type);
  }];
}
def IotaOp : Diptych_Op<"iota", "Creation"> {
  let summary = "the index along one axis: 0, 1, 2, ...";
  let arguments = (ins I64Attr:$axis);
  let typeRule = "iota";
  let derivative = Zero;
  let dslName = "";
  let assemblyFormat = "attr-dict `:` type($result)";
}

//===-- Movement -----------------------------------------------------------------------------===//

def BroadcastOp : Diptych_Movement<"broadcast", "broadcast"> {
  let summary = "repeats x along new axes; input axis i becomes output axis axes[i]";
  let arguments = (ins Diptych_Tensor:$x, DenseI64ArrayAttr:$axes);
  let hasFolder = 1;
}
def ReshapeOp : Diptych_Movement<"reshape", "reshape"> {
  let summary = "the same elements in row-major order under another shape";
  let arguments = (ins Diptych_Tensor:$x);
  let hasFolder = 1;
}
def TransposeOp : Diptych_Movement<"transpose", "transpose"> {
  let summary = "output axis i is input axis axes[i]";
  let arguments = (ins Diptych_Tensor:$x, DenseI64ArrayAttr:$axes);
  let hasFolder = 1;
}
def SliceOp : Diptych_Movement<"slice", "slice"> {
  let summary = "elements starts, starts + strides, ... below limits, on every axis";
  let arguments = (ins Diptych_Tensor:$x, DenseI64ArrayAttr:$starts, DenseI64ArrayAttr:$limits,
                   DenseI64ArrayAttr:$strides);
  let hasFolder = 1;
}
def PadOp : Diptych_Movement<"pad", "pad"> {
  let summary = "x with `low` values before, `high` after and `interior` between its elements";
  let arguments = (ins Diptych_Tensor:$x, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high,
                   DenseI64ArrayAttr:$interior, TypedAttrInterface:$value);
  let hasFolder = 1;
}
def ReverseOp : Diptych_Movement<"reverse", "reverse"> {
  let summary = "x with the order of elements turned round along axes";
  let arguments = (ins Diptych_Tensor:$x, DenseI64ArrayAttr:$axes);
  let hasFolder = 1;
}
def ConcatenateOp : Diptych_Movement<"concatenate", "concatenate"> {
  let summary = "the operands one after the other along an axis";
  let arguments = (ins Variadic<Diptych_Tensor>:$operands, I64Attr:$axis);
  let hasFolder = 1;
  let assemblyFormat = "$operands attr-dict `:` type($operands) `->` type($result)";
}

//===-- Reductions ---------------------------------------------------------------------------===//

def SumOp : Diptych_Reduction<"sum", "Add"> {
  let summary = "sum over axes; 0 for no elements";
  let derivative = Linear;
  let domain = ["-3.0", "3.0"];
}
def ProdOp : Diptych_Reduction<"prod", "Mul"> {
  let summary = "product over axes; 1 for no elements";
  let derivative = Custom;
  let domain = ["0.5", "1.5"];
  let convention = "derivatives are right at zeros, to every order";
}
def MaxOp : Diptych_Reduction<"max", "Maximum"> {
  let summary = "maximum over axes; NaN if any element is NaN";
  let derivative = Custom;
  let domain = ["-3.0", "3.0"];
  let convention = "tied elements share the derivative equally, and so do all where the result is NaN";
}
def MinOp : Diptych_Reduction<"min", "Minimum"> {
  let summary = "minimum over axes; NaN if any element is NaN";
  let derivative = Custom;
  let domain = ["-3.0", "3.0"];
  let convention = "tied elements share the derivative equally, and so do all where the result is NaN";
}
def ArgmaxOp : Diptych_ArgReduction<"argmax"> {
  let summary = "i64 index of the maximum along an axis; the first of ties; the first NaN wins";
}
def ArgminOp : Diptych_ArgReduction<"argmin"> {
  let summary = "i64 index of the minimum along an axis; the first of ties; the first NaN wins";
}

//===-- Contraction and indexing -------------------------------------------------------------===//

def MatmulOp : Diptych_Op<"matmul", "Matmul"> {
  let summary = "matrix product [..., m, k] x [..., k, n] -> [..., m, n], equal batch axes";
  let arguments = (ins Diptych_Tensor:$x, Diptych_Tensor:$y);
  let dtypes = Floats;
  let typeRule = "matmul";
  let derivative = Bilinear;
  let dslName = "";
  let domain = ["-2.0", "2.0"];
  let assemblyFormat = "operands attr-dict `:` type(operands) `->` type($result)";
}
def GatherOp : Diptych_Op<"gather", "Gather"> {
  let summary = "rows of x along an axis, chosen by indices (i32 or i64)";
  let description = [{The result's shape is x.shape[:axis] + indices.shape + x.shape[axis+1:]. An
    index below 0 or not below x.shape[axis] is an error.}];
  let arguments = (ins Diptych_Tensor:$x, Diptych_Tensor:$indices, I64Attr:$axis);
  let typeRule = "gather";
  let derivative = Linear;
  let dslName = "";
  let domain = ["-3.0", "3.0"];
  let assemblyFormat = "operands attr-dict `:` type(operands) `->` type($result)";
}
def ScatterAddOp : Diptych_Op<"scatter_add", "ScatterAdd"> {
  let summary = "x with updates added to the rows along an axis that indices choose";
  let description = [{The transpose of gather: updates has gather's result shape. Updates to the same
    place are added in row-major order of the updates.}];
  let arguments = (ins Diptych_Tensor:$x, Diptych_Tensor:$indices, Diptych_Tensor:$updates, I64Attr:$axis);
  let dtypes = Numbers;
  let typeRule = "scatterAdd";
  let derivative = Linear;
  let dslName = "";
  let domain = ["-3.0", "3.0"];
  let assemblyFormat = "operands attr-dict `:` type(operands) `->` type($result)";
}

#endif
