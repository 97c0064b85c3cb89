// Loops and branches as StableHLO. A loop hands on everything that its parts need: they name
// nothing around them.
#include "ir/DialectControl.h"
#include "passes/StableHloWriter.h"

namespace diptych::passes::hlo {

Terms Writer::region(mlir::Region* region, llvm::ArrayRef<Term> arguments) {
  for (auto [argument, term] : llvm::zip_equal(region->getArguments(), arguments))
    names_[argument] = term;
  return block(region->front());
}

void Writer::control(mlir::Operation* op) {
  const ControlFlow flow = ir::controlOf(op);
  const Terms results = flow.kind == ControlFlow::Kind::scan        ? scan(op)
                        : flow.kind == ControlFlow::Kind::whileLoop ? whileLoop(op)
                                                                    : cond(op);
  for (auto [result, term] : llvm::zip_equal(op->getResults(), results))
    names_[result] = term;
}

static llvm::SmallVector<mlir::RankedTensorType> typesOf(llvm::ArrayRef<Term> terms) {
  llvm::SmallVector<mlir::RankedTensorType> types;
  for (const Term& term : terms)
    types.push_back(term.type);
  return types;
}

Terms Writer::repeat(int64_t first, int64_t last, const Terms& state,
                     llvm::function_ref<Terms(const Term&, const Terms&)> body) {
  Terms all = {number(i64(), Scalar(first)), number(i64(), Scalar(last))};
  all.append(state);
  const auto types = typesOf(all);
  Terms results = withRegions(
      "while", all, "", types,
      {[&](const Terms& own) -> Terms { return {compare("LT", own[0], own[1])}; },
       [&](const Terms& own) {
         Terms next = {binary("add", own[0], number(i64(), Scalar(int64_t{1}))), own[1]};
         next.append(body(own[0], Terms(own.begin() + 2, own.end())));
         return next;
       }},
      types);
  return {results.begin() + 2, results.end()};
}

/// ", %i, %zero" in the place of each axis.
static std::string indices(int64_t rank, int64_t axis, const Term& index, const Term& zero) {
  std::string list;
  for (int64_t i = 0; i < rank; ++i)
    list += ", " + (i == axis ? index.name : zero.name);
  return list;
}

static std::string indexTypes(int64_t rank) {
  std::string list;
  for (int64_t i = 0; i < rank; ++i)
    list += ", tensor<i64>";
  return list;
}

Term Writer::dynamicSlice(const Term& x, const Term& index, int64_t axis) {
  llvm::SmallVector<int64_t> sizes = x.shape();
  sizes[axis] = 1;
  const mlir::RankedTensorType type = typeWith(x.element(), sizes);
  const Term zero = number(i64(), Scalar(int64_t{0}));
  return line("stablehlo.dynamic_slice " + x.name + indices(x.rank(), axis, index, zero) +
                  ", sizes = " + listOf(sizes) + " : (" + text(x.type) + indexTypes(x.rank()) +
                  ") -> " + text(type),
              type);
}

Term Writer::dynamicUpdate(const Term& x, const Term& part, const Term& index, int64_t axis) {
  const Term zero = number(i64(), Scalar(int64_t{0}));
  return line("stablehlo.dynamic_update_slice " + x.name + ", " + part.name +
                  indices(x.rank(), axis, index, zero) + " : (" + text(x.type) + ", " +
                  text(part.type) + indexTypes(x.rank()) + ") -> " + text(x.type),
              x.type);
}

// Handed on: consts, carry, xs, and the ys as far as they are there.
Terms Writer::scan(mlir::Operation* op) {
  const ControlFlow flow = ir::controlOf(op);
  const size_t consts = flow.consts, carry = flow.carry, xs = flow.xs();
  Terms state;
  for (unsigned i = 0; i < op->getNumOperands(); ++i)
    state.push_back(operand(op, i));
  for (size_t i = carry; i < op->getNumResults(); ++i)
    state.push_back(splat(typeOf(op->getResult(static_cast<unsigned>(i))), Scalar(int64_t{0})));
  if (flow.length > 0)
    state = repeat(0, flow.length, state, [&](const Term& step, const Terms& own) {
      Term row = step;
      if (flow.reverse)
        row = binary("subtract", number(i64(), Scalar(flow.length - 1)), step);
      Terms inputs(own.begin(), own.begin() + static_cast<std::ptrdiff_t>(consts + carry));
      for (size_t i = consts + carry; i < consts + carry + xs; ++i)
        inputs.push_back(
            reshape(dynamicSlice(own[i], row, 0), own[i].type.getShape().drop_front()));
      const Terms made = region(ir::bodyOf(op), inputs);
      Terms next = own;
      std::copy(made.begin(), made.begin() + static_cast<std::ptrdiff_t>(carry),
                next.begin() + static_cast<std::ptrdiff_t>(consts));
      for (size_t y = carry; y < made.size(); ++y) {
        Term& stack = next[consts + xs + y];
        llvm::SmallVector<int64_t> shape = made[y].shape();
        shape.insert(shape.begin(), 1);
        stack = dynamicUpdate(stack, reshape(made[y], shape), row, 0);
      }
      return next;
    });
  Terms results(state.begin() + static_cast<std::ptrdiff_t>(consts),
                state.begin() + static_cast<std::ptrdiff_t>(consts + carry));
  results.append(state.begin() + static_cast<std::ptrdiff_t>(consts + carry + xs), state.end());
  return results;
}

// Handed on: the number of steps, consts, carry.
Terms Writer::whileLoop(mlir::Operation* op) {
  const ControlFlow flow = ir::controlOf(op);
  Terms state = {number(i64(), Scalar(int64_t{0}))};
  for (unsigned i = 0; i < op->getNumOperands(); ++i)
    state.push_back(operand(op, i));
  const auto types = typesOf(state);
  const Terms results = withRegions(
      "while", state, "", types,
      {[&](const Terms& own) -> Terms {
         const Term holds = region(ir::otherOf(op), llvm::ArrayRef(own).drop_front())[0];
         if (flow.length < 0)
           return {holds};
         const Term more = compare("LT", own[0], number(i64(), Scalar(flow.length)));
         return {binary("and", holds, more)};
       },
       [&](const Terms& own) {
         Terms next = {binary("add", own[0], number(i64(), Scalar(int64_t{1})))};
         next.append(own.begin() + 1, own.begin() + 1 + static_cast<std::ptrdiff_t>(flow.consts));
         next.append(region(ir::bodyOf(op), llvm::ArrayRef(own).drop_front()));
         return next;
       }},
      types);
  return {results.begin() + 1 + static_cast<std::ptrdiff_t>(flow.consts), results.end()};
}

Terms Writer::cond(mlir::Operation* op) {
  Terms inputs;
  for (unsigned i = 1; i < op->getNumOperands(); ++i)
    inputs.push_back(operand(op, i));
  llvm::SmallVector<mlir::RankedTensorType> types;
  for (mlir::Value result : op->getResults())
    types.push_back(typeOf(result));
  return withRegions("if", {operand(op, 0)}, "", {},
                     {[&](const Terms&) { return region(ir::bodyOf(op), inputs); },
                      [&](const Terms&) { return region(ir::otherOf(op), inputs); }},
                     types);
}

} // namespace diptych::passes::hlo
