// Looks for products of a library, what reads them, and what reads the same.
#include "codegen/cuda/GpuEpilogues.h"

#include "codegen/cuda/GpuCalls.h"
#include "codegen/cuda/GpuLibrary.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace diptych::codegen::cuda {

namespace {

using runtime::cuda::BlasMatrix;
using runtime::cuda::Epilogue;
using runtime::cuda::Gemm;

/// The scalar program of a nest as an expression.
class Lines {
public:
  explicit Lines(const NestSpec& nest) : nest_(nest) {}

  const Line::Apply* apply(int line, OpCode code) const {
    auto* found = std::get_if<Line::Apply>(&at(line).what);
    return found && found->code == code ? found : nullptr;
  }
  const Access* load(int line) const {
    auto* found = std::get_if<Line::Load>(&at(line).what);
    return found ? &found->from : nullptr;
  }
  /// The other operand of a sum or product that has `known` as one.
  static std::optional<int> other(const Line::Apply& apply, int known) {
    for (size_t i = 0; i < 2; ++i)
      if (apply.operands[i] == known)
        return apply.operands[1 - i];
    return std::nullopt;
  }
  /// What is only widened or rounded, between memory and f32.
  int converted(int line) const {
    const Line::Apply* convert = apply(line, OpCode::Convert);
    if (!convert)
      return line;
    const DType from = at(convert->operands[0]).dtype, to = at(line).dtype;
    const bool is = (isHalf(from) && to == DType::f32) || (from == DType::f32 && isHalf(to));
    return is ? convert->operands[0] : line;
  }

  /// x of x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3)), the tanh form of gelu.
  std::optional<int> argumentOfGelu(int line) const {
    const Line::Apply* product = apply(line, OpCode::Mul);
    for (size_t i = 0; product && i < 2; ++i) {
      const Line::Apply* gate = apply(product->operands[i], OpCode::Sigmoid);
      const int x = product->operands[1 - i];
      if (gate && isGateOf(factorsOf(gate->operands[0]), x))
        return x;
    }
    return std::nullopt;
  }

private:
  /// A product of lines and a number.
  struct Factors {
    double number = 1;
    std::vector<int> lines;
    bool is(double wanted, std::initializer_list<int> of) const {
      return std::abs(number - wanted) <= 1e-6 * wanted &&
             std::equal(lines.begin(), lines.end(), of.begin(), of.end());
    }
  };

  const Line& at(int line) const { return nest_.lines[static_cast<size_t>(line)]; }

  Factors factorsOf(int line) const {
    Factors factors;
    if (auto* constant = std::get_if<Line::Constant>(&at(line).what)) {
      factors.number = constant->value.asDouble();
    } else if (const Line::Apply* product = apply(line, OpCode::Mul)) {
      for (int operand : product->operands) {
        const Factors own = factorsOf(operand);
        factors.number *= own.number;
        factors.lines.insert(factors.lines.end(), own.lines.begin(), own.lines.end());
      }
    } else {
      factors.lines.push_back(line);
    }
    return factors;
  }

  bool isGateOf(const Factors& gate, int x) const {
    constexpr double twice = 2 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
    if (gate.lines.size() != 1 || !gate.is(twice, {gate.lines[0]}))
      return false;
    const Line::Apply* sum = apply(gate.lines[0], OpCode::Add);
    const std::optional<int> cube = sum ? other(*sum, x) : std::nullopt;
    return cube && factorsOf(*cube).is(0.044715, {x, x, x});
  }

  const NestSpec& nest_;
};

/// y = f(product + bias) as a nest has it.
struct OfResult {
  Epilogue::Function function = Epilogue::Function::none;
  const Access *product = nullptr, *bias = nullptr, *to = nullptr;
};

class Epilogues {
public:
  Epilogues(Schedule& schedule, bool approximate)
      : schedule_(schedule), approximate_(approximate), gone_(schedule.calls.size()) {}

  void run() {
    for (size_t i = 0; i < schedule_.calls.size(); ++i)
      if (std::optional<Gemm> gemm = productOf(schedule_.calls[i]))
        if (!joinUser(i, *gemm))
          joinSums(i, *gemm);
    dropCalls(schedule_, gone_);
  }

private:
  static std::optional<Gemm> productOf(const ScheduledCall& call) {
    const auto gemm =
        call.isKernel() && call.offsets.empty() ? libraryProductOf(call.kernel) : std::nullopt;
    return gemm && gemm->count == 1 ? gemm : std::nullopt;
  }
  static const NestSpec* nestOf(const ScheduledCall& call) {
    return call.isKernel() && call.offsets.empty() ? std::get_if<NestSpec>(&call.kernel.what)
                                                   : nullptr;
  }
  static int bufferOf(const ScheduledCall& call, int arg) {
    return call.buffers[static_cast<size_t>(arg)];
  }
  static bool touches(const ScheduledCall& call, int buffer) {
    return std::find(call.buffers.begin(), call.buffers.end(), buffer) != call.buffers.end();
  }

