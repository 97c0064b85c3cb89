// Walks the operator table and describes the eager kernels of each family.
#include "codegen/EagerKernels.h"

#include <utility>

#include "ir/TypeRules.h"

namespace diptych::codegen {

using namespace runtime;

namespace {

std::vector<DType> dtypesOf(const OpInfo& op) {
  std::vector<DType> dtypes;
  for (int i = 0; i < kDTypeCount; ++i)
    if (op.takes(static_cast<DType>(i)) &&
        !(isHalf(static_cast<DType>(i)) && op.widensHalves())) // those run in f32
      dtypes.push_back(static_cast<DType>(i));
  return dtypes;
}

// Element types of a pointwise operator's operands for one value of `in`, by its own type rule.
struct Signature {
  std::vector<DType> operands;
  DType result;
};

Signature signatureOf(const OpInfo& op, DType in, DType out) {
  Signature signature;
  for (int i = 0; i < op.operandCount; ++i)
    signature.operands.push_back(op.code == OpCode::Where && i == 0 ? DType::boolean : in);
  std::vector<TensorType> types;
  for (DType dtype : signature.operands)
    types.push_back({dtype, {}});
  Attrs attrs;
  attrs.dtype = out;
  signature.result = inferType(op.code, types, attrs).dtype;
  return signature;
}

// Loops (outer, inner); params: inner extent, then outer and inner stride of each arg.
KernelSpec pointwiseSpec(const OpInfo& op, const Signature& signature, uint8_t variant, int lanes) {
  const bool strided = variant == kStrided, turned = variant == kTurned;
  NestSpec nest;
  nest.extents = {turned ? Size::param(0) : Size(0), Size::param(0)}; // the first is not read
  auto access = [&](int arg, DType dtype, bool scalar) {
    const bool across = turned && arg == 0; // lies along the outer loop
    Size inner = strided || across ? Size::param(2 + 2 * arg) : Size(scalar ? 0 : 1);
    return Access{arg, dtype, {across ? Size(1) : Size::param(1 + 2 * arg), inner}, 0};
  };
  Line::Apply apply{op.code, {}};
  const int count = static_cast<int>(signature.operands.size());
  for (int i = 0; i < count; ++i) {
    nest.lines.push_back({Line::Load{access(i, signature.operands[i], !turned && variant >> i & 1)},
                          signature.operands[i]});
    apply.operands.push_back(i);
  }
  nest.lines.push_back({apply, signature.result});
  nest.stores.push_back({count, access(count, signature.result, false)});
  nest.vectorLoop = strided ? -1 : 1;
  nest.lanes = strided ? 1 : lanes;
  return {nest};
}

KernelSpec iotaSpec(DType dtype, int lanes) {
  NestSpec nest;
  nest.extents = {Size(0), Size::param(0)};
  nest.lines.push_back({Line::Index{1}, DType::i64});
  nest.lines.push_back({Line::Apply{OpCode::Convert, {0}}, dtype});
  nest.stores.push_back({1, {0, dtype, {Size::param(1), Size(1)}, 0}});
  nest.vectorLoop = 1;
  nest.lanes = lanes;
  return {nest};
}

// The input is [outer, reduced, inner]; params: reduced and inner extent, input strides (outer,
// reduced, inner), output strides (outer, inner). Loops are (outer, inner, reduced).
struct ReductionLayout {
  std::vector<Size> extents{Size(0), Size::param(1), Size::param(0)};
  Access from, to;

