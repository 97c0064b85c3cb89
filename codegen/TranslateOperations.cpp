// arith, math and vector as LLVM IR: a row for each operation that kernels use.
#include "codegen/Translate.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Target/LLVMIR/LLVMTranslationInterface.h"
#include "mlir/Target/LLVMIR/ModuleTranslation.h"
#include "llvm/IR/IRBuilder.h"

namespace diptych::codegen {

namespace arith = mlir::arith;
namespace math = mlir::math;
namespace vector = mlir::vector;

namespace {

struct Line {
  mlir::Operation* op;
  llvm::IRBuilderBase& b;
  llvm::ArrayRef<llvm::Value*> x;
  llvm::Type* type; // of the result
};
using Make = llvm::Value* (*)(const Line&);

using Code = llvm::Instruction;
namespace Intrinsic = llvm::Intrinsic;

template <Code::BinaryOps code> llvm::Value* binary(const Line& line) {
  return line.b.CreateBinOp(code, line.x[0], line.x[1]);
}

template <Code::CastOps code> llvm::Value* cast(const Line& line) {
  return line.b.CreateCast(code, line.x[0], line.type);
}

template <Intrinsic::ID id> llvm::Value* intrinsic(const Line& line) {
  return line.b.CreateIntrinsic(id, line.type, line.x);
}

llvm::Constant* number(llvm::Type* type, mlir::Attribute value) {
  if (auto integer = mlir::dyn_cast<mlir::IntegerAttr>(value))
    return llvm::ConstantInt::get(type, integer.getValue());
  return llvm::ConstantFP::get(type, mlir::cast<mlir::FloatAttr>(value).getValue());
}

llvm::Value* constant(const Line& line) {
  mlir::Attribute value = mlir::cast<arith::ConstantOp>(line.op).getValue();
  auto elements = mlir::dyn_cast<mlir::DenseElementsAttr>(value);
  if (!elements)
    return number(line.type, value);
  if (elements.isSplat())
    return number(line.type, elements.getSplatValue<mlir::Attribute>());
  llvm::SmallVector<llvm::Constant*> all;
  for (mlir::Attribute element : elements.getValues<mlir::Attribute>())
    all.push_back(number(line.type->getScalarType(), element));
  return llvm::ConstantVector::get(all);
}

llvm::Value* compareIntegers(const Line& line) {
  using Predicate = llvm::CmpInst;
  static constexpr llvm::CmpInst::Predicate predicates[] = {
      Predicate::ICMP_EQ,  Predicate::ICMP_NE,  Predicate::ICMP_SLT, Predicate::ICMP_SLE,
      Predicate::ICMP_SGT, Predicate::ICMP_SGE, Predicate::ICMP_ULT, Predicate::ICMP_ULE,
      Predicate::ICMP_UGT, Predicate::ICMP_UGE};
  const auto which = static_cast<size_t>(mlir::cast<arith::CmpIOp>(line.op).getPredicate());
  return line.b.CreateICmp(predicates[which], line.x[0], line.x[1]);
}

llvm::Value* compareFloats(const Line& line) {
  using Predicate = llvm::CmpInst;
  static constexpr llvm::CmpInst::Predicate predicates[] = {
      Predicate::FCMP_FALSE, Predicate::FCMP_OEQ, Predicate::FCMP_OGT, Predicate::FCMP_OGE,
      Predicate::FCMP_OLT,   Predicate::FCMP_OLE, Predicate::FCMP_ONE, Predicate::FCMP_ORD,
      Predicate::FCMP_UEQ,   Predicate::FCMP_UGT, Predicate::FCMP_UGE, Predicate::FCMP_ULT,
      Predicate::FCMP_ULE,   Predicate::FCMP_UNE, Predicate::FCMP_UNO, Predicate::FCMP_TRUE};
  const auto which = static_cast<size_t>(mlir::cast<arith::CmpFOp>(line.op).getPredicate());
  return line.b.CreateFCmp(predicates[which], line.x[0], line.x[1]);
}

llvm::Value* select(const Line& line) {
  return line.b.CreateSelect(line.x[0], line.x[1], line.x[2]);
}

llvm::Value* negate(const Line& line) { return line.b.CreateFNeg(line.x[0]); }

llvm::Value* trailingZeros(const Line& line) {
  return line.b.CreateIntrinsic(Intrinsic::cttz, line.type, {line.x[0], line.b.getFalse()});
}

llvm::Value* broadcast(const Line& line) {
  const mlir::VectorType type = mlir::cast<vector::BroadcastOp>(line.op).getResultVectorType();
  if (type.getRank() != 1 || line.x[0]->getType()->isVectorTy())
    return nullptr;
  return line.b.CreateVectorSplat(static_cast<unsigned>(type.getDimSize(0)), line.x[0]);
}

llvm::Value* shuffle(const Line& line) {
  if (line.x[0]->getType() != line.x[1]->getType())
    return nullptr;
  const auto mask = mlir::cast<vector::ShuffleOp>(line.op).getMask();
  return line.b.CreateShuffleVector(line.x[0], line.x[1], llvm::to_vector_of<int>(mask));
}

llvm::Value* extract(const Line& line) {
  auto op = mlir::cast<vector::ExtractOp>(line.op);
  if (op.getStaticPosition().size() != 1 || op.hasDynamicPosition() ||
      op.getSourceVectorType().getRank() != 1)
    return nullptr;
  return line.b.CreateExtractElement(line.x[0],
                                     static_cast<uint64_t>(op.getStaticPosition().front()));
}

llvm::Value* fromElements(const Line& line) {
  llvm::Value* all = llvm::PoisonValue::get(line.type);
  for (size_t i = 0; i < line.x.size(); ++i)
    all = line.b.CreateInsertElement(all, line.x[i], i);
  return all;
}

llvm::Value* reduce(const Line& line) {
  switch (mlir::cast<vector::ReductionOp>(line.op).getKind()) {
  case vector::CombiningKind::OR: return line.b.CreateOrReduce(line.x[0]);
  case vector::CombiningKind::MAXSI: return line.b.CreateIntMaxReduce(line.x[0], /*IsSigned=*/true);
  default: return nullptr;
  }
}

using Rows = llvm::DenseMap<mlir::TypeID, Make>;

template <class Op> std::pair<mlir::TypeID, Make> row(Make make) {
  return {mlir::TypeID::get<Op>(), make};
}

Rows arithmetic() {
  const std::pair<mlir::TypeID, Make> all[] = {
      row<arith::ConstantOp>(constant),
      row<arith::AddIOp>(binary<Code::Add>),
      row<arith::SubIOp>(binary<Code::Sub>),
      row<arith::MulIOp>(binary<Code::Mul>),
      row<arith::DivSIOp>(binary<Code::SDiv>),
      row<arith::DivUIOp>(binary<Code::UDiv>),
      row<arith::RemSIOp>(binary<Code::SRem>),
      row<arith::RemUIOp>(binary<Code::URem>),
      row<arith::AndIOp>(binary<Code::And>),
      row<arith::OrIOp>(binary<Code::Or>),
      row<arith::XOrIOp>(binary<Code::Xor>),
      row<arith::ShLIOp>(binary<Code::Shl>),
      row<arith::ShRUIOp>(binary<Code::LShr>),
      row<arith::ShRSIOp>(binary<Code::AShr>),
      row<arith::MaxSIOp>(intrinsic<Intrinsic::smax>),
      row<arith::MinSIOp>(intrinsic<Intrinsic::smin>),
      row<arith::MinUIOp>(intrinsic<Intrinsic::umin>),
      row<arith::CmpIOp>(compareIntegers),
      row<arith::AddFOp>(binary<Code::FAdd>),
      row<arith::SubFOp>(binary<Code::FSub>),
      row<arith::MulFOp>(binary<Code::FMul>),
      row<arith::DivFOp>(binary<Code::FDiv>),
      row<arith::NegFOp>(negate),
      row<arith::MaximumFOp>(intrinsic<Intrinsic::maximum>),
      row<arith::MinimumFOp>(intrinsic<Intrinsic::minimum>),
      row<arith::CmpFOp>(compareFloats),
      row<arith::SelectOp>(select),
      row<arith::ExtSIOp>(cast<Code::SExt>),
      row<arith::ExtUIOp>(cast<Code::ZExt>),
      row<arith::TruncIOp>(cast<Code::Trunc>),
      row<arith::ExtFOp>(cast<Code::FPExt>),
      row<arith::TruncFOp>(cast<Code::FPTrunc>),
      row<arith::SIToFPOp>(cast<Code::SIToFP>),
      row<arith::UIToFPOp>(cast<Code::UIToFP>),
      row<arith::FPToSIOp>(cast<Code::FPToSI>),
      row<arith::BitcastOp>(cast<Code::BitCast>)};
  return Rows(llvm::from_range, all);
}

Rows others() {
  const std::pair<mlir::TypeID, Make> all[] = {
      row<math::AbsFOp>(intrinsic<Intrinsic::fabs>),
      row<math::CeilOp>(intrinsic<Intrinsic::ceil>),
      row<math::CopySignOp>(intrinsic<Intrinsic::copysign>),
      row<math::CountTrailingZerosOp>(trailingZeros),
      row<math::FloorOp>(intrinsic<Intrinsic::floor>),
      row<math::FmaOp>(intrinsic<Intrinsic::fma>),
      row<math::RoundEvenOp>(intrinsic<Intrinsic::roundeven>),
      row<math::SqrtOp>(intrinsic<Intrinsic::sqrt>),
      row<math::TruncOp>(intrinsic<Intrinsic::trunc>),
      row<vector::BroadcastOp>(broadcast),
      row<vector::ExtractOp>(extract),
      row<vector::FromElementsOp>(fromElements),
      row<vector::ReductionOp>(reduce),
      row<vector::ShuffleOp>(shuffle)};
  return Rows(llvm::from_range, all);
}

Make makeOf(mlir::TypeID operation) {
  static const Rows first = arithmetic(), second = others();
  const Make make = first.lookup(operation);
  return make ? make : second.lookup(operation);
}

/// Kernels know no other flag than `contract`.
std::optional<llvm::FastMathFlags> flagsOf(mlir::Operation* op) {
  llvm::FastMathFlags flags;
  auto own = mlir::dyn_cast<arith::ArithFastMathInterface>(op);
  const auto attr = own ? own.getFastMathFlagsAttr() : arith::FastMathFlagsAttr();
  const auto which = attr ? attr.getValue() : arith::FastMathFlags::none;
  if (which != arith::FastMathFlags::none && which != arith::FastMathFlags::contract)
    return std::nullopt;
  flags.setAllowContract(which == arith::FastMathFlags::contract);
  return flags;
}

class OperationTranslation : public mlir::LLVMTranslationDialectInterface {
public:
  using LLVMTranslationDialectInterface::LLVMTranslationDialectInterface;

  mlir::LogicalResult convertOperation(mlir::Operation* op, llvm::IRBuilderBase& builder,
                                       mlir::LLVM::ModuleTranslation& state) const override {
    const Make make = makeOf(op->getName().getTypeID());
    const auto flags = flagsOf(op);
    llvm::Value* made = nullptr;
    if (make && flags) {
      const llvm::IRBuilderBase::FastMathFlagGuard guard(builder);
      builder.setFastMathFlags(*flags);
      made = make({op, builder, state.lookupValues(op->getOperands()),
                   state.convertType(op->getResultTypes().front())});
    }
    if (!made)
      return op->emitOpError("has no translation to LLVM IR in this form");
    state.mapValue(op->getResult(0), made);
    return mlir::success();
  }
};

template <class Dialect> void extend(mlir::DialectRegistry& registry) {
  registry.addExtension(+[](mlir::MLIRContext*, Dialect* dialect) {
    dialect->template addInterfaces<OperationTranslation>();
  });
}

} // namespace

void registerOperationTranslation(mlir::DialectRegistry& registry) {
  extend<arith::ArithDialect>(registry);
  extend<math::MathDialect>(registry);
  extend<vector::VectorDialect>(registry);
}

} // namespace diptych::codegen
