// The call plan on the device: launches in order, steps of the host between, loops, failures, and
// graphs. Kernels here are lambdas of the simulated device.
#include "runtime/cuda/Counters.h"
#include "runtime/cuda/DeviceMemory.h"
#include "runtime/cuda/DeviceProgram.h"
#include "tests/cuda/Device.h"

using namespace diptych;
using namespace diptych::runtime;
using namespace diptych::runtime::cuda;

namespace {

constexpr int64_t kCount = 4, kBytes = 8 * kCount;

using Places = std::vector<ArgPlace>;
constexpr auto kInput = ArgPlace::Kind::Input, kOutput = ArgPlace::Kind::Output,
               kArena = ArgPlace::Kind::Arena, kConstant = ArgPlace::Kind::Constant;

/// y[i] = f(x[i]) over kCount doubles, on the device; args x, y.
ProgramStep onDevice(const std::string& name, const Places& places, double (*f)(double)) {
  auto* image = new SimulatedImage; // kernels live as long as the process
  const auto run = [f](const SimulatedKernel::Call& call, std::string&) {
    const auto* x = reinterpret_cast<const double*>(call.parameters[0]);
    auto* y = reinterpret_cast<double*>(call.parameters[1]);
    for (int64_t i = 0; i < kCount; ++i)
      y[i] = f(x[i]);
    return true;
  };
  image->kernels.push_back({name, 2, run});
  LaunchSpec spec;
  spec.launches.emplace_back().name = name;
  spec.pointers = 2;
  ProgramStep step;
  step.device = std::make_shared<DeviceKernel>(spec, std::make_shared<LoadedModule>(image));
  step.args = places;
  step.argBytes.assign(places.size(), kBytes);
  step.name = name;
  step.where = {"model.cpp", 7, 1};
  return step;
}

/// The same on the host: y[i] = x[i] + 1.
ProgramStep onHost(const Places& places) {
  ProgramStep step;
  step.kernel = [](void* const* args, const int64_t*, int64_t lo, int64_t hi) {
    for (int64_t i = lo; i < hi; ++i)
      static_cast<double*>(args[1])[i] = static_cast<const double*>(args[0])[i] + 1;
  };
  step.args = places;
  step.argBytes.assign(places.size(), kBytes);
  step.range = kCount;
  step.name = "increment";
  return step;
}

double twice(double x) { return 2 * x; }
double plusTen(double x) { return x + 10; }

const TensorType kType{DType::f64, {kCount}};

class DeviceProgramTest : public test::OnSimulatedDevice {
protected:
  /// Runs it on `values` and gives its only output.
  static std::vector<double> run(DeviceProgram& program, std::vector<double> values) {
    const Buffer x = allocateOnDevice(kBytes), y = allocateOnDevice(kBytes);
    copyToDevice(x.data(), values.data(), kBytes);
    void *const in[] = {x.data()}, *const out[] = {y.data()};
    program.run(in, out);
    copyToHost(values.data(), y.data(), kBytes);
    return values;
  }
  static std::shared_ptr<Program> make(std::vector<ProgramStep> steps, int64_t arenaBytes) {
    auto program = std::make_shared<Program>();
    program->inputs = program->outputs = {kType};
    program->steps = std::move(steps);
    program->fixedBytes = arenaBytes;
    return program;
  }
};

using Doubles = std::vector<double>;

TEST_F(DeviceProgramTest, LaunchesAndHostStepsAlternate) {
  DeviceProgram program(make({onDevice("twice", {{kInput, 0}, {kArena, 0}}, twice),
                              onHost({{kArena, 0}, {kArena, 64}}),
                              onDevice("ten", {{kArena, 64}, {kOutput, 0}}, plusTen)},
                             128));
  const int64_t before = counters().hostOperators;
  EXPECT_EQ(run(program, {1, 2, 3, 4}), (Doubles{13, 15, 17, 19}));
  EXPECT_EQ(counters().hostOperators, before + 1);
}

TEST_F(DeviceProgramTest, ConstantsAreThere) {
  auto literal = std::make_shared<Literal>();
  literal->type = kType;
  literal->bytes.resize(kBytes);
  const double values[] = {5, 6, 7, 8};
  std::memcpy(literal->bytes.data(), values, kBytes);
  auto plan = make({onDevice("twice", {{kConstant, 0}, {kOutput, 0}}, twice)}, 0);
  plan->constants.push_back(literal);
  DeviceProgram program(plan);
  EXPECT_EQ(run(program, {0, 0, 0, 0}), (Doubles{10, 12, 14, 16}));
}

TEST_F(DeviceProgramTest, TheSameAddressesAreReplayedAsAGraph) {
  DeviceProgram program(make({onDevice("twice", {{kInput, 0}, {kArena, 0}}, twice),
                              onDevice("ten", {{kArena, 0}, {kOutput, 0}}, plusTen)},
                             64));
  const int64_t graphs = counters().graphLaunches, launches = counters().launches;
  for (double value : {1.0, 2.0, 3.0, 4.0})
    EXPECT_EQ(run(program, {value, 0, 0, 0}), (Doubles{2 * value + 10, 10, 10, 10}));
  EXPECT_EQ(counters().graphLaunches, graphs + 3);
  EXPECT_EQ(counters().launches, launches + 2);
}

TEST_F(DeviceProgramTest, NothingWaitsWithoutNeed) {
  DeviceProgram program(make({onDevice("twice", {{kInput, 0}, {kArena, 0}}, twice),
                              onDevice("ten", {{kArena, 0}, {kOutput, 0}}, plusTen)},
                             64));
  const int64_t before = counters().synchronisations;
  run(program, {1, 2, 3, 4});
  EXPECT_EQ(counters().synchronisations, before + 1); // the read of the result
}

/// A kernel that refuses negative numbers: args x, y, status.
ProgramStep root() {
  auto* image = new SimulatedImage;
  const auto run = [](const SimulatedKernel::Call& call, std::string&) {
    const auto* x = reinterpret_cast<const double*>(call.parameters[0]);
    auto* y = reinterpret_cast<double*>(call.parameters[1]);
    auto* status = reinterpret_cast<int64_t*>(call.parameters[2]);
    for (int64_t i = 0; i < kCount; ++i) {
      y[i] = std::sqrt(x[i]);
      if (x[i] < 0)
        *status = i + 1;
    }
    return true;
  };
  image->kernels.push_back({"root", 3, run});
  LaunchSpec spec;
  spec.launches.emplace_back().name = "root";
  spec.pointers = 3;
  ProgramStep step;
  step.device = std::make_shared<DeviceKernel>(spec, std::make_shared<LoadedModule>(image));
  step.args = {{kInput, 0}, {kOutput, 0}, {kArena, 0}};
  step.argBytes = {kBytes, kBytes, 8};
  step.name = "root";
  step.where = {"model.cpp", 9, 1};
  step.status = [](int64_t status, void* const* args) {
    return "element " + std::to_string(status - 1) + " is " +
           std::to_string(static_cast<const double*>(args[0])[status - 1]);
  };
  return step;
}

TEST_F(DeviceProgramTest, AStepThatFailsNamesItsLine) {
  DeviceProgram program(make({root()}, 64));
  EXPECT_EQ(run(program, {1, 4, 9, 16}), (Doubles{1, 2, 3, 4}));
  test::expectMessage(test::messageOf([&] { run(program, {1, 4, -9, 16}); }),
                      {"model.cpp:9: root: element 2 is -9.0"});
  EXPECT_EQ(run(program, {1, 4, 9, 16}), (Doubles{1, 2, 3, 4}));
}

TEST_F(DeviceProgramTest, AScanRunsItsBodyAndAWhileLoopAsks) {
  // carry -> 2 carry, three times
  auto scan = std::make_shared<ControlStep>();
  scan->kind = ControlStep::Kind::scan;
  scan->body = make({onDevice("twice", {{kInput, 0}, {kOutput, 0}}, twice)}, 0);
  scan->carry = scan->results = 1;
  scan->length = 3;
  scan->carryBytes = {kBytes};
  ProgramStep step;
  step.control = scan;
  // operand, result, second buffer, arenas of body and other, condition
  step.args = {{kInput, 0}, {kOutput, 0}, {kArena, 0}, {kArena, 64}, {kArena, 64}, {kArena, 128}};
  DeviceProgram program(make({step}, 192));
  EXPECT_EQ(run(program, {1, 2, 3, 4}), (Doubles{8, 16, 24, 32}));

  auto loop = std::make_shared<ControlStep>();
  loop->kind = ControlStep::Kind::whileLoop;
  loop->body = scan->body;
  ProgramStep condition = onHost({{kInput, 0}, {kOutput, 0}});
  condition.kernel = [](void* const* args, const int64_t*, int64_t, int64_t) {
    *static_cast<uint8_t*>(args[1]) = *static_cast<const double*>(args[0]) < 100;
  };
  condition.range = 1;
  condition.argBytes = {kBytes, 1};
  auto other = make({condition}, 0);
  loop->other = other;
  loop->carry = loop->results = 1;
  loop->carryBytes = {kBytes};
  step.control = loop;
  DeviceProgram asking(make({step}, 192));
  EXPECT_EQ(run(asking, {1, 2, 3, 4}), (Doubles{128, 256, 384, 512}));
}

TEST_F(DeviceProgramTest, OperandsAtOddAddressesAreMoved) {
  // The second input begins 8 bytes into a block.
  const Buffer block = allocateOnDevice(2 * kBytes), y = allocateOnDevice(kBytes);
  const double values[] = {0, 1, 2, 3, 4, 5, 6, 7};
  copyToDevice(block.data(), values, 2 * kBytes);
  DeviceProgram program(make({onDevice("twice", {{kInput, 0}, {kOutput, 0}}, twice)}, 0));
  void *const in[] = {block.data() + 8}, *const out[] = {y.data()};
  program.run(in, out);
  Doubles back(kCount);
  copyToHost(back.data(), y.data(), kBytes);
  EXPECT_EQ(back, (Doubles{2, 4, 6, 8}));
}

} // namespace
