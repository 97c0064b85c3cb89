// vmap against running each example by itself: values, gradients, and the gradient of a batch.
#include "Checks.h"

#include <diptych/Jit.h>
#include <diptych/diptych.h>

#include "Functions.h"
#include "tests/ops/Agreement.h"
#include "tests/ops/Samples.h"

namespace diptych::fuzz {

namespace {

constexpr JitOptions strict{.numerics = Numerics::strict};

/// A program's inputs as a batch: some shared, some with the batch in front, some with it last.
/// Example 0 is the program's own; the others hold the same elements in another order.
class Batch {
  enum Place { front, back, shared };

public:
  explicit Batch(const Program& program) : inputs_(program.inputs()) {
    suite::Generator generator(program.seed);
    examples_ = static_cast<int64_t>(generator() % 4 == 0 ? 1 : 3);
    for (size_t i = 0; i < inputs_.size(); ++i)
      place_.push_back(i == 0 ? front : static_cast<Place>(generator() % 3));
    for (size_t i = 0; i < inputs_.size(); ++i)
      if (place_[i] == shared) {
        shared_.emplace_back(inputs_[i]);
      } else {
        Tensors all;
        for (int64_t e = 0; e < examples_; ++e)
          all.emplace_back(example(i, e));
        (place_[i] == front ? front_ : back_)
            .push_back(stack(all, place_[i] == front ? 0 : inputs_[i].rank()));
      }
  }

  bool isEmpty() const { return front_.empty() && back_.empty(); }
  int64_t examples() const { return examples_; }
  bool isFront(size_t input) const { return place_[input] == front; }
  Values inputsOf(int64_t e) const {
    Values inputs;
    for (size_t i = 0; i < inputs_.size(); ++i)
      inputs.push_back(example(i, e));
    return inputs;
  }
  /// f of one example, taking what this batch holds.
  auto single(const Function& f) const {
    return [f, place = place_](const Tensors& first, const Tensors& last, const Tensors& all) {
      Values inputs;
      size_t next[3] = {0, 0, 0};
      const Tensors* lists[3] = {&first, &last, &all};
      for (Place each : place)
        inputs.push_back((*lists[each])[next[each]++].value());
      return tensorsOf(f(inputs));
    };
  }
  template <class F> auto mapped(F f) const { return vmap(f, {0, -1, unbatched}); }
  template <class F> Values call(const F& f) const { return valuesOf(f(front_, back_, shared_)); }
  const Tensors& inFront() const { return front_; }
  const Tensors& inBack() const { return back_; }
  const Tensors& common() const { return shared_; }

private:
  Value example(size_t input, int64_t e) const {
    const Value& own = inputs_[input];
    if (place_[input] == shared || e == 0 || own.type().numel() == 0)
      return own;
    return roll(Tensor(own), e).value();
  }

