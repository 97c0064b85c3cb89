// Spelling by type rule: operators of one rule take their attributes alike.
#include "CppOperators.h"

#include <cmath>
#include <cstdio>

#include "ir/TypeRules.h"

namespace diptych::fuzz {

std::string numberText(DType dtype, double number) {
  if (dtype == DType::boolean)
    return number != 0 ? "true" : "false";
  if (std::isnan(number))
    return "NAN";
  if (std::isinf(number))
    return number > 0 ? "INFINITY" : "-INFINITY";
  char text[40];
  std::snprintf(text, sizeof text, isFloat(dtype) ? "%.17g" : "%.0f", number);
  std::string result = text;
  if (isFloat(dtype) && result.find_first_of(".e") == std::string::npos)
    result += ".0";
  if (dtype == DType::i64 && number <= -0x1p63)
    return "INT64_MIN";
  if (dtype == DType::i64 && number >= 0x1p63)
    return "INT64_MAX";
  if (dtype == DType::i32 && number == -0x1p31)
    return "INT32_MIN";
  return result;
}

std::string braces(const Dims& dims) {
  std::string text;
  for (int64_t dim : dims)
    text += (text.empty() ? "" : ", ") + std::to_string(dim);
  return "{" + text + "}";
}

std::string braces(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names)
    text += (text.empty() ? "" : ", ") + name;
  return "{" + text + "}";
}

std::string typeText(DType dtype) { return std::string("dt::") + name(dtype); }

