// One walk in the order of control flow: every operation on wide vectors is written again for each
// part; what was there goes at the end.
#include "codegen/RegisterVectors.h"

#include "llvm/ADT/PostOrderIterator.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Analysis/VectorUtils.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/IntrinsicInst.h"

namespace diptych::codegen {

namespace {

using llvm::Value;
using Parts = llvm::SmallVector<Value*, 4>;

class Cutter {
public:
  Cutter(llvm::Function& function, int64_t bytes)
      : function_(function), bytes_(static_cast<uint64_t>(bytes)), b_(function.getContext()) {}

  void run() {
    llvm::ReversePostOrderTraversal<llvm::Function*> blocks(&function_);
    for (llvm::BasicBlock* block : blocks)
      for (llvm::Instruction& line : llvm::make_early_inc_range(*block))
        visit(line);
    for (llvm::PHINode* phi : phis_)
      close(*phi);
    for (llvm::Instruction* line : cut_)
      line->dropAllReferences();
    for (llvm::Instruction* line : cut_)
      line->eraseFromParent();
  }

private:
  static bool isMask(llvm::Type* type) {
    return llvm::isa<llvm::FixedVectorType>(type) && type->getScalarType()->isIntegerTy(1);
  }

  unsigned partsOf(llvm::Type* type) const {
    const uint64_t bits = isMask(type) || !llvm::isa<llvm::FixedVectorType>(type)
                              ? 0
                              : type->getPrimitiveSizeInBits().getFixedValue();
    return bits > 8 * bytes_ && bits % (8 * bytes_) == 0 ? static_cast<unsigned>(bits / 8 / bytes_)
                                                         : 1;
  }

  /// Into how many parts the operation is cut: as many as its widest value. Masks have no width of
  /// their own: what makes masks of masks follows these.
  unsigned partsOf(const llvm::Instruction& line) const {
    unsigned parts = partsOf(line.getType());
    if (llvm::isa<llvm::PHINode>(line))
      return parts;
    for (Value* operand : line.operands())
      parts = std::max(parts, partsOf(operand->getType()));
    if (parts == 1 && isMask(line.getType()))
      for (Value* operand : line.operands())
        if (auto known = parts_.find(operand); known != parts_.end())
          parts = std::max(parts, static_cast<unsigned>(known->second.size()));
    return parts;
  }

  static llvm::Type* partOf(llvm::Type* type, unsigned parts) {
    auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(type);
    if (!vector)
      return type;
    return llvm::FixedVectorType::get(vector->getElementType(), vector->getNumElements() / parts);
  }

  void visit(llvm::Instruction& line) {
    const unsigned parts = partsOf(line);
    if (auto* phi = llvm::dyn_cast<llvm::PHINode>(&line)) {
      phis_.push_back(phi);
      if (parts > 1)
        open(*phi, parts);
      return;
    }
    b_.SetInsertPoint(&line);
    if (parts == 1 || !cut(line, parts))
      for (llvm::Use& operand : line.operands())
        operand.set(whole(operand));
  }

  /// False where the operation needs whole vectors.
  bool cut(llvm::Instruction& line, unsigned parts) {
    if (auto* shuffle = llvm::dyn_cast<llvm::ShuffleVectorInst>(&line))
      return cutShuffle(*shuffle, parts);
    if (auto* store = llvm::dyn_cast<llvm::StoreInst>(&line)) {
      storeParts(*store, parts);
      cut_.push_back(store);
      return true;
    }
    if (auto* load = llvm::dyn_cast<llvm::LoadInst>(&line))
      return replace(line, loaded(*load, parts));
    return isElementwise(line) && replace(line, joined(computed(line, parts), line.getType()));
  }

  bool replace(llvm::Instruction& line, const Parts& made) {
    if (made.size() == 1)
      line.replaceAllUsesWith(made[0]);
    else
      parts_[&line] = made;
    cut_.push_back(&line);
    return true;
  }

  static bool isElementwise(const llvm::Instruction& line) {
    if (auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&line))
      return llvm::isTriviallyVectorizable(call->getIntrinsicID());
    return llvm::isa<llvm::BinaryOperator, llvm::UnaryOperator, llvm::CmpInst, llvm::SelectInst,
                     llvm::CastInst>(line);
  }

