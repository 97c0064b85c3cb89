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
def FmodOp : Diptych_Binary<"fmod"> {
  let summary = "x - n y with n = x / y rounded towards 0, elementwise, exact: the sign is that of x; floats only";
  let cost = 60;
  let dtypes = Floats;
  let derivative = Pointwise;
  let domain = ["0.5", "3.0"];
  let convention = "NaN where y is 0 or x infinite; d/dx is 1 and d/dy is -n, at the jumps too";
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
def Exp2Op : Diptych_Unary<"exp2"> {
  let summary = "2 to the x, elementwise";
  let cost = 20;
  let derivative = Pointwise;
  let domain = ["-6.0", "6.0"];
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
def Log2Op : Diptych_Unary<"log2"> {
  let summary = "logarithm to the base 2, elementwise; exact for powers of 2";
  let cost = 50;
  let derivative = Pointwise;
  let domain = ["0.1", "8.0"];
  let convention = "log2(0) is -infinity, log2 of a negative number is NaN";
}
def Log10Op : Diptych_Unary<"log10"> {
  let summary = "logarithm to the base 10, elementwise";
  let cost = 50;
  let derivative = Pointwise;
  let domain = ["0.1", "8.0"];
  let convention = "log10(0) is -infinity, log10 of a negative number is NaN";
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
def CbrtOp : Diptych_Unary<"cbrt"> {
  let summary = "cube root, elementwise, of negative numbers too";
  let cost = 30;
  let derivative = Pointwise;
  let domain = ["0.1", "8.0"];
  let convention = "the derivative at 0 is +infinity";
}
def SinhOp : Diptych_Unary<"sinh"> {
  let summary = "hyperbolic sine, elementwise";
  let cost = 35;
  let derivative = Pointwise;
  let domain = ["-4.0", "4.0"];
}
def CoshOp : Diptych_Unary<"cosh"> {
  let summary = "hyperbolic cosine, elementwise";
  let cost = 35;
  let derivative = Pointwise;
  let domain = ["-4.0", "4.0"];
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
def SoftplusOp : Diptych_Unary<"softplus"> {
  let summary = "log(1 + exp(x)) without overflow, elementwise";
  let cost = 50;
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
def TanOp : Diptych_Unary<"tan"> {
  let summary = "tangent of x in radians, elementwise";
  let cost = 40;
  let derivative = Pointwise;
  let domain = ["-1.2", "1.2"];
}
def AsinOp : Diptych_Unary<"asin"> {
  let summary = "the angle in [-pi/2, pi/2] whose sine is x, elementwise";
  let cost = 40;
  let derivative = Pointwise;
  let domain = ["-0.8", "0.8"];
  let convention = "NaN outside [-1, 1]; the derivative at -1 and 1 is +infinity";
}
def AcosOp : Diptych_Unary<"acos"> {
  let summary = "the angle in [0, pi] whose cosine is x, elementwise";
  let cost = 40;
  let derivative = Pointwise;
  let domain = ["-0.8", "0.8"];
  let convention = "NaN outside [-1, 1]; the derivative at -1 and 1 is -infinity";
}
def AtanOp : Diptych_Unary<"atan"> {
  let summary = "the angle in [-pi/2, pi/2] whose tangent is x, elementwise";
  let cost = 35;
  let derivative = Pointwise;
  let domain = ["-4.0", "4.0"];
}
def Atan2Op : Diptych_Binary<"atan2"> {
  let summary = "the angle in [-pi, pi] of the point (x, y), elementwise; the ordinate comes first";
  let arguments = (ins Diptych_Tensor:$y, Diptych_Tensor:$x);
  let cost = 60;
  let dtypes = Floats;
  let derivative = Pointwise;
  let domain = ["0.3", "2.5"];
  let convention = "signs of zeros choose the side as in C; at the origin, which has no angle, derivatives are NaN";
  let assemblyFormat = "$y `,` $x attr-dict `:` type($y) `,` type($x) `->` type($result)";
}
def ErfOp : Diptych_Unary<"erf"> {
  let summary = "error function 2/sqrt(pi) * integral of exp(-t^2) from 0 to x, elementwise";
  let cost = 40;
  let derivative = Pointwise;
  let domain = ["-3.0", "3.0"];
}
def ErfcOp : Diptych_Unary<"erfc"> {
  let summary = "1 - erf(x) without cancellation, elementwise";
  let cost = 70;
  let derivative = Pointwise;
  let domain = ["-3.0", "3.0"];
}
def ErfinvOp : Diptych_Unary<"erfinv"> {
  let summary = "the number whose erf is x, elementwise";
  let cost = 100;
  let derivative = Pointwise;
  let domain = ["-0.8", "0.8"];
  let convention = "infinite at -1 and 1, as is the derivative; NaN outside";
}
def NormalCdfOp : Diptych_Unary<"normal_cdf"> {
  let summary = "probability that a standard normal variable is at most x, elementwise";
  let description = [{The lower tail keeps its relative accuracy down to the smallest number, near x = -38.5.}];
  let cost = 70;
  let derivative = Pointwise;
  let domain = ["-3.0", "3.0"];
}
def LgammaOp : Diptych_Unary<"lgamma"> {
  let summary = "log |Gamma(x)|, elementwise";
  let cost = 150;
  let derivative = Pointwise;
  let domain = ["0.3", "5.0"];
  let convention = "+infinity at 0 and at negative integers, where the derivative is NaN";
}
def DigammaOp : Diptych_Unary<"digamma"> {
  let summary = "derivative of log Gamma(x), elementwise";
  let cost = 120;
  let derivative = Pointwise;
  let domain = ["0.3", "5.0"];
  let convention = "-infinity at 0, +infinity at -0, NaN at negative integers";
}
def PolygammaOp : Diptych_Binary<"polygamma"> {
  let summary = "derivative of order n of digamma at x, elementwise";
  let description = [{The order is a number like x: rounded to a whole one, so that nothing depends on it
    continuously. The DSL takes an integer and gives digamma for order 0.}];
  let arguments = (ins Diptych_Tensor:$n, Diptych_Tensor:$x);
  let cost = 300;
  let dtypes = Floats;
  let derivative = Pointwise;
  let dslName = "";
  let domain = ["0.6", "1.4"];
  let convention = "NaN unless n rounds to 1, 2, ..., 170; the derivative in n is 0; at the poles 0, -1, -2, ... +infinity for odd n; for even n -infinity at 0, else NaN";
  let assemblyFormat = "$n `,` $x attr-dict `:` type($n) `,` type($x) `->` type($result)";
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
def CeilOp : Diptych_Unary<"ceil"> {
  let summary = "the smallest integer not below x, elementwise";
  let derivative = Zero;
  let domain = ["-3.0", "3.0"];
}
def TruncOp : Diptych_Unary<"trunc"> {
  let summary = "the integer next to x towards 0, elementwise";
  let derivative = Zero;
  let domain = ["-3.0", "3.0"];
}
def RoundOp : Diptych_Unary<"round"> {
  let summary = "the integer nearest to x, elementwise; halves go to the even one";
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
    boolean is x != 0; a narrower float rounds once, to nearest even.}];
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

//===-- Pointwise: bits ----------------------------------------------------------------------===//

def ShiftRightOp : Diptych_Binary<"shift_right"> {
  let summary = "the bits of x moved down by y places, elementwise; zeros come in at the top, whatever the sign";
  let dtypes = Integers;
  let derivative = Zero;
  let convention = "0 where y is negative or not below the number of bits";
}
def PhiloxOp : Diptych_Op<"philox", "Pointwise"> {
  let summary = "64 random bits: the first two words of Philox4x32-10, elementwise";
  let description = [{Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011). The counter's
    four words are those of `counter` and of `stream`, low word first; a block cipher, so that equal operands give
    equal bits and there is no state. See docs/random.md for what keys and streams are.}];
  let arguments = (ins Diptych_Tensor:$key, Diptych_Tensor:$counter, Diptych_Tensor:$stream);
  let cost = 100;
  let dtypes = Longs;
  let typeRule = "sameType";
  let derivative = Zero;
  let assemblyFormat = "operands attr-dict `:` type(operands) `->` type($result)";
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

def WindowsOp : Diptych_Movement<"windows", "windows"> {
  let summary = "each of the axes becomes two: windows, and elements of a window";
  let description = [{Axis a of extent L becomes [o, k]: element (i, j) is x[i * strides + j * dilations],
    k = sizes, and o the number of windows that fit whole. A view: no element is copied.}];
  let arguments = (ins Diptych_Tensor:$x, DenseI64ArrayAttr:$axes, DenseI64ArrayAttr:$sizes,
                   DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations);
}
def OverlapAddOp : Diptych_Op<"overlap_add", "OverlapAdd"> {
  let summary = "the transpose of windows: each pair of axes [o, k] becomes one, on which windows are laid and added";
  let description = [{`axes` are those of the result; places that no window covers are 0. What meets at
    one place is added to 0 in row-major order of the places in the window.}];
  let arguments = (ins Diptych_Tensor:$x, DenseI64ArrayAttr:$axes, DenseI64ArrayAttr:$strides,
                   DenseI64ArrayAttr:$dilations);
  let dtypes = Numbers;
  let typeRule = "overlapAdd";
  let derivative = Linear;
  let dslName = "";
  let domain = ["-3.0", "3.0"];
  let assemblyFormat = "operands attr-dict `:` type(operands) `->` type($result)";
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

//===-- Cumulative ---------------------------------------------------------------------------===//

def CumsumOp : Diptych_Cumulative<"cumsum", "Add", "cumulative"> {
  let summary = "sums of the elements up to each one along an axis, added in order; f32 is added in f64";
  let derivative = Linear;
}
def LinearRecurrenceOp : Diptych_Cumulative<"linear_recurrence", "Add", "cumulative"> {
  let summary = "y[i] = a[i] y[i-1] + b[i] along an axis, y[0] = b[0]; one fma a step, f32 is carried in f64";
  let description = [{Products, exponential averages, discounted sums and any other linear filter of the first order.
    The first a is not looked at. Derivatives are linear recurrences again.}];
  let arguments = (ins Diptych_Tensor:$a, Diptych_Tensor:$b, I64Attr:$axis);
  let derivative = Custom;
  let domain = ["-1.2", "1.2"];
  let convention = "integers wrap; an infinity or NaN stays in the sums behind it, as in the loop";
}
def ArgcummaxOp : Diptych_Cumulative<"argcummax", "Maximum", "argCumulative"> {
  let summary = "i64 index of the maximum up to each element along an axis; the first of ties; the first NaN wins";
  let derivative = Zero;
}
def ArgcumminOp : Diptych_Cumulative<"argcummin", "Minimum", "argCumulative"> {
  let summary = "i64 index of the minimum up to each element along an axis; the first of ties; the first NaN wins";
  let derivative = Zero;
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
def ConvolutionOp : Diptych_Op<"convolution", "Convolution"> {
  let summary = "cross-correlation [n, g, c, l...] x [g, o, c, k...] -> [n, g, o, p...], where all of the kernel fits";
  let description = [{result[n, g, o, p] is the sum over c and k of x[n, g, c, p * strides + k * dilations]
    times w[g, o, c, k]: g are the groups; one to three spatial axes. Padding, and dilation of x, are pad.
    Both transposes are this operator again: in x with the kernel turned round and no stride, in w with
    strides and dilations exchanged and the sum over n.}];
  let arguments = (ins Diptych_Tensor:$x, Diptych_Tensor:$w, DenseI64ArrayAttr:$strides,
                   DenseI64ArrayAttr:$dilations);
  let dtypes = Floats;
  let typeRule = "convolution";
  let derivative = Bilinear;
  let dslName = "";
  let domain = ["-2.0", "2.0"];
  let convention = "zeros of padding are multiplied like others: with a weight that is not finite they give NaN";
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
def ScatterOp : Diptych_Op<"scatter", "ScatterAdd"> {
  let summary = "x with the rows along an axis that indices choose replaced by updates";
  let description = [{Updates has the shape that gather gives. Of several updates to one place the last in row-major
    order stays.}];
  let arguments = (ins Diptych_Tensor:$x, Diptych_Tensor:$indices, Diptych_Tensor:$updates, I64Attr:$axis);
  let typeRule = "scatterAdd";
  let derivative = Linear;
  let dslName = "";
  let domain = ["-3.0", "3.0"];
  let convention = "an update that a later one replaces has derivative 0";
  let assemblyFormat = "operands attr-dict `:` type(operands) `->` type($result)";
}

//===-- Order --------------------------------------------------------------------------------===//

def ArgsortOp : Diptych_Library<"argsort", "argsort"> {
  let summary = "i64 positions along an axis, in the order of its elements";
  let description = [{Stable in both directions: equal elements keep their order, and so do 0 and -0.}];
  let arguments = (ins Diptych_Tensor:$x, I64Attr:$axis, BoolAttr:$descending);
  let dtypes = Numbers;
  let derivative = Zero;
  let domain = ["-3.0", "3.0"];
  let cost = 20;
  let convention = "NaN comes last in both directions";
}

//===-- Linear algebra -----------------------------------------------------------------------===//
// The last two axes are a matrix, axes in front of them a batch. f32 is computed in f64 and rounded
// once. What is not finite makes the whole matrix NaN.

class Diptych_Matrix<string mnemonic, string rule> : Diptych_Library<mnemonic, rule> {
  let arguments = (ins Diptych_Tensor:$x);
  let dtypes = FullFloats; // as elsewhere: no algorithm here is good at 8 or 11 digits
  let derivative = Custom;
  let domain = ["-1.0", "1.0"];
}

def CholeskyOp : Diptych_Matrix<"cholesky", "squareMatrix"> {
  let summary = "the lower triangular L, of positive diagonal, with L L^T = (x + x^T) / 2";
  let arguments = (ins Diptych_Tensor:$x, BoolAttr:$check);
  let convention = "a matrix that is not positive definite is an error where `check` holds, else NaN";
}
def TriangularSolveOp : Diptych_Matrix<"triangular_solve", "solve"> {
  let summary = "X with A X = B, where A is one triangle of a, or the transpose of one";
  let description = [{Nothing outside the triangle is read, nor the diagonal where it is `unit`.}];
  let arguments = (ins Diptych_Tensor:$a, Diptych_Tensor:$b, BoolAttr:$lower, BoolAttr:$transposed,
                   BoolAttr:$unit, BoolAttr:$check);
  let batching = "solve";
  let convention = "a zero on the diagonal is an error where `check` holds, else NaN";
}
def SolveOp : Diptych_Matrix<"solve", "solve"> {
  let summary = "X with a X = B, or with the transpose of a; LU with partial pivoting";
  let arguments = (ins Diptych_Tensor:$a, Diptych_Tensor:$b, BoolAttr:$transposed, BoolAttr:$check);
  let batching = "solve";
  let convention = "a pivot that is exactly 0 is an error where `check` holds, else NaN";
}
def DetOp : Diptych_Matrix<"det", "det"> {
  let summary = "determinant; 1 of a matrix without elements";
  let description = [{`regular` says that x has an inverse and makes the derivative det x x^-T. Else the
    derivative is the matrix of cofactors, of which the directions of the two least singular values are split off: a
    polynomial of them is left, and everything else is regular.}];
  let arguments = (ins Diptych_Tensor:$x, BoolAttr:$regular);
  let convention = "at a singular matrix the derivative is the matrix of cofactors; every order is right down to rank n - 2, below it the first two are (they are 0)";
}
def SlogdetOp : Diptych_Matrix<"slogdet", "slogdet"> {
  let summary = "sign of the determinant and log of its magnitude, along a new last axis";
  let convention = "(0, -infinity) of a singular matrix, where the derivative is NaN";
}
def QrOp : Diptych_Matrix<"qr", "qr"> {
  let summary = "Q^T and R beside each other, x = Q R, for m >= n: [..., n, m + n]";
  let convention = "R's diagonal is not negative; derivatives are NaN where x has no full rank";
}
def EighOp : Diptych_Matrix<"eigh", "eigh"> {
  let summary = "eigenvectors of (x + x^T) / 2 as columns, and a last row of eigenvalues, ascending: [..., n + 1, n]";
  let convention = "of each vector the first element of at least half its greatest magnitude is positive; in derivatives, terms of eigenvalues that are equal (within 4 n roundings of the largest) are 0: right for what depends on the spaces that equal eigenvalues have together";
}
def SvdOp : Diptych_Matrix<"svd", "svd"> {
  let summary = "U above V above a row of singular values, descending, x = U diag(s) V^T, for m >= n: [..., m + n + 1, n]";
  let convention = "signs as eigh has them, by U; in derivatives, terms of singular values that are equal, or 0, are 0";
}
def PinvOp : Diptych_Matrix<"pinv", "pinv"> {
  let summary = "pseudo-inverse; singular values up to `value` times the largest count as 0";
  let arguments = (ins Diptych_Tensor:$x, TypedAttrInterface:$value);
  let convention = "derivatives are those at constant rank";
}

//===-- Searching ----------------------------------------------------------------------------===//

def SearchsortedOp : Diptych_Library<"searchsorted", "searchsorted"> {
  let summary = "i64 number of elements of a sorted row that are less than each value, or, to the right, not larger";
  let description = [{Rows lie along the last axis; the axes before it are equal.}];
  let arguments = (ins Diptych_Tensor:$sorted, Diptych_Tensor:$values, BoolAttr:$right);
  let dtypes = Numbers;
  let derivative = Zero;
  let domain = ["-3.0", "3.0"];
  let cost = 20;
  let convention = "NaN stands behind all numbers, and all NaN are equal";
}

//===-- Windows ------------------------------------------------------------------------------===//

def RollingArgmaxOp : Diptych_Rolling<"rolling_argmax", "rollingPosition"> {
  let summary = "i64 position along an axis of the largest element of the window that ends at each element; the oldest of ties";
  let cost = 4;
  let convention = "NaN counts as missing; where nothing is there, the position is the element's own";
}
def RollingArgminOp : Diptych_Rolling<"rolling_argmin", "rollingPosition"> {
  let summary = "i64 position along an axis of the least element of the window that ends at each element; the oldest of ties";
  let cost = 4;
  let convention = "NaN counts as missing; where nothing is there, the position is the element's own";
}
def RollingRankOp : Diptych_Rolling<"rolling_rank", "rolling"> {
  let summary = "rank of each element in the window that ends at it, from 1; ties share the mean of theirs";
  let cost = 20;
  let convention = "NaN counts as missing, and has rank NaN";
}
def RollingArgselectOp : Diptych_Rolling<"rolling_argselect", "rollingSelect"> {
  let summary = "i64 position along an axis of the element that k others stand before in the order of the window";
  let description = [{k has the shape of x and one axis more, for several k an element.}];
  let arguments = (ins Diptych_Tensor:$x, Diptych_Tensor:$k, I64Attr:$axis, DenseI64ArrayAttr:$window);
  let cost = 20;
  let convention = "NaN counts as missing; where the window has no such element, the position is the element's own";
}

#endif
