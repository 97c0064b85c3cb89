// Products with powers of two, as instructions.
#pragma once

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace diptych::codegen {

/// Takes llvm.ldexp apart: one instruction where a function's CPU has AVX-512, two products
/// elsewhere, with the same bits wherever math::ldexp promises one rounding. LLVM itself would call
/// the C library for each lane.
void expandLdexp(llvm::Module& module, const llvm::TargetMachine& machine);

} // namespace diptych::codegen