namespace {

std::string function(const std::string& name, const std::vector<std::string>& arguments) {
  const std::string list = braces(arguments);
  return "dt::" + name + "(" + list.substr(1, list.size() - 2) + ")";
}

std::string reshaped(const std::string& x, const Shape& shape) {
  return function("reshape", {x, braces(shape)});
}

// Not public: the operator itself, with the attributes it has.
std::string emitted(const CallText& call) {
  std::string text = std::string("emit(\"") + info(call.step.code).name + "\", " +
                     braces(call.operands) + ", [](dt::Attrs& a) {";
  const Attrs& attrs = call.step.attrs;
  text += " a.shape = dt::Dims" + braces(call.step.type.shape) +
          "; a.dtype = " + typeText(call.step.type.dtype) + ";";
  for (AttrField field : info(call.step.code).attributes) {
    const std::string name = diptych::name(field);
    if (field == AttrField::axis)
      text += " a.axis = " + std::to_string(attrs.axis) + ";";
    else if (field == AttrField::value)
      text += " a.value = " + numberText(call.step.type.dtype, attrs.value.asDouble()) + ";";
    else if (!isFlag(field))
      text += " a." + name + " = dt::Dims" + braces(listOf(attrs, field)) + ";";
    else if (attrs.flag(field))
      text += " a.set(dt::AttrField::" + name + ");";
  }
  return text + " })";
}

std::string plain(const CallText& call) {
  if (call.step.code == OpCode::Polygamma) // the order is a number there, here a tensor
    return emitted(call);
  return function(info(call.step.code).name, call.operands);
}

std::string convert(const CallText& call) {
  return call.operands[0] + ".to(" + typeText(call.step.type.dtype) + ")";
}

std::string creation(const CallText& call) {
  const TensorType& type = call.step.type;
  return function("full",
                  {braces(type.shape), numberText(type.dtype, call.step.attrs.value.asDouble()),
                   typeText(type.dtype)});
}

std::string iota(const CallText& call) {
  const TensorType& type = call.step.type;
  Shape shape = type.shape;
  for (int64_t& extent : shape)
    extent = 1;
  const int64_t count = type.shape[call.step.attrs.axis];
  shape[call.step.attrs.axis] = count;
  return function("broadcast_to", {reshaped("dt::arange(" + std::to_string(count) + ")", shape),
                                   braces(type.shape)}) +
         ".to(" + typeText(type.dtype) + ")";
}

std::string broadcast(const CallText& call) {
  Shape shape = call.step.type.shape;
  for (int64_t& extent : shape)
    extent = 1;
  for (int i = 0; i < call.types[0].rank(); ++i)
    shape[call.step.attrs.axes[i]] = call.types[0].shape[i];
  return function("broadcast_to",
                  {reshaped(call.operands[0], shape), braces(call.step.type.shape)});
}

std::string reshape(const CallText& call) {
  return reshaped(call.operands[0], call.step.type.shape);
}

std::string transpose(const CallText& call) {
  return function("permute", {call.operands[0], braces(call.step.attrs.axes)});
}

std::string slice(const CallText& call) {
  const Attrs& attrs = call.step.attrs;
  std::string text = call.operands[0];
  for (int i = 0; i < call.types[0].rank(); ++i)
    if (attrs.starts[i] != 0 || attrs.limits[i] != call.types[0].shape[i] || attrs.strides[i] != 1)
      text = function("slice", {text, std::to_string(i), std::to_string(attrs.starts[i]),
                                std::to_string(attrs.limits[i]), std::to_string(attrs.strides[i])});
  return text;
}

std::string pad(const CallText& call) {
  const Attrs& attrs = call.step.attrs;
  std::vector<std::string> widths;
  for (int i = 0; i < call.types[0].rank(); ++i) {
    if (attrs.interior[i] != 0)
      return emitted(call);
    widths.push_back(braces(Dims{attrs.low[i], attrs.high[i]}));
  }
  return function("pad",
                  {call.operands[0], "std::vector<std::pair<int64_t, int64_t>>" + braces(widths),
                   numberText(call.step.type.dtype, attrs.value.asDouble())});
}

// In the public functions no axes are all of them.
std::string overAxes(const CallText& call) {
  if (call.step.attrs.axes.empty())
    return call.operands[0];
  const bool reverses = info(call.step.code).typeRule == &typerules::reverse;
  return function(reverses ? "flip" : info(call.step.code).name,
                  {call.operands[0], braces(call.step.attrs.axes)});
}

std::string concatenate(const CallText& call) {
  return function("concatenate",
                  {"Tensors" + braces(call.operands), std::to_string(call.step.attrs.axis)});
}

std::string windows(const CallText& call) {
  const Attrs& attrs = call.step.attrs;
  if (attrs.axes.empty())
    return call.operands[0];
  const bool laid = info(call.step.code).typeRule == &typerules::overlapAdd;
  std::vector<std::string> arguments = call.operands;
  if (laid)
    arguments.push_back("dt::Shape" + braces(call.step.type.shape));
  arguments.push_back(braces(attrs.axes));
  if (!laid)
    arguments.push_back("dt::Dims" + braces(attrs.sizes));
  arguments.push_back("dt::Dims" + braces(attrs.strides));
  arguments.push_back("dt::Dims" + braces(attrs.dilations));
  return function(info(call.step.code).name, arguments);
}

// Operands, then the axis.
std::string alongAxis(const CallText& call) {
  std::vector<std::string> arguments = call.operands;
  arguments.push_back(std::to_string(call.step.attrs.axis));
  if (info(call.step.code).has(AttrField::descending))
    arguments.push_back(call.step.attrs.flag(AttrField::descending) ? "true" : "false");
  return function(info(call.step.code).name, arguments);
}

std::string scattered(const CallText& call) {
  return call.step.code == OpCode::ScatterAdd ? alongAxis(call) : emitted(call);
}

// [n, g, c, l...] and [g, o, c, k...] join their groups.
std::string convolution(const CallText& call) {
  Shape x = call.types[0].shape, w = call.types[1].shape;
  const int64_t groups = x[1];
  x[2] *= groups;
  x.erase(1);
  w[1] *= groups;
  w.erase(0);
  const Attrs& attrs = call.step.attrs;
  return reshaped(
      function("conv" + std::to_string(attrs.strides.size()) + "d",
               {reshaped(call.operands[0], x), reshaped(call.operands[1], w),
                "{.stride = dt::Dims" + braces(attrs.strides) + ", .dilation = dt::Dims" +
                    braces(attrs.dilations) + ", .groups = " + std::to_string(groups) + "}"}),
      call.step.type.shape);
}

} // namespace

std::string expressionOf(const CallText& call) {
  using Spelling = std::string (*)(const CallText&);
  static constexpr std::pair<TypeRule, Spelling> spellings[] = {
      {typerules::sameType, plain},
      {typerules::comparison, plain},
      {typerules::where, plain},
      {typerules::convert, convert},
      {typerules::creation, creation},
      {typerules::iota, iota},
      {typerules::broadcast, broadcast},
      {typerules::reshape, reshape},
      {typerules::transpose, transpose},
      {typerules::slice, slice},
      {typerules::pad, pad},
      {typerules::reverse, overAxes},
      {typerules::concatenate, concatenate},
      {typerules::reduction, overAxes},
      {typerules::argReduction, alongAxis},
      {typerules::argsort, alongAxis},
      {typerules::cumulative, alongAxis},
      {typerules::argCumulative, alongAxis},
      {typerules::matmul, plain},
      {typerules::convolution, convolution},
      {typerules::windows, windows},
      {typerules::overlapAdd, windows},
      {typerules::gather, alongAxis},
      {typerules::scatterAdd, scattered}};
  for (const auto& [rule, spelling] : spellings)
    if (rule == info(call.step.code).typeRule)
      return spelling(call);
  return emitted(call);
}

} // namespace diptych::fuzz