  ReductionLayout(DType in, DType out, uint8_t variant)
      : from{0, in, {Size::param(2), Size::param(4), Size::param(3)}, 0},
        to{1, out, {Size::param(5), Size::param(6), Size(0)}, 0} {
    if (variant == kRows)
      from.strides[2] = 1;
    if (variant == kColumns)
      from.strides[1] = to.strides[1] = 1;
  }
};

KernelSpec reductionSpec(const OpInfo& op, DType dtype, uint8_t variant, int lanes) {
  NestSpec nest;
  nest.tiles = variant == kTiledColumns;
  if (nest.tiles)
    variant = kColumns;
  ReductionLayout layout(dtype, dtype, variant);
  nest.extents = layout.extents;
  nest.lines.push_back({Line::Load{layout.from}, dtype});
  nest.folds.push_back({op.combiner, 0, layout.to});
  nest.vectorLoop = variant == kRows ? 2 : 1;
  nest.lanes = variant == kRows ? 16 : variant == kColumns ? lanes : 1;
  return {nest};
}

KernelSpec argSpec(const OpInfo& op, DType dtype, uint8_t variant, int lanes) {
  ReductionLayout layout(dtype, DType::i64, variant);
  const int vectorLoop = variant == kRows ? 2 : variant == kColumns ? 1 : -1;
  if (variant == kRows) // which are those of the range
    layout.extents[1] = 1;
  return {ArgSpec{layout.extents, op.code == OpCode::Argmax, layout.from, layout.to, vectorLoop,
                  lanes}};
}

// Operands and result are [outer, n, inner]; params: n, inner extent, then for each operand and the
// result the strides outer, n, inner. Loops are (outer, inner, n).
KernelSpec cumulativeSpec(const OpInfo& op, DType dtype, uint8_t variant, int lanes) {
  CumulativeSpec spec;
  spec.code = op.code;
  spec.extents = {Size(0), Size::param(1), Size::param(0)};
  const auto access = [&](int arg, DType dtype) {
    const int slot = 2 + 3 * arg;
    const Size inner = variant == kColumns ? Size(1) : Size::param(slot + 2);
    return Access{arg, dtype, {Size::param(slot), inner, Size::param(slot + 1)}, 0};
  };
  for (int i = 0; i < op.operandCount; ++i)
    spec.from.push_back(access(i, dtype));
  spec.to = access(op.operandCount, op.typeRule == &typerules::argCumulative ? DType::i64 : dtype);
  spec.lanes = variant == kColumns ? lanes : 1;
  spec.chains = variant == kColumns ? 1 : kCumulativeChains;
  return {spec};
}

Turned turnedBy(uint8_t variant) {
  switch (variant) {
  case kOneTurned: return Turned::byOne;
  case kSinglyTurned: return Turned::singly;
  case kTurnedAhead: return Turned::ahead;
  default: return Turned::bySeveral;
  }
}

// Params: k and v extent; strides S(s,k), V(k,v), C(s,v). The range is s, so its extent is not
// read.
KernelSpec matmulSpec(DType dtype, uint8_t variant, int vectorBytes) {
  MatmulSpec spec;
  const bool inSet = variant == kPackedRowsInSet || variant == kPackedColumnsInSet;
  if (inSet)
    variant = variant == kPackedRowsInSet ? kPackedRows : kPackedColumns;
  spec.pack = variant == kPackedRows || variant == kPackedColumns;
  const bool sweeps = variant == kSweptRows, held = variant == kHeldRow;
  spec.way = sweeps ? MatmulSpec::Way::sweep : MatmulSpec::Way::tiles;
  const bool narrow = variant == kNarrow;
  spec.turned = turnedBy(variant);
  const bool one = isForOne(spec.turned);
  if (spec.pack || sweeps || held || narrow || one)
    variant = variant == kPackedColumns || narrow || one ? kColumns : kRows;
  spec.dtype = dtype;
  spec.k = Size::param(0);
  spec.v = Size::param(1);
  spec.s = held ? Size(1) : Size::param(0);
  const Size unit(1);
  spec.left = {0, dtype, {0, Size::param(2), 0, Size::param(3)}, 0};
  spec.right = {
      1,
      dtype,
      {0, 0, variant == kRows ? unit : Size::param(5), variant == kColumns ? unit : Size::param(4)},
      0};
  spec.result = {
      2,
      dtype,
      {0, narrow ? unit : Size::param(6), variant == kStrided || narrow ? Size::param(7) : unit, 0},
      0};
  spec.lanes = vectorBytes / static_cast<int>(sizeOf(dtype));
  const bool turns = narrow || (variant == kColumns && !spec.pack && dtype == DType::f32);
  spec.rows = one                                  ? 1
              : vectorRegisters(vectorBytes) == 16 ? 4
              : inSet                              ? kRowsInSet
              : turns                              ? kEagerRowsTurning
                                                   : kEagerRows;
  return {spec};
}

KernelSpec convolutionSpec(DType dtype, uint8_t variant, int vectorBytes) {
  ConvolutionSpec spec;
  spec.dtype = dtype;
  int slot = 0;
  const auto next = [&] { return Size::param(slot++); };
  for (int i = 0; i < kConvolutionLoops; ++i) {
    ConvolutionSpec::Loop& loop = spec.outer.emplace_back();
    for (Size* size :
         {&loop.extent, &loop.left, &loop.right, &loop.result, &loop.sStep, &loop.vStep})
      *size = next();
  }
  for (Size* size :
       {&spec.s, &spec.sLeft, &spec.sResult, &spec.sRun, &spec.sJump, &spec.v, &spec.vResult})
    *size = next();
  for (int i = 0; i < kConvolutionDepth; ++i) {
    ConvolutionSpec::Depth& loop = spec.depth.emplace_back();
    for (Size* size : {&loop.extent, &loop.block, &loop.left, &loop.right})
      *size = next();
  }
  spec.continues = next();
  spec.sharesRows = variant == kSharedRows || variant == kSteppedRows;
  const bool imageRows = variant == kImageRows || spec.sharesRows;
  if (imageRows)
    spec.sRight = std::exchange(spec.sLeft, 0);
  if (variant == kRows || imageRows)
    spec.sRun = spec.sJump = 0;
  if (variant == kRows)
    spec.sLeft = 1;
  if (variant == kRows || imageRows)
    spec.vResult = 1;
  if (variant == kColumns)
    spec.sResult = 1;
  if (variant == kSteppedRows)
    spec.vRight = kConvolutionStep;
  spec.lanes = vectorBytes / static_cast<int>(sizeOf(dtype));
  spec.rows = spec.sharesRows                      ? static_cast<int>(kConvolutionSharing)
              : vectorRegisters(vectorBytes) == 32 ? 12
                                                   : 4;
  spec.panelRows = static_cast<int>(kConvolutionPanelRows);
  const int64_t panel = imageRows ? kConvolutionRunBytes : kConvolutionPanelBytes;
  spec.panelWidth = static_cast<int>(panel / sizeOf(dtype));
  return {spec};
}

KernelSpec indexSpec(const OpInfo& op, DType dtype, int lanes) {
  return {IndexSpec{op.code, dtype, Size::param(3), Size::param(0), Size::param(1), Size::param(2),
                    lanes}};
}

KernelSpec manyAxesSpec(DType dtype) {
  NestSpec nest;
  Access from{0, dtype, {}}, to{1, dtype, {}};
  for (int loop = 0; loop < kMaxRank; ++loop) {
    nest.extents.push_back(loop == 0 ? Size(0) : Size::param(loop - 1));
    from.strides.push_back(Size::param(kMaxRank - 1 + loop));
    to.strides.push_back(Size::param(2 * kMaxRank - 1 + loop));
  }
  nest.lines.push_back({Line::Load{from}, dtype});
  nest.stores.push_back({0, to});
  return {nest};
}

KernelSpec batchesSpec(DType dtype) {
  MatmulSpec spec;
  spec.dtype = dtype;
  spec.batch = Size(0);
  spec.k = Size::param(0), spec.v = Size::param(1), spec.s = Size::param(2);
  const auto at = [](int slot) { return Size::param(slot); };
  spec.left = {0, dtype, {at(3), at(4), 0, at(5)}, 0};
  spec.right = {1, dtype, {at(6), 0, at(8), at(7)}, 0};
  spec.result = {2, dtype, {at(9), at(10), at(11), 0}, 0};
  return {spec};
}

KernelSpec rollingSpec(const OpInfo& op, DType dtype) {
  const bool picks = op.operandCount == 2;
  return {RollingSpec{op.code, dtype, Size::param(3), Size::param(0), Size::param(1),
                      Size::param(2), picks ? Size::param(4) : Size(1)}};
}

// Collects the kernels of one register width.
class Collector {
public:
  explicit Collector(int vectorBytes) : vectorBytes_(vectorBytes) {}
  std::vector<EagerKernel> kernels;