  Parts computed(const llvm::Instruction& line, unsigned parts) {
    auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&line);
    llvm::SmallVector<Parts> operands;
    for (Value* operand : call ? call->args() : line.operands())
      operands.push_back(inParts(operand, parts));
    llvm::Type* type = partOf(line.getType(), parts);
    Parts made;
    for (unsigned part = 0; part < parts; ++part) {
      llvm::SmallVector<Value*> x;
      for (const Parts& operand : operands)
        x.push_back(operand[part]);
      made.push_back(call ? called(*call, x, type) : compute(line, x, type));
      if (auto* instruction = llvm::dyn_cast<llvm::Instruction>(made.back()))
        instruction->copyIRFlags(&line);
    }
    return made;
  }

  /// What narrower elements fill less of a register with is put together.
  Parts joined(const Parts& parts, llvm::Type* type) {
    const size_t each = isMask(type) ? 1 : parts.size() / partsOf(type);
    if (each == 1)
      return parts;
    Parts made;
    for (size_t part = 0; part < parts.size(); part += each)
      made.push_back(llvm::concatenateVectors(b_, llvm::ArrayRef(parts).slice(part, each)));
    return made;
  }

  /// The intrinsic on parts: a declaration is found by a name that is made up of its types, so each
  /// is looked for once.
  Value* called(const llvm::IntrinsicInst& call, llvm::ArrayRef<Value*> x, llvm::Type* type) {
    llvm::Function*& part = called_[{call.getCalledFunction(), type}];
    if (part)
      return b_.CreateCall(part, x);
    llvm::CallInst* first = b_.CreateIntrinsic(type, call.getIntrinsicID(), x);
    part = first->getCalledFunction();
    return first;
  }

  Value* compute(const llvm::Instruction& line, llvm::ArrayRef<Value*> x, llvm::Type* type) {
    if (auto* binary = llvm::dyn_cast<llvm::BinaryOperator>(&line))
      return b_.CreateBinOp(binary->getOpcode(), x[0], x[1]);
    if (auto* unary = llvm::dyn_cast<llvm::UnaryOperator>(&line))
      return b_.CreateUnOp(unary->getOpcode(), x[0]);
    if (auto* compare = llvm::dyn_cast<llvm::CmpInst>(&line))
      return b_.CreateCmp(compare->getPredicate(), x[0], x[1]);
    if (auto* cast = llvm::dyn_cast<llvm::CastInst>(&line))
      return b_.CreateCast(cast->getOpcode(), x[0], type);
    return b_.CreateSelect(x[0], x[1], x[2]);
  }

  Parts loaded(const llvm::LoadInst& load, unsigned parts) {
    Parts made;
    for (unsigned part = 0; part < parts; ++part)
      made.push_back(b_.CreateAlignedLoad(partOf(load.getType(), parts),
                                          addressOf(load.getOperand(0), part),
                                          llvm::commonAlignment(load.getAlign(), part * bytes_)));
    return made;
  }

  void storeParts(const llvm::StoreInst& store, unsigned parts) {
    const Parts values = inParts(store.getOperand(0), parts);
    for (unsigned part = 0; part < parts; ++part)
      b_.CreateAlignedStore(values[part], addressOf(store.getOperand(1), part),
                            llvm::commonAlignment(store.getAlign(), part * bytes_));
  }

  Value* addressOf(Value* pointer, unsigned part) {
    return part ? b_.CreateConstGEP1_64(b_.getInt8Ty(), pointer, part * bytes_) : pointer;
  }

  /// Of a number in all lanes; what is a run of parts already needs no shuffle.
  bool cutShuffle(llvm::ShuffleVectorInst& shuffle, unsigned parts) {
    const unsigned lanes = lanesOf(&shuffle);
    if (Value* number = llvm::getSplatValue(&shuffle);
        number && partsOf(shuffle.getType()) == parts)
      return replace(shuffle, Parts(parts, b_.CreateVectorSplat(lanes / parts, number)));
    const auto known = parts_.find(shuffle.getOperand(0));
    int index = 0;
    if (known == parts_.end() || !shuffle.isExtractSubvectorMask(index) ||
        shuffle.getMaskValue(0) != index)
      return false;
    const llvm::ArrayRef<Value*> all = known->second;
    const unsigned each = lanesOf(all[0]), first = static_cast<unsigned>(index);
    if (lanes % each != 0 || first % each != 0)
      return false;
    return replace(shuffle, Parts(all.slice(first / each, lanes / each)));
  }

