// All PTX there is: of every case of the operator suite, and of the eager kernels that the library
// carries, assembled for every architecture without spills.
#include "../ops/Suite.h"
#include "Assembler.h"
#include "Simulated.h"
#include "codegen/EagerKernels.h"
#include "codegen/cuda/GpuCompiler.h"
#include "runtime/cuda/EagerPtx.h"

#include <gtest/gtest.h>

#include <diptych/diptych.h>

namespace diptych::suite {
namespace {

constexpr const char* kArchitectures[] = {"sm_80", "sm_90", "sm_100"};
// Of a kernel. Long expansions of f64 in 128 registers come near it.
constexpr int kSpillLimit = 32;

using runtime::cuda::EagerPtx;

void expectAssembles(const std::string& ptx, const std::string& architecture) {
  const Assembled result = assemble(ptx, architecture);
  EXPECT_EQ(result.problem, "");
  EXPECT_LE(result.spillBytes, kSpillLimit) << architecture << "\n" << ptx.substr(0, 400);
}

void expectAssembles(const Function& program, ValueSpan inputs, const std::string& architecture) {
  std::vector<codegen::cuda::GpuRequest> requests;
  const codegen::Schedule schedule = gpuSchedule(program, inputs, Numerics::standard, nullptr,
                                                 codegen::cuda::capabilityOf(architecture));
  for (const codegen::ScheduledCall& call : schedule.calls)
    if (call.isKernel())
      requests.push_back(codegen::cuda::requestOf(call));
  if (!requests.empty()) // library operators are the host's
    expectAssembles(codegen::cuda::compilePtx(requests, architecture).ptx, architecture);
}

using Ptx = RowTest;

TEST_P(Ptx, SuiteAssembles) {
  if (assembler().empty())
    GTEST_SKIP() << "the CUDA toolkit's ptxas is not installed";
  const Joined joined = join(cases());
  for (const char* architecture : kArchitectures)
    expectAssembles(joined.program, joined.inputs, architecture);
}

// Rows with their matrix in shared memory: of one block, and of clusters where there are such.
TEST(RowsPtx, ProductsAssemble) {
  if (assembler().empty())
    GTEST_SKIP() << "the CUDA toolkit's ptxas is not installed";
  const Function program = [](ValueSpan in) -> Values {
    const Tensor X(in[0]), w(in[1]), Y(in[2]);
    const Tensor p = softmax(matmul(X, w), -1);
    const Tensor u = p * (Y - sum(p * Y, -1, true));
    return {matmul(unsqueeze(u, 1), X).value()};
  };
  for (const DType dtype : {DType::f32, DType::f64})
    for (const int64_t wide : {30, 158, 160})
      for (const char* architecture : kArchitectures) {
        const auto of = [&](const Shape& shape) {
          return zeros(shape, dtype).contiguous().value();
        };
        expectAssembles(program, Values{of({80, 468, wide}), of({wide}), of({80, 468})},
                        architecture);
      }
}

INSTANTIATE_TEST_SUITE_P(Operators, Ptx, testing::ValuesIn(allRows()), rowName);

TEST(EagerKernels, TheLibraryCarriesAllOfThem) {
  const EagerPtx* embedded = runtime::cuda::embeddedEagerPtx();
  if (!embedded)
    GTEST_SKIP() << "built with DIPTYCH_EAGER_PTX off";
  const auto kernels = codegen::eagerGpuKernels();
  ASSERT_EQ(embedded->kernels.size(), kernels.size());
  std::vector<std::string> texts;
  for (size_t i = 0; i < embedded->modules.size(); ++i)
    texts.push_back(embedded->text(static_cast<int>(i)));
  for (size_t i = 0; i < kernels.size(); ++i) {
    const auto& carried = embedded->kernels[i];
    EXPECT_EQ(std::tuple(carried.code, carried.in, carried.out, carried.variant),
              std::tuple(kernels[i].code, kernels[i].in, kernels[i].out, kernels[i].variant));
    for (const auto& launch : carried.spec.launches)
      EXPECT_NE(texts[static_cast<size_t>(carried.module)].find(".entry " + launch.name + "("),
                std::string::npos)
          << launch.name;
  }
}

TEST(EagerKernels, AssembleForEveryArchitecture) {
  const EagerPtx* embedded = runtime::cuda::embeddedEagerPtx();
  if (!embedded || assembler().empty())
    GTEST_SKIP() << "no ptxas, or built with DIPTYCH_EAGER_PTX off";
  for (size_t i = 0; i < embedded->modules.size(); ++i)
    for (const char* architecture : kArchitectures)
      expectAssembles(embedded->text(static_cast<int>(i)), architecture);
}

TEST(EagerKernels, WhatIsWrittenIsRead) {
  EagerPtx made;
  made.modules.push_back(EagerPtx::compress("some PTX"));
  runtime::cuda::LaunchSpec spec;
  spec.pointers = 3;
  spec.params = 2;
  spec.scratchUnit = 8;
  spec.scratch.factors = {{{{7, -1}, {0, 1}}, 4, 1}};
  runtime::cuda::Launch launch;
  launch.name = "f";
  launch.grid.factors = {{{{0, 0}}, 128, 1}};
  launch.grid.pieces = 2;
  launch.block = 64;
  launch.guard = {0, 1};
  launch.above = 5;
  launch.atMost = 9;
  launch.cooperative = true;
  launch.sharedBytes = 100000;
  launch.cluster = 4;
  spec.launches = {launch, launch};
  made.kernels.push_back({OpCode::Exp, DType::f32, DType::f64, 3, 0, spec});
  const std::string bytes = made.serialised();
  const EagerPtx again = EagerPtx::read(bytes);
  EXPECT_EQ(again.text(0), "some PTX");
  EXPECT_EQ(again.serialised(), bytes);
  const auto& kernel = again.kernels.at(0);
  EXPECT_EQ(kernel.spec.launches.at(1).name, "f");
  const int64_t params[] = {1000, 7};
  EXPECT_EQ(kernel.spec.launches[1].blocks(params), 4);
  EXPECT_EQ(kernel.spec.launches[1].sharedBytes, 100000);
  EXPECT_EQ(kernel.spec.launches[1].cluster, 4);
  EXPECT_EQ(kernel.spec.scratchBytes(params), 104);
  EXPECT_THROW(EagerPtx::read(bytes.substr(0, bytes.size() - 3)), Error);
}

} // namespace
} // namespace diptych::suite