  void pointwise(const OpInfo& op) {
    for (DType in : dtypesOf(op)) {
      if (op.code != OpCode::Convert) {
        pointwise(op, in, in);
        continue;
      }
      for (int out = 0; out < kDTypeCount; ++out)
        pointwise(op, in, static_cast<DType>(out));
    }
  }
  void reduction(const OpInfo& op) {
    for (DType dtype : dtypesOf(op))
      for (uint8_t variant : {kRows, kColumns, kStrided, kTiledColumns})
        if (variant != kTiledColumns || sizeOf(dtype) >= 4)
          add(op, dtype, dtype, variant, reductionSpec(op, dtype, variant, lanesFor(dtype)));
  }
  void cumulative(const OpInfo& op) {
    for (DType dtype : dtypesOf(op))
      for (uint8_t variant : {kColumns, kStrided}) {
        KernelSpec spec = cumulativeSpec(op, dtype, variant, vectorBytes_ / kCumulativeLaneBytes);
        const DType out = std::get<CumulativeSpec>(spec.what).to.dtype;
        add(op, dtype, out, variant, std::move(spec));
      }
  }
  void matmul(const OpInfo& op) {
    for (DType dtype : dtypesOf(op))
      for (uint8_t variant :
           {kRows, kColumns, kStrided, kPackedRows, kPackedColumns, kSweptRows, kNarrow, kOneTurned,
            kSinglyTurned, kTurnedAhead, kHeldRow, kPackedRowsInSet, kPackedColumnsInSet})
        add(op, dtype, dtype, variant, matmulSpec(dtype, variant, vectorBytes_));
  }
  void convolution(const OpInfo& op) {
    for (DType dtype : dtypesOf(op))
      for (uint8_t variant : {kRows, kColumns, kStrided, kImageRows, kSteppedRows, kSharedRows})
        add(op, dtype, dtype, variant, convolutionSpec(dtype, variant, vectorBytes_));
  }
  void add(const OpInfo& op, DType in, DType out, uint8_t variant, KernelSpec spec) {
    kernels.push_back({op.code, in, out, variant, std::move(spec)});
  }
  int lanesFor(DType dtype) const {
    return vectorBytes_ / static_cast<int>(std::max<int64_t>(4, sizeOf(dtype)));
  }

private:
  void pointwise(const OpInfo& op, DType in, DType out) {
    const Signature signature = signatureOf(op, in, out);
    int lanes = lanesFor(signature.result);
    for (DType operand : signature.operands)
      lanes = std::min(lanes, lanesFor(operand));
    std::vector<uint8_t> variants{kContiguous, kStrided};
    for (int repeated = 1; repeated + 1 < 1 << op.operandCount; ++repeated)
      variants.push_back(static_cast<uint8_t>(repeated));
    if (op.code == OpCode::StopGradient && sizeOf(in) >= 4)
      variants.push_back(kTurned);
    for (uint8_t variant : variants)
      add(op, in, signature.result, variant, pointwiseSpec(op, signature, variant, lanes));
  }
  int vectorBytes_;
};

} // namespace

std::string EagerKernel::name() const {
  return std::string("diptych_") + info(code).name + "_" + diptych::name(in) + "_" +
         diptych::name(out) + "_" + std::to_string(variant);
}

std::vector<EagerKernel> eagerKernels(int vectorBytes) {
  Collector collector(vectorBytes);
  for (const OpInfo& op : allOperators())
    switch (op.family) {
    case Family::Pointwise: collector.pointwise(op); break;
    case Family::Reduction: collector.reduction(op); break;
    case Family::Matmul: collector.matmul(op); break;
    case Family::Cumulative: collector.cumulative(op); break;
    case Family::Convolution: collector.convolution(op); break;
    case Family::ArgReduction:
      for (DType dtype : dtypesOf(op))
        for (uint8_t variant : {kRows, kColumns, kStrided})
          collector.add(op, dtype, DType::i64, variant,
                        argSpec(op, dtype, variant, collector.lanesFor(dtype)));
      break;
    case Family::Gather:
    case Family::ScatterAdd:
      for (DType dtype : dtypesOf(op))
        collector.add(op, dtype, dtype, kContiguous,
                      indexSpec(op, dtype, collector.lanesFor(dtype)));
      break;
    case Family::Creation:
      if (op.code == OpCode::Iota)
        for (int i = 0; i < kDTypeCount; ++i) {
          const auto dtype = static_cast<DType>(i);
          if (dtype == DType::boolean)
            continue;
          collector.add(op, dtype, dtype, kContiguous,
                        iotaSpec(dtype, collector.lanesFor(DType::i64)));
        }
      break;
    case Family::Movement:
    case Family::OverlapAdd: // views, copies and sums of them
    case Family::Library: break;
    }
  return collector.kernels;
}

std::vector<EagerKernel> eagerGpuKernels() {
  // Lanes and panels are the CPU's affair, but for convolution's panels, which params describe.
  std::vector<EagerKernel> kernels = eagerKernels(64);
  std::erase_if(kernels, [](const EagerKernel& kernel) {
    return (kernel.code == OpCode::Matmul && kernel.variant > kStrided) ||
           (kernel.code == OpCode::Convolution &&
            (kernel.variant == kColumns || kernel.variant > kStrided)) ||
           kernel.variant == kTiledColumns || kernel.variant == kTurned;
  });
  const auto add = [&](OpCode code, uint8_t variant, KernelSpec (*spec)(DType dtype)) {
    for (DType dtype : dtypesOf(info(code)))
      kernels.push_back({code, dtype, dtype, variant, spec(dtype)});
  };
  add(OpCode::StopGradient, kManyAxes, manyAxesSpec);
  add(OpCode::Matmul, kBatches, batchesSpec);
  for (const OpInfo& op : allOperators())
    if (isRolling(op))
      for (DType dtype : dtypesOf(op)) {
        const DType out = op.typeRule == &typerules::rolling ? dtype : DType::i64;
        kernels.push_back({op.code, dtype, out, kContiguous, rollingSpec(op, dtype)});
      }
  return kernels;
}

} // namespace diptych::codegen
