// The bits depend neither on the number of threads nor on the instruction set.
#include "Suite.h"

#include "ir/TypeRules.h"
#include "runtime/KernelRegistry.h"
#include "runtime/ThreadPool.h"

extern "C" {
extern const diptych::runtime::KernelEntry diptych_kernel_table_v3[];
extern const int64_t diptych_kernel_count_v3;
}

namespace diptych::suite {
namespace {

using Machine = RowTest;

class Threads {
public:
  explicit Threads(int count) { pool_.setThreads(count); }
  ~Threads() { pool_.setThreads(before_); }

private:
  runtime::ThreadPool& pool_ = runtime::ThreadPool::global();
  int before_ = pool_.threads();
};

TEST_P(Machine, OlderInstructionSetGivesTheSameBits) {
  static const runtime::KernelRegistry v3(
      {diptych_kernel_table_v3, static_cast<size_t>(diptych_kernel_count_v3)});
  const Joined joined = join(cases());
  const Values expected = runEager(joined.program, joined.inputs);
  const runtime::KernelRegistryOverride injected(v3);
  EXPECT_EQ(bitDifference(runEager(joined.program, joined.inputs), expected), "");
}

// Large enough that every launcher cuts its work: along rows, along columns, along one long axis.
std::vector<Case> largeCases(const OpInfo& op, DType dtype) {
  CaseList list(op, dtype);
  Attrs attrs;
  const auto add = [&](const std::vector<TensorType>& types) {
    Values inputs;
    for (const TensorType& type : types)
      inputs.push_back(wild(type, list.generator));
    list.add("large", inputs, attrs);
  };
  const auto operands = static_cast<size_t>(op.operandCount);
  switch (op.family) {
  case Family::Pointwise:
    for (const Shape& shape : {Shape{150001}, Shape{400, 401}}) {
      std::vector<TensorType> types(operands, {dtype, shape});
      if (op.typeRule == &typerules::where)
        types[0].dtype = DType::boolean;
      attrs.dtype = DType::f64;
      add(types);
    }
    break;
  case Family::Reduction:
    for (const Dims& axes : {Dims{0}, Dims{1}, Dims{2}, Dims{0, 2}, Dims{0, 1, 2}}) {
      attrs.axes = axes;
      add({{dtype, {30, 50, 101}}});
      add({{dtype, {2, 3, 40001}}});
      add({{dtype, {40001, 3, 2}}});
    }
    break;
  case Family::ArgReduction:
    for (attrs.axis = 0; attrs.axis < 3; ++attrs.axis)
      add({{dtype, {30, 50, 101}}});
    break;
  case Family::Cumulative:
    for (attrs.axis = 0; attrs.axis < 3; ++attrs.axis)
      add(std::vector<TensorType>(operands, {dtype, {30, 50, 101}}));
    attrs.axis = 0;
    add(std::vector<TensorType>(operands, {dtype, {150, 1001}}));
    break;
  case Family::Matmul:
    add({{dtype, {150, 130}}, {dtype, {130, 170}}});
    add({{dtype, {1, 2000}}, {dtype, {2000, 300}}});
    add({{dtype, {3000, 200}}, {dtype, {200, 1}}});
    add({{dtype, {9, 40, 50}}, {dtype, {9, 50, 60}}});
    break;
  case Family::Convolution:
    attrs.strides = attrs.dilations = {1, 1};
    add({{dtype, {3, 1, 5, 30, 33}}, {dtype, {1, 20, 5, 3, 3}}});
    add({{dtype, {2, 2, 130, 12, 9}}, {dtype, {2, 7, 130, 3, 3}}});
    add({{dtype, {3, 1, 70, 28, 28}}, {dtype, {1, 5, 70, 26, 26}}});
    attrs.strides = {2, 1};
    attrs.dilations = {1, 3};
    add({{dtype, {1, 3, 9, 41, 50}}, {dtype, {3, 18, 9, 4, 2}}});
    break;
  case Family::OverlapAdd:
    attrs.axes = {1, 2};
    attrs.shape = {60, 41, 90};
    attrs.strides = {2, 1};
    attrs.dilations = {1, 2};
    add({{dtype, {60, 19, 3, 84, 4}}});
    attrs.axes = {0};
    attrs.shape = {40007};
    attrs.strides = attrs.dilations = {1};
    add({{dtype, {40001, 7}}});
    attrs.shape = {400, 101};
    add({{dtype, {381, 20, 101}}});
    attrs.axes = {1};
    add({{dtype, {400, 82, 20}}});
    break;
  case Family::Gather:
    for (attrs.axis = 0; attrs.axis < 2; ++attrs.axis)
      list.add("large",
               {wild({dtype, {300, 301}}, list.generator),
                indices(DType::i64, {500}, 300, list.generator)},
               attrs);
    break;
  case Family::ScatterAdd:
    for (attrs.axis = 0; attrs.axis < 2; ++attrs.axis)
      list.add("large",
               {wild({dtype, {300, 301}}, list.generator),
                indices(DType::i64, {500}, 300, list.generator),
                wild({dtype, attrs.axis ? Shape{300, 500} : Shape{500, 301}}, list.generator)},
               attrs);
    break;
  case Family::Library: // many problems
    attrs.window = {7};
    if (op.typeRule == &typerules::searchsorted)
      add({{dtype, {300, 50}}, {dtype, {300, 40}}});
    if (op.typeRule == &typerules::rollingSelect)
      add({{dtype, {30, 50, 10}}, {DType::i64, {30, 50, 10, 2}}});
    else if (op.has(AttrField::axis))
      for (attrs.axis = 0; attrs.axis < 3; ++attrs.axis)
        add({{dtype, {30, 50, 101}}});
    else
      list.add("large", Values(operands, grid({dtype, {60, 12, 12}}, -1, 1, 0, list.generator)),
               attrs);
    break;
  case Family::Creation:
  case Family::Movement: break; // copies; covered through what copies them
  }
  return list.cases;
}

TEST_P(Machine, ThreadsGiveTheSameBits) {
  const Joined joined = join(largeCases(op(), dtype()));
  const auto run = [&](int threads, const Numerics* numerics) {
    const Threads scope(threads);
    return numerics ? runCompiled(joined.program, joined.inputs, *numerics)
                    : runEager(joined.program, joined.inputs);
  };
  const Values eager = run(1, nullptr);
  EXPECT_EQ(bitDifference(run(2, nullptr), eager), "") << "eager";
  EXPECT_EQ(bitDifference(run(5, nullptr), eager), "") << "eager, 5 threads";
  for (const Numerics numerics : {Numerics::strict, Numerics::standard}) {
    const Values compiled = run(1, &numerics);
    EXPECT_EQ(bitDifference(run(2, &numerics), compiled), "") << "compiled";
    EXPECT_EQ(bitDifference(run(5, &numerics), compiled), "") << "compiled, 5 threads";
    if (numerics == Numerics::strict)
      EXPECT_EQ(bitDifference(compiled, eager), "") << "compiled against eager";
  }
}

INSTANTIATE_TEST_SUITE_P(Operators, Machine, testing::ValuesIn(rowsWhere([](const Row& row) {
                           return row.op().family != Family::Creation;
                         })),
                         rowName);

} // namespace
} // namespace diptych::suite