  static unsigned lanesOf(const Value* vector) {
    return llvm::cast<llvm::FixedVectorType>(vector->getType())->getNumElements();
  }

  /// The value in parts; a number is the same in all.
  Parts inParts(Value* value, unsigned parts) {
    if (!value->getType()->isVectorTy())
      return Parts(parts, value);
    if (auto* constant = llvm::dyn_cast<llvm::Constant>(value))
      return constants(*constant, parts);
    if (const auto known = parts_.find(value); known != parts_.end())
      return known->second.size() == parts ? known->second : taken(whole(value), parts);
    auto [known, isNew] = taken_.try_emplace({value, parts});
    if (isNew) {
      // Beside the definition: other blocks then see no wide vector.
      const llvm::IRBuilderBase::InsertPointGuard guard(b_);
      b_.SetInsertPoint(*llvm::cast<llvm::Instruction>(value)->getInsertionPointAfterDef());
      known->second = taken(value, parts);
    }
    return known->second;
  }

  Parts taken(Value* value, unsigned parts) {
    const unsigned lanes = lanesOf(value) / parts;
    Parts made;
    for (unsigned part = 0; part < parts; ++part)
      made.push_back(b_.CreateShuffleVector(
          value, llvm::createSequentialMask(part * lanes, lanes, /*NumUndefs=*/0)));
    return made;
  }

  static Parts constants(llvm::Constant& constant, unsigned parts) {
    const unsigned lanes = lanesOf(&constant) / parts;
    if (llvm::Constant* number = constant.getSplatValue())
      return Parts(parts,
                   llvm::ConstantVector::getSplat(llvm::ElementCount::getFixed(lanes), number));
    Parts made;
    for (unsigned part = 0; part < parts; ++part) {
      llvm::SmallVector<llvm::Constant*> elements;
      for (unsigned lane = 0; lane < lanes; ++lane)
        elements.push_back(constant.getAggregateElement(part * lanes + lane));
      made.push_back(llvm::ConstantVector::get(elements));
    }
    return made;
  }

  Value* whole(Value* value) {
    const auto known = parts_.find(value);
    return known == parts_.end() ? value : llvm::concatenateVectors(b_, known->second);
  }

  void open(llvm::PHINode& phi, unsigned parts) {
    b_.SetInsertPoint(&phi);
    Parts made;
    for (unsigned part = 0; part < parts; ++part)
      made.push_back(b_.CreatePHI(partOf(phi.getType(), parts), phi.getNumIncomingValues()));
    parts_[&phi] = made;
    cut_.push_back(&phi);
  }

  void close(llvm::PHINode& phi) {
    const auto known = parts_.find(&phi);
    for (unsigned i = 0; i < phi.getNumIncomingValues(); ++i) {
      llvm::BasicBlock* from = phi.getIncomingBlock(i);
      b_.SetInsertPoint(from->getTerminator());
      if (known == parts_.end()) {
        phi.setIncomingValue(i, whole(phi.getIncomingValue(i)));
        continue;
      }
      const Parts values = inParts(phi.getIncomingValue(i), known->second.size());
      for (auto [part, value] : llvm::zip_equal(known->second, values))
        llvm::cast<llvm::PHINode>(part)->addIncoming(value, from);
    }
  }

  llvm::Function& function_;
  uint64_t bytes_;
  llvm::IRBuilder<> b_;
  llvm::DenseMap<Value*, Parts> parts_;                      // of what is cut
  llvm::DenseMap<std::pair<Value*, unsigned>, Parts> taken_; // from what is not
  llvm::DenseMap<std::pair<llvm::Function*, llvm::Type*>, llvm::Function*> called_;
  llvm::SmallVector<llvm::PHINode*> phis_;
  llvm::SmallVector<llvm::Instruction*> cut_;
};

} // namespace

void cutVectors(llvm::Function& function, int64_t bytes) { Cutter(function, bytes).run(); }

} // namespace diptych::codegen
