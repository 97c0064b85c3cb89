// Loops, branches and transforms, with bodies that are random programs.
#include "Maker.h"

#include <algorithm>

namespace diptych::fuzz {

std::vector<TensorType> Maker::typesOf(const std::vector<int>& steps) const {
  std::vector<TensorType> types;
  for (int step : steps)
    types.push_back(at(step).type);
  return types;
}

// Distinct steps, floats more often.
std::vector<int> Maker::several(int64_t most) {
  std::vector<int> chosen;
  for (int64_t tries = most; tries > 0; --tries) {
    const bool any = chance(30);
    const int step = choose([&](const TensorType& type) { return any || isFloat(type.dtype); });
    if (step >= 0 && std::find(chosen.begin(), chosen.end(), step) == chosen.end())
      chosen.push_back(step);
  }
  return chosen;
}

int Maker::first(int x) {
  const TensorType type = at(x).type;
  Attrs attrs;
  for (int i = 0; i < type.rank(); ++i) {
    attrs.starts.push_back(0);
    attrs.limits.push_back(1);
    attrs.strides.push_back(1);
  }
  return add(OpCode::Reshape, {add(OpCode::Slice, {x}, attrs)}, {});
}

int Maker::predicate() {
  const bool boolean = recipe_.continuous || chance(40);
  const int x = choose([&](const TensorType& type) {
    return type.numel() > 0 && (type.dtype == DType::boolean) == boolean;
  });
  if (x < 0 || (boolean && chance(30)))
    return input({DType::boolean, {}});
  if (boolean)
    return first(x);
  const int scalar = first(x);
  return add(chance(50) ? OpCode::Lt : OpCode::Ge, {scalar, splat(at(scalar).type, 0)});
}

static void appendTypes(std::vector<TensorType>& types, const std::vector<TensorType>& more) {
  types.insert(types.end(), more.begin(), more.end());
}

Program Maker::body(const std::vector<TensorType>& types, const std::vector<TensorType>& wanted,
                    int64_t more) {
  Maker inner(generator_, recipe_, depth_ + 1);
  for (const TensorType& type : types)
    inner.program_.steps.push_back({.type = type, .parameter = true});
  inner.steps(static_cast<int>(1 + below(4)));
  for (const TensorType& type : wanted)
    inner.program_.outputs.push_back(inner.ofType(type, 95));
  for (; more > 0 && inner.count() > 0; --more)
    inner.program_.outputs.push_back(inner.choose([](const TensorType&) { return true; }));
  return inner.program_.pruned();
}

// counter >= 0: that parameter, an i64, is below 3.
Program Maker::condition(const std::vector<TensorType>& types, int counter) {
  Maker inner(generator_, recipe_, depth_ + 1);
  for (const TensorType& type : types)
    inner.program_.steps.push_back({.type = type, .parameter = true});
  if (counter >= 0)
    inner.program_.outputs = {inner.add(OpCode::Lt, {counter, inner.splat({DType::i64, {}}, 3)})};
  else
    inner.program_.outputs = {inner.predicate()};
  return inner.program_.pruned();
}

void Maker::addControl(Control control, std::vector<int> operands,
                       std::vector<TensorType> results) {
  if (results.empty())
    throw Error("nothing comes out");
  for (const TensorType& type : results)
    if (type.numel() > recipe_.largest || type.rank() > 5)
      throw Error("too large");
  const int step = count();
  program_.steps.push_back({.type = results[0],
                            .operands = std::move(operands),
                            .control = std::make_shared<const Control>(std::move(control))});
  for (size_t k = 1; k < results.size(); ++k)
    program_.steps.push_back({.type = results[k], .operands = {step}, .part = static_cast<int>(k)});
}

static std::vector<TensorType> outputTypes(const Program& body, size_t from = 0) {
  std::vector<TensorType> types;
  for (size_t i = from; i < body.outputs.size(); ++i)
    types.push_back(body.outputType(i));
  return types;
}

void Maker::scan(bool overIndices) {
  Control loop{.kind = overIndices ? Control::Kind::fori : Control::Kind::scan};
  loop.length = below(5);
  loop.reverse = !overIndices && chance(50);
  std::vector<int> xs;
  const int x =
      choose([](const TensorType& type) { return type.rank() >= 1 && type.shape[0] <= 8; });
  if (!overIndices && x >= 0 && chance(80)) {
    loop.length = at(x).type.shape[0];
    xs.push_back(x);
    if (chance(30))
      xs.push_back(input({DType::boolean, {loop.length}}));
  }
  std::vector<int> operands = several(2);
  loop.captures = operands.size();
  std::vector<TensorType> types = typesOf(operands);
  const std::vector<int> carry = several(2);
  loop.carry = carry.size();
  if (overIndices) {
    if (carry.empty())
      return;
    types.push_back({DType::i64, {}});
  }
  appendTypes(types, typesOf(carry));
  for (int each : xs) {
    TensorType type = at(each).type;
    type.shape.erase(0);
    types.push_back(type);
  }
  loop.bodies = {body(types, typesOf(carry), overIndices ? 0 : below(3))};
  std::vector<TensorType> results = typesOf(carry);
  for (TensorType type : outputTypes(loop.bodies[0], carry.size())) {
    type.shape.insert(0, loop.length);
    results.push_back(type);
  }
  operands.insert(operands.end(), carry.begin(), carry.end());
  operands.insert(operands.end(), xs.begin(), xs.end());
  addControl(std::move(loop), std::move(operands), std::move(results));
}

void Maker::whileLoop() {
  Control loop{.kind = Control::Kind::whileLoop};
  loop.length = below(5);
  std::vector<int> operands = several(2), carry = several(2);
  loop.captures = operands.size();
  const bool counts = recipe_.continuous || chance(50);
  if (counts)
    carry.push_back(splat({DType::i64, {}}, static_cast<double>(below(4))));
  loop.carry = carry.size();
  if (carry.empty())
    return;
  std::vector<TensorType> types = typesOf(operands);
  appendTypes(types, typesOf(carry));
  const int counter = counts ? static_cast<int>(types.size()) - 1 : -1;
  Program step = body(types, typesOf(carry), 0);
  if (counts) {
    Maker last(generator_, recipe_, depth_ + 1);
    last.program_ = step;
    last.program_.outputs.back() =
        last.add(OpCode::Add, {counter, last.splat({DType::i64, {}}, 1)});
    step = last.program_.pruned();
  }
  loop.bodies = {condition(types, counter), std::move(step)};
  operands.insert(operands.end(), carry.begin(), carry.end());
  addControl(std::move(loop), std::move(operands), typesOf(carry));
}

void Maker::cond() {
  Control branch{.kind = Control::Kind::cond};
  const int chosen = predicate();
  std::vector<int> operands = several(2);
  const std::vector<int> own = several(2);
  branch.captures = operands.size();
  std::vector<TensorType> types = typesOf(operands);
  appendTypes(types, typesOf(own));
  Program then = body(types, {}, 1 + below(2));
  const std::vector<TensorType> results = outputTypes(then);
  branch.bodies = {then, body(types, results, 0)};
  operands.push_back(chosen);
  operands.insert(operands.end(), own.begin(), own.end());
  addControl(std::move(branch), std::move(operands), results);
}

// A transform of a function of one tensor. A rule may capture nothing that is differentiated.
void Maker::transformed(Control::Kind kind) {
  Control call{.kind = kind};
  const bool batch = kind == Control::Kind::vmap, tangents = kind == Control::Kind::linearize;
  const bool smooth = tangents || kind == Control::Kind::rule;
  std::vector<int> operands = several(kind == Control::Kind::rule ? 0 : 2);
  call.captures = operands.size();
  std::vector<TensorType> types = typesOf(operands);
  const int x = choose([&](const TensorType& type) {
    return (!batch || (type.rank() >= 1 && type.shape[0] <= 8)) && (!smooth || isFloat(type.dtype));
  });
  if (x < 0)
    return;
  TensorType type = at(x).type;
  const int64_t extent = batch ? type.shape[0] : 0;
  if (batch)
    type.shape.erase(0);
  types.push_back(type);
  operands.push_back(x);
  Program inner = body(types, {}, 1 + below(2));
  if (smooth)
    std::erase_if(inner.outputs, [&](int output) {
      return !isFloat(inner.steps[static_cast<size_t>(output)].type.dtype);
    });
  call.bodies = {inner.pruned()};
  std::vector<TensorType> results = outputTypes(call.bodies[0]);
  if (tangents)
    appendTypes(results, outputTypes(call.bodies[0]));
  if (batch)
    for (TensorType& result : results)
      result.shape.insert(0, extent);
  addControl(std::move(call), std::move(operands), std::move(results));
}

void Maker::control() {
  switch (below(9)) {
  case 0:
  case 1: return scan(false);
  case 2: return scan(true);
  case 3: return whileLoop();
  case 4: return cond();
  case 5: return transformed(Control::Kind::checkpoint);
  case 6: return transformed(Control::Kind::linearize);
  case 7: return transformed(Control::Kind::rule);
  default: return transformed(Control::Kind::vmap);
  }
}

} // namespace diptych::fuzz
