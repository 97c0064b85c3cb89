// The scalar program of a nest in the hands of one thread: its lines at given loop indices, for one
// element or for a few neighbours along the last loop, which memory sees as one vector. Arithmetic
// is scalar: a GPU has no other.
#pragma once

#include "codegen/cuda/GpuKernel.h"

#include <functional>

namespace diptych::codegen::cuda {

class NestLines {
public:
  NestLines(KernelBuilder& kernel, const NestSpec& spec, bool contract, int lanes = 1);

  /// Of each loop, to be set before lines are evaluated; lanes count up from the last one's.
  llvm::SmallVector<mlir::Value> index;

  /// Lines that the last loop does not change, and lines that it does.
  void evaluateShared() { evaluate(false); }
  void evaluateOwn() { evaluate(true); }
  void evaluateAll() {
    evaluate(false);
    evaluate(true);
  }
  /// Instead of what a load would read: one value for all lanes, or one for each.
  void give(int line, mlir::ValueRange values) {
    given_[line].assign(values.begin(), values.end());
  }

  /// The address that a store goes to instead of its own; null: its own.
  std::function<mlir::Value(const Access&)> elsewhere;

  /// What stores to memory depend on; null: nothing.
  mlir::Value storesIf;

  mlir::Value at(int line, int lane = 0) const;
  void emitStores();
  /// Address of an access at the present indices.
  mlir::Value place(const Access& access);

private:
  void evaluate(bool own);
  void emitStore(const Store& store, mlir::Value there);
  llvm::SmallVector<mlir::Value> valuesOf(const Line& line, int lanes);
  llvm::SmallVector<mlir::Value> load(const Access& access, int lanes);

  KernelBuilder& k_;
  const NestSpec& spec_;
  bool contract_;
  int lanes_;
  std::vector<bool> own_;
  std::vector<llvm::SmallVector<mlir::Value>> values_;
  llvm::DenseMap<int, llvm::SmallVector<mlir::Value>> given_;
};

constexpr int64_t kVectorBytes = 16; // of the widest access
constexpr int kMostLanes = 8;

void forEachAccess(const NestSpec& nest, auto visit) {
  for (const Line& line : nest.lines)
    if (auto* load = std::get_if<Line::Load>(&line.what))
      visit(load->from, false);
  for (const Store& store : nest.stores)
    visit(store.to, true);
}
/// Whether the body is so long that lanes would only lengthen the code.
bool isLongBody(const NestSpec& nest);
/// How many steps of a loop over the body, for so many lanes each, one thread takes at a time.
int stepsAtATime(const NestSpec& nest, int lanes = 1);
/// How many neighbours along the last loop one thread takes: so many that the widest access has 16
/// bytes, if every access is aligned to that.
int lanesOf(const NestSpec& nest);

/// Loops a line's value depends on, as bits.
uint64_t loopsOf(const NestSpec& spec, int line);

} // namespace diptych::codegen::cuda
