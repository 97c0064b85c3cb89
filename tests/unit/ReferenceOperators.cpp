// Operators by their definitions, element by element.
#include "ReferenceOperators.h"
#include "ReferenceCumulative.h"
#include "ReferenceEmitter.h"
#include "ReferenceFunctions.h"

#include "tests/Elements.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "runtime/Library.h"

namespace diptych::reference {

namespace {

using Scalars = const double*;

// Calls visit(index) for every index of a shape, in row-major order.
template <class F> void forEachIndex(const Shape& shape, F visit) {
  Dims index(shape.size(), 0);
  for (int64_t n = 0, count = shape.product(); n < count; ++n) {
    visit(index);
    for (int axis = shape.size() - 1; axis >= 0; --axis) {
      if (++index[axis] < shape[axis])
        break;
      index[axis] = 0;
    }
  }
}

size_t offset(const Shape& shape, const Dims& index) {
  int64_t at = 0;
  for (int i = 0; i < shape.size(); ++i)
    at = at * shape[i] + index[i];
  return static_cast<size_t>(at);
}

double at(const Value& x, const Dims& index) { return dataOf(x)[offset(x.shape(), index)]; }

std::vector<std::byte> bytesOf(DType dtype, const Data& numbers) {
  std::vector<std::byte> bytes(numbers.size() * static_cast<size_t>(sizeOf(dtype)));
  withElement(dtype, [&]<class T>(T) {
    for (size_t i = 0; i < numbers.size(); ++i)
      reinterpret_cast<T*>(bytes.data())[i] = static_cast<T>(numbers[i]);
  });
  return bytes;
}

Data numbersOf(DType dtype, const std::vector<std::byte>& bytes) {
  Data numbers(bytes.size() / static_cast<size_t>(sizeOf(dtype)));
  withElement(dtype, [&]<class T>(T) {
    for (size_t i = 0; i < numbers.size(); ++i)
      numbers[i] = static_cast<double>(reinterpret_cast<const T*>(bytes.data())[i]);
  });
  return numbers;
}

double larger(double x, double y) { return std::isnan(x) ? x : std::isnan(y) ? y : std::max(x, y); }
double lesser(double x, double y) { return std::isnan(x) ? x : std::isnan(y) ? y : std::min(x, y); }

using ScalarFunction = double (*)(Scalars);

const std::map<OpCode, ScalarFunction>& pointwise() {
  static const std::map<OpCode, ScalarFunction> functions{
      {OpCode::Neg, [](Scalars v) { return -v[0]; }},
      {OpCode::Add, [](Scalars v) { return v[0] + v[1]; }},
      {OpCode::Sub, [](Scalars v) { return v[0] - v[1]; }},
      {OpCode::Mul, [](Scalars v) { return v[0] * v[1]; }},
      {OpCode::Div, [](Scalars v) { return v[0] / v[1]; }},
      {OpCode::Pow, [](Scalars v) { return std::pow(v[0], v[1]); }},
      {OpCode::Maximum, [](Scalars v) { return larger(v[0], v[1]); }},
      {OpCode::Minimum, [](Scalars v) { return lesser(v[0], v[1]); }},
      {OpCode::Exp, [](Scalars v) { return std::exp(v[0]); }},
      {OpCode::Exp2, [](Scalars v) { return std::exp2(v[0]); }},
      {OpCode::Expm1, [](Scalars v) { return std::expm1(v[0]); }},
      {OpCode::Log, [](Scalars v) { return std::log(v[0]); }},
      {OpCode::Log2, [](Scalars v) { return std::log2(v[0]); }},
      {OpCode::Log10, [](Scalars v) { return std::log10(v[0]); }},
      {OpCode::Log1p, [](Scalars v) { return std::log1p(v[0]); }},
      {OpCode::Sqrt, [](Scalars v) { return std::sqrt(v[0]); }},
      {OpCode::Rsqrt, [](Scalars v) { return 1 / std::sqrt(v[0]); }},
      {OpCode::Cbrt, [](Scalars v) { return std::cbrt(v[0]); }},
      {OpCode::Sinh, [](Scalars v) { return std::sinh(v[0]); }},
      {OpCode::Cosh, [](Scalars v) { return std::cosh(v[0]); }},
      {OpCode::Tanh, [](Scalars v) { return std::tanh(v[0]); }},
      {OpCode::Sigmoid, [](Scalars v) { return 1 / (1 + std::exp(-v[0])); }},
      {OpCode::Softplus, [](Scalars v) { return std::log1p(std::exp(v[0])); }},
      {OpCode::Relu, [](Scalars v) { return v[0] > 0 || std::isnan(v[0]) ? v[0] : 0; }},
      {OpCode::Sin, [](Scalars v) { return std::sin(v[0]); }},
      {OpCode::Cos, [](Scalars v) { return std::cos(v[0]); }},
      {OpCode::Tan, [](Scalars v) { return std::tan(v[0]); }},
      {OpCode::Asin, [](Scalars v) { return std::asin(v[0]); }},
      {OpCode::Acos, [](Scalars v) { return std::acos(v[0]); }},
      {OpCode::Atan, [](Scalars v) { return std::atan(v[0]); }},
      {OpCode::Atan2, [](Scalars v) { return std::atan2(v[0], v[1]); }},
      {OpCode::Fmod, [](Scalars v) { return std::fmod(v[0], v[1]); }},
      {OpCode::Erf, [](Scalars v) { return std::erf(v[0]); }},
      {OpCode::Erfc, [](Scalars v) { return std::erfc(v[0]); }},
      {OpCode::Erfinv, [](Scalars v) { return static_cast<double>(erfinv(v[0])); }},
      {OpCode::NormalCdf, [](Scalars v) { return static_cast<double>(normalCdf(v[0])); }},
      {OpCode::Lgamma, [](Scalars v) { return std::lgamma(v[0]); }},
      {OpCode::Digamma, [](Scalars v) { return static_cast<double>(digamma(v[0])); }},
      {OpCode::Polygamma, [](Scalars v) { return static_cast<double>(polygamma(v[0], v[1])); }},
      {OpCode::Abs, [](Scalars v) { return std::abs(v[0]); }},
      {OpCode::Sign, [](Scalars v) { return v[0] > 0   ? 1
                                            : v[0] < 0 ? -1
                                                       : v[0]; }},
      {OpCode::Floor, [](Scalars v) { return std::floor(v[0]); }},
      {OpCode::Ceil, [](Scalars v) { return std::ceil(v[0]); }},
      {OpCode::Trunc, [](Scalars v) { return std::trunc(v[0]); }},
      {OpCode::Round, [](Scalars v) { return std::nearbyint(v[0]); }},
      {OpCode::Eq, [](Scalars v) { return double(v[0] == v[1]); }},
      {OpCode::Ne, [](Scalars v) { return double(v[0] != v[1]); }},
      {OpCode::Lt, [](Scalars v) { return double(v[0] < v[1]); }},
      {OpCode::Le, [](Scalars v) { return double(v[0] <= v[1]); }},
      {OpCode::Gt, [](Scalars v) { return double(v[0] > v[1]); }},
      {OpCode::Ge, [](Scalars v) { return double(v[0] >= v[1]); }},
      {OpCode::LogicalAnd, [](Scalars v) { return double(v[0] != 0 && v[1] != 0); }},
      {OpCode::LogicalOr, [](Scalars v) { return double(v[0] != 0 || v[1] != 0); }},
      {OpCode::LogicalXor, [](Scalars v) { return double(v[0] != v[1]); }},
      {OpCode::LogicalNot, [](Scalars v) { return double(v[0] == 0); }},
      // Integers as far as a double holds them.
      {OpCode::ShiftRight,
       [](Scalars v) {
         return double(shiftRight(static_cast<int64_t>(v[0]), static_cast<int64_t>(v[1]), 64));
       }},
      {OpCode::Philox,
       [](Scalars v) {
         return double(philox(static_cast<int64_t>(v[0]), static_cast<int64_t>(v[1]),
                              static_cast<int64_t>(v[2])));
       }},
      {OpCode::Where, [](Scalars v) { return v[0] != 0 ? v[1] : v[2]; }},
      {OpCode::Convert, [](Scalars v) { return v[0]; }},
      {OpCode::StopGradient, [](Scalars v) { return v[0]; }},
  };
  return functions;
}

Data evalPointwise(OpCode code, ValueSpan in, const TensorType& type) {
  const ScalarFunction function = pointwise().at(code);
  Data out(static_cast<size_t>(type.numel()));
  for (size_t i = 0; i < out.size(); ++i) {
    double operands[3] = {};
    for (size_t k = 0; k < in.size(); ++k)
      operands[k] = dataOf(in[k])[i];
    out[i] = function(operands);
  }
  return out;
}

// out[to(index)] = x[index] for the operators that spread their operand out.
template <class F> void spread(const Value& x, Data& out, const Shape& shape, F to) {
  forEachIndex(x.shape(), [&](const Dims& index) { out[offset(shape, to(index))] = at(x, index); });
}

// The element of operand 0 that comes to stand at `index`.
double moved(OpCode code, ValueSpan in, const Attrs& attrs, Dims index) {
  Dims from(in[0].rank(), 0);
  for (int i = 0; i < from.size(); ++i) {
    if (code == OpCode::Broadcast)
      from[i] = index[attrs.axes[i]];
    if (code == OpCode::Transpose)
      from[attrs.axes[i]] = index[i];
    if (code == OpCode::Slice)
      from[i] = attrs.starts[i] + index[i] * attrs.strides[i];
    if (code == OpCode::Reverse)
      from[i] = attrs.axes.contains(i) ? in[0].shape()[i] - 1 - index[i] : index[i];
  }
  return at(in[0], from);
}

// Index of x that window place `in` leads to: pairs [o, k] at `axes` become one.
Dims windowed(const Dims& in, const Attrs& attrs) {
  Dims from;
  for (int i = 0, which = 0; i < in.size(); ++i) {
    if (which == attrs.axes.size() || attrs.axes[which] + which != i) {
      from.push_back(in[i]);
      continue;
    }
    from.push_back(in[i] * attrs.strides[which] + in[i + 1] * attrs.dilations[which]);
    ++which;
    ++i;
  }
  return from;
}

Data evalMovement(OpCode code, ValueSpan in, const Attrs& attrs, const TensorType& type) {
  Data out(static_cast<size_t>(type.numel()), attrs.value.asDouble());
  if (code == OpCode::Reshape)
    return dataOf(in[0]);
  if (code == OpCode::Pad) {
    spread(in[0], out, type.shape, [&](Dims index) {
      for (int i = 0; i < index.size(); ++i)
        index[i] = attrs.low[i] + index[i] * (attrs.interior[i] + 1);
      return index;
    });
    return out;
  }
  if (code == OpCode::Concatenate) {
    int64_t begin = 0;
    for (const Value& x : in) {
      spread(x, out, type.shape, [&](Dims index) {
        index[attrs.axis] += begin;
        return index;
      });
      begin += x.shape()[attrs.axis];
    }
    return out;
  }
  size_t n = 0;
  if (code == OpCode::Windows) {
    forEachIndex(type.shape,
                 [&](const Dims& index) { out[n++] = at(in[0], windowed(index, attrs)); });
    return out;
  }
  forEachIndex(type.shape, [&](const Dims& index) { out[n++] = moved(code, in, attrs, index); });
  return out;
}

Data evalReduction(OpCode code, const Value& x, const Dims& axes, const TensorType& type) {
  const ScalarFunction combine = pointwise().at(info(code).combiner);
  const double start = code == OpCode::Prod ? 1 : 0;
  Data out(static_cast<size_t>(type.numel()), start);
  std::vector<bool> begun(out.size(), code == OpCode::Sum || code == OpCode::Prod);
  forEachIndex(x.shape(), [&](const Dims& index) {
    Dims kept;
    for (int i = 0; i < index.size(); ++i)
      if (!axes.contains(i))
        kept.push_back(index[i]);
    const size_t place = offset(type.shape, kept);
    const double operands[2] = {out[place], at(x, index)};
    out[place] = begun[place] ? combine(operands) : operands[1];
    begun[place] = true;
  });
  return out;
}

Data evalArgReduction(OpCode code, const Value& x, int64_t axis, const TensorType& type) {
  Data out;
  forEachIndex(type.shape, [&](Dims index) {
    index.insert(axis, 0);
    int64_t best = 0;
    double extreme = at(x, index);
    for (int64_t i = 1; i < x.shape()[axis]; ++i) {
      index[axis] = i;
      const double value = at(x, index);
      const bool wins = code == OpCode::Argmax ? value > extreme : value < extreme;
      if (!std::isnan(extreme) && (wins || std::isnan(value))) {
        best = i;
        extreme = value;
      }
    }
    out.push_back(static_cast<double>(best));
  });
  return out;
}

Data evalMatmul(const Value& x, const Value& y, const TensorType& type) {
  const int rank = type.rank();
  Data out;
  forEachIndex(type.shape, [&](const Dims& index) {
    Dims left = index, right = index;
    double total = 0;
    for (int64_t k = 0; k < x.shape()[rank - 1]; ++k) {
      left[rank - 1] = right[rank - 2] = k;
      total = std::fma(at(x, left), at(y, right), total);
    }
    out.push_back(total);
  });
  return out;
}

// Places of a window outermost, so that what meets is added in their order.
Data evalOverlapAdd(const Value& x, const Attrs& attrs, const TensorType& type) {
  std::map<Dims, std::vector<std::pair<size_t, double>>, decltype([](const Dims& a, const Dims& b) {
             return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
           })>
      byPlace;
  forEachIndex(x.shape(), [&](const Dims& index) {
    Dims place;
    for (int i = 0; i < attrs.axes.size(); ++i)
      place.push_back(index[attrs.axes[i] + i + 1]);
    byPlace[place].emplace_back(offset(type.shape, windowed(index, attrs)), at(x, index));
  });
  Data out(static_cast<size_t>(type.numel()));
  for (const auto& [place, terms] : byPlace)
    for (const auto& [where, term] : terms)
      out[where] += term;
  return out;
}

Data evalConvolution(const Value& x, const Value& w, const Attrs& attrs, const TensorType& type) {
  Data out;
  Shape places = w.shape();
  places.erase(0);
  places.erase(0);                                  // c, k...
  forEachIndex(type.shape, [&](const Dims& index) { // n, g, o, p...
    double total = 0;
    forEachIndex(places, [&](const Dims& place) {
      Dims left{index[0], index[1], place[0]}, right{index[1], index[2], place[0]};
      for (int i = 0; i < attrs.strides.size(); ++i) {
        left.push_back(index[3 + i] * attrs.strides[i] + place[1 + i] * attrs.dilations[i]);
        right.push_back(place[1 + i]);
      }
      total = std::fma(at(x, left), at(w, right), total);
    });
    out.push_back(total);
  });
  return out;
}

// Where in x the row `index` of a gathered tensor comes from.
Dims gatheredFrom(const Value& indices, int64_t axis, const Dims& index, int64_t extent) {
  Dims chosen, from;
  for (int64_t i = 0; i < index.size(); ++i)
    (i >= axis && i < axis + indices.rank() ? chosen : from).push_back(index[i]);
  const auto row = static_cast<int64_t>(at(indices, chosen));
  if (row < 0 || row >= extent)
    throw Error("index " + std::to_string(row) + " is out of range");
  from.insert(axis, row);
  return from;
}

Data evalIndexing(OpCode code, ValueSpan in, int64_t axis, const TensorType& type) {
  const int64_t extent = in[0].shape()[axis];
  Data out;
  if (code == OpCode::Gather) {
    forEachIndex(type.shape, [&](const Dims& index) {
      out.push_back(at(in[0], gatheredFrom(in[1], axis, index, extent)));
    });
    return out;
  }
  out = dataOf(in[0]);
  forEachIndex(in[2].shape(), [&](const Dims& index) {
    double& place = out[offset(type.shape, gatheredFrom(in[1], axis, index, extent))];
    place = at(in[2], index) + (code == OpCode::ScatterAdd ? place : 0);
  });
  return out;
}

// The kernel itself, on memory of the operands' dtypes: what it computes is checked against
// definitions elsewhere.
// bf16 and f16 are computed in f32.
TensorType widened(const TensorType& type) {
  return {isHalf(type.dtype) ? DType::f32 : type.dtype, type.shape};
}

Data evalLibrary(const OpInfo& op, ValueSpan in, const Attrs& attrs, const TensorType& result) {
  const TensorType type = widened(result);
  std::vector<TensorType> types;
  std::vector<std::vector<std::byte>> memory;
  std::vector<void*> args;
  for (const Value& x : in) {
    types.push_back(widened(x.type()));
    memory.push_back(bytesOf(types.back().dtype, dataOf(x)));
  }
  memory.push_back(std::vector<std::byte>(static_cast<size_t>(type.bytes())));
  for (std::vector<std::byte>& bytes : memory)
    args.push_back(bytes.data());
  int64_t status = 0;
  args.push_back(&status);
  const runtime::LibraryCall call = runtime::libraryCall({op, types, type, attrs});
  call.kernel(args.data(), call.params.data(), 0, call.allSteps());
  if (status)
    throw Error(std::string(op.name) + ": " + runtime::failureText(call, status));
  return numbersOf(type.dtype, memory.back());
}

Data evalCreation(OpCode code, const Attrs& attrs, const TensorType& type) {
  Data out(static_cast<size_t>(type.numel()), attrs.value.asDouble());
  if (code == OpCode::Iota) {
    size_t n = 0;
    forEachIndex(type.shape,
                 [&](const Dims& index) { out[n++] = static_cast<double>(index[attrs.axis]); });
  }
  return out;
}

} // namespace

double stored(DType dtype, double value) {
  if (dtype == DType::f32)
    return static_cast<float>(value);
  if (dtype == DType::bf16)
    return bfloat16(value);
  if (dtype == DType::f16)
    return float16(value);
  if (dtype == DType::boolean)
    return value != 0;
  return isFloat(dtype) ? value : std::trunc(value);
}

/// Calls f with a number of the dtype's type.
Data evaluate(const OpInfo& op, ValueSpan in, const Attrs& attrs, const TensorType& type) {
  switch (op.family) {
  case Family::Pointwise: return evalPointwise(op.code, in, type);
  case Family::Creation: return evalCreation(op.code, attrs, type);
  case Family::Movement: return evalMovement(op.code, in, attrs, type);
  case Family::Reduction: return evalReduction(op.code, in[0], attrs.axes, type);
  case Family::ArgReduction: return evalArgReduction(op.code, in[0], attrs.axis, type);
  case Family::Cumulative: {
    std::vector<Data> numbers;
    for (const Value& operand : in)
      numbers.push_back(dataOf(operand));
    return cumulated(op.code, numbers, type.shape, attrs.axis);
  }
  case Family::Matmul: return evalMatmul(in[0], in[1], type);
  case Family::Convolution: return evalConvolution(in[0], in[1], attrs, type);
  case Family::OverlapAdd: return evalOverlapAdd(in[0], attrs, type);
  case Family::Gather:
  case Family::ScatterAdd: return evalIndexing(op.code, in, attrs.axis, type);
  case Family::Library: return evalLibrary(op, in, attrs, type);
  }
  throw Error("internal: unknown family");
}

} // namespace diptych::reference
