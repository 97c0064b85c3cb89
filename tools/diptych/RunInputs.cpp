// Numbers are read whole, and must fit the input's element type exactly where that is an integer.
#include "tools/diptych/RunInputs.h"

#include <charconv>
#include <cmath>

namespace diptych::cli {

namespace {

[[noreturn]] void refuse(size_t input, const std::string& expected, const std::string& got) {
  throw InputError("--input " + std::to_string(input) + ": expected " + expected + ", got " + got);
}

Tensor filled(const TensorType& type, const std::string& how) {
  if (how == "ones")
    return full(type.shape, type.dtype == DType::boolean ? Scalar(true) : Scalar(1), type.dtype);
  if (how == "zeros")
    return full(type.shape, type.dtype == DType::boolean ? Scalar(false) : Scalar(0), type.dtype);
  if (how == "iota")
    return reshape(arange(type.numel()), type.shape).to(type.dtype);
  const Tensor uniform = rand(type.shape, DType::f64);
  if (type.dtype == DType::boolean)
    return uniform < 0.5;
  // Integers are often indices: 0 fits every axis.
  return isInteger(type.dtype) ? full(type.shape, 0, type.dtype) : uniform.to(type.dtype);
}

double numberOf(const std::string& text, size_t input) {
  if (text == "true")
    return 1.0;
  if (text == "false")
    return 0.0;
  double number = 0.0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || error != std::errc() || stop != end)
    refuse(input, "numbers between commas", "'" + text + "'");
  return number;
}

std::vector<double> numbersOf(const std::string& text, size_t input) {
  std::vector<double> numbers;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    numbers.push_back(numberOf(text.substr(begin, end - begin), input));
    begin = end + 1;
  }
  return numbers;
}

void requireExact(DType dtype, double number, size_t input) {
  const double bound = dtype == DType::i32 ? 0x1p31 : 0x1p53;
  const bool fits = dtype == DType::boolean
                        ? number == 0.0 || number == 1.0
                        : number == std::floor(number) && number >= -bound && number < bound;
  if (!fits)
    refuse(input, std::string("a value of ") + name(dtype), std::to_string(number));
}

Tensor valued(const TensorType& type, const std::string& text, size_t input) {
  std::vector<double> numbers = numbersOf(text, input);
  const auto count = static_cast<size_t>(type.numel());
  if (numbers.size() != count && numbers.size() != 1)
    refuse(input, std::to_string(count) + " values for " + type.str() + ", or one for all",
           std::to_string(numbers.size()));
  if (!isFloat(type.dtype))
    for (double number : numbers)
      requireExact(type.dtype, number, input);
  if (numbers.size() == 1)
    numbers.resize(count, numbers[0]);
  return tensor(numbers, type.shape).to(type.dtype);
}

Tensor made(const TensorType& type, const std::string& text, size_t input) {
  for (const char* word : {"random", "ones", "zeros", "iota"})
    if (text == word)
      return filled(type, text);
  return valued(type, text, input);
}

} // namespace

Values makeInputs(const std::vector<TensorType>& types, const InputRequest& request) {
  manual_seed(request.seed);
  std::vector<std::string> texts(types.size(), request.fill);
  std::vector<bool> isGiven(types.size());
  for (const std::string& given : request.given) {
    const size_t equals = given.find('=');
    size_t input = 0;
    const char* end = given.data() + std::min(equals, given.size());
    const auto [stop, error] = std::from_chars(given.data(), end, input);
    if (equals == std::string::npos || error != std::errc() || stop != end)
      throw InputError("--input: expected NUMBER=VALUES as in 0=1,2,3, got '" + given + "'");
    if (input >= types.size())
      throw InputError("--input " + std::to_string(input) + ": the function has " +
                       std::to_string(types.size()) + " inputs, counted from 0");
    if (isGiven[input])
      throw InputError("--input " + std::to_string(input) + ": expected it once, got it again");
    isGiven[input] = true;
    texts[input] = given.substr(equals + 1);
  }
  Values inputs;
  for (size_t i = 0; i < types.size(); ++i)
    inputs.push_back(made(types[i], texts[i], i).value());
  return inputs;
}

} // namespace diptych::cli