  //===-- What becomes of the result ------------------------------------------------------===//

  std::optional<OfResult> ofResult(const ScheduledCall& call, int result) const {
    const NestSpec* nest = nestOf(call);
    if (!nest || !nest->folds.empty() || nest->stores.size() != 1)
      return std::nullopt;
    const Lines lines(*nest);
    OfResult found;
    found.to = &nest->stores[0].to;
    int line = lines.converted(nest->stores[0].line);
    if (const Line::Apply* relu = lines.apply(line, OpCode::Relu)) {
      found.function = Epilogue::Function::relu;
      line = relu->operands[0];
    } else if (const std::optional<int> x = lines.argumentOfGelu(line)) {
      found.function = Epilogue::Function::gelu;
      line = *x;
    }
    const auto isResult = [&](int at) {
      const Access* load = lines.load(at);
      return load && bufferOf(call, load->arg) == result;
    };
    const Line::Apply* sum = lines.apply(line, OpCode::Add);
    for (size_t i = 0; sum && i < 2; ++i)
      if (isResult(sum->operands[i])) {
        line = sum->operands[i];
        found.bias = lines.load(lines.converted(sum->operands[1 - i]));
        break;
      }
    found.product = isResult(line) ? lines.load(line) : nullptr;
    const bool does = found.bias || found.function != Epilogue::Function::none;
    if (!found.product || (sum && !found.bias) || !does ||
        (found.bias &&
         (bufferOf(call, found.bias->arg) == result || found.bias->dtype != found.to->dtype)))
      return std::nullopt;
    return found;
  }

  /// Where the result of `gemm` goes; `row` and `column` are loops of the nest, or both the one
  /// over all elements.
  static std::optional<BlasMatrix> resultOf(const Gemm& gemm, const NestSpec& nest,
                                            const OfResult& of, size_t row, size_t column) {
    const bool flat = row == column;
    const auto runs = [&](const Access& access, int64_t leading) {
      return access.strides[column].is(1) && (flat || access.strides[row].is(leading));
    };
    const bool covers = flat ? nest.extents[0].is(gemm.m * gemm.n) && gemm.c.leading == gemm.n
                             : nest.extents[row].is(gemm.m) && nest.extents[column].is(gemm.n);
    const int64_t leading = flat ? gemm.n : of.to->strides[row].value;
    const bool added =
        !of.bias || (!flat && of.bias->strides[row].is(0) && of.bias->strides[column].is(1));
    if (!covers || !added || !runs(*of.product, gemm.c.leading) || !runs(*of.to, leading) ||
        leading < gemm.n || !of.product->offset.is(gemm.c.offset))
      return std::nullopt;
    return BlasMatrix{false, leading, 0, of.to->offset.value};
  }

  bool joinUser(size_t i, Gemm& gemm) {
    ScheduledCall& product = schedule_.calls[i];
    const int result = bufferOf(product, gemm.arg[2]);
    const std::optional<size_t> at = onlyUserOf(schedule_, i, result, gone_);
    const auto of = at ? ofResult(schedule_.calls[*at], result) : std::nullopt;
    if (!of || (of->function != Epilogue::Function::none && !approximate_))
      return false;
    ScheduledCall& user = schedule_.calls[*at];
    const NestSpec& nest = *nestOf(user);
    const size_t last = nest.extents.size() - 1;
    if (last > 1 || (of->to->dtype != gemm.result && of->to->dtype != gemm.dtype))
      return false;
    std::optional<BlasMatrix> to = resultOf(gemm, nest, *of, 0, last);
    if (!to && last == 1)
      to = resultOf(gemm, nest, *of, 1, 0);
    if (!to)
      return false;
    const int first = static_cast<int>(product.buffers.size());
    Epilogue& epilogue = gemm.epilogue.emplace();
    epilogue.function = of->function;
    epilogue.c = *to;
    epilogue.result = of->to->dtype;
    epilogue.resultArg = first + of->to->arg;
    if (of->bias) {
      epilogue.vector = Epilogue::Vector::bias;
      epilogue.vectorArg = first + of->bias->arg;
      epilogue.vectorOffset = of->bias->offset.value;
    }
    user = joined(product, user, gemm);
    gone_[i] = true;
    return true;
  }

