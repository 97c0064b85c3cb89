// A diptych.fusion as one loop nest: operators become lines, movements become strides.
#pragma once

#include "codegen/Schedule.h"
#include "ir/DialectMovements.h"

namespace diptych::codegen {

/// A nest and the buffers its accesses number.
struct LoweredNest {
  NestSpec nest;
  std::vector<int> buffers;
  double flops = 0; // of one run
  std::string name;
};

/// Places of one axis.
struct Stretch {
  int64_t axis, begin, end;
};
/// Of a fusion in pieces: in each, all pads and concatenations move one thing.
std::vector<Stretch> stretchesOf(ir::FusionOp fusion);

class FusionLowering {
public:
  /// `captures` are where the operands lie, `results` where the results shall.
  FusionLowering(ir::FusionOp fusion, std::span<const Storage> captures,
                 std::span<const Storage> results, const ScheduleOptions& options);
  LoweredNest lower();
  /// A part of the results.
  LoweredNest lower(const Stretch& stretch);
  /// The lines of a fusion with one result, read at the places of a product's loops: the result is
  /// the last line, and nothing is stored.
  LoweredNest lowerOperand(const IndexMap& map, std::vector<Size> extents);

private:
  int line(mlir::Value value, const IndexMap& map);
  int newLine(mlir::Value value, const IndexMap& map);
  int load(const Storage& storage, const IndexMap& map);
  int index(mlir::Operation* iota, const IndexMap& map);
  int constant(DType dtype, Scalar value);
  int apply(OpCode code, DType dtype, std::vector<int> operands);
  int append(Line line);
  Access access(const Storage& storage, const IndexMap& map);
  int argOf(int buffer);
  void lowerPointwise(mlir::ValueRange yielded, const std::optional<Stretch>& stretch);
  int piece(mlir::Operation* op, const ir::Pieces& pieces, IndexMap map);
  LoweredNest finished();
  void lowerReduction(mlir::ValueRange yielded, mlir::Operation* reduction);
  void lowerScans(mlir::ValueRange yielded, int64_t axis);
  IndexMap lastInside(const Shape& space, int64_t axis);

  ir::FusionOp fusion_;
  std::span<const Storage> captures_, results_;
  const ScheduleOptions& options_;
  LoweredNest out_;
  std::optional<IndexMap> scanned_; // under which scans are met
  llvm::DenseMap<mlir::Value, std::vector<std::pair<IndexMap, int>>> lines_;
};

/// Drops loops of extent 1 and merges loops that all accesses walk as one, then chooses the vector
/// loop and its lanes.
void finishNest(NestSpec& nest, const ScheduleOptions& options);
/// The same for a nest that reads what it has written: its loops stay in their order.
void finishInOrder(NestSpec& nest, const ScheduleOptions& options);

/// A copy between two storages of one shape, or a splat written to one.
LoweredNest copyNest(const Storage& from, const Storage& to, const ScheduleOptions& options);

} // namespace diptych::codegen