  Values inputs_;
  int64_t examples_;
  std::vector<Place> place_;
  Tensors front_, back_, shared_;
};

Values eachByItself(const Function& f, const Batch& batch) {
  std::vector<Tensors> results;
  for (int64_t e = 0; e < batch.examples(); ++e) {
    const Values values = f(batch.inputsOf(e));
    results.resize(values.size());
    for (size_t k = 0; k < values.size(); ++k)
      results[k].emplace_back(values[k]);
  }
  Values stacked;
  for (const Tensors& result : results)
    stacked.push_back(stack(result).value());
  return stacked;
}

bool chooses(const Program& program) {
  for (const Step& step : program.steps)
    if (step.control) {
      if (step.control->kind == Control::Kind::cond ||
          step.control->kind == Control::Kind::whileLoop)
        return true;
      for (const Program& body : step.control->bodies)
        if (chooses(body))
          return true;
    }
  return false;
}

// Where examples branch apart, vmap computes both sides and chooses: a zero cotangent through an
// infinite derivative of the other side is NaN, as of `where` (see ControlFlow.h), and the other
// side's zeros are added.
std::pair<Values, Values> withoutNaN(const Values& got, const Values& expected) {
  std::pair<Values, Values> pairs{got, expected};
  for (size_t k = 0; k < got.size() && k < expected.size(); ++k)
    if (isFloat(got[k].dtype()) && got[k].type() == expected[k].type()) {
      const Tensor own(got[k]), zero = zeros_like(own), isNaN = own != own;
      pairs.first[k] = (where(isNaN, zero, own) + 0.0).value(); // -0 + 0 = 0
      pairs.second[k] = (where(isNaN, zero, Tensor(expected[k])) + 0.0).value();
    }
  return pairs;
}

std::string differs(const char* what, Values got, Values expected, bool masked = false) {
  if (masked)
    std::tie(got, expected) = withoutNaN(got, expected);
  const std::string found = suite::bitDifference(got, expected);
  return found.empty() ? found : std::string(what) + ": " + found;
}

std::string againstEach(const Function& f, const Program& program, bool masked = false) {
  const Batch batch(program);
  if (batch.isEmpty())
    return {};
  const Values expected = eachByItself(f, batch);
  const auto single = batch.single(f);
  std::string found = differs("vmap(f)", batch.call(batch.mapped(single)), expected, masked);
  if (found.empty())
    found =
        differs("jit(vmap(f))", batch.call(jit(batch.mapped(single), strict)), expected, masked);
  if (found.empty())
    found =
        differs("vmap(jit(f))", batch.call(batch.mapped(jit(single, strict))), expected, masked);
  return found;
}

std::string values(const Program& program) { return againstEach(program.function(), program); }
std::string gradients(const Program& program) {
  return againstEach(gradientOf(program), program, chooses(program));
}

// The sum over examples of the total, differentiated in what each example has of its own.
std::string gradientOfBatch(const Program& program) {
  const Batch batch(program);
  if (batch.isEmpty())
    return {};
  const bool masked = chooses(program);
  const Function gradient = gradientOf(program);
  const std::vector<int> floats = floatsOf(program.inputs());
  const Values each = eachByItself(gradient, batch);
  // Argument 0 are the inputs with the batch in front.
  const auto sums = [&](const Tensors& floating) {
    Tensors front = batch.inFront();
    size_t next = 0;
    for (Tensor& tensor : front)
      if (isFloat(tensor.dtype()))
        tensor = floating[next++];
    return sum(
        batch.mapped(batch.single(totalOf(program)))(front, batch.inBack(), batch.common())[0]);
  };
  Tensors floating;
  for (const Tensor& tensor : batch.inFront())
    if (isFloat(tensor.dtype()))
      floating.push_back(tensor);
  Values expected;
  for (size_t k = 0; k < floats.size(); ++k)
    if (batch.isFront(static_cast<size_t>(floats[k])))
      expected.push_back(each[k + 1]);
  std::string found =
      differs("grad(sum(vmap(f)))", valuesOf(grad(sums)(floating)), expected, masked);
  if (found.empty())
    found = differs("jit(grad(sum(vmap(f))))", valuesOf(jit(grad(sums), strict)(floating)),
                    expected, masked);
  return found;
}

// Statements that define `check`, which compares vmap(g) with g of each of three examples.
const std::string kMapped =
    R"cpp(  // Example 0 is `inputs`; the others hold the same elements in another order.
  const auto example = [](const Tensors& x, int64_t e) {
    Tensors rolled;
    for (const Tensor& each : x)
      rolled.push_back(each.numel() ? dt::roll(each, e) : each);
    return rolled;
  };
  Tensors batch;
  for (size_t i = 0; i < inputs.size(); ++i)
    batch.push_back(dt::stack({inputs[i], example(inputs, 1)[i], example(inputs, 2)[i]}));
  const auto check = [&](const auto& g) {
    const Tensors got = dt::vmap(g)(batch), compiled = dt::jit(dt::vmap(g), strict)(batch);
    for (int64_t e = 0; e < 3; ++e) {
      Tensors eager, jitted;
      for (size_t k = 0; k < got.size(); ++k) {
        eager.push_back(dt::select(got[k], 0, e));
        jitted.push_back(dt::select(compiled[k], 0, e));
      }
      compare("vmap", eager, g(example(inputs, e)));
      compare("jit(vmap)", jitted, g(example(inputs, e)));
    }
  };
)cpp";
const std::string kOfValues = kMapped + "  check(f);\n";
const std::string kOfGradients = kMapped + "  check(dt::grad(total));\n";

const Check kBatch[] = {
    {"vmap", whereRanksSuffice<values>, kOfValues.c_str()},
    {"vmap of the gradient", whereRanksSuffice<gradients>, kOfGradients.c_str()},
    {"gradient of vmap", whereRanksSuffice<gradientOfBatch>, kOfGradients.c_str()}};

} // namespace

std::span<const Check> batchChecks() { return kBatch; }

} // namespace diptych::fuzz
