// y 2^n. vscalef takes n as a number; two products take it as the exponents of two factors.
#include "codegen/Ldexp.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Analysis/VectorUtils.h"
#include "llvm/CodeGen/TargetSubtargetInfo.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/IntrinsicsX86.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/PatternMatch.h"
#include "llvm/Target/TargetMachine.h"

namespace diptych::codegen {

namespace {

using llvm::Value;

class Expansion {
public:
  Expansion(llvm::IntrinsicInst& call) : call_(call), b_(&call) {
    type_ = call.getType();
    integers_ = call.getArgOperand(1)->getType();
    isWide_ = type_->getScalarType()->isDoubleTy();
    fraction_ = isWide_ ? 52 : 23;
  }

  void run(bool hasScalef) {
    Value* y = call_.getArgOperand(0);
    Value* made = hasScalef ? scaled(y, b_.CreateFSub(counted(), counting())) : inTwoSteps(y);
    auto* n = llvm::dyn_cast<llvm::Instruction>(call_.getArgOperand(1));
    call_.replaceAllUsesWith(made);
    call_.eraseFromParent();
    for (auto* unused : {n, llvm::dyn_cast<llvm::Instruction>(y)})
      if (unused && unused->use_empty())
        unused->eraseFromParent();
  }

private:
  /// The number whose last bits count in ones from 2 bias: 1.5 2^fraction + 2 bias.
  llvm::Constant* counting() const {
    return llvm::ConstantFP::get(type_, isWide_ ? 0x1.8p52 + 2 * 1023 : 0x1.8p23 + 2 * 127);
  }

  /// n + counting, a number. Expansions have n as the difference of both's bits.
  Value* counted() {
    using namespace llvm::PatternMatch;
    Value *n = call_.getArgOperand(1), *sum = nullptr;
    llvm::Constant* zero = llvm::cast<llvm::Constant>(b_.CreateBitCast(counting(), integers_));
    if (match(n, m_Sub(m_BitCast(m_Value(sum)), m_Specific(zero))))
      return sum;
    return b_.CreateBitCast(b_.CreateAdd(n, zero), type_);
  }

  // Exponent fields a + bias and b + bias with a + b = n: their sum is what is counted, and what is
  // above them leaves. (1 + p) 2^a is one fma.
  Value* inTwoSteps(Value* y) {
    using namespace llvm::PatternMatch;
    auto power = [&](Value* field) {
      return b_.CreateBitCast(b_.CreateShl(field, fraction_), type_);
    };
    Value* both = b_.CreateBitCast(counted(), integers_);
    Value* half = b_.CreateLShr(both, 1);
    Value *first = power(half), *second = power(b_.CreateSub(both, half));
    Value* p = nullptr;
    Value* product = match(y, m_OneUse(m_FAdd(m_Value(p), m_SpecificFP(1.0))))
                         ? b_.CreateIntrinsic(llvm::Intrinsic::fma, type_, {p, first, first})
                         : b_.CreateFMul(y, first);
    return b_.CreateFMul(product, second);
  }

  // Registers have 16, 32 or 64 bytes.
  Value* scaled(Value* y, Value* n) {
    if (!type_->isVectorTy()) {
      type_ = llvm::FixedVectorType::get(type_, isWide_ ? 2 : 4);
      auto inLane = [&](Value* x) {
        return b_.CreateInsertElement(llvm::PoisonValue::get(type_), x, uint64_t{0});
      };
      return b_.CreateExtractElement(scaledRegister(inLane(y), inLane(n)), uint64_t{0});
    }
    const unsigned lanes = llvm::cast<llvm::FixedVectorType>(type_)->getNumElements();
    const unsigned most = isWide_ ? 8 : 16, least = isWide_ ? 2 : 4;
    if (lanes >= least && lanes <= most)
      return scaledRegister(y, n);
    const unsigned each = std::clamp(lanes, least, most);
    llvm::SmallVector<Value*> parts;
    for (unsigned lane = 0; lane < lanes; lane += each) {
      llvm::SmallVector<int> taken(each, llvm::PoisonMaskElem);
      for (unsigned i = 0; i < each && lane + i < lanes; ++i)
        taken[i] = static_cast<int>(lane + i);
      parts.push_back(
          scaledRegister(b_.CreateShuffleVector(y, taken), b_.CreateShuffleVector(n, taken)));
    }
    Value* all = llvm::concatenateVectors(b_, parts);
    return each * parts.size() == lanes
               ? all
               : b_.CreateShuffleVector(all, llvm::createSequentialMask(0, lanes, 0));
  }

  Value* scaledRegister(Value* y, Value* n) {
    namespace Intrinsic = llvm::Intrinsic;
    const unsigned lanes = llvm::cast<llvm::FixedVectorType>(y->getType())->getNumElements();
    const unsigned bytes = lanes * (isWide_ ? 8 : 4);
    const Intrinsic::ID which = bytes == 64 ? (isWide_ ? Intrinsic::x86_avx512_mask_scalef_pd_512
                                                       : Intrinsic::x86_avx512_mask_scalef_ps_512)
                                : bytes == 32
                                    ? (isWide_ ? Intrinsic::x86_avx512_mask_scalef_pd_256
                                               : Intrinsic::x86_avx512_mask_scalef_ps_256)
                                    : (isWide_ ? Intrinsic::x86_avx512_mask_scalef_pd_128
                                               : Intrinsic::x86_avx512_mask_scalef_ps_128);
    llvm::SmallVector<Value*> operands{y, n, llvm::PoisonValue::get(y->getType())};
    operands.push_back(llvm::ConstantInt::getAllOnesValue(b_.getIntNTy(std::max(8u, lanes))));
    constexpr int kRoundingOfTheMoment = 4;
    if (bytes == 64)
      operands.push_back(b_.getInt32(kRoundingOfTheMoment));
    return b_.CreateIntrinsic(which, operands);
  }

  llvm::IntrinsicInst& call_;
  llvm::IRBuilder<> b_;
  llvm::Type *type_, *integers_;
  bool isWide_;
  unsigned fraction_;
};

bool hasScalef(const llvm::Function& function, const llvm::TargetMachine& machine) {
  return machine.getTargetTriple().isX86() &&
         machine.getSubtargetImpl(function)->checkFeatures("+avx512f,+avx512vl");
}

} // namespace

void expandLdexp(llvm::Module& module, const llvm::TargetMachine& machine) {
  for (llvm::Function& declared : llvm::make_early_inc_range(module)) {
    if (declared.getIntrinsicID() != llvm::Intrinsic::ldexp)
      continue;
    llvm::DenseMap<const llvm::Function*, bool> scales;
    for (llvm::User* user : llvm::make_early_inc_range(declared.users())) {
      auto& call = *llvm::cast<llvm::IntrinsicInst>(user);
      auto [known, isNew] = scales.try_emplace(call.getFunction());
      if (isNew)
        known->second = hasScalef(*call.getFunction(), machine);
      Expansion(call).run(known->second);
    }
    declared.eraseFromParent();
  }
}

} // namespace diptych::codegen