  //===-- Sums of an operand over k -------------------------------------------------------===//

  /// Whether the nest sums `operand`, whose strides along k and along the result are given, over k.
  static bool sums(const NestSpec& nest, const Access& operand, size_t along, int64_t length,
                   int64_t depth) {
    if (nest.folds.size() != 1 || !nest.stores.empty() || nest.lines.size() != 1 ||
        nest.extents.size() != 2 || nest.folds[0].combiner != OpCode::Add)
      return false;
    auto* load = std::get_if<Line::Load>(&nest.lines[0].what);
    const Access& to = nest.folds[0].to;
    return load && nest.extents[0].is(length) && nest.extents[1].is(depth) &&
           load->from.dtype == operand.dtype && load->from.offset == operand.offset &&
           load->from.strides[0] == operand.strides[along] &&
           load->from.strides[1] == operand.strides[3] && to.strides[0].is(1) &&
           to.dtype == operand.dtype;
  }

  /// Between the two calls nobody writes what both read or wants what the sums become.
  bool canMove(size_t i, size_t j) const {
    const int operand = bufferOf(schedule_.calls[j], loadOf(j).arg);
    const int sums = bufferOf(schedule_.calls[j], nestOf(schedule_.calls[j])->folds[0].to.arg);
    for (size_t between = std::min(i, j) + 1; between < std::max(i, j); ++between) {
      const ScheduledCall& call = schedule_.calls[between];
      if (gone_[between])
        continue;
      for (size_t arg = 0; arg < call.buffers.size(); ++arg)
        if (call.buffers[arg] == sums ||
            (call.buffers[arg] == operand && (!call.isKernel() || writes(call.kernel, arg))))
          return false;
    }
    return !touches(schedule_.calls[i], sums);
  }
  const Access& loadOf(size_t j) const {
    return std::get<Line::Load>(nestOf(schedule_.calls[j])->lines[0].what).from;
  }

  void joinSums(size_t i, Gemm& gemm) {
    ScheduledCall& product = schedule_.calls[i];
    const auto& spec = std::get<MatmulSpec>(product.kernel.what);
    if (gemm.result != gemm.dtype || isHalf(gemm.dtype))
      return;
    for (const bool left : {true, false}) {
      const Access& operand = left ? spec.left : spec.right;
      const int64_t length = (left ? spec.s : spec.v).value;
      for (size_t j = 0; j < schedule_.calls.size(); ++j) {
        const NestSpec* nest = j == i || gone_[j] ? nullptr : nestOf(schedule_.calls[j]);
        if (!nest || !sums(*nest, operand, left ? 1 : 2, length, spec.k.value) ||
            bufferOf(schedule_.calls[j], loadOf(j).arg) != bufferOf(product, operand.arg) ||
            !canMove(i, j))
          continue;
        const Access& to = nest->folds[0].to;
        Epilogue& epilogue = gemm.epilogue.emplace();
        epilogue.vector =
            operand.arg == gemm.arg[0] ? Epilogue::Vector::sumsOfA : Epilogue::Vector::sumsOfB;
        epilogue.vectorArg = static_cast<int>(product.buffers.size()) + to.arg;
        epilogue.vectorOffset = to.offset.value;
        epilogue.c = gemm.c;
        epilogue.result = gemm.result;
        epilogue.resultArg = gemm.arg[2];
        product = joined(product, schedule_.calls[j], gemm);
        gone_[j] = true;
        return;
      }
    }
  }

  /// Both calls as one, its buffers those of the one and the other.
  ScheduledCall joined(const ScheduledCall& product, const ScheduledCall& next,
                       const Gemm& gemm) const {
    ScheduledCall made = product;
    made.product = {gemm, next.kernel, product.buffers.size()};
    made.kernel = {};
    made.buffers.insert(made.buffers.end(), next.buffers.begin(), next.buffers.end());
    made.name += "+" + next.name;
    made.flops += next.flops;
    made.where = next.where;
    made.bytes += next.bytes;
    return made;
  }

  Schedule& schedule_;
  const bool approximate_;
  std::vector<bool> gone_;
};

} // namespace

void joinEpilogues(Schedule& schedule, bool approximate) { Epilogues(schedule, approximate).run(); }

} // namespace diptych::codegen::cuda
